/* What a call of the ECS read API asks for, and pages of listings. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/ecs_reads.h"
#include "util/crypto.h"
#include "util/js.h"
#include "util/mem.h"

#define INVALID "InvalidParameterException"

/* ---- members --------------------------------------------------------------------------------- */

static const json_t *member(const struct ecs_call *call, const char *key)
{
    const json_t *value = json_object_get(call->input, key);

    return json_is_null(value) ? NULL : value;
}

static int refuse_type(struct ecs_call *call, const char *key, const char *type)
{
    return ecs_refuse(call, "SerializationException", "%s can not be converted to %s", key, type);
}

/* A C string ends at a NUL: nothing in ECS has a name with one. */
static int check_text(struct ecs_call *call, const char *key, const json_t *value)
{
    if (!json_is_string(value)) {
        return refuse_type(call, key, "a String");
    }
    return strlen(json_string_value(value)) == json_string_length(value)
               ? 0
               : ecs_refuse(call, INVALID, "%s contains an invalid character.", key);
}

int ecs_input_text(struct ecs_call *call, const char *key, const char **out)
{
    const json_t *value = member(call, key);

    if (value && check_text(call, key, value) < 0) {
        return -1;
    }
    *out = json_string_value(value);
    return 0;
}

static int check_texts(struct ecs_call *call, const char *key, const json_t *array)
{
    const json_t *element;
    size_t i;

    json_array_foreach(array, i, element)
    {
        if (check_text(call, key, element) < 0) {
            return -1;
        }
    }
    return 0;
}

/* ECS says "Tasks cannot be empty." of `tasks`. */
int ecs_input_texts(struct ecs_call *call, const char *key, size_t min, const json_t **out)
{
    const json_t *value = member(call, key);
    size_t n = json_array_size(value);

    if (value && !json_is_array(value)) {
        return refuse_type(call, key, "a List");
    }
    if (check_texts(call, key, value) < 0) {
        return -1;
    }
    if (n < min) {
        return ecs_refuse(call, INVALID, "%c%s cannot be empty.", toupper(key[0]), key + 1);
    }
    if (n > ECS_DESCRIBED_MAX) {
        return ecs_refuse(call, INVALID, "%c%s can have at most %d items.", toupper(key[0]),
                          key + 1, ECS_DESCRIBED_MAX);
    }
    *out = value;
    return 0;
}

int ecs_input_include(struct ecs_call *call)
{
    const json_t *ignored = NULL;

    return ecs_input_texts(call, "include", 0, &ignored);
}

bool ecs_includes(const struct ecs_call *call, const char *word)
{
    const json_t *element;
    size_t i;

    json_array_foreach(member(call, "include"), i, element)
    {
        if (json_is_string(element) && streq(json_string_value(element), word)) {
            return true;
        }
    }
    return false;
}

/* ---- pages ----------------------------------------------------------------------------------- */

static int read_size(struct ecs_call *call, size_t *out)
{
    const json_t *value = member(call, "maxResults");
    json_int_t max = value ? json_integer_value(value) : ECS_PAGE_MAX;

    if (value && !json_is_integer(value)) {
        return refuse_type(call, "maxResults", "an Integer");
    }
    if (max < 1 || max > ECS_PAGE_MAX) {
        return ecs_refuse(call, INVALID, "maxResults must be between 1 and %d.", ECS_PAGE_MAX);
    }
    *out = (size_t)max;
    return 0;
}

/* A hash of the operation and of all it was asked, but for which page and how large. */
static void find_scope(const struct ecs_call *call, uint8_t scope[PAGE_SCOPE_LEN])
{
    json_auto_t *asked = json_deep_copy(call->input);
    AUTO_STRBUF text = {0};
    uint8_t hash[SHA256_LEN];

    json_object_del(asked, "nextToken");
    json_object_del(asked, "maxResults");
    strbuf_addf(&text, "ecs %s ", call->operation);
    js_write_canonical(&text, asked);
    crypto_sha256(text.text, text.len, hash);
    memcpy(scope, hash, PAGE_SCOPE_LEN);
}

/* The page before may have been another worker's, whose view was ahead of ours. */
static int follow_token(struct ecs_call *call, const struct page_token *token)
{
    struct error err = {0};

    return view_wait(call->api->view, token->revision, CATCH_UP_MS, &err) < 0 ? ecs_fail(call, &err)
                                                                              : 0;
}

static int read_token(struct ecs_call *call, const char *text, struct ecs_page *page)
{
    char key[PAGE_KEY_HEX_LEN];
    struct page_token token;

    view_page_key(call->api->view, key);
    if (!page_token_read(text, key, &token) ||
        memcmp(token.scope, page->scope, PAGE_SCOPE_LEN) != 0) {
        return ecs_refuse(call, INVALID, "Invalid token %.100s", text);
    }
    page->after = xstrdup(token.minor);
    return follow_token(call, &token);
}

int ecs_page_open(struct ecs_call *call, struct ecs_page *out)
{
    const char *text = NULL;

    if (read_size(call, &out->max) < 0 || ecs_input_text(call, "nextToken", &text) < 0) {
        return -1;
    }
    find_scope(call, out->scope);
    return text ? read_token(call, text, out) : 0;
}

void ecs_page_clear(struct ecs_page *page)
{
    free(page->after);
}

static void add_token(struct ecs_call *call, const struct ecs_page *page, const char *last,
                      int64_t revision)
{
    struct page_token token = {.revision = revision};
    char key[PAGE_KEY_HEX_LEN];
    AUTO_STRBUF text = {0};

    memcpy(token.scope, page->scope, PAGE_SCOPE_LEN);
    snprintf(token.minor, sizeof(token.minor), "%s", last);
    view_page_key(call->api->view, key);
    page_token_make(&token, key, &text);
    json_object_set_new(call->output, "nextToken", json_string(text.text));
}

void ecs_page_answer(struct ecs_call *call, const struct ecs_page *page, const char *name,
                     const struct entity_list *found)
{
    json_t *arns = json_array();

    for (size_t i = 0; i < found->n && i < page->max; i++) {
        json_array_append_new(arns, json_string(found->items[i]->key));
    }
    json_object_set_new(call->output, name, arns);
    if (found->n > page->max) {
        add_token(call, page, found->items[page->max - 1]->key, found->revision);
    }
}
