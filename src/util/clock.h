/* What time it is: the wall clock, for people and peers, and the monotonic one, for waiting. */
#ifndef BLOX_UTIL_CLOCK_H
#define BLOX_UTIL_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int64_t clock_wall_ms(void); /* milliseconds since the epoch, UTC */
int64_t clock_mono_ms(void); /* milliseconds of a clock which nobody sets; for deadlines */
int64_t clock_mono_us(void);
int64_t clock_boot_ms(void); /* the same, but goes on while the machine is suspended */
void clock_sleep_ms(int64_t ms);

#define CLOCK_ISO_LEN sizeof("2017-01-02T03:04:05.678Z")

/* "2017-01-02T03:04:05.678Z" into out, which has room for CLOCK_ISO_LEN bytes. What lies beyond the
 * years 0 to 9999 is shown as their ends. */
void clock_format_iso_ms(int64_t at_ms, char *out);
/* Reads RFC 3339: any number of fraction digits (cut at milliseconds), Z or an offset.
 * False when the text is nothing of the kind; *at_ms is then untouched. */
bool clock_parse_iso(const char *text, int64_t *at_ms);

#endif
