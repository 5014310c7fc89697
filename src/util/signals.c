/* Signals arrive through one descriptor and nowhere else. */
#include "util/signals.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/signalfd.h>
#include <unistd.h>

static int stop_fd = -1;
static atomic_bool stop_requested;

int signals_catch(struct error *err)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGPIPE); /* blocked: a broken connection is an EPIPE and nothing more */
    if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0) {
        return error_set(err, ERR_INTERNAL, "cannot block signals");
    }
    sigdelset(&set, SIGPIPE);
    stop_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (stop_fd < 0) {
        return error_set(err, ERR_INTERNAL, "signalfd: %s", strerror(errno));
    }
    return 0;
}

int signals_fd(void)
{
    return stop_fd;
}

bool signals_wait_stop(int timeout_ms)
{
    struct pollfd wait = {.fd = stop_fd, .events = POLLIN};
    struct signalfd_siginfo info;

    if (atomic_load(&stop_requested)) {
        return true;
    }
    if (poll(&wait, 1, timeout_ms) > 0 && read(stop_fd, &info, sizeof(info)) == sizeof(info)) {
        atomic_store(&stop_requested, true);
    }
    return atomic_load(&stop_requested);
}
