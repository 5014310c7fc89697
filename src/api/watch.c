/* A stream's filters are those of the lists, and are read and asked by the lists' own functions. */
#include "api/watch.h"

#include <stdlib.h>

#include "util/mem.h"

static bool is_among(const char *name, const char *const *names)
{
    for (; *names; names++) {
        if (streq(name, *names)) {
            return true;
        }
    }
    return false;
}

/* A filter that the other kind of entity has: silently ignored, it would let too much through. */
static bool is_misplaced(const struct filter_rules *rules, const char *name)
{
    const struct filter_rules *other = rules->kind == KIND_TASK ? &instance_filters : &task_filters;

    return is_among(name, other->names) && !is_among(name, rules->names);
}

static void take_pair(struct watch *watch, const struct query_pair *pair, struct strbuf *name)
{
    struct query *query = &watch->query;

    query->pairs = xreallocarray(query->pairs, query->n + 1, sizeof(*query->pairs));
    query->pairs[query->n++] = (struct query_pair){xstrdup(pair->name), xstrdup(pair->value)};
    strbuf_addf(name, " %zu:%s=%zu:%s", strlen(pair->name), pair->name, strlen(pair->value),
                pair->value);
}

const char *watch_parse(const struct filter_rules *rules, const struct query *query, bool deletes,
                        struct watch **out)
{
    AUTO(watch) *watch = xcalloc(1, sizeof(*watch));
    AUTO_STRBUF name = {0};

    watch->rules = rules;
    watch->deletes = deletes;
    strbuf_addf(&name, "%s%s", kind_name(rules->kind), deletes ? " deletes" : "");
    for (size_t i = 0; i < query->n; i++) {
        if (is_misplaced(rules, query->pairs[i].name)) {
            return "At least one of the filters provided is unsupported";
        }
        if (is_among(query->pairs[i].name, rules->names)) {
            take_pair(watch, &query->pairs[i], &name);
        }
    }
    const char *wrong = filters_parse(rules, &watch->query, &watch->filters);

    if (wrong) {
        return wrong;
    }
    watch->name = strbuf_take(&name);
    *out = TAKE(watch);
    return NULL;
}

void watch_free(struct watch *watch)
{
    if (watch) {
        query_clear(&watch->query);
        free(watch->name);
        free(watch);
    }
}

bool watch_shows(const struct watch *watch, const struct entity *entity)
{
    return entity->kind == watch->rules->kind &&
           filters_match(watch->rules, &watch->filters, entity);
}

bool watch_line(const struct watch *watch, struct transition *transition, struct iovec *out)
{
    if (transition->deleted && !watch->deletes) {
        return false;
    }
    if (watch_shows(watch, &transition->after)) {
        *out = transition_line(transition);
        return true;
    }
    if (watch->deletes && transition->before && watch_shows(watch, transition->before)) {
        *out = transition_unmatched(transition);
        return true;
    }
    return false;
}
