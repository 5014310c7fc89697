/* Names of the kinds, and the field line. */
#include "model/kind.h"

static const char *const names[KIND_COUNT] = {
    [KIND_TASK] = "task",
    [KIND_INSTANCE] = "instance",
    [KIND_CLUSTER] = "cluster",
    [KIND_ENVIRONMENT] = "environment",
    [KIND_DEPLOYMENT] = "deployment",
    [KIND_PLACEMENT] = "placement",
    [KIND_RECONCILE] = "reconcile",
};

const char *kind_name(enum kind kind)
{
    return names[kind];
}

bool kind_parse(const char *name, enum kind *out)
{
    for (int k = 0; k < KIND_COUNT; k++) {
        if (streq(name, names[k])) {
            *out = (enum kind)k;
            return true;
        }
    }
    return false;
}

void fields_add(struct strbuf *line, const char *value)
{
    if (line->text) { /* even an empty first field has been written */
        strbuf_add_char(line, '\t');
    }
    strbuf_add(line, "", 0);
    for (const char *c = value ? value : ""; *c; c++) {
        switch (*c) {
        case '\\':
            strbuf_add(line, "\\\\", 2);
            break;
        case '\t':
            strbuf_add(line, "\\t", 2);
            break;
        case '\n':
            strbuf_add(line, "\\n", 2);
            break;
        default:
            strbuf_add_char(line, *c);
        }
    }
}

void fields_add_int(struct strbuf *line, int64_t value)
{
    AUTO_STRBUF text = {0};

    strbuf_add_int(&text, value);
    fields_add(line, text.text);
}

/* Unescapes the field at `from`, in place; gives what follows its tab, or NULL at the end. */
static char *split_one(char *from)
{
    char *to = from;

    for (; *from && *from != '\t'; from++) {
        if (*from == '\\' && from[1]) {
            from++;
            *to++ = (char)(*from == 't' ? '\t' : *from == 'n' ? '\n' : *from);
        } else {
            *to++ = *from;
        }
    }
    char *rest = *from ? from + 1 : NULL;

    *to = '\0';
    return rest;
}

void fields_split(char *line, const char *out[FIELDS_MAX])
{
    for (int f = 0; f < FIELDS_MAX; f++) {
        out[f] = line ? line : "";
        line = line ? split_one(line) : NULL;
    }
}
