/* Who is in which state, and what moves a stream from one to the next. */
#include "api/roster.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <uthash.h>

#include "api/gate.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/metrics.h"

#define TURNS_MAX   32 /* of streams which are behind, between two looks at the news */
#define IDLE_MS     (59 * 60 * 1000) /* v0.3.0 ended a stream after an hour; so would nginx, rudely */
#define SNAPSHOT_MS (5 * 60 * 1000) /* a snapshot holds on to old entities */
#define RETRY_MS    200             /* while Redis is away */
#define WAIT_MS     1000 /* the loop turns at least so often, so that one can see that it does */
#define RECHECK_MS  1000 /* of one whose time has come but which cannot be helped now */
#define END_MS      5000 /* the last words may take so long */

static int compare_timers(const struct stream *a, const struct stream *b)
{
    if (a->due_ms != b->due_ms) {
        return a->due_ms < b->due_ms ? -1 : 1;
    }
    return a < b ? -1 : a > b;
}

TREE_FUNCTIONS(stream_timers, stream, timer, compare_timers);

void roster_init(struct roster *roster)
{
    TAILQ_INIT(&roster->ready);
    LIST_INIT(&roster->all);
    RB_INIT(&roster->timers);
}

/* ---- streams --------------------------------------------------------------------------------- */

static struct topic *get_topic(struct roster *roster, struct watch *watch)
{
    struct topic *topic = NULL;

    HASH_FIND_STR(roster->topics, watch->name, topic);
    if (topic) {
        watch_free(watch);
    } else {
        topic = xcalloc(1, sizeof(*topic));
        topic->watch = watch;
        LIST_INIT(&topic->live);
        HASH_ADD_KEYPTR(hh, roster->topics, watch->name, strlen(watch->name), topic);
        atomic_fetch_add(&roster->n_queries, watch->filters.query != NULL);
    }
    topic->n_streams++;
    return topic;
}

static void leave_topic(struct roster *roster, struct stream *stream)
{
    struct topic *topic = stream->topic;

    if (topic && --topic->n_streams == 0) {
        HASH_DEL(roster->topics, topic);
        atomic_fetch_sub(&roster->n_queries, topic->watch->filters.query != NULL);
        watch_free(topic->watch);
        free(topic);
    }
    stream->topic = NULL;
}

static void set_timer(struct roster *roster, struct stream *stream, int64_t due_ms)
{
    if (stream->due_ms > 0) {
        RB_REMOVE(stream_timers, &roster->timers, stream);
    }
    stream->due_ms = due_ms;
    if (due_ms > 0) {
        RB_INSERT(stream_timers, &roster->timers, stream);
    }
}

static int64_t next_look_ms(const struct roster *roster, const struct stream *stream)
{
    int64_t due_ms = stream->sent_ms + (stream->heartbeat_ms ? stream->heartbeat_ms : IDLE_MS);

    if (stream->snapshot && stream->began_ms + SNAPSHOT_MS < due_ms) {
        due_ms = stream->began_ms + SNAPSHOT_MS;
    }
    return due_ms > roster->now_ms ? due_ms : roster->now_ms + RECHECK_MS;
}

static void ask_page(struct roster *roster, struct stream *stream)
{
    struct replay_job *job = xcalloc(1, sizeof(*job));

    job->stream = stream;
    job->after = stream->after;
    stream->awaits_page = true;
    metric_add(METRIC_STREAM_PAGES, 0, 1);
    replay_ask(roster->replay, job);
}

static void leave_state(struct roster *roster, struct stream *stream)
{
    if (stream->state == STREAM_LIVE) {
        LIST_REMOVE(stream, live);
    } else if (stream->state == STREAM_READY) {
        TAILQ_REMOVE(&roster->ready, stream, ready);
    }
}

/* The connection is gone, or is let go. */
static void close_stream(struct roster *roster, struct stream *stream)
{
    leave_state(roster, stream);
    stream->state = STREAM_CLOSED;
    set_timer(roster, stream, 0);
    LIST_REMOVE(stream, all);
    metric_level(METRIC_STREAMS, stream->topic->watch->rules->kind, -1);
    leave_topic(roster, stream);
    fcgi_stream_close(&stream->out);
    if (!stream->awaits_page) {
        stream_free(stream);
    }
}

