/* Clocks, and RFC 3339 in both directions. */
#include "util/clock.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#define DAY_MS     86400000LL
#define ISO_MIN_MS (-62167219200000LL) /* 0000-01-01 */
#define ISO_MAX_MS 253402300799999LL   /* the end of 9999 */

int64_t clock_wall_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_mono_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_mono_ms(void)
{
    return clock_mono_us() / 1000;
}

int64_t clock_boot_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void clock_sleep_ms(int64_t ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000};

    while (nanosleep(&left, &left) < 0 && errno == EINTR) {
    }
}

/* ---- RFC 3339 ----------------------------------------------------------------------------------
 *
 * By hand: gmtime_r, timegm and printf ask for the time zone, under a lock, and take ten times as
 * long; a task's event has half a dozen instants. */

/* Days from 1970-01-01 to a day of the Gregorian calendar; a day beyond the month's end runs over.
 * The year begins in March here, so that the leap day is its last. */
static int64_t days_of(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* The other way round. */
static void date_of(int64_t days, int *year, int *month, int *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t of_era = days - era * 146097;
    int64_t years = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * years + years / 4 - years / 100);
    int64_t months = (5 * of_year + 2) / 153; /* since March */

    *day = (int)(of_year - (153 * months + 2) / 5 + 1);
    *month = (int)(months < 10 ? months + 3 : months - 9);
    *year = (int)(years + era * 400 + (*month <= 2));
}

static char *put_digits(char *out, int n, int value, char behind)
{
    for (int i = n - 1; i >= 0; i--) {
        out[i] = (char)('0' + value % 10);
        value /= 10;
    }
    out[n] = behind;
    return out + n + 1;
}

void clock_format_iso_ms(int64_t at_ms, char *out)
{
    int year, month, day;

    at_ms = at_ms < ISO_MIN_MS ? ISO_MIN_MS : at_ms > ISO_MAX_MS ? ISO_MAX_MS : at_ms;
    int64_t days = (at_ms >= 0 ? at_ms : at_ms - (DAY_MS - 1)) / DAY_MS;
    int ms = (int)(at_ms - days * DAY_MS);

    date_of(days, &year, &month, &day);
    out = put_digits(out, 4, year, '-');
    out = put_digits(out, 2, month, '-');
    out = put_digits(out, 2, day, 'T');
    out = put_digits(out, 2, ms / 3600000, ':');
    out = put_digits(out, 2, ms / 60000 % 60, ':');
    out = put_digits(out, 2, ms / 1000 % 60, '.');
    out = put_digits(out, 3, ms % 1000, 'Z');
    *out = '\0';
}

/* Reads exactly n digits at *text and moves it behind them. */
static bool read_digits(const char **text, int n, int *out)
{
    int value = 0;

    for (int i = 0; i < n; i++, (*text)++) {
        if (!isdigit((unsigned char)**text)) {
            return false;
        }
        value = value * 10 + (**text - '0');
    }
    *out = value;
    return true;
}

static bool read_char(const char **text, const char *one_of)
{
    if (**text == '\0' || !strchr(one_of, **text)) {
        return false;
    }
    (*text)++;
    return true;
}

static bool read_fraction_ms(const char **text, int *ms)
{
    int scale = 100;

    *ms = 0;
    if (!read_char(text, ".")) {
        return true;
    }
    if (!isdigit((unsigned char)**text)) {
        return false;
    }
    for (; isdigit((unsigned char)**text); (*text)++) {
        *ms += (**text - '0') * scale;
        scale /= 10;
    }
    return true;
}

static bool read_offset_s(const char **text, int *offset_s)
{
    int sign = **text == '-' ? -1 : 1;
    int hours = 0;
    int minutes = 0;

    *offset_s = 0;
    if (read_char(text, "Zz")) {
        return true;
    }
    if (!read_char(text, "+-") || !read_digits(text, 2, &hours) || !read_char(text, ":") ||
        !read_digits(text, 2, &minutes)) {
        return false;
    }
    *offset_s = sign * (hours * 3600 + minutes * 60);
    return true;
}

bool clock_parse_iso(const char *text, int64_t *at_ms)
{
    int year, month, day, hour, minute, second;
    int ms = 0;
    int offset_s = 0;

    if (!read_digits(&text, 4, &year) || !read_char(&text, "-") || !read_digits(&text, 2, &month) ||
        !read_char(&text, "-") || !read_digits(&text, 2, &day) || !read_char(&text, "Tt ") ||
        !read_digits(&text, 2, &hour) || !read_char(&text, ":") ||
        !read_digits(&text, 2, &minute) || !read_char(&text, ":") ||
        !read_digits(&text, 2, &second) || !read_fraction_ms(&text, &ms) ||
        !read_offset_s(&text, &offset_s) || *text != '\0') {
        return false;
    }
    if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60) {
        return false;
    }
    int64_t seconds = hour * 3600 + minute * 60 + second - offset_s;

    *at_ms = days_of(year, month, day) * DAY_MS + seconds * 1000 + ms;
    return true;
}
