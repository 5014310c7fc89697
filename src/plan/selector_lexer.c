/* Cuts a cluster query into words, quoted values and symbols. */
#include "plan/selector_lexer.h"

#include <string.h>

#include "util/attr.h"
#include "util/mem.h"

#define SPACE        "\t\n\r "
#define PATTERN_ENDS SPACE "'\""

/* Longer ones before those they begin with. */
static const char *const symbols[] = {"!exists", "!in", "==", "!=", "=~", "!~", "<=", ">=", "&&",
                                      "||",      "<",   ">",  "!",  "(",  ")",  "[",  "]",  ","};

/* A single | or & belongs to the word: a|b is a pattern. */
static size_t word_len(const char *at)
{
    size_t len = 0;

    for (; at[len] != '\0' && !strchr(SPACE "()[],'\"=!<>~", at[len]); len++) {
        if ((at[len] == '&' || at[len] == '|') && at[len + 1] == at[len]) {
            break;
        }
    }
    return len;
}

/* A backslash and the character it is for. */
static size_t escape_len(const char *at)
{
    return *at == '\\' && at[1] != '\0' && !strchr(PATTERN_ENDS, at[1]) ? 2 : 0;
}

/* Of the class [...] which begins here, where a first ] belongs to it; 0 when it is not closed. */
static size_t class_len(const char *at)
{
    size_t len = at[1] == '^' ? 2 : 1;

    for (len += at[len] == ']'; at[len] != '\0' && !strchr(PATTERN_ENDS "]", at[len]);) {
        size_t escaped = escape_len(at + len);

        len += escaped ? escaped : 1;
    }
    return at[len] == ']' ? len + 1 : 0;
}

/* Up to a space, a quote, a parenthesis that closes none of its own, or && or || in none. 0 for one
 * that is to be in quotes: what it has open would take in what follows it. */
static size_t pattern_len(const char *at)
{
    size_t len = 0;
    size_t depth = 0;

    while (at[len] != '\0' && !strchr(PATTERN_ENDS, at[len])) {
        char c = at[len];
        size_t step = c == '[' ? class_len(at + len) : c == '\\' ? escape_len(at + len) : 1;

        if (depth == 0 && (c == ')' || ((c == '&' || c == '|') && at[len + 1] == c))) {
            break;
        }
        if (step == 0 || strncmp(at + len, "\\Q", 2) == 0) {
            return 0;
        }
        depth += c == '(';
        depth -= c == ')';
        len += step;
    }
    return depth == 0 ? len : 0;
}

static bool begins_with_symbol(const char *at, const char *symbol)
{
    size_t len = strlen(symbol);
    bool is_word = len > 2; /* !in and !exists: the word must end with them */

    return strncmp(at, symbol, len) == 0 && (!is_word || 1 + word_len(at + 1) == len);
}

/* 1 for a character which is no symbol of the language: the parser will refuse it. */
static size_t symbol_len(const char *at)
{
    for (size_t s = 0; s < ARRAY_LEN(symbols); s++) {
        if (begins_with_symbol(at, symbols[s])) {
            return strlen(symbols[s]);
        }
    }
    return 1;
}

static struct selector_token quoted(const char *at)
{
    const char stops[] = {*at, '\n', '\r', '\t', '\0'};
    size_t len = 1 + strcspn(at + 1, stops);

    if (at[len] != *at) {
        return (struct selector_token){TOKEN_UNCLOSED, at, len};
    }
    return (struct selector_token){TOKEN_QUOTED, at, len + 1};
}

struct selector_token selector_token_find(const char *at)
{
    at += strspn(at, SPACE);
    if (*at == '\0') {
        return (struct selector_token){TOKEN_END, at, 0};
    }
    if (*at == '\'' || *at == '"') {
        return quoted(at);
    }
    size_t len = word_len(at);

    if (len > 0) {
        return (struct selector_token){TOKEN_WORD, at, len};
    }
    return (struct selector_token){TOKEN_SYMBOL, at, symbol_len(at)};
}

struct selector_token selector_pattern_find(const char *at)
{
    at += strspn(at, SPACE);
    size_t len = pattern_len(at);

    return len > 0 ? (struct selector_token){TOKEN_WORD, at, len} : selector_token_find(at);
}

bool selector_token_is(const struct selector_token *token, const char *text)
{
    return (token->kind == TOKEN_WORD || token->kind == TOKEN_SYMBOL) &&
           strlen(text) == token->len && memcmp(token->at, text, token->len) == 0;
}

char *selector_token_value(const struct selector_token *token)
{
    size_t quote = token->kind == TOKEN_QUOTED;

    return xmemdup0(token->at + quote, token->len - 2 * quote);
}
