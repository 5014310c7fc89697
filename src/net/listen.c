/* Making and locking unix sockets. */
#include "net/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LISTEN_BACKLOG 4096 /* a full one makes nginx answer 502 at once */
#define SOCKET_UMASK   0117 /* mode 0660: ours and our group's */

static int bind_private(int fd, const struct sockaddr_un *address)
{
    mode_t before = umask(SOCKET_UMASK);
    int rc = bind(fd, (const struct sockaddr *)address, sizeof(*address));

    umask(before);
    return rc;
}

static int check_place(const char *path, struct error *err)
{
    struct stat there;

    if (lstat(path, &there) == 0 && !S_ISSOCK(there.st_mode)) {
        return error_set(err, ERR_INVALID, "%s is in the way: it is no socket", path);
    }
    return 0;
}

/* Binds under another name first, so that the place is never empty and never not listening. */
static int listen_at(int fd, const struct sockaddr_un *address, const char *path, struct error *err)
{
    unlink(address->sun_path);
    if (bind_private(fd, address) < 0 || listen(fd, LISTEN_BACKLOG) < 0 ||
        rename(address->sun_path, path) < 0) {
        error_set(err, ERR_UNAVAILABLE, "cannot listen on %s: %s", path, strerror(errno));
        unlink(address->sun_path);
        return -1;
    }
    return 0;
}

int listen_unix(const char *dir, const char *name, struct error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char path[sizeof(address.sun_path)];
    int len = snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s.new", dir, name);

    if (len < 0 || (size_t)len >= sizeof(address.sun_path)) {
        return error_set(err, ERR_INVALID, "socket path %s/%s.new is longer than %zu bytes", dir,
                         name, sizeof(address.sun_path) - 1);
    }
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    if (check_place(path, err) < 0) {
        return -1;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0) {
        return error_set(err, ERR_INTERNAL, "socket: %s", strerror(errno));
    }
    if (listen_at(fd, &address, path, err) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static long read_pid(int fd)
{
    char text[32] = "";
    long pid = 0;

    if (pread(fd, text, sizeof(text) - 1, 0) > 0) {
        sscanf(text, "%ld", &pid);
    }
    return pid;
}

int listen_lock(const char *dir, const char *name, struct error *err)
{
    char path[4096];
    int len = snprintf(path, sizeof(path), "%s/%s", dir, name);

    if (len < 0 || (size_t)len >= sizeof(path)) {
        return error_set(err, ERR_INVALID, "directory %.100s...: the path is too long", dir);
    }
    if (mkdir(dir, 0750) < 0 && errno != EEXIST) {
        return error_set(err, ERR_UNAVAILABLE, "cannot create %s: %s", dir, strerror(errno));
    }
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);

    if (fd < 0) {
        return error_set(err, ERR_UNAVAILABLE, "cannot open %s: %s", path, strerror(errno));
    }
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        error_set(err, ERR_UNAVAILABLE, "%s belongs to process %ld, which is running", dir,
                  read_pid(fd));
        close(fd);
        return -1;
    }
    if (ftruncate(fd, 0) < 0 || dprintf(fd, "%ld\n", (long)getpid()) < 0) {
        error_set(err, ERR_UNAVAILABLE, "cannot write %s: %s", path, strerror(errno));
        close(fd);
        return -1;
    }
    return fd;
}
