/* The words and symbols of a cluster query. */
#ifndef BLOX_PLAN_SELECTOR_LEXER_H
#define BLOX_PLAN_SELECTOR_LEXER_H

#include <stdbool.h>
#include <stddef.h>

enum selector_token_kind {
    TOKEN_END,
    TOKEN_WORD,     /* unquoted: a subject, a value, or an operator which is a word */
    TOKEN_QUOTED,   /* a value */
    TOKEN_UNCLOSED, /* a quote without its other one on the same line */
    TOKEN_SYMBOL,
};

struct selector_token {
    enum selector_token_kind kind;
    const char *at; /* in the expression, at the quote if there is one */
    size_t len;     /* bytes, with the quotes */
};

/* The first token at or behind `at`. */
struct selector_token selector_token_find(const char *at);

/* The same where a regular expression is expected: its parentheses, brackets and symbols belong to
 * the word. */
struct selector_token selector_pattern_find(const char *at);

/* Whether it is this word or symbol, unquoted. */
bool selector_token_is(const struct selector_token *token, const char *text);

/* A word or quoted value without its quotes; the caller's. */
char *selector_token_value(const struct selector_token *token);

#endif
