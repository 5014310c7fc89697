/*
 * libbsd's ordered trees, the functions of which one file has for itself: RB_GENERATE_STATIC wants
 * a macro that glibc does not have. The door to <bsd/sys/tree.h>.
 */
#ifndef BLOX_UTIL_TREE_H
#define BLOX_UTIL_TREE_H

#include <stddef.h> /* NULL, which the next one uses */
#include <string.h>

#include <bsd/sys/tree.h>

#include "util/attr.h"

#define TREE_FUNCTIONS(name, type, field, compare)                                                 \
    RB_PROTOTYPE_INTERNAL(name, type, field, compare, static UNUSED)                               \
    RB_GENERATE_INTERNAL(name, type, field, compare, static UNUSED)                                \
    struct type /* so that a semicolon may follow */

/* A tree in the order of the text at `key`, with `name`_after(tree, text): the element behind that
 * text, whether the tree has it or not; the first one for NULL. */
#define TREE_BY_TEXT(name, type, field, key)                                                       \
    static int name##_compare(const struct type *a, const struct type *b)                          \
    {                                                                                              \
        return strcmp(a->key, b->key);                                                             \
    }                                                                                              \
    TREE_FUNCTIONS(name, type, field, name##_compare);                                             \
    static struct type *name##_after(struct name *tree, const char *text)                          \
    {                                                                                              \
        struct type *next =                                                                        \
            text ? RB_NFIND(name, tree, &(struct type){.key = text}) : RB_MIN(name, tree);         \
                                                                                                   \
        return text && next && streq(next->key, text) ? RB_NEXT(name, tree, next) : next;          \
    }                                                                                              \
    struct type

#endif
