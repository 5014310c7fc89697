/* Reading the key file, once and again. */
#include "api/keyring.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/crypto.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/metrics.h"
#include "util/strbuf.h"

#define CHECK_MS   1000
#define SETTLED_MS 2000 /* a file changed later than this ago may change again in the same tick */

/* What tells one state of a file from another. */
struct stamp {
    dev_t dev;
    ino_t ino;
    off_t size;
    int64_t modified_ns, changed_ns;
};

struct keyring {
    char *path;            /* NULL: the keys stay as they are */
    pthread_rwlock_t lock; /* of keys */
    struct keys *keys;
    _Atomic uint64_t generation;
    pthread_mutex_t reading; /* of what follows */
    _Atomic int64_t check_at_ms;
    struct stamp stamp;
    bool settled; /* the stamp would show any change */
    uint8_t digest[SHA256_LEN];
    struct error trouble; /* with the file as it is now */
};

/* ---- the file -------------------------------------------------------------------------------- */

static int64_t to_ns(const struct timespec *at)
{
    return (int64_t)at->tv_sec * 1000000000 + at->tv_nsec;
}

static struct stamp stamp_of(const struct stat *file)
{
    return (struct stamp){file->st_dev, file->st_ino, file->st_size, to_ns(&file->st_mtim),
                          to_ns(&file->st_ctim)};
}

static bool same_stamp(const struct stamp *a, const struct stamp *b)
{
    return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
           a->modified_ns == b->modified_ns && a->changed_ns == b->changed_ns;
}

static int check_file(const struct stat *file, struct error *err)
{
    if (!S_ISREG(file->st_mode)) {
        return error_set(err, ERR_INVALID, "not a file");
    }
    if (file->st_mode & (S_IRWXO | S_IWGRP)) {
        return error_set(err, ERR_INVALID,
                         "its mode is %04o: others may use the keys; chmod it to 0600 or 0640",
                         (unsigned)file->st_mode & 07777);
    }
    if (file->st_size > KEYS_LEN_MAX) {
        return error_set(err, ERR_INVALID, "more than %d bytes", KEYS_LEN_MAX);
    }
    return 0;
}

static int read_all(int fd, struct strbuf *out, struct error *err)
{
    ssize_t len = 0;

    strbuf_reserve(out, KEYS_LEN_MAX + 1); /* at once: growing would leave copies behind */
    do {
        len = read(fd, out->text + out->len, KEYS_LEN_MAX + 1 - out->len);
        out->len += len > 0 ? (size_t)len : 0;
    } while (len > 0);
    return len < 0 ? error_set(err, ERR_INVALID, "%s", strerror(errno)) : 0;
}

static int read_file(const char *path, struct strbuf *out, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat file;
    int rc = -1;

    if (fd < 0) {
        return error_set(err, ERR_INVALID, "%s", strerror(errno));
    }
    if (fstat(fd, &file) < 0) {
        error_set(err, ERR_INVALID, "%s", strerror(errno));
    } else if (check_file(&file, err) == 0) {
        rc = read_all(fd, out, err);
    }
    close(fd);
    return rc;
}

/* ---- loading --------------------------------------------------------------------------------- */

static void replace(struct keyring *ring, struct keys *keys)
{
    pthread_rwlock_wrlock(&ring->lock);
    struct keys *before = ring->keys;

    ring->keys = keys;
    atomic_fetch_add(&ring->generation, 1);
    pthread_rwlock_unlock(&ring->lock);
    keys_free(before);
}

/* 1: there are other keys now; 0: the same as before; -1. Under `reading`. */
static int load_text(struct keyring *ring, const char *text, size_t len, struct error *err)
{
    uint8_t digest[SHA256_LEN];

    crypto_sha256(text, len, digest);
    if (ring->keys && memcmp(digest, ring->digest, sizeof(digest)) == 0) {
        return 0;
    }
    struct keys *keys = keys_parse(text, len, err);

    if (!keys) {
        return -1;
    }
    memcpy(ring->digest, digest, sizeof(digest));
    replace(ring, keys);
    return 1;
}