static void enter(struct roster *roster, struct stream *stream, enum stream_state state)
{
    if (state == STREAM_CLOSED) {
        close_stream(roster, stream);
        return;
    }
    leave_state(roster, stream);
    stream->state = state;
    if (state == STREAM_LIVE) {
        LIST_INSERT_HEAD(&stream->topic->live, stream, live);
    } else if (state == STREAM_READY) {
        TAILQ_INSERT_TAIL(&roster->ready, stream, ready);
    } else if (state == STREAM_REPLAYING) {
        ask_page(roster, stream);
    } else if (state == STREAM_PAUSED) {
        set_timer(roster, stream, roster->now_ms + RETRY_MS);
    }
}

/* A live one's position is the ring's: now it gets one of its own. */
static void unsettle(struct roster *roster, struct stream *stream)
{
    stream->after = stream_position(stream, &roster->ring);
    enter(roster, stream, STREAM_READY);
}

static void end_stream(struct roster *roster, struct stream *stream, enum stream_end why)
{
    metric_add(METRIC_STREAM_ENDS, why, 1);
    if (stream->state == STREAM_LIVE) {
        unsettle(roster, stream);
    }
    if (why == END_BEHIND || why == END_SLOW || why == END_REVOKED) {
        log_info("stream.ended", "reason=%s watch=\"%.200s\" after=%lld", stream_end_name(why),
                 stream->topic->watch->name, (long long)stream->after);
    }
    enum stream_state state = stream_send_end(stream, why);

    if (state != STREAM_CLOSED) {
        set_timer(roster, stream, roster->now_ms + END_MS);
    }
    enter(roster, stream, state);
}

void roster_take_in(struct roster *roster, struct stream *stream)
{
    struct epoll_event event = {.events = EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = stream};

    stream->topic = get_topic(roster, TAKE(stream->watch));
    metric_level(METRIC_STREAMS, stream->topic->watch->rules->kind, 1);
    LIST_INSERT_HEAD(&roster->all, stream, all);
    stream->began_ms = stream->sent_ms = roster->now_ms;
    set_timer(roster, stream, next_look_ms(roster, stream));
    if (epoll_ctl(roster->epoll_fd, EPOLL_CTL_ADD, stream->out.fd, &event) < 0) {
        log_warn("stream.refused", "text=\"epoll: %s\"", strerror(errno));
        close_stream(roster, stream);
    } else if (!gate_upholds(roster->gate, &stream->grant)) { /* the keys were faster */
        end_stream(roster, stream, END_REVOKED);
    } else {
        enter(roster, stream, STREAM_READY);
    }
}

/* ---- what happens --------------------------------------------------------------------------- */

/* The ring no longer has what the live ones come to next. */
void roster_unsettle_all(struct roster *roster)
{
    struct topic *topic;
    struct topic *next;

    HASH_ITER(hh, roster->topics, topic, next)
    {
        while (!LIST_EMPTY(&topic->live)) {
            unsettle(roster, LIST_FIRST(&topic->live));
        }
    }
}

static void fan_out_topic(struct roster *roster, struct topic *topic, size_t from, int64_t start)
{
    struct lines lines;
    struct stream *stream;
    struct stream *next;

    lines_gather(&lines, &roster->ring, from, start, topic->watch);
    if (lines.n == 0 && !lines.more) {
        return;
    }
    LIST_FOREACH_SAFE(stream, &topic->live, live, next)
    {
        enum stream_state state = stream_send_lines(stream, &lines, roster->now_ms);

        if (state != STREAM_LIVE) {
            enter(roster, stream, state);
        }
    }
}

/* What has been added to the ring since the live ones stood at `start`. */
void roster_fan_out(struct roster *roster, int64_t start, int64_t head)
{
    size_t from = ring_find(&roster->ring, start);
    struct topic *topic;
    struct topic *next;

    if (roster->ring.base > start) {
        roster_unsettle_all(roster);
        roster->ring.head = head;
        return;
    }
    roster->ring.head = head;
    if (from < roster->ring.n) {
        HASH_ITER(hh, roster->topics, topic, next)
        {
            if (!LIST_EMPTY(&topic->live)) {
                fan_out_topic(roster, topic, from, start);
            }
        }
    }
}

