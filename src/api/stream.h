/* Inside the hub: one stream, and what the hub's thread does with it. */
#ifndef BLOX_API_STREAM_H
#define BLOX_API_STREAM_H

#include <bsd/sys/queue.h>
#include <stdint.h>
#include <uthash.h>

#include "api/hub.h"
#include "api/replay.h"
#include "api/ring.h"
#include "net/fcgi_stream.h"
#include "util/tree.h"

enum stream_state {
    STREAM_NEW,       /* not the hub's yet */
    STREAM_LIVE,      /* has everything; on its topic's list */
    STREAM_READY,     /* has something to send; on the hub's list */
    STREAM_BLOCKED,   /* its client takes nothing now: epoll says when it does */
    STREAM_REPLAYING, /* waits for a page of the log */
    STREAM_PAUSED,    /* tries again when its time has come */
    STREAM_CLOSED,    /* its connection is gone */
};

/* Why a stream ends. The client of one that told nothing finds its transfer broken or complete. */
enum stream_end {
    END_HANG_UP,  /* the client went away */
    END_IDLE,     /* complete: nothing happened for very long */
    END_STOPPING, /* complete: the worker stops */
    END_BEHIND,   /* broken: the log no longer has what comes next */
    END_SLOW,     /* broken: its snapshot took too long */
    END_REVOKED,  /* broken: the key that opened it is none any more */
};

struct snapshot {
    struct entity_list list;
    size_t at;
};

/* Streams which watch the same. */
struct topic {
    struct watch *watch;
    size_t n_streams;
    LIST_HEAD(, stream) live;
    UT_hash_handle hh; /* by watch->name */
};

struct stream {
    struct hub *hub;
    struct fcgi_stream out;
    struct watch *watch; /* until the hub has found its topic */
    struct topic *topic;
    struct snapshot *snapshot; /* NULL: none, or done */
    int64_t after;             /* what came up to here was sent, or is not for this stream; of a
                                  live one the ring's head counts, if that is more */
    int64_t sent_ms;           /* when something was last sent */
    int64_t due_ms;            /* when to look at it anyway */
    int64_t began_ms;
    struct http_grant grant;
    int heartbeat_ms;
    bool tells_end;
    bool ending;      /* closes once the rest is sent */
    bool awaits_page; /* a replay_job points here: not to be freed */
    enum stream_state state;
    LIST_ENTRY(stream) live;
    TAILQ_ENTRY(stream) ready;
    LIST_ENTRY(stream) all;
    RB_ENTRY(stream) timer;
};

#define LINES_MAX 64 /* sent to one stream in one turn */

/* Lines for those who stand at `start` or beyond it. */
struct lines {
    struct iovec iov[LINES_MAX];
    int64_t revisions[LINES_MAX];
    size_t n;
    int64_t start;
    int64_t end; /* nothing else is in between */
    bool more;   /* the ring has more after that */
};

/* What the watch shows of the ring's changes from the i-th on. */
void lines_gather(struct lines *lines, const struct ring *ring, size_t i, int64_t start,
                  const struct watch *watch);

/* One turn: sends as much as is fair. Gives the stream's next state; STREAM_REPLAYING asks for a
 * page. */
enum stream_state stream_turn(struct stream *stream, const struct ring *ring, int64_t now_ms);
/* The lines to one which may stand within them. */
enum stream_state stream_send_lines(struct stream *stream, const struct lines *lines,
                                    int64_t now_ms);
/* A page of the log. */
enum stream_state stream_send_page(struct stream *stream, const struct replay_job *job,
                                   const struct ring *ring, int64_t now_ms);
/* "Up to here you have everything." */
enum stream_state stream_send_bookmark(struct stream *stream, int64_t revision, int64_t now_ms);
/* The state afterwards: STREAM_CLOSED, or STREAM_BLOCKED for the rest. */
enum stream_state stream_send_end(struct stream *stream, enum stream_end why);
/* "behind", ...; NULL for END_HANG_UP. */
const char *stream_end_name(enum stream_end why);
/* Where it stands. */
int64_t stream_position(const struct stream *stream, const struct ring *ring);
void stream_free(struct stream *stream);

#endif
