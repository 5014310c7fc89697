/* The hub's thread: what comes in, whose turn it is, who is late. */
#include "api/hub.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "api/stream.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/mem.h"

#define EVENTS_MAX  256
#define TURNS_MAX   32 /* of streams which are behind, between two looks at the news */
#define IDLE_MS     (59 * 60 * 1000) /* v0.3.0 ended a stream after an hour; so would nginx, rudely */
#define SNAPSHOT_MS (5 * 60 * 1000) /* a snapshot holds on to old entities */
#define RETRY_MS    200             /* while Redis is away */
#define RECHECK_MS  1000            /* of one whose time has come but which cannot be helped now */
#define END_MS      5000            /* the last words may take so long */

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
    int epoll_fd;
    int wake_fd;
    struct replay *replay;
    pthread_t thread;
    bool started;

    struct { /* what other threads bring */
        pthread_mutex_t lock;
        struct news_queue news;
        struct stream_queue streams;
        struct replay_jobs pages;
        bool stop;
    } inbox;

    /* The thread's own. */
    struct ring ring;
    struct topic *topics;
    struct stream_queue ready;
    struct stream_list all;
    struct stream_timers timers;
    int64_t now_ms;
};

static int compare_timers(const struct stream *a, const struct stream *b)
{
    if (a->due_ms != b->due_ms) {
        return a->due_ms < b->due_ms ? -1 : 1;
    }
    return a < b ? -1 : a > b;
}

RB_GENERATE_INTERNAL(stream_timers, stream, timer, compare_timers, UNUSED static)

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

/* ---- streams --------------------------------------------------------------------------------- */

static struct topic *get_topic(struct hub *hub, struct watch *watch)
{
    struct topic *topic = NULL;

    HASH_FIND_STR(hub->topics, watch->name, topic);
    if (topic) {
        watch_free(watch);
    } else {
        topic = xcalloc(1, sizeof(*topic));
        topic->watch = watch;
        LIST_INIT(&topic->live);
        HASH_ADD_KEYPTR(hh, hub->topics, watch->name, strlen(watch->name), topic);
    }
    topic->n_streams++;
    return topic;
}

static void leave_topic(struct hub *hub, struct stream *stream)
{
    struct topic *topic = stream->topic;

    if (topic && --topic->n_streams == 0) {
        HASH_DEL(hub->topics, topic);
        watch_free(topic->watch);
        free(topic);
    }
    stream->topic = NULL;
}

static void set_timer(struct hub *hub, struct stream *stream, int64_t due_ms)
{
    if (stream->due_ms > 0) {
        RB_REMOVE(stream_timers, &hub->timers, stream);
    }
    stream->due_ms = due_ms;
    if (due_ms > 0) {
        RB_INSERT(stream_timers, &hub->timers, stream);
    }
}

static int64_t next_look_ms(const struct hub *hub, const struct stream *stream)
{
    int64_t due_ms = stream->sent_ms + (stream->heartbeat_ms ? stream->heartbeat_ms : IDLE_MS);

    if (stream->snapshot && stream->began_ms + SNAPSHOT_MS < due_ms) {
        due_ms = stream->began_ms + SNAPSHOT_MS;
    }
    return due_ms > hub->now_ms ? due_ms : hub->now_ms + RECHECK_MS;
}

static void ask_page(struct hub *hub, struct stream *stream)
{
    struct replay_job *job = xcalloc(1, sizeof(*job));

    job->stream = stream;
    job->after = stream->after;
    stream->awaits_page = true;
    replay_ask(hub->replay, job);
}

static void leave_state(struct hub *hub, struct stream *stream)
{
    if (stream->state == STREAM_LIVE) {
        LIST_REMOVE(stream, live);
    } else if (stream->state == STREAM_READY) {
        TAILQ_REMOVE(&hub->ready, stream, ready);
    }
}

/* The connection is gone, or is let go. */
static void close_stream(struct hub *hub, struct stream *stream)
{
    leave_state(hub, stream);
    stream->state = STREAM_CLOSED;
    set_timer(hub, stream, 0);
    LIST_REMOVE(stream, all);
    leave_topic(hub, stream);
    fcgi_stream_close(&stream->out);
    if (!stream->awaits_page) {
        stream_free(stream);
    }
}

static void enter(struct hub *hub, struct stream *stream, enum stream_state state)
{
    if (state == STREAM_CLOSED) {
        close_stream(hub, stream);
        return;
    }
    leave_state(hub, stream);
    stream->state = state;
    if (state == STREAM_LIVE) {
        LIST_INSERT_HEAD(&stream->topic->live, stream, live);
    } else if (state == STREAM_READY) {
        TAILQ_INSERT_TAIL(&hub->ready, stream, ready);
    } else if (state == STREAM_REPLAYING) {
        ask_page(hub, stream);
    } else if (state == STREAM_PAUSED) {
        set_timer(hub, stream, hub->now_ms + RETRY_MS);
    }
}

