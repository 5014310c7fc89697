/* One change of a task or container instance, with the line that shows it on a stream. */
#ifndef BLOX_API_TRANSITION_H
#define BLOX_API_TRANSITION_H

#include "store/log.h"
#include "view/view.h"

struct transition {
    int64_t revision;
    bool deleted;
    struct entity after;   /* what filters look at; its text is the line without the newline. With
                              `deleted`, what was last known */
    struct entity *before; /* its fields before, where they differ; else NULL. Nothing else */
    char *unmatched;       /* see transition_unmatched; NULL before */
    size_t size;           /* memory it occupies */
};

/* NULL for entries which no stream shows: other kinds, epochs, and values that cannot be read. */
struct transition *transition_new(const struct log_entry *entry) MUST_CHECK;
void transition_free(struct transition *transition);
AUTO_DEFINE(transition);

/* `{"entity":...,"metadata":{"entityVersion":"n"}}` and a newline; for a delete with
 * `,"deleted":true,"reason":"<cause>"` before the last brace. */
struct iovec transition_line(const struct transition *transition);
/* The same change told to somebody whose filter it left: a delete with the reason "unmatched". */
struct iovec transition_unmatched(struct transition *transition);

#endif
