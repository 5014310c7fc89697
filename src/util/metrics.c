/* The mapping with everybody's slots, and what is done to a word in it. */
#include "util/metrics.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "util/attr.h"
#include "util/clock.h"
#include "util/metrics_table.h"

#define WORDS_PER_PAGE 512 /* slots begin on pages: processes do not share cache lines */

/* A gauge is kept as its bits XOR this NaN, so that the zeroes of a new mapping mean "not set". */
#define UNSET UINT64_C(0x7ff8626c6f780000)

static struct {
    enum metrics_program program;
    size_t n_slots;
    size_t own;
    size_t slot_words;
    size_t offset[METRICS_COUNT]; /* in words */
    size_t cells[METRICS_COUNT];
    size_t width[METRICS_COUNT];
    _Atomic uint64_t *words; /* NULL: not open */
    _Atomic uint64_t *mine;
} metrics;

/* ---- layout ---------------------------------------------------------------------------------- */

size_t metric_n_buckets(const struct metric_spec *spec)
{
    size_t n = 0;

    while (spec->buckets_us && spec->buckets_us[n]) {
        n++;
    }
    return n;
}

/* The words of one cell: a histogram has one a bucket, +Inf and the sum of microseconds. */
static size_t cell_width(const struct metric_spec *spec)
{
    return spec->type == METRIC_HISTOGRAM ? metric_n_buckets(spec) + 2 : 1;
}

static size_t count_cells(const struct metric_spec *spec)
{
    size_t n = 1;

    for (size_t l = 0; l < METRIC_LABELS_MAX && spec->labels[l]; l++) {
        n *= spec->labels[l]->n;
    }
    return n;
}

static void lay_out(void)
{
    size_t words = 0;

    for (size_t m = 0; m < METRICS_COUNT; m++) {
        metrics.offset[m] = words;
        metrics.cells[m] = count_cells(&metrics_table[m]);
        metrics.width[m] = cell_width(&metrics_table[m]);
        words += metrics.cells[m] * metrics.width[m];
    }
    metrics.slot_words = (words + WORDS_PER_PAGE - 1) / WORDS_PER_PAGE * WORDS_PER_PAGE;
}

void metrics_set_routes(const char *const *routes, size_t n)
{
    assert(!metrics.words);
    metrics_routes = (struct metric_label){.values = routes, .n = n};
}

