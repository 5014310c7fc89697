/* What every cmocka program needs, in the order cmocka.h wants it. */
#ifndef BLOX_TEST_H
#define BLOX_TEST_H

#include <setjmp.h> /* IWYU pragma: keep */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define PATIENCE_MS 30000 /* for what comes within milliseconds on an idle machine */

#endif
