/*
 * The streams of one worker: a thread which writes each change to whom it concerns, and never waits
 * for anybody. A stream is a position (a revision; before it, maybe, a place in a snapshot) and the
 * unsent rest of one line. One which is not behind gets what the view's follower hears of; one that
 * is behind is fed from a ring of the last changes, or by a second thread from the log.
 */
#ifndef BLOX_API_HUB_H
#define BLOX_API_HUB_H

#include "api/watch.h"
#include "http/message.h"

struct gate;
struct hub;

/* Its threads run until hub_free. The gate tells when a stream's key is no longer one. */
struct hub *hub_open(struct store *store, struct gate *gate, size_t ring_bytes,
                     struct error *err) MUST_CHECK;
/* After hub_stop, and after the view which it listens to has gone. NULL is fine. */
void hub_free(struct hub *hub);
AUTO_DEFINE(hub);
/* What the hub wants to hear from the view. */
struct view_listener hub_listener(struct hub *hub);
/* Ends all streams, in order, so that their clients come back elsewhere. */
void hub_stop(struct hub *hub);

/* Different queries which one worker's streams watch: each may cost 0.1 ms for every change of an
 * instance, and all streams wait for it. */
#define WATCHED_QUERIES_MAX 256

/* Whether another stream may watch this. Any thread; a few may slip through at once. */
bool hub_has_room(struct hub *hub, const struct watch *watch);

/* How a stream is to begin and to go on. */
struct stream_options {
    struct watch *watch;         /* taken */
    struct entity_list snapshot; /* taken; shown first, then a bookmark of its revision; items
                                    NULL: none */
    bool has_snapshot;
    int64_t after;           /* changes after this revision */
    int heartbeat_ms;        /* a bookmark after so long a silence; 0: none */
    bool tells_end;          /* a record says why the stream ends */
    struct http_grant grant; /* goes on while the gate upholds it */
};

/* The entities in snapshots which one worker's streams are about to show, 8 bytes each: those of 40
 * snapshots of 100,000 tasks. A larger one is shown when it is the only one. */
#define SNAPSHOT_ENTITIES_MAX 4000000

/* Takes watch and snapshot out of the options; NULL, and takes nothing, when SNAPSHOT_ENTITIES_MAX
 * would be passed. */
struct stream *stream_new(struct hub *hub, struct stream_options *options) MUST_CHECK;
/* For http_reply_stream: a stream's release, and the hand-over which begins it. */
void stream_release(void *stream);
void stream_begin(void *stream, int fd, int request_id);

#endif
