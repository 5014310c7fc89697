/* One page a job, one job after the other: the slowest stream waits as long as the others. */
#include "api/replay.h"

#include <pthread.h>
#include <stdlib.h>

#include "store/log.h"
#include "util/mem.h"

#define PAGE_ENTRIES 128

struct replay {
    struct log_reader *reader;
    void (*done)(void *ctx, struct replay_job *job);
    void *ctx;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    pthread_cond_t news;
    struct replay_jobs jobs; /* under lock */
    bool stop;               /* under lock */
};

void replay_job_free(struct replay_job *job)
{
    for (size_t i = 0; i < job->n; i++) {
        transition_free(job->items[i]);
    }
    free(job->items);
    free(job);
}

/* False where the entries do not continue what the stream knows: only an epoch entry may jump, and
 * only from where the stream stands. */
static bool take_entries(struct replay_job *job, const struct log_batch *batch)
{
    job->items = xcalloc(batch->n, sizeof(struct transition *));
    for (size_t i = 0; i < batch->n; i++) {
        const struct log_entry *entry = &batch->entries[i];

        if (entry->epoch ? entry->before_revision != job->upto : entry->revision != job->upto + 1) {
            return false;
        }
        struct transition *item = transition_new(entry);

        if (item) {
            job->items[job->n++] = item;
        }
        job->upto = entry->revision;
    }
    return true;
}

static void read_page(struct replay *replay, struct replay_job *job)
{
    struct log_batch batch = {0};
    struct error why = {0};

    job->upto = job->after;
    if (log_read(replay->reader, job->after, 0, PAGE_ENTRIES, &batch, &why) < 0) {
        job->outcome = REPLAY_TROUBLE; /* the view's follower tells of it, too */
        return;
    }
    job->outcome = batch.trimmed || !take_entries(job, &batch) ? REPLAY_GONE : REPLAY_PAGE;
    log_batch_clear(&batch);
}

static struct replay_job *next_job(struct replay *replay)
{
    pthread_mutex_lock(&replay->lock);
    while (STAILQ_EMPTY(&replay->jobs) && !replay->stop) {
        pthread_cond_wait(&replay->news, &replay->lock);
    }
    struct replay_job *job = replay->stop ? NULL : STAILQ_FIRST(&replay->jobs);

    if (job) {
        STAILQ_REMOVE_HEAD(&replay->jobs, entry);
    }
    pthread_mutex_unlock(&replay->lock);
    return job;
}

static void *run(void *arg)
{
    struct replay *replay = arg;
    struct replay_job *job;

    while ((job = next_job(replay))) {
        read_page(replay, job);
        replay->done(replay->ctx, job);
    }
    return NULL;
}

struct replay *replay_open(struct store *store, void (*done)(void *ctx, struct replay_job *job),
                           void *ctx, struct error *err)
{
    struct replay *replay = xcalloc(1, sizeof(*replay));

    replay->done = done;
    replay->ctx = ctx;
    STAILQ_INIT(&replay->jobs);
    pthread_mutex_init(&replay->lock, NULL);
    pthread_cond_init(&replay->news, NULL);
    replay->reader = log_reader_open(store, err);
    replay->started = replay->reader && pthread_create(&replay->thread, NULL, run, replay) == 0;
    if (!replay->started) {
        error_set(err, ERR_INTERNAL, "cannot start the thread which replays the log");
        replay_free(replay);
        return NULL;
    }
    return replay;
}

void replay_ask(struct replay *replay, struct replay_job *job)
{
    pthread_mutex_lock(&replay->lock);
    STAILQ_INSERT_TAIL(&replay->jobs, job, entry);
    pthread_cond_signal(&replay->news);
    pthread_mutex_unlock(&replay->lock);
}

void replay_free(struct replay *replay)
{
    struct replay_job *job;

    if (!replay) {
        return;
    }
    if (replay->started) {
        pthread_mutex_lock(&replay->lock);
        replay->stop = true;
        pthread_cond_signal(&replay->news);
        pthread_mutex_unlock(&replay->lock);
        log_reader_wake(replay->reader);
        pthread_join(replay->thread, NULL);
    }
    while ((job = STAILQ_FIRST(&replay->jobs))) {
        STAILQ_REMOVE_HEAD(&replay->jobs, entry);
        job->outcome = REPLAY_TROUBLE;
        replay->done(replay->ctx, job);
    }
    log_reader_free(replay->reader);
    pthread_cond_destroy(&replay->news);
    pthread_mutex_destroy(&replay->lock);
    free(replay);
}
