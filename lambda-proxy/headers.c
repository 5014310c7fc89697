/* What passes: lists of names, and everything the message's own Connection header names. */
#include "lambda-proxy/headers.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

#include "util/mem.h"
#include "util/strbuf.h"

void headers_clear(struct headers *headers)
{
    for (size_t i = 0; i < headers->n; i++) {
        free(headers->items[i].name);
        free(headers->items[i].value);
    }
    free(headers->items);
    *headers = (struct headers){0};
}

static bool name_is_token(const char *name)
{
    for (const char *c = name; *c; c++) {
        if (!isascii((unsigned char)*c) ||
            (!isalnum((unsigned char)*c) && !strchr("!#$%&'*+-.^_`|~", *c))) {
            return false;
        }
    }
    return *name;
}

bool header_value_is_valid(const char *value)
{
    for (const char *c = value; *c; c++) {
        if (((unsigned char)*c < ' ' && *c != '\t') || *c == '\x7f') {
            return false;
        }
    }
    return true;
}

int headers_add(struct headers *headers, const char *name, const char *value, struct error *err)
{
    size_t len = strlen(name) + strlen(value);

    if (!name_is_token(name)) {
        return error_set(err, ERR_INVALID, "a header's name has a character which it may not have");
    }
    if (!header_value_is_valid(value)) {
        return error_set(err, ERR_INVALID, "header %.60s: control character in its value", name);
    }
    if (headers->n == HEADERS_MAX) {
        return error_set(err, ERR_INVALID, "more than %d headers", HEADERS_MAX);
    }
    if (len > HEADERS_LEN_MAX - headers->len) {
        return error_set(err, ERR_INVALID, "more than %d bytes of headers", HEADERS_LEN_MAX);
    }
    if (!headers->items) {
        headers->items = xcalloc(HEADERS_MAX, sizeof(*headers->items));
    }
    headers->items[headers->n++] = (struct header){xstrdup(name), xstrdup(value)};
    headers->len += len;
    return 0;
}

const char *headers_last(const struct headers *headers, const char *name)
{
    for (size_t i = headers->n; i > 0; i--) {
        if (strcasecmp(headers->items[i - 1].name, name) == 0) {
            return headers->items[i - 1].value;
        }
    }
    return NULL;
}

char *headers_joined(const struct headers *headers, const char *name)
{
    struct strbuf all = {0};

    for (size_t i = 0; i < headers->n; i++) {
        if (strcasecmp(headers->items[i].name, name) == 0) {
            strbuf_add_text(&all, all.len > 0 ? ", " : "");
            strbuf_add_text(&all, headers->items[i].value);
        }
    }
    return all.text ? strbuf_take(&all) : NULL;
}

/* ---- what does not pass ---------------------------------------------------------------------- */

/* "*" at the end stands for anything. Every list ends with NULL. */
static const char *const of_one_connection[] = {
    "Connection", "Keep-Alive", "Proxy-*", "TE", "Trailer", "Transfer-Encoding", "Upgrade", NULL,
};

static const char *const not_from_clients[] = {
    "Content-Length", /* counted anew */
    "Expect",
    "Host", /* the gateway's; the backend has its own */
    /* The client's signature was for the gateway, which has verified it. */
    "Authorization",
    "X-Amz-Content-Sha256",
    "X-Amz-Date",
    "X-Amz-Security-Token",
    /* Said by the proxy, or by nobody. */
    "Forwarded",
    "X-Blox-*",
    "X-Forwarded-*",
    "X-Real-Ip",
    "X-Request-Id",
    NULL,
};

static const char *const not_to_clients[] = {
    "Content-Length", "Date", "Server", "X-Accel-*", NULL, /* the first three are the gateway's */
};

/* "_" counts as "-": whoever makes variables out of headers (CGI) cannot tell them apart. */
static bool matches(const char *pattern, const char *name)
{
    for (; *pattern && *pattern != '*'; pattern++, name++) {
        int c = *name == '_' ? '-' : tolower((unsigned char)*name);

        if (c != tolower((unsigned char)*pattern)) {
            return false;
        }
    }
    return *pattern == '*' || *name == '\0';
}

static bool listed(const char *const names[], const char *name)
{
    for (; *names; names++) {
        if (matches(*names, name)) {
            return true;
        }
    }
    return false;
}

/* The name is an element of the comma-separated list. */
static bool connection_names(const char *list, const char *name)
{
    size_t name_len = strlen(name);

    while (list && *list) {
        list += strspn(list, ", \t");
        size_t len = strcspn(list, ", \t");

        if (len == name_len && strncasecmp(list, name, len) == 0) {
            return true;
        }
        list += len;
    }
    return false;
}

static void clean(struct headers *headers, const char *const names[])
{
    AUTO_CHAR *connection = headers_joined(headers, "Connection");
    size_t kept = 0;

    headers->len = 0;
    for (size_t i = 0; i < headers->n; i++) {
        struct header *header = &headers->items[i];

        if (listed(of_one_connection, header->name) || listed(names, header->name) ||
            connection_names(connection, header->name)) {
            free(header->name);
            free(header->value);
        } else {
            headers->len += strlen(header->name) + strlen(header->value);
            headers->items[kept++] = *header;
        }
    }
    headers->n = kept;
}

void headers_clean_request(struct headers *headers)
{
    clean(headers, not_from_clients);
}

void headers_clean_answer(struct headers *headers)
{
    clean(headers, not_to_clients);
}
