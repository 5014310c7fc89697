/* Reading what a Redis server answers: replies, what INFO says, how it refuses. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/redis.h"

void reply_free(struct reply *reply)
{
    if (!reply) {
        return;
    }
    for (size_t i = 0; i < reply->n; i++) {
        reply_free(reply->items[i]);
    }
    free(reply);
}

const char *reply_text_at(const struct reply *reply, size_t i)
{
    bool there = reply->type == REPLY_ARRAY && i < reply->n && reply->items[i]->type == REPLY_TEXT;

    return there ? reply->items[i]->text : NULL;
}

const struct reply *reply_array_at(const struct reply *reply, size_t i)
{
    bool there = reply->type == REPLY_ARRAY && i < reply->n && reply->items[i]->type == REPLY_ARRAY;

    return there ? reply->items[i] : NULL;
}

const struct reply *reply_field(const struct reply *array, const char *name)
{
    for (size_t i = 0; array->type == REPLY_ARRAY && i + 1 < array->n; i += 2) {
        const char *found = reply_text_at(array, i);

        if (found && streq(found, name) && array->items[i + 1]->type == REPLY_TEXT) {
            return array->items[i + 1];
        }
    }
    return NULL;
}

/* ---- INFO ---------------------------------------------------------------------------------- */

/* Copies the value of "name:value\r\n" to out; "" when there is none. */
static void info_field(const char *text, const char *name, char *out, size_t size)
{
    size_t len = strlen(name);

    out[0] = '\0';
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, len) == 0 && line[len] == ':') {
            const char *value = line + len + 1;

            snprintf(out, size, "%.*s", (int)strcspn(value, "\r\n"), value);
            return;
        }
    }
}

static bool info_is(const char *text, const char *name, const char *want)
{
    char value[32];

    info_field(text, name, value, sizeof(value));
    return streq(value, want);
}

void redis_info_parse(const char *text, struct redis_info *out)
{
    char version[32];
    char replid[48];
    char former[48];

    *out = (struct redis_info){0};
    info_field(text, "redis_version", version, sizeof(version));
    if (sscanf(version, "%d.%d", &out->major, &out->minor) != 2) {
        out->major = 0;
    }
    out->primary = info_is(text, "role", "master");
    out->loading = info_is(text, "loading", "1");
    out->aof = info_is(text, "aof_enabled", "1");
    info_field(text, "maxmemory_policy", out->policy, sizeof(out->policy));
    info_field(text, "run_id", out->run_id, sizeof(out->run_id));
    info_field(text, "master_replid", replid, sizeof(replid));
    info_field(text, "master_replid2", former, sizeof(former));
    out->was_replica = former[strspn(former, "0")] != '\0';
    snprintf(out->identity, sizeof(out->identity), "%s %s", out->run_id, replid);
}

/* ---- refusals ------------------------------------------------------------------------------ */

/* By the first word of the reply. Source: Redis' sources, the shared error replies. */
static const struct {
    const char *word;
    struct redis_refusal what;
} refusals[] = {
    {"READONLY", {ERR_UNAVAILABLE, true, "it is a replica now; looking for the primary"}},
    {"LOADING", {ERR_UNAVAILABLE, true, "wait until it has loaded its data"}},
    {"MASTERDOWN", {ERR_UNAVAILABLE, true, "it is a replica without a primary: promote one"}},
    {"MOVED", {ERR_UNAVAILABLE, true, "another node has our keys now; looking for the primary"}},
    {"UNBLOCKED", {ERR_UNAVAILABLE, true, "it is a replica now; looking for the primary"}},
    {"CLUSTERDOWN", {ERR_UNAVAILABLE, true, "its cluster has no quorum"}},
    {"OOM", {ERR_UNAVAILABLE, false, "raise its maxmemory or let the log keep less"}},
    {"MISCONF", {ERR_UNAVAILABLE, false, "it cannot write to its disk: see its own log"}},
    {"BUSY", {ERR_UNAVAILABLE, false, "a script of somebody blocks it: SCRIPT KILL"}},
    {"NOREPLICAS", {ERR_UNAVAILABLE, false, "fewer replicas than its min-replicas-to-write"}},
    {"TRYAGAIN", {ERR_UNAVAILABLE, false, NULL}},
    {"NOAUTH", {ERR_DENIED, false, "put its password into the Redis URL"}},
    {"WRONGPASS", {ERR_DENIED, false, "correct user and password in the Redis URL"}},
    {"NOPERM", {ERR_DENIED, false, "give this user of the ACL the command and the keys {blox}:*"}},
    {"WRONGTYPE", {ERR_PROTOCOL, false, "somebody else's data: give Blox a database of its own"}},
    {"CROSSSLOT", {ERR_INVALID, false, "this is a Redis Cluster, which Blox does not speak"}},
};

struct redis_refusal redis_refusal_of(const char *reply)
{
    size_t len = 0;

    while (isupper((unsigned char)reply[len])) {
        len++;
    }
    for (size_t r = 0; r < ARRAY_LEN(refusals); r++) {
        if (strlen(refusals[r].word) == len && strncmp(reply, refusals[r].word, len) == 0) {
            return refusals[r].what;
        }
    }
    return (struct redis_refusal){.code = ERR_PROTOCOL};
}
