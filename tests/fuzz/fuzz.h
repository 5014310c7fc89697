/* The one function of a fuzzer: libFuzzer calls it with inventions, replay.c with the corpus. */
#ifndef BLOX_FUZZ_H
#define BLOX_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Always 0; what must not happen ends the process. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* What must be so, whatever the input. */
#define REQUIRE(what)                                                                              \
    do {                                                                                           \
        if (!(what)) {                                                                             \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #what);                     \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#endif
