/* Ordered trees of libbsd for use in one file: its own RB_GENERATE_STATIC wants a macro that glibc
 * does not have. */
#ifndef BLOX_SIM_TREE_H
#define BLOX_SIM_TREE_H

#include <stddef.h> /* NULL, which the next one uses */

#include <bsd/sys/tree.h>

#include "util/attr.h"

#define TREE_FUNCTIONS(name, type, field, compare)                                                 \
    RB_PROTOTYPE_INTERNAL(name, type, field, compare, static UNUSED)                               \
    RB_GENERATE_INTERNAL(name, type, field, compare, static UNUSED)                                \
    struct type /* so that a semicolon may follow */

#endif
