/*
 * Which answers nginx may keep a copy of (nginx/nginx.conf, "copies"). It shows a copy only after a
 * worker has said, of this very request, that it is still what it would answer.
 *
 * A list is worth one when it is large and was asked for before without having changed since: the
 * copy costs nginx a third more once. Only one is begun in ten seconds, whatever is asked: what
 * they take of the disk before nginx tidies up has a bound.
 */
#ifndef BLOX_API_COPIES_H
#define BLOX_API_COPIES_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COPY_BYTES_MIN   ((size_t)256 << 10) /* less is sent as fast without */
#define COPY_BYTES_MAX   ((size_t)12 << 20)  /* half of what nginx keeps in all */
#define COPY_PAUSE_MS    10000               /* nginx looks after the size of them so often */
#define COPY_BEHIND_MAX  5000 /* a copy's X-Blox-Revision is not further back: the log has it */
#define COPY_TAGS        8
#define COPY_TAG_LEN_MAX 63

/* What one worker remembers; all zero but for the lock. */
struct copies {
    pthread_mutex_t lock;
    char seen[COPY_TAGS][COPY_TAG_LEN_MAX + 1]; /* entity tags of large lists, the last ones */
    size_t next;                                /* the one to be forgotten */
    int64_t began_ms;                           /* when a copy was last offered; 0: never */
};
#define COPIES_INIT                                                                                \
    {                                                                                              \
        .lock = PTHREAD_MUTEX_INITIALIZER                                                          \
    }

/* Whether the list of so many bytes which is about to be sent is worth a copy; remembers it. */
bool copies_offer(struct copies *copies, const char *etag, size_t body_len, int64_t now_ms);

#endif
