/* A stream's filters are those of the lists, and are read and asked by the lists' own functions. */
#include "api/watch.h"

#include <stdlib.h>

#include "api/instance_query.h"
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

/* What a filter says of one entity alone can be told change by change. */
static bool looks_elsewhere(const struct filter_rules *rules, const struct filters *filters)
{
    if (rules->kind == KIND_TASK) {
        return filters->query || filters->ec2_instance_id;
    }
    return filters->query && selector_reads_tasks(filters->query);
}

static bool refuse(struct strbuf *wrong, const char *text)
{
    strbuf_add_text(wrong, text);
    return false;
}

bool watch_parse(const struct filter_rules *rules, const struct query *query, bool deletes,
                 struct watch **out, struct strbuf *wrong)
{
    AUTO(watch) *watch = xcalloc(1, sizeof(*watch));
    AUTO_STRBUF name = {0};

    watch->rules = rules;
    watch->deletes = deletes;
    strbuf_addf(&name, "%s%s", kind_name(rules->kind), deletes ? " deletes" : "");
    for (size_t i = 0; i < query->n; i++) {
        if (is_misplaced(rules, query->pairs[i].name)) {
            return refuse(wrong, "At least one of the filters provided is unsupported");
        }
        if (is_among(query->pairs[i].name, rules->names)) {
            take_pair(watch, &query->pairs[i], &name);
        }
    }
    if (query_repeats(&watch->query)) {
        return refuse(wrong, "At least one of the filters provided is specified multiple times");
    }
    if (!filters_parse(rules, &watch->query, &watch->filters, wrong)) {
        return false;
    }
    if (looks_elsewhere(rules, &watch->filters)) {
        return refuse(wrong, "Streams of tasks cannot look at instances, nor those of instances at "
                             "tasks");
    }
    watch->name = strbuf_take(&name);
    *out = TAKE(watch);
    return true;
}

void watch_free(struct watch *watch)
{
    if (watch) {
        filters_clear(&watch->filters);
        query_clear(&watch->query);
        free(watch->name);
        free(watch);
    }
}

bool watch_shows(const struct watch *watch, const struct entity *entity, int64_t *steps)
{
    return entity->kind == watch->rules->kind &&
           filters_match(watch->rules, &watch->filters, entity) &&
           (!watch->filters.query || instance_matches(NULL, watch->filters.query, entity, steps));
}

bool watch_line(const struct watch *watch, struct transition *transition, struct iovec *out)
{
    int64_t steps = CHANGE_STEPS_MAX;

    if (transition->deleted && !watch->deletes) {
        return false;
    }
    if (watch_shows(watch, &transition->after, &steps)) {
        *out = transition_line(transition);
        return true;
    }
    if (watch->deletes && transition->before && watch_shows(watch, transition->before, &steps)) {
        *out = transition_unmatched(transition);
        return true;
    }
    return false;
}
