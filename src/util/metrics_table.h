/* Inside the metrics: what metrics.c counts into and exposition.c writes. */
#ifndef BLOX_UTIL_METRICS_TABLE_H
#define BLOX_UTIL_METRICS_TABLE_H

#include "util/metrics.h"

#define METRIC_LABELS_MAX 2

enum metric_type {
    METRIC_COUNTER,
    METRIC_LEVEL, /* a gauge which is the sum over all processes: +1, -1 */
    METRIC_GAUGE, /* one each process has of its own */
    METRIC_AGE,   /* seconds since the process last marked it, as of the reading */
    METRIC_HISTOGRAM,
};

struct metric_label {
    const char *name; /* NULL: the values are ready-made pairs */
    const char *const *values;
    size_t n;
};

struct metric_spec {
    const char *name;
    enum metric_type type;
    unsigned programs; /* enum metrics_program: which of them have it */
    bool sparse;       /* cells which are still 0 are left out */
    struct metric_label *labels[METRIC_LABELS_MAX]; /* NULL: fewer */
    const int64_t *buckets_us; /* of a histogram: upper bounds, ascending; 0 ends them */
    const char *help;
};

extern const struct metric_spec metrics_table[METRICS_COUNT];
extern struct metric_label metrics_routes;

size_t metric_n_buckets(const struct metric_spec *spec); /* without +Inf */
/* The program whose metrics were opened. */
enum metrics_program metrics_program(void);
/* One word as it is now. */
uint64_t metric_word(size_t slot, enum metric metric, size_t cell, size_t word);

#endif
