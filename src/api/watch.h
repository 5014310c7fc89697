/* What a stream shows: a kind of entity, those which pass its filters, with their deletes or
 * without. Streams which want the same share one watch. */
#ifndef BLOX_API_WATCH_H
#define BLOX_API_WATCH_H

#include <sys/uio.h>

#include "api/filters.h"
#include "api/transition.h"

struct watch {
    const struct filter_rules *rules;
    char *name; /* equal names: equal watches */
    bool deletes;
    struct query query;     /* the filters' own parameters ... */
    struct filters filters; /* ... which these borrow from */
};

/* Reads the filters out of a request's parameters, among which others may be: *out, or false with
 * the text of the 400 in `wrong`. */
bool watch_parse(const struct filter_rules *rules, const struct query *query, bool deletes,
                 struct watch **out, struct strbuf *wrong);
void watch_free(struct watch *watch);
AUTO_DEFINE(watch);

/* Whether the watch shows the entity as it is. *steps is lowered by what its query's regular
 * expressions took; below 0 the answer means nothing. */
bool watch_shows(const struct watch *watch, const struct entity *entity, int64_t *steps);
/* The line it shows for the change, newline included; false when it shows nothing. */
bool watch_line(const struct watch *watch, struct transition *transition, struct iovec *out);

#endif
