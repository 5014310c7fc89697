/* Inside the hub: its streams, by what they watch and by what they wait for. The hub's thread alone
 * works with it. */
#ifndef BLOX_API_ROSTER_H
#define BLOX_API_ROSTER_H

#include <stdatomic.h>

#include "api/stream.h"

TAILQ_HEAD(stream_queue, stream);
LIST_HEAD(stream_list, stream);
RB_HEAD(stream_timers, stream);

struct roster {
    int epoll_fd;
    struct gate *gate;
    uint64_t generation; /* of the keys when the streams were last looked at */
    struct replay *replay;
    struct ring ring;
    struct topic *topics;      /* uthash, by the watch's name */
    atomic_size_t n_queries;   /* topics with a query; others may read it */
    struct stream_queue ready; /* whose turn is next */
    struct stream_list all;
    struct stream_timers timers;
    int64_t now_ms;
};

void roster_init(struct roster *roster);
/* A stream whose connection is ours now. */
void roster_take_in(struct roster *roster, struct stream *stream);
/* Shows what was added to the ring since the live ones stood at `start`; the ring stands at `head`
 * then. */
void roster_fan_out(struct roster *roster, int64_t start, int64_t head);
/* The ring is about to lose what the live ones come to next. */
void roster_unsettle_all(struct roster *roster);
/* The answer to what a stream asked the replay for; takes it. */
void roster_take_page(struct roster *roster, struct replay_job *job);
/* What epoll says of a stream's connection. */
void roster_hear_client(struct roster *roster, struct stream *stream, uint32_t events);
/* Some turns of streams which have something to send. */
void roster_give_turns(struct roster *roster);
/* Ends the streams which keys that are gone have opened. */
void roster_review(struct roster *roster);
/* Looks at the streams whose time has come; gives how long epoll may wait for the next, in ms. */
int roster_run_timers(struct roster *roster);
/* Ends them all, because the worker stops. */
void roster_end_all(struct roster *roster);

#endif
