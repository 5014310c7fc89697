/* Lines of a stream, made from entries of the log. */
#include "api/transition.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/uio.h>

#include "util/js.h"
#include "util/mem.h"

#define REASON_UNMATCHED "unmatched"

static void add_line(struct strbuf *out, const char *body, size_t body_len, int64_t revision,
                     const char *reason)
{
    strbuf_reserve(out, body_len + 128);
    strbuf_add_text(out, "{\"entity\":");
    strbuf_add(out, body, body_len);
    strbuf_addf(out, ",\"metadata\":{\"entityVersion\":\"%" PRId64 "\"}", revision);
    if (reason) {
        strbuf_add_text(out, ",\"deleted\":true,\"reason\":");
        js_write_string(out, reason);
    }
    strbuf_add_text(out, "}\n");
}

/* The struct, the line, and the field lines in one block: a ring holds many of them. */
struct block {
    struct transition transition; /* first: it is what callers have */
    struct entity before;
    char bytes[];
};

static struct transition *make(const struct log_entry *entry, const struct stored_value *value,
                               const struct strbuf *line)
{
    size_t old_len = entry->old_fields ? strlen(entry->old_fields) + 1 : 0;
    size_t size = sizeof(struct block) + line->len + 1 + value->fields_len + 1 + old_len;
    struct block *block = xmalloc(size);
    struct transition *transition = &block->transition;
    char *fields = (char *)mempcpy(block->bytes, line->text, line->len + 1);
    char *old = (char *)mempcpy(fields, value->fields, value->fields_len) + 1;

    old[-1] = '\0';
    *transition = (struct transition){
        .revision = entry->revision,
        .deleted = entry->deleted,
        .after = {.kind = entry->kind,
                  .revision = entry->revision,
                  .at_ms = entry->at_ms,
                  .key = "",
                  .version = "",
                  .text = block->bytes,
                  .text_len = line->len - 1},
        .size = size,
    };
    fields_split(fields, transition->after.fields);
    block->before = (struct entity){.kind = entry->kind, .key = "", .version = ""};
    if (old_len > 0) {
        memcpy(old, entry->old_fields, old_len);
        fields_split(old, block->before.fields);
        transition->before = &block->before;
    }
    return transition;
}

struct transition *transition_new(const struct log_entry *entry)
{
    struct stored_value value;
    AUTO_STRBUF line = {0};

    if (entry->epoch || (entry->kind != KIND_TASK && entry->kind != KIND_INSTANCE) ||
        !value_parse(entry->value, entry->value_len, &value) || value.body_len == 0) {
        return NULL;
    }
    add_line(&line, value.body, value.body_len, entry->revision,
             entry->deleted ? entry->cause : NULL);
    return make(entry, &value, &line);
}

void transition_free(struct transition *transition)
{
    if (transition) {
        free(transition->unmatched);
        free(transition);
    }
}

struct iovec transition_line(const struct transition *transition)
{
    return (struct iovec){(void *)(uintptr_t)transition->after.text,
                          transition->after.text_len + 1};
}

struct iovec transition_unmatched(struct transition *transition)
{
    static const char suffix[] = ",\"deleted\":true,\"reason\":\"" REASON_UNMATCHED "\"}\n";

    if (!transition->unmatched) {
        transition->unmatched = xasprintf("%.*s%s", (int)transition->after.text_len - 1,
                                          transition->after.text, suffix);
    }
    return (struct iovec){transition->unmatched, transition->after.text_len - 1 + strlen(suffix)};
}
