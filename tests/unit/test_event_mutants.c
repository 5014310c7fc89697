/*
 * Damaged events never crash the reader (run it under the sanitizers), and what it does accept is
 * sound: the body is JSON, and the raw form renders to the same body again.
 */
#include "vectors.h"

#include "model/event.h"
#include "util/js.h"

#define MUTANTS_PER_VECTOR 400

/* A small generator of our own: the same mutants on every machine. */
static uint32_t dice_state = 2463534242U;

static uint32_t dice(uint32_t sides)
{
    dice_state ^= dice_state << 13;
    dice_state ^= dice_state >> 17;
    dice_state ^= dice_state << 5;
    return dice_state % sides;
}

/* Pieces which readers stumble over, put in place of a value. */
static const char *const values[] = {
    "null",
    "true",
    "-1",
    "1e999",
    "9223372036854775808",
    "0.1",
    "\"\"",
    "[]",
    "{}",
    "[null]",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "{\"name\":{}}",
    "[[[]]]",
    "\"\xff\"",
    "\"arn:aws:ecs:us-east-1:111122223333:cluster/\"",
};

static void replace(struct strbuf *text, size_t from, size_t len, const char *by)
{
    AUTO_STRBUF out = {0};

    strbuf_add(&out, text->text, from);
    strbuf_add_text(&out, by);
    strbuf_add(&out, text->text + from + len, text->len - from - len);
    strbuf_reset(text);
    strbuf_add(text, out.text, out.len);
}

/* Puts something else in place of what follows a colon, up to the end of the line. */
static void replace_value(struct strbuf *text)
{
    char *colon = strchr(text->text + dice((uint32_t)text->len), ':');
    char *end = colon ? strpbrk(colon, ",\n") : NULL;

    if (end) {
        replace(text, (size_t)(colon + 1 - text->text), (size_t)(end - colon - 1),
                values[dice(ARRAY_LEN(values))]);
    }
}

static void mutate(struct strbuf *text)
{
    size_t at = dice((uint32_t)text->len);

    switch (dice(6)) {
    case 0: /* another byte */
        text->text[at] = (char)(1 + dice(255));
        break;
    case 1: /* something is missing */
        replace(text, at, dice((uint32_t)(text->len - at)) % 40, "");
        break;
    case 2: /* the end is missing */
        replace(text, at, text->len - at, "");
        break;
    default:
        replace_value(text);
    }
}

/* Accepted or not, and sound if accepted. */
static void check_record(const struct record *record)
{
    json_auto_t *body = js_parse(record->body, strlen(record->body), NULL);
    json_t *raw = js_parse(record->raw, strlen(record->raw), NULL);
    AUTO_RECORD again = {0};
    struct error err = {0};

    assert_non_null(body);
    if (record_from_raw(record->kind, raw, &again, &err) < 0) {
        fail_msg("%s: %s", err.text, record->raw);
    }
    assert_string_equal(again.body, record->body);
    assert_string_equal(again.raw, record->raw);
    assert_string_equal(again.fields, record->fields);
}

/* Whatever jansson accepts we accept, and read the same. */
static void compare_with_jansson(const char *text, size_t len)
{
    json_auto_t *theirs = json_loadb(text, len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    json_auto_t *ours = js_parse(text, len, NULL);

    if (theirs && (!ours || !json_equal(theirs, ours))) {
        fail_msg("jansson reads it differently: %.*s", (int)len, text);
    }
}

static size_t n_accepted, n_refused;

static void try_mutant(const char *text, size_t len, const char *stored)
{
    struct error err = {0};
    AUTO_RECORD record = {0};
    AUTO_CHAR *exact = xmalloc(len + 1); /* so that a read beyond the end is seen */

    memcpy(exact, text, len);
    compare_with_jansson(exact, len);
    enum event_flaw flaw;
    AUTO(event) *event = event_parse(exact, len, &flaw, &err);

    if (event && event_record(event, stored, &record, &err) == 0) {
        check_record(&record);
        n_accepted++;
    } else {
        assert_int_equal(err.code, ERR_INVALID);
        assert_true(err.text[0] != '\0');
        n_refused++;
    }
}

static void try_vector(const char *name)
{
    AUTO_CHAR *original = vector_read("events", name, "event.json");
    AUTO_CHAR *stored = vector_read("events", name, "stored.json");

    for (int m = 0; m < MUTANTS_PER_VECTOR; m++) {
        AUTO_STRBUF text = {0};

        strbuf_add_text(&text, original);
        for (uint32_t n = 1 + dice(2); n > 0 && text.len > 1; n--) {
            mutate(&text);
        }
        try_mutant(text.text, text.len, stored);
    }
}

static void test_mutants(void **state)
{
    (void)state;
    vector_each("events", try_vector);
    assert_true(n_accepted > 300); /* the mutations are neither too mild nor too wild */
    assert_true(n_refused > 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mutants),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