int metrics_open(enum metrics_program program, size_t n_workers, struct error *err)
{
    assert(!metrics.words);
    lay_out();
    metrics.program = program;
    metrics.n_slots = 1 + n_workers;
    void *words = mmap(NULL, metrics.n_slots * metrics.slot_words * sizeof(uint64_t),
                       PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (words == MAP_FAILED) {
        return error_set(err, ERR_INTERNAL, "no memory for the metrics: %s", strerror(errno));
    }
    metrics.words = words;
    metrics.mine = metrics.words;
    metrics.own = 0;
    metric_set(METRIC_BUILD_INFO, 0, 1);
    metric_set(METRIC_PROCESS_START_TIME, 0, (double)clock_wall_ms() / 1000);
    return 0;
}

void metrics_close(void)
{
    if (metrics.words) {
        munmap((void *)(uintptr_t)metrics.words,
               metrics.n_slots * metrics.slot_words * sizeof(uint64_t));
    }
    memset(&metrics, 0, sizeof(metrics));
}

/* ---- counting -------------------------------------------------------------------------------- */

static _Atomic uint64_t *word_of(_Atomic uint64_t *slot, enum metric metric, size_t cell)
{
    assert(cell < metrics.cells[metric]);
    return slot + metrics.offset[metric] + cell * metrics.width[metric];
}

static void add(_Atomic uint64_t *word, uint64_t n)
{
    atomic_fetch_add_explicit(word, n, memory_order_relaxed);
}

void metric_add(enum metric metric, size_t cell, uint64_t n)
{
    if (metrics.mine) {
        add(word_of(metrics.mine, metric, cell), n);
    }
}

void metric_level(enum metric metric, size_t cell, int64_t change)
{
    metric_add(metric, cell, (uint64_t)change); /* modulo 2^64, so -1 takes one away */
}

static void set(_Atomic uint64_t *word, uint64_t value)
{
    atomic_store_explicit(word, value, memory_order_relaxed);
}

static uint64_t bits_of(double value)
{
    uint64_t bits = 0;

    memcpy(&bits, &value, sizeof(bits));
    return bits ^ UNSET;
}

void metric_set(enum metric metric, size_t cell, double value)
{
    if (metrics.mine) {
        set(word_of(metrics.mine, metric, cell), bits_of(value));
    }
}

void metric_mark(enum metric metric, size_t cell)
{
    if (metrics.mine) {
        set(word_of(metrics.mine, metric, cell), (uint64_t)clock_mono_us());
    }
}

void metric_observe_us(enum metric metric, size_t cell, int64_t us)
{
    const int64_t *bucket = metrics_table[metric].buckets_us;

    if (!metrics.mine) {
        return;
    }
    _Atomic uint64_t *words = word_of(metrics.mine, metric, cell);
    size_t b = 0;

    while (bucket[b] && us > bucket[b]) {
        b++;
    }
    add(&words[b], 1);
    add(&words[metrics.width[metric] - 1], us > 0 ? (uint64_t)us : 0);
}

size_t metric_cell(enum metric metric, size_t first, size_t second)
{
    return first * metrics_table[metric].labels[1]->n + second;
}

size_t metric_value_of(enum metric metric, size_t label, const char *value)
{
    const struct metric_label *values = metrics_table[metric].labels[label];
    size_t i = 0;

    while (i + 1 < values->n && !streq(values->values[i], value)) {
        i++;
    }
    return i;
}

/* ---- workers --------------------------------------------------------------------------------- */

void metrics_become_worker(size_t worker)
{
    if (metrics.words) {
        assert(1 + worker < metrics.n_slots);
        metrics.own = 1 + worker;
        metrics.mine = metrics.words + metrics.own * metrics.slot_words;
        metric_set(METRIC_WORKER_UP, 0, 1);
    }
}

void metrics_forget_worker(size_t worker)
{
    _Atomic uint64_t *slot = metrics.words + (1 + worker) * metrics.slot_words;

    for (enum metric m = 0; metrics.words && m < METRICS_COUNT; m++) {
        enum metric_type type = metrics_table[m].type;

        for (size_t cell = 0; cell < metrics.cells[m]; cell++) {
            if (type == METRIC_LEVEL || type == METRIC_GAUGE || type == METRIC_AGE) {
                set(word_of(slot, m, cell), 0);
            }
        }
    }
    if (metrics.words) {
        set(word_of(slot, METRIC_WORKER_UP, 0), bits_of(0));
    }
}

/* ---- reading --------------------------------------------------------------------------------- */

enum metrics_program metrics_program(void)
{
    return metrics.program;
}

size_t metrics_n_slots(void)
{
    return metrics.n_slots;
}

size_t metrics_own_slot(void)
{
    return metrics.own;
}

size_t metric_cells(enum metric metric)
{
    return metrics.cells[metric];
}

uint64_t metric_word(size_t slot, enum metric metric, size_t cell, size_t word)
{
    _Atomic uint64_t *words = metrics.words + slot * metrics.slot_words;

    return atomic_load_explicit(word_of(words, metric, cell) + word, memory_order_relaxed);
}

bool metric_get(size_t slot, enum metric metric, size_t cell, double *out)
{
    uint64_t word = metrics.words ? metric_word(slot, metric, cell, 0) : 0;
    uint64_t bits = word ^ UNSET;

    if (word == 0) {
        return false;
    }
    if (metrics_table[metric].type == METRIC_AGE) {
        *out = (double)(clock_mono_us() - (int64_t)word) / 1000000;
    } else {
        memcpy(out, &bits, sizeof(bits));
    }
    return true;
}
