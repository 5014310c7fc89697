/* The hub's thread, and how others speak to it. */
#include "api/hub.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "api/gate.h"
#include "api/roster.h"
#include "util/clock.h"
#include "util/mem.h"
#include "util/metrics.h"

#define EVENTS_MAX 256

/* What the view's follower said: a whole commit, or that everything may have changed. */
struct news {
    bool reloaded;
    int64_t revision;
    size_t n;
    STAILQ_ENTRY(news) entry;
    struct transition *items[];
};
STAILQ_HEAD(news_queue, news);

struct hub {
    int wake_fd;
    pthread_t thread;
    bool started;

    struct { /* what other threads bring */
        pthread_mutex_t lock;
        struct news_queue news;
        struct stream_queue streams;
        struct replay_jobs pages;
        bool stop;
    } inbox;

    struct roster roster; /* the thread's own */
};

/* ---- the inbox ------------------------------------------------------------------------------- */

static void wake(struct hub *hub)
{
    uint64_t one = 1;
    ssize_t ignored = write(hub->wake_fd, &one, sizeof(one)); /* full: it is awake already */

    (void)ignored;
}

static void bring_news(struct hub *hub, struct news *news)
{
    pthread_mutex_lock(&hub->inbox.lock);
    STAILQ_INSERT_TAIL(&hub->inbox.news, news, entry);
    pthread_mutex_unlock(&hub->inbox.lock);
    wake(hub);
}

static struct news *news_new(int64_t revision, size_t n_max)
{
    struct news *news = xcalloc(1, sizeof(*news) + n_max * sizeof(struct transition *));

    news->revision = revision;
    return news;
}

static void news_free(struct news *news)
{
    for (size_t i = 0; i < news->n; i++) {
        transition_free(news->items[i]);
    }
    free(news);
}

static void on_logged(void *ctx, const struct log_entry *entries, size_t n)
{
    struct news *news = news_new(entries[n - 1].revision, n);

    for (size_t e = 0; e < n; e++) {
        struct transition *transition = transition_new(&entries[e]);

        if (transition) {
            news->items[news->n++] = transition;
        }
    }
    bring_news(ctx, news);
}

static void on_reloaded(void *ctx, int64_t revision)
{
    struct news *news = news_new(revision, 0);

    news->reloaded = true;
    bring_news(ctx, news);
}

static void on_page(void *ctx, struct replay_job *job)
{
    struct hub *hub = ctx;

    pthread_mutex_lock(&hub->inbox.lock);
    STAILQ_INSERT_TAIL(&hub->inbox.pages, job, entry);
    pthread_mutex_unlock(&hub->inbox.lock);
    wake(hub);
}

void stream_begin(void *arg, int fd, int request_id)
{
    struct stream *stream = arg;
    struct hub *hub = stream->hub;

    fcgi_stream_init(&stream->out, fd, request_id);
    pthread_mutex_lock(&hub->inbox.lock);
    TAILQ_INSERT_TAIL(&hub->inbox.streams, stream, ready);
    pthread_mutex_unlock(&hub->inbox.lock);
    wake(hub);
}

/* ---- what comes in --------------------------------------------------------------------------- */

static void hear(struct hub *hub, struct news_queue *queue)
{
    int64_t start = hub->roster.ring.head;
    int64_t head = start;
    struct news *news;

    while ((news = STAILQ_FIRST(queue))) {
        STAILQ_REMOVE_HEAD(queue, entry);
        if (news->reloaded) {
            roster_fan_out(&hub->roster, start, head);
            roster_unsettle_all(&hub->roster);
            ring_reset(&hub->roster.ring, news->revision);
            start = news->revision;
        }
        head = news->revision;
        for (size_t i = 0; i < news->n; i++) {
            ring_add(&hub->roster.ring, news->items[i]);
        }
        free(news);
    }
    roster_fan_out(&hub->roster, start, head);
}

/* False when the hub is to stop. */
static bool open_inbox(struct hub *hub)
{
    struct news_queue news = STAILQ_HEAD_INITIALIZER(news);
    struct stream_queue streams = TAILQ_HEAD_INITIALIZER(streams);
    struct replay_jobs pages = STAILQ_HEAD_INITIALIZER(pages);
    struct stream *stream;
    struct replay_job *job;

    pthread_mutex_lock(&hub->inbox.lock);
    STAILQ_CONCAT(&news, &hub->inbox.news);
    TAILQ_CONCAT(&streams, &hub->inbox.streams, ready);
    STAILQ_CONCAT(&pages, &hub->inbox.pages);
    bool stop = hub->inbox.stop;

    pthread_mutex_unlock(&hub->inbox.lock);
    if (!STAILQ_EMPTY(&news)) {
        hear(hub, &news);
    }
    while ((stream = TAILQ_FIRST(&streams))) {
        TAILQ_REMOVE(&streams, stream, ready);
        roster_take_in(&hub->roster, stream);
    }
    while ((job = STAILQ_FIRST(&pages))) {
        STAILQ_REMOVE_HEAD(&pages, entry);
        roster_take_page(&hub->roster, job);
    }
    return !stop;
}

