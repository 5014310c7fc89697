/* Clocks, and RFC 3339 in both directions. */
#include "util/clock.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

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

void clock_sleep_ms(int64_t ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000};

    while (nanosleep(&left, &left) < 0 && errno == EINTR) {
    }
}

void clock_format_iso_ms(int64_t at_ms, char *out)
{
    time_t seconds = (time_t)(at_ms / 1000);
    int ms = (int)(at_ms % 1000);
    struct tm tm;

    if (ms < 0) {
        ms += 1000;
        seconds--;
    }
    gmtime_r(&seconds, &tm);
    size_t n = strftime(out, CLOCK_ISO_LEN, "%Y-%m-%dT%H:%M:%S", &tm);

    snprintf(out + n, CLOCK_ISO_LEN - n, ".%03dZ", ms);
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
    struct tm tm = {0};
    int ms = 0;
    int offset_s = 0;

    if (!read_digits(&text, 4, &tm.tm_year) || !read_char(&text, "-") ||
        !read_digits(&text, 2, &tm.tm_mon) || !read_char(&text, "-") ||
        !read_digits(&text, 2, &tm.tm_mday) || !read_char(&text, "Tt ") ||
        !read_digits(&text, 2, &tm.tm_hour) || !read_char(&text, ":") ||
        !read_digits(&text, 2, &tm.tm_min) || !read_char(&text, ":") ||
        !read_digits(&text, 2, &tm.tm_sec) || !read_fraction_ms(&text, &ms) ||
        !read_offset_s(&text, &offset_s) || *text != '\0') {
        return false;
    }
    if (tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour > 23 ||
        tm.tm_min > 59 || tm.tm_sec > 60) {
        return false;
    }
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    *at_ms = ((int64_t)timegm(&tm) - offset_s) * 1000 + ms;
    return true;
}
