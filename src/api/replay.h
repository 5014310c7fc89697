/* A thread that reads the log, page by page, for streams which are behind the ring. */
#ifndef BLOX_API_REPLAY_H
#define BLOX_API_REPLAY_H

#include <bsd/sys/queue.h>

#include "api/transition.h"
#include "store/store.h"

enum replay_outcome {
    REPLAY_PAGE,    /* what follows, which may be nothing so far */
    REPLAY_GONE,    /* the log no longer continues where the stream stands */
    REPLAY_TROUBLE, /* Redis is away */
};

/* One page asked for, and later the answer; allocated and freed by who asks. */
struct replay_job {
    void *stream;  /* who asks */
    int64_t after; /* the revision the page follows */
    enum replay_outcome outcome;
    struct transition **items;
    size_t n;
    int64_t upto; /* the page has everything up to this revision */
    STAILQ_ENTRY(replay_job) entry;
};
void replay_job_free(struct replay_job *job);
STAILQ_HEAD(replay_jobs, replay_job);

/* `done` gets each job back, in the order they were asked for; called by the thread. */
struct replay *replay_open(struct store *store, void (*done)(void *ctx, struct replay_job *job),
                           void *ctx, struct error *err) MUST_CHECK;
void replay_ask(struct replay *replay, struct replay_job *job);
/* Jobs which have not been answered come back as REPLAY_TROUBLE first. */
void replay_free(struct replay *replay);

#endif
