/* PCRE2 with limits; what a match works with belongs to the thread, not to the pattern. */
#include "util/regex.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "util/mem.h"

/* MATCH_INVALID_UTF: a text with broken UTF-8 is no error, the broken parts match nothing. */
#define COMPILE_OPTIONS                                                                            \
    (PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_UTF | PCRE2_MATCH_INVALID_UTF |                    \
     PCRE2_NEVER_BACKSLASH_C)

struct regex {
    pcre2_code *code;
    pcre2_match_context *limits;
};

/* ---- compiling ------------------------------------------------------------------------------- */

static pcre2_code *compile(const char *pattern, int *code, size_t *at)
{
    pcre2_compile_context *limits = pcre2_compile_context_create(NULL);
    pcre2_code *compiled = NULL;

    assert(limits);
    pcre2_set_max_pattern_length(limits, REGEX_LEN_MAX);
    pcre2_set_parens_nest_limit(limits, REGEX_NEST_MAX);
    compiled =
        pcre2_compile((PCRE2_SPTR)pattern, strlen(pattern), COMPILE_OPTIONS, code, at, limits);
    pcre2_compile_context_free(limits);
    return compiled;
}

static pcre2_match_context *match_limits(void)
{
    pcre2_match_context *limits = pcre2_match_context_create(NULL);

    assert(limits);
    pcre2_set_match_limit(limits, REGEX_STEPS_MAX);
    pcre2_set_depth_limit(limits, REGEX_DEPTH_MAX);
    pcre2_set_heap_limit(limits, REGEX_HEAP_KIB);
    return limits;
}

struct regex *regex_compile(const char *pattern, size_t *at, struct error *err)
{
    int code = 0;
    size_t where = 0;
    pcre2_code *compiled = compile(pattern, &code, &where);
    PCRE2_UCHAR why[128] = "";

    if (!compiled) {
        pcre2_get_error_message(code, why, sizeof(why));
        error_set(err, ERR_INVALID, "%s", (const char *)why);
        *at = where <= strlen(pattern) ? where : strlen(pattern);
        return NULL;
    }
    struct regex *regex = xcalloc(1, sizeof(*regex));

    regex->code = compiled;
    regex->limits = match_limits();
    return regex;
}

void regex_free(struct regex *regex)
{
    if (!regex) {
        return;
    }
    pcre2_code_free(regex->code);
    pcre2_match_context_free(regex->limits);
    free(regex);
}

/* ---- matching -------------------------------------------------------------------------------- */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;

static void free_match_data(void *data)
{
    pcre2_match_data_free(data);
}

static void make_key(void)
{
    int failed = pthread_key_create(&key, free_match_data);

    assert(failed == 0);
    (void)failed;
}

/* The calling thread's; ends with it. */
static pcre2_match_data *match_data(void)
{
    pthread_once(&once, make_key);
    pcre2_match_data *data = pthread_getspecific(key);

    if (!data) {
        data = pcre2_match_data_create(1, NULL); /* we ask whether, never where */
        assert(data);
        pthread_setspecific(key, data);
    }
    return data;
}

enum regex_outcome regex_match(const struct regex *regex, const char *text)
{
    int rc =
        pcre2_match(regex->code, (PCRE2_SPTR)text, strlen(text), 0, 0, match_data(), regex->limits);

    if (rc == PCRE2_ERROR_NOMATCH) {
        return REGEX_NO_MATCH;
    }
    return rc < 0 ? REGEX_TOO_HARD : REGEX_MATCH; /* 0: there were captures, which nobody wants */
}