/* A live one's position is the ring's: now it gets one of its own. */
static void unsettle(struct hub *hub, struct stream *stream)
{
    stream->after = stream_position(stream, &hub->ring);
    enter(hub, stream, STREAM_READY);
}

static void end_stream(struct hub *hub, struct stream *stream, enum stream_end why)
{
    if (stream->state == STREAM_LIVE) {
        unsettle(hub, stream);
    }
    if (why == END_BEHIND || why == END_SLOW) {
        log_info("stream.ended", "why=%s watch=\"%.200s\" after=%lld",
                 why == END_BEHIND ? "behind" : "slow", stream->topic->watch->name,
                 (long long)stream->after);
    }
    enum stream_state state = stream_send_end(stream, why);

    if (state != STREAM_CLOSED) {
        set_timer(hub, stream, hub->now_ms + END_MS);
    }
    enter(hub, stream, state);
}

static void take_in(struct hub *hub, struct stream *stream)
{
    struct epoll_event event = {.events = EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = stream};

    stream->topic = get_topic(hub, TAKE(stream->watch));
    LIST_INSERT_HEAD(&hub->all, stream, all);
    set_timer(hub, stream, next_look_ms(hub, stream));
    if (epoll_ctl(hub->epoll_fd, EPOLL_CTL_ADD, stream->out.fd, &event) < 0) {
        log_warn("stream.refused", "text=\"epoll: %s\"", strerror(errno));
        close_stream(hub, stream);
        return;
    }
    enter(hub, stream, STREAM_READY);
}

/* ---- what comes in --------------------------------------------------------------------------- */

/* The ring no longer has what the live ones come to next. */
static void unsettle_all(struct hub *hub)
{
    struct topic *topic;
    struct topic *next;

    HASH_ITER(hh, hub->topics, topic, next)
    {
        while (!LIST_EMPTY(&topic->live)) {
            unsettle(hub, LIST_FIRST(&topic->live));
        }
    }
}

static void fan_out_topic(struct hub *hub, struct topic *topic, size_t from, int64_t start)
{
    struct lines lines;
    struct stream *stream;
    struct stream *next;

    lines_gather(&lines, &hub->ring, from, start, topic->watch);
    if (lines.n == 0 && !lines.more) {
        return;
    }
    LIST_FOREACH_SAFE(stream, &topic->live, live, next)
    {
        enum stream_state state = stream_send_lines(stream, &lines, hub->now_ms);

        if (state != STREAM_LIVE) {
            enter(hub, stream, state);
        }
    }
}

/* What has been added to the ring since the live ones stood at `start`. */
static void fan_out(struct hub *hub, int64_t start, int64_t head)
{
    size_t from = ring_find(&hub->ring, start);
    struct topic *topic;
    struct topic *next;

    if (hub->ring.base > start) {
        unsettle_all(hub);
        hub->ring.head = head;
        return;
    }
    hub->ring.head = head;
    if (from < hub->ring.n) {
        HASH_ITER(hh, hub->topics, topic, next)
        {
            if (!LIST_EMPTY(&topic->live)) {
                fan_out_topic(hub, topic, from, start);
            }
        }
    }
}

static void hear(struct hub *hub, struct news_queue *queue)
{
    int64_t start = hub->ring.head;
    int64_t head = start;
    struct news *news;

    while ((news = STAILQ_FIRST(queue))) {
        STAILQ_REMOVE_HEAD(queue, entry);
        if (news->reloaded) {
            fan_out(hub, start, head);
            unsettle_all(hub);
            ring_reset(&hub->ring, news->revision);
            start = news->revision;
        }
        head = news->revision;
        for (size_t i = 0; i < news->n; i++) {
            ring_add(&hub->ring, news->items[i]);
        }
        free(news);
    }
    fan_out(hub, start, head);
}

static void take_page(struct hub *hub, struct replay_job *job)
{
    struct stream *stream = job->stream;

    stream->awaits_page = false;
    if (stream->state == STREAM_CLOSED) {
        stream_free(stream);
    } else if (job->outcome == REPLAY_PAGE) {
        enter(hub, stream, stream_send_page(stream, job, &hub->ring, hub->now_ms));
    } else if (job->outcome == REPLAY_GONE) {
        end_stream(hub, stream, END_BEHIND);
    } else {
        enter(hub, stream, STREAM_PAUSED);
    }
    replay_job_free(job);
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
        take_in(hub, stream);
    }
    while ((job = STAILQ_FIRST(&pages))) {
        STAILQ_REMOVE_HEAD(&pages, entry);
        take_page(hub, job);
    }
    return !stop;
}

/* ---- the loop -------------------------------------------------------------------------------- */

static void give_turns(struct hub *hub)
{
    for (int turn = 0; turn < TURNS_MAX && !TAILQ_EMPTY(&hub->ready); turn++) {
        struct stream *stream = TAILQ_FIRST(&hub->ready);

        enter(hub, stream, stream_turn(stream, &hub->ring, hub->now_ms));
    }
}

