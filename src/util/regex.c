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
    return regex;
}

void regex_free(struct regex *regex)
{
    if (!regex) {
        return;
    }
    pcre2_code_free(regex->code);
    free(regex);
}

/* ---- matching -------------------------------------------------------------------------------- */

/* The calling thread's; ends with it. */
struct workspace {
    pcre2_match_data *data;
    pcre2_match_context *limits;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;

static void free_workspace(void *value)
{
    struct workspace *workspace = value;

    pcre2_match_data_free(workspace->data);
    pcre2_match_context_free(workspace->limits);
    free(workspace);
}

static void make_key(void)
{
    int failed = pthread_key_create(&key, free_workspace);

    assert(failed == 0);
    (void)failed;
}

static struct workspace *get_workspace(void)
{
    pthread_once(&once, make_key);
    struct workspace *workspace = pthread_getspecific(key);

    if (!workspace) {
        workspace = xcalloc(1, sizeof(*workspace));
        workspace->data = pcre2_match_data_create(1, NULL); /* we ask whether, never where */
        workspace->limits = pcre2_match_context_create(NULL);
        assert(workspace->data && workspace->limits);
        pcre2_set_depth_limit(workspace->limits, REGEX_DEPTH_MAX);
        pcre2_set_heap_limit(workspace->limits, REGEX_HEAP_KIB);
        pthread_setspecific(key, workspace);
    }
    return workspace;
}

/* PCRE2's own code, with so many steps at most. */
static int try(const struct regex *regex, const char *text, uint32_t steps)
{
    struct workspace *workspace = get_workspace();

    pcre2_set_match_limit(workspace->limits, steps);
    return pcre2_match(regex->code, (PCRE2_SPTR)text, strlen(text), 0, 0, workspace->data,
                       workspace->limits);
}

/* PCRE2 does not tell how many steps it took, only that a limit was too low: limits grow until one
 * is not. What is tried in vain is a third of the whole at most. */
enum regex_outcome regex_match(const struct regex *regex, const char *text, int64_t *steps)
{
    static const uint32_t limits[] = {REGEX_STEPS_FREE, REGEX_STEPS_FREE * 4, REGEX_STEPS_FREE * 16,
                                      REGEX_STEPS_MAX};
    int rc = PCRE2_ERROR_MATCHLIMIT;

    for (size_t l = 0; l < ARRAY_LEN(limits) && rc == PCRE2_ERROR_MATCHLIMIT; l++) {
        if (steps && *steps < 0) {
            return REGEX_TOO_HARD;
        }
        rc = try(regex, text, limits[l]);
        if (steps && l > 0) {
            *steps -= limits[l] - limits[l - 1];
        }
    }
    if (rc == PCRE2_ERROR_NOMATCH) {
        return REGEX_NO_MATCH;
    }
    return rc < 0 ? REGEX_TOO_HARD : REGEX_MATCH; /* 0: there were captures, which nobody wants */
}