static int load_file(struct keyring *ring, struct error *err)
{
    AUTO_STRBUF text = {0};
    int rc = read_file(ring->path, &text, err);

    if (rc == 0) {
        rc = load_text(ring, text.text, text.len, err);
    }
    if (text.text) {
        explicit_bzero(text.text, text.len);
    }
    return rc < 0 ? error_prefix(err, "key file %s", ring->path) : rc;
}

/* As load_file, where the file has changed or may have; else 0. Under `reading`. */
static int check(struct keyring *ring, struct error *err)
{
    struct stat file;
    struct stamp now = {0};

    if (stat(ring->path, &file) == 0) {
        now = stamp_of(&file);
        if (ring->settled && same_stamp(&now, &ring->stamp)) {
            return ring->trouble.code ? error_set(err, ring->trouble.code, "%s", ring->trouble.text)
                                      : 0;
        }
    }
    ring->stamp = now;
    ring->settled = now.ino && clock_wall_ms() - now.modified_ns / 1000000 > SETTLED_MS;
    return load_file(ring, err);
}

/* ---- what others call ------------------------------------------------------------------------ */

static void say_loaded(struct keyring *ring)
{
    AUTO_STRBUF ids = {0};

    for (size_t k = 0; k < ring->keys->n; k++) { /* only we replace them */
        const struct key *key = &ring->keys->items[k];

        strbuf_addf(&ids, "%s%s (%s)", k ? ", " : "", key->id, key_role_name(key->role));
    }
    log_info("keys.loaded", "n=%zu keys=\"%.1500s\"", ring->keys->n, ids.text);
}

/* Readers who come all the time must not keep new keys out. */
static void init_lock(pthread_rwlock_t *lock)
{
    pthread_rwlockattr_t attr;

    pthread_rwlockattr_init(&attr);
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(lock, &attr);
    pthread_rwlockattr_destroy(&attr);
}

struct keyring *keyring_open(const char *path, const char *text, struct error *err)
{
    AUTO(keyring) *ring = xcalloc(1, sizeof(*ring));

    init_lock(&ring->lock);
    pthread_mutex_init(&ring->reading, NULL);
    ring->path = xstrdup_or_null(path);
    if ((path ? check(ring, err) : load_text(ring, text, strlen(text), err)) < 0) {
        return NULL;
    }
    say_loaded(ring);
    metric_set(METRIC_KEYS_VALID, 0, 1);
    return TAKE(ring);
}

void keyring_free(struct keyring *ring)
{
    if (!ring) {
        return;
    }
    keys_free(ring->keys);
    pthread_rwlock_destroy(&ring->lock);
    pthread_mutex_destroy(&ring->reading);
    free(ring->path);
    free(ring);
}

static int refresh(struct keyring *ring, bool *news)
{
    struct error err = {0};
    int rc = check(ring, &err);

    *news = rc > 0 || !streq(err.text, ring->trouble.text);
    ring->trouble = err;
    return rc;
}

/* One thread looks at the file; the others go on with what there is. */
void keyring_refresh(struct keyring *ring)
{
    int64_t at_ms = atomic_load(&ring->check_at_ms);
    int64_t now_ms = clock_mono_ms();
    bool news;

    if (ring->path && now_ms >= at_ms &&
        atomic_compare_exchange_strong(&ring->check_at_ms, &at_ms, now_ms + CHECK_MS)) {
        pthread_mutex_lock(&ring->reading);
        refresh(ring, &news);
        pthread_mutex_unlock(&ring->reading);
    }
}

const struct keys *keyring_begin(struct keyring *ring)
{
    keyring_refresh(ring);
    pthread_rwlock_rdlock(&ring->lock);
    return ring->keys;
}

void keyring_end(struct keyring *ring)
{
    pthread_rwlock_unlock(&ring->lock);
}

uint64_t keyring_generation(const struct keyring *ring)
{
    return atomic_load(&ring->generation);
}

void keyring_watch(struct keyring *ring)
{
    bool news = false;

    if (!ring->path) {
        return;
    }
    pthread_mutex_lock(&ring->reading);
    int rc = refresh(ring, &news);

    if (rc < 0 && news) {
        log_error("keys.refused", "text=\"%s; the former keys stay in force\"", ring->trouble.text);
    } else if (news) {
        say_loaded(ring);
    }
    metric_set(METRIC_KEYS_VALID, 0, rc >= 0);
    pthread_mutex_unlock(&ring->reading);
}