void roster_take_page(struct roster *roster, struct replay_job *job)
{
    struct stream *stream = job->stream;

    stream->awaits_page = false;
    if (stream->state == STREAM_CLOSED) {
        stream_free(stream);
    } else if (job->outcome == REPLAY_PAGE) {
        enter(roster, stream, stream_send_page(stream, job, &roster->ring, roster->now_ms));
    } else if (job->outcome == REPLAY_GONE) {
        end_stream(roster, stream, END_BEHIND);
    } else {
        enter(roster, stream, STREAM_PAUSED);
    }
    replay_job_free(job);
}

/* ---- whose turn it is ----------------------------------------------------------------------- */

void roster_give_turns(struct roster *roster)
{
    for (int turn = 0; turn < TURNS_MAX && !TAILQ_EMPTY(&roster->ready); turn++) {
        struct stream *stream = TAILQ_FIRST(&roster->ready);

        enter(roster, stream, stream_turn(stream, &roster->ring, roster->now_ms));
    }
}

static bool is_quiet(const struct roster *roster, const struct stream *stream, int64_t for_ms)
{
    return stream->state == STREAM_LIVE && roster->now_ms - stream->sent_ms >= for_ms;
}

static void look_at(struct roster *roster, struct stream *stream)
{
    set_timer(roster, stream, next_look_ms(roster, stream));
    if (stream->state == STREAM_PAUSED) {
        enter(roster, stream, STREAM_READY);
    } else if (stream->ending) {
        close_stream(roster, stream);
    } else if (stream->snapshot && roster->now_ms - stream->began_ms >= SNAPSHOT_MS) {
        end_stream(roster, stream, END_SLOW);
    } else if (stream->heartbeat_ms && is_quiet(roster, stream, stream->heartbeat_ms)) {
        int64_t position = stream_position(stream, &roster->ring);
        enum stream_state state = stream_send_bookmark(stream, position, roster->now_ms);

        enter(roster, stream, state);
    } else if (!stream->heartbeat_ms && is_quiet(roster, stream, IDLE_MS)) {
        end_stream(roster, stream, END_IDLE);
    }
}

/* Gives how long epoll may wait. */
int roster_run_timers(struct roster *roster)
{
    struct stream *stream;

    while ((stream = RB_MIN(stream_timers, &roster->timers)) && stream->due_ms <= roster->now_ms) {
        look_at(roster, stream);
    }
    if (!TAILQ_EMPTY(&roster->ready)) {
        return 0;
    }
    int64_t left_ms = stream ? stream->due_ms - roster->now_ms : WAIT_MS;

    return (int)(left_ms < WAIT_MS ? left_ms : WAIT_MS);
}

void roster_hear_client(struct roster *roster, struct stream *stream, uint32_t events)
{
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
        end_stream(roster, stream, END_HANG_UP);
    } else if (stream->state == STREAM_BLOCKED) {
        enter(roster, stream, STREAM_READY);
    }
}

void roster_review(struct roster *roster)
{
    uint64_t generation = gate_generation(roster->gate);
    struct stream *stream;
    struct stream *next;

    if (generation == roster->generation) {
        return;
    }
    roster->generation = generation;
    LIST_FOREACH_SAFE(stream, &roster->all, all, next)
    {
        if (!stream->ending && !gate_upholds(roster->gate, &stream->grant)) {
            end_stream(roster, stream, END_REVOKED);
        }
    }
}

/* What a client does not take at once of its end it finds broken. */
void roster_end_all(struct roster *roster)
{
    while (!LIST_EMPTY(&roster->all)) {
        struct stream *stream = LIST_FIRST(&roster->all);

        end_stream(roster, stream, END_STOPPING);
        if (LIST_FIRST(&roster->all) == stream) {
            close_stream(roster, stream);
        }
    }
}