/* ---- the loop -------------------------------------------------------------------------------- */

static void wait_events(struct hub *hub, int timeout_ms)
{
    struct epoll_event events[EVENTS_MAX];
    int n = epoll_wait(hub->roster.epoll_fd, events, EVENTS_MAX, timeout_ms);
    uint64_t count;

    hub->roster.now_ms = clock_mono_ms();
    for (int i = 0; i < n; i++) {
        if (events[i].data.ptr) {
            roster_hear_client(&hub->roster, events[i].data.ptr, events[i].events);
        } else {
            ssize_t ignored = read(hub->wake_fd, &count, sizeof(count));

            (void)ignored;
        }
    }
}

static void *run(void *arg)
{
    struct hub *hub = arg;
    int timeout_ms = 0;

    wait_events(hub, timeout_ms);
    while (open_inbox(hub)) {
        roster_review(&hub->roster);
        roster_give_turns(&hub->roster);
        timeout_ms = roster_run_timers(&hub->roster);
        metric_mark(METRIC_LOOP_AGE, LOOP_STREAMS);
        wait_events(hub, timeout_ms);
    }
    roster_end_all(&hub->roster);
    return NULL;
}

/* ---- its life -------------------------------------------------------------------------------- */

static int start(struct hub *hub, struct store *store, struct error *err)
{
    struct epoll_event wakes = {.events = EPOLLIN};

    if (hub->roster.epoll_fd < 0 || hub->wake_fd < 0 ||
        epoll_ctl(hub->roster.epoll_fd, EPOLL_CTL_ADD, hub->wake_fd, &wakes) < 0) {
        return error_set(err, ERR_INTERNAL, "streams: epoll: %s", strerror(errno));
    }
    hub->roster.replay = replay_open(store, on_page, hub, err);
    if (!hub->roster.replay) {
        return -1;
    }
    if (pthread_create(&hub->thread, NULL, run, hub) != 0) {
        return error_set(err, ERR_INTERNAL, "cannot start the thread of the streams");
    }
    hub->started = true;
    return 0;
}

struct hub *hub_open(struct store *store, struct gate *gate, size_t ring_bytes, struct error *err)
{
    AUTO(hub) *hub = xcalloc(1, sizeof(*hub));

    ring_init(&hub->roster.ring, ring_bytes);
    roster_init(&hub->roster);
    hub->roster.gate = gate;
    hub->roster.generation = gate_generation(gate);
    pthread_mutex_init(&hub->inbox.lock, NULL);
    STAILQ_INIT(&hub->inbox.news);
    TAILQ_INIT(&hub->inbox.streams);
    STAILQ_INIT(&hub->inbox.pages);
    hub->roster.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    hub->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return start(hub, store, err) < 0 ? NULL : TAKE(hub);
}

bool hub_has_room(struct hub *hub, const struct watch *watch)
{
    return !watch->filters.query || atomic_load(&hub->roster.n_queries) < WATCHED_QUERIES_MAX;
}

struct view_listener hub_listener(struct hub *hub)
{
    return (struct view_listener){.logged = on_logged, .reloaded = on_reloaded, .ctx = hub};
}

void hub_stop(struct hub *hub)
{
    if (!hub->started) {
        return;
    }
    pthread_mutex_lock(&hub->inbox.lock);
    hub->inbox.stop = true;
    pthread_mutex_unlock(&hub->inbox.lock);
    wake(hub);
    pthread_join(hub->thread, NULL);
    hub->started = false;
}

/* What came after the thread had ended. */
static void clear_inbox(struct hub *hub)
{
    struct news *news;
    struct stream *stream;
    struct replay_job *job;

    while ((news = STAILQ_FIRST(&hub->inbox.news))) {
        STAILQ_REMOVE_HEAD(&hub->inbox.news, entry);
        news_free(news);
    }
    while ((stream = TAILQ_FIRST(&hub->inbox.streams))) {
        TAILQ_REMOVE(&hub->inbox.streams, stream, ready);
        stream_free(stream);
    }
    while ((job = STAILQ_FIRST(&hub->inbox.pages))) {
        STAILQ_REMOVE_HEAD(&hub->inbox.pages, entry);
        stream_free(job->stream); /* closed since */
        replay_job_free(job);
    }
}

void hub_free(struct hub *hub)
{
    if (!hub) {
        return;
    }
    hub_stop(hub);
    replay_free(hub->roster.replay);
    clear_inbox(hub);
    ring_clear(&hub->roster.ring);
    if (hub->roster.epoll_fd >= 0) {
        close(hub->roster.epoll_fd);
    }
    if (hub->wake_fd >= 0) {
        close(hub->wake_fd);
    }
    pthread_mutex_destroy(&hub->inbox.lock);
    free(hub);
}
