/* Inside the view: what readers and the follower share. */
#ifndef BLOX_VIEW_FOLLOW_H
#define BLOX_VIEW_FOLLOW_H

#include <pthread.h>
#include <stdatomic.h>

#include "util/log.h"
#include "view/entities.h"

/* Where a copy of the store stands: always behind a whole commit. */
struct standing {
    int64_t revision;
    char commit_id[COMMIT_ID_LEN];
    int64_t epoch; /* the newest epoch entry it has passed */
};

struct view {
    struct store *store;
    struct view_options options;
    struct log_reader *reader; /* the follower's */
    pthread_t follower;
    bool started;
    int damaged_lines;  /* the follower's: logged since the last load */
    int64_t told_epoch; /* the follower's: the last one the listener heard of */
    struct log_repeat
        trouble;              /* the follower's: why Redis is away, as the listener heard it last */
    _Atomic int64_t heard_ms; /* when Redis last answered */

    pthread_rwlock_t lock; /* prefers the follower, which writes, to its many readers */
    struct entities *set;
    struct standing at;
    char page_key[PAGE_KEY_HEX_LEN];

    struct { /* what has been applied and the listener has heard of */
        pthread_mutex_t lock;
        pthread_cond_t news;
        int64_t revision;
        int64_t at_ms;    /* Redis' time of it */
        int64_t since_ms; /* and when, by our clock, it came */
        bool stop;
    } told;
};

#endif
