/* The metrics as Prometheus reads them: text format 0.0.4. */
#include <inttypes.h>
#include <stdio.h>

#include "util/metrics_table.h"

static void add_escaped(struct strbuf *out, const char *text, bool quote)
{
    for (; *text; text++) {
        if (*text == '\n') {
            strbuf_add_text(out, "\\n");
        } else if (*text == '\\' || (*text == '"' && quote)) {
            strbuf_addf(out, "\\%c", *text);
        } else {
            strbuf_add_char(out, *text);
        }
    }
}

void metrics_add_label(struct strbuf *out, const char *name, const char *value)
{
    strbuf_addf(out, "%s%s=\"", out->len > 0 ? "," : "", name);
    add_escaped(out, value, true);
    strbuf_add_char(out, '"');
}

/* What stands between the braces, but for `le`. */
static void add_labels(struct strbuf *out, const struct metric_spec *spec, size_t cell, size_t slot)
{
    size_t n_after = 1;

    for (size_t l = 0; l < METRIC_LABELS_MAX && spec->labels[l]; l++) {
        n_after *= spec->labels[l]->n;
    }
    for (size_t l = 0; l < METRIC_LABELS_MAX && spec->labels[l]; l++) {
        n_after /= spec->labels[l]->n;
        const char *value = spec->labels[l]->values[cell / n_after % spec->labels[l]->n];

        if (spec->labels[l]->name) {
            metrics_add_label(out, spec->labels[l]->name, value);
        } else {
            strbuf_addf(out, "%s%s", out->len > 0 ? "," : "", value);
        }
    }
    if (slot > 0) {
        char worker[24];

        snprintf(worker, sizeof(worker), "%zu", slot - 1);
        metrics_add_label(out, "worker", worker);
    }
}

/* The name with its suffix, and the labels; a space follows. */
static void add_series(struct strbuf *out, const char *name, const char *suffix,
                       const struct strbuf *labels)
{
    strbuf_addf(out, "%s%s", name, suffix);
    if (labels->len > 0) {
        strbuf_addf(out, "{%s}", labels->text);
    }
    strbuf_add_char(out, ' ');
}

static uint64_t sum_of(enum metric metric, size_t cell, size_t word)
{
    uint64_t sum = 0;

    for (size_t slot = 0; slot < metrics_n_slots(); slot++) {
        sum += metric_word(slot, metric, cell, word);
    }
    return sum;
}

static void write_sum(struct strbuf *out, enum metric metric, size_t cell)
{
    const struct metric_spec *spec = &metrics_table[metric];
    uint64_t sum = sum_of(metric, cell, 0);
    AUTO_STRBUF labels = {0};

    if (sum == 0 && spec->sparse) {
        return;
    }
    add_labels(&labels, spec, cell, 0);
    add_series(out, spec->name, "", &labels);
    strbuf_addf(out, spec->type == METRIC_LEVEL ? "%" PRId64 "\n" : "%" PRIu64 "\n", sum);
}

/* Each process' own; a worker's has its number. */
static void write_own(struct strbuf *out, enum metric metric, size_t cell)
{
    for (size_t slot = 0; slot < metrics_n_slots(); slot++) {
        AUTO_STRBUF labels = {0};
        double value = 0;

        if (metric_get(slot, metric, cell, &value)) {
            add_labels(&labels, &metrics_table[metric], cell, slot);
            add_series(out, metrics_table[metric].name, "", &labels);
            strbuf_addf(out, "%.15g\n", value);
        }
    }
}

/* The buckets add up here, so that they fit each other, whatever is counted meanwhile. */
static void write_histogram(struct strbuf *out, enum metric metric, size_t cell)
{
    const struct metric_spec *spec = &metrics_table[metric];
    size_t n_buckets = metric_n_buckets(spec);
    uint64_t sum_us = sum_of(metric, cell, n_buckets + 1);
    uint64_t count = 0;
    AUTO_STRBUF lines = {0};
    AUTO_STRBUF labels = {0};

    add_labels(&labels, spec, cell, 0);
    for (size_t b = 0; b <= n_buckets; b++) {
        AUTO_STRBUF with_le = {0};
        char le[32] = "+Inf";

        if (b < n_buckets) {
            snprintf(le, sizeof(le), "%g", (double)spec->buckets_us[b] / 1000000);
        }
        strbuf_add(&with_le, labels.text ? labels.text : "", labels.len);
        metrics_add_label(&with_le, "le", le);
        count += sum_of(metric, cell, b);
        add_series(&lines, spec->name, "_bucket", &with_le);
        strbuf_addf(&lines, "%" PRIu64 "\n", count);
    }
    if (count == 0 && spec->sparse) {
        return;
    }
    add_series(&lines, spec->name, "_sum", &labels);
    strbuf_addf(&lines, "%" PRIu64 ".%06" PRIu64 "\n", sum_us / 1000000, sum_us % 1000000);
    add_series(&lines, spec->name, "_count", &labels);
    strbuf_addf(&lines, "%" PRIu64 "\n", count);
    strbuf_add(out, lines.text, lines.len);
}

static const char *type_name(enum metric_type type)
{
    switch (type) {
    case METRIC_COUNTER:
        return "counter";
    case METRIC_HISTOGRAM:
        return "histogram";
    default:
        return "gauge";
    }
}

static void write_metric(struct strbuf *out, enum metric metric)
{
    const struct metric_spec *spec = &metrics_table[metric];

    strbuf_addf(out, "# HELP %s ", spec->name);
    add_escaped(out, spec->help, false);
    strbuf_addf(out, "\n# TYPE %s %s\n", spec->name, type_name(spec->type));
    for (size_t cell = 0; cell < metric_cells(metric); cell++) {
        switch (spec->type) {
        case METRIC_COUNTER:
        case METRIC_LEVEL:
            write_sum(out, metric, cell);
            break;
        case METRIC_GAUGE:
        case METRIC_AGE:
            write_own(out, metric, cell);
            break;
        case METRIC_HISTOGRAM:
            write_histogram(out, metric, cell);
            break;
        }
    }
}

void metrics_write(struct strbuf *out)
{
    for (enum metric m = 0; m < METRICS_COUNT; m++) {
        if (metrics_table[m].programs & metrics_program()) {
            write_metric(out, m);
        }
    }
}
