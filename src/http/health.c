/* Checks, and the words for them. */
#include "http/health.h"

#include <stdarg.h>
#include <stdio.h>

#include "util/metrics.h"

#define NAME_MAX_LEN    64
#define TEXT_MAX        256
#define STALLED_S       120       /* a loop waits a minute at most, for Redis or for AWS */
#define DRIFT_STALLED_S (10 * 60) /* but ECS' clusters come 100 a call, each of 30 s at most */

static const struct {
    const char *name;
    int stalled_s;
} loops[] = {
    [LOOP_FOLLOWER] = {"follower", STALLED_S}, [LOOP_AWS] = {"aws", STALLED_S},
    [LOOP_LEASE] = {"lease", STALLED_S},       [LOOP_SCHEDULER] = {"scheduler", STALLED_S},
    [LOOP_DRIFT] = {"drift", DRIFT_STALLED_S}, [LOOP_CONSUMER] = {"consumer", STALLED_S},
    [LOOP_STREAMS] = {"streams", STALLED_S},
};

void health_clear(struct health *health)
{
    strbuf_clear(&health->first);
    strbuf_clear(&health->lines);
}

void health_add(struct health *health, const char *check, enum health_state state, const char *fmt,
                ...)
{
    static const char marks[] = {[HEALTH_OK] = '+', [HEALTH_DEGRADED] = '!', [HEALTH_FAILED] = '-'};
    char text[TEXT_MAX];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    strbuf_addf(&health->lines, "[%c] %s: %s\n", marks[state], check, text);
    if (state > health->state) {
        health->state = state;
        strbuf_reset(&health->first);
        strbuf_addf(&health->first, "%s: %s", check, text);
    }
}

bool health_loop_turns(enum metric_loop loop, double age_s)
{
    return age_s < loops[loop].stalled_s;
}

void health_add_loops(struct health *health, const char *who, size_t slot)
{
    for (size_t l = 0; l < ARRAY_LEN(loops); l++) {
        char check[NAME_MAX_LEN];
        double age_s = 0;

        if (metric_get(slot, METRIC_LOOP_AGE, l, &age_s)) {
            snprintf(check, sizeof(check), "%s%s", who, loops[l].name);
            health_add(health, check, health_loop_turns(l, age_s) ? HEALTH_OK : HEALTH_FAILED,
                       "turned %.1f s ago", age_s);
        }
    }
}

void health_add_view(struct health *health, const char *who, size_t slot)
{
    char check[NAME_MAX_LEN];
    double revision = 0;
    double age_s = 0;

    snprintf(check, sizeof(check), "%sview", who);
    if (!metric_get(slot, METRIC_VIEW_REVISION, 0, &revision)) {
        health_add(health, check, HEALTH_FAILED, "the state is not loaded yet");
        return;
    }
    if (metric_get(slot, METRIC_VIEW_AGE, 0, &age_s) && age_s * 1000 < HEALTH_DEGRADED_MS) {
        health_add(health, check, HEALTH_OK, "revision %.0f, %.1f s old", revision, age_s);
    } else {
        health_add(health, check, HEALTH_DEGRADED, "Redis is away: revision %.0f is %.1f s old",
                   revision, age_s);
    }
}

int health_status(const struct health *health)
{
    return health->state == HEALTH_FAILED ? 503 : 200;
}

void health_write(const struct health *health, bool verbose, struct strbuf *out)
{
    static const char *const words[] = {
        [HEALTH_OK] = "ok", [HEALTH_DEGRADED] = "degraded", [HEALTH_FAILED] = "failed"};

    if (verbose && health->lines.len > 0) {
        strbuf_add(out, health->lines.text, health->lines.len);
    }
    strbuf_add_text(out, words[health->state]);
    if (health->first.len > 0) {
        strbuf_addf(out, ": %s", health->first.text);
    }
    strbuf_add_char(out, '\n');
}

bool health_wants_verbose(const char *raw_query)
{
    const char *query = raw_query ? raw_query : "";

    while (*query) {
        size_t len = strcspn(query, "&");

        if (len >= 7 && strncmp(query, "verbose", 7) == 0 && (len == 7 || query[7] == '=')) {
            return true;
        }
        query += len + (query[len] == '&');
    }
    return false;
}