static bool is_quiet(const struct hub *hub, const struct stream *stream, int64_t for_ms)
{
    return stream->state == STREAM_LIVE && hub->now_ms - stream->sent_ms >= for_ms;
}

static void look_at(struct hub *hub, struct stream *stream)
{
    set_timer(hub, stream, next_look_ms(hub, stream));
    if (stream->state == STREAM_PAUSED) {
        enter(hub, stream, STREAM_READY);
    } else if (stream->ending) {
        close_stream(hub, stream);
    } else if (stream->snapshot && hub->now_ms - stream->began_ms >= SNAPSHOT_MS) {
        end_stream(hub, stream, END_SLOW);
    } else if (stream->heartbeat_ms && is_quiet(hub, stream, stream->heartbeat_ms)) {
        int64_t position = stream_position(stream, &hub->ring);
        enum stream_state state = stream_send_bookmark(stream, position, hub->now_ms);

        enter(hub, stream, state);
    } else if (!stream->heartbeat_ms && is_quiet(hub, stream, IDLE_MS)) {
        end_stream(hub, stream, END_IDLE);
    }
}

/* Gives how long epoll may wait. */
static int run_timers(struct hub *hub)
{
    struct stream *stream;

    while ((stream = RB_MIN(stream_timers, &hub->timers)) && stream->due_ms <= hub->now_ms) {
        look_at(hub, stream);
    }
    if (!TAILQ_EMPTY(&hub->ready)) {
        return 0;
    }
    return stream ? (int)(stream->due_ms - hub->now_ms) : -1;
}

static void hear_client(struct hub *hub, struct stream *stream, uint32_t events)
{
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
        end_stream(hub, stream, END_HANG_UP);
    } else if (stream->state == STREAM_BLOCKED) {
        enter(hub, stream, STREAM_READY);
    }
}

static void wait_events(struct hub *hub, int timeout_ms)
{
    struct epoll_event events[EVENTS_MAX];
    int n = epoll_wait(hub->epoll_fd, events, EVENTS_MAX, timeout_ms);
    uint64_t count;

    hub->now_ms = clock_mono_ms();
    for (int i = 0; i < n; i++) {
        if (events[i].data.ptr) {
            hear_client(hub, events[i].data.ptr, events[i].events);
        } else {
            ssize_t ignored = read(hub->wake_fd, &count, sizeof(count));

            (void)ignored;
        }
    }
}

/* What a client does not take at once of its end it finds broken. */
static void end_all(struct hub *hub)
{
    while (!LIST_EMPTY(&hub->all)) {
        struct stream *stream = LIST_FIRST(&hub->all);

        end_stream(hub, stream, END_STOPPING);
        if (LIST_FIRST(&hub->all) == stream) {
            close_stream(hub, stream);
        }
    }
}

static void *run(void *arg)
{
    struct hub *hub = arg;
    int timeout_ms = -1;

    do {
        wait_events(hub, timeout_ms);
        if (!open_inbox(hub)) {
            break;
        }
        give_turns(hub);
        timeout_ms = run_timers(hub);
    } while (true);
    end_all(hub);
    return NULL;
}

/* ---- its life -------------------------------------------------------------------------------- */

static int start(struct hub *hub, struct store *store, struct error *err)
{
    struct epoll_event wakes = {.events = EPOLLIN};

    if (hub->epoll_fd < 0 || hub->wake_fd < 0 ||
        epoll_ctl(hub->epoll_fd, EPOLL_CTL_ADD, hub->wake_fd, &wakes) < 0) {
        return error_set(err, ERR_INTERNAL, "streams: epoll: %s", strerror(errno));
    }
    hub->replay = replay_open(store, on_page, hub, err);
    if (!hub->replay) {
        return -1;
    }
    if (pthread_create(&hub->thread, NULL, run, hub) != 0) {
        return error_set(err, ERR_INTERNAL, "cannot start the thread of the streams");
    }
    hub->started = true;
    return 0;
}

struct hub *hub_open(struct store *store, size_t ring_bytes, struct error *err)
{
    AUTO(hub) *hub = xcalloc(1, sizeof(*hub));

    ring_init(&hub->ring, ring_bytes);
    TAILQ_INIT(&hub->ready);
    LIST_INIT(&hub->all);
    RB_INIT(&hub->timers);
    pthread_mutex_init(&hub->inbox.lock, NULL);
    STAILQ_INIT(&hub->inbox.news);
    TAILQ_INIT(&hub->inbox.streams);
    STAILQ_INIT(&hub->inbox.pages);
    hub->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    hub->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return start(hub, store, err) < 0 ? NULL : TAKE(hub);
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
    replay_free(hub->replay);
    clear_inbox(hub);
    ring_clear(&hub->ring);
    if (hub->epoll_fd >= 0) {
        close(hub->epoll_fd);
    }
    if (hub->wake_fd >= 0) {
        close(hub->wake_fd);
    }
    pthread_mutex_destroy(&hub->inbox.lock);
    free(hub);
}
