/* Compiler attributes and the two words of ownership: AUTO frees at the end of the scope, TAKE
 * hands the pointer on. */
#ifndef BLOX_UTIL_ATTR_H
#define BLOX_UTIL_ATTR_H

#include <stddef.h>
#include <string.h>

#define MUST_CHECK        __attribute__((warn_unused_result))
#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define NORETURN          __attribute__((noreturn))
#define UNUSED            __attribute__((unused))
#define ARRAY_LEN(array)  (sizeof(array) / sizeof((array)[0]))

/* Compares two texts for equality; both must be there. */
#define streq(a, b) (strcmp((a), (b)) == 0)

/*
 * `AUTO(environment) *env = ...` is a `struct environment *` which environment_free ends with the
 * scope. The room which owns the type says AUTO_DEFINE(environment) once, in its header, after the
 * declaration of environment_free.
 */
#define AUTO(type) __attribute__((cleanup(type##_auto_free))) struct type
#define AUTO_DEFINE(type)                                                                          \
    static inline UNUSED void type##_auto_free(struct type **p)                                    \
    {                                                                                              \
        type##_free(*p);                                                                           \
    }                                                                                              \
    struct type /* so that a semicolon may follow */

/* The same for a plain `char *` from malloc. */
#define AUTO_CHAR __attribute__((cleanup(auto_free_char))) char

/* Gives the pointer's value and empties the variable, so that AUTO finds nothing to free. */
#define TAKE(p)                                                                                    \
    __extension__({                                                                                \
        __typeof__(p) taken_ = (p);                                                                \
        (p) = NULL;                                                                                \
        taken_;                                                                                    \
    })

void auto_free_char(char **text); /* in mem.c */

#endif
