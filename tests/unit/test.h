/* What every cmocka program needs, in the order cmocka.h wants it. */
#ifndef BLOX_TEST_H
#define BLOX_TEST_H

#include <setjmp.h> /* IWYU pragma: keep */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
