/* A bounded log of calls, and counters. */
#include "sim/calls.h"

#include <stdlib.h>
#include <string.h>

#include "util/attr.h"
#include "util/mem.h"

void calls_init(struct call_log *log)
{
    *log = (struct call_log){.ring = xcalloc(CALLS_MAX, sizeof(struct call_record))};
    pthread_mutex_init(&log->lock, NULL);
}

void calls_clear(struct call_log *log)
{
    struct call_count *each = NULL;
    struct call_count *next = NULL;

    HASH_ITER(hh, log->counts, each, next)
    {
        HASH_DELETE(hh, log->counts, each);
        free(each);
    }
    free(log->ring);
    pthread_mutex_destroy(&log->lock);
}

static struct call_count *count_of(struct call_log *log, const char *operation)
{
    struct call_count *count = NULL;

    HASH_FIND_STR(log->counts, operation, count);
    if (!count) {
        count = xcalloc(1, sizeof(*count));
        count->operation = operation;
        HASH_ADD_KEYPTR(hh, log->counts, operation, strlen(operation), count);
    }
    return count;
}

void calls_add(struct call_log *log, const struct call_record *record)
{
    pthread_mutex_lock(&log->lock);
    log->ring[log->n++ % CALLS_MAX] = *record;
    struct call_count *count = count_of(log, record->operation);

    if (record->status == 0) {
        count->lost++;
    } else if (record->status < 300) {
        count->ok++;
    } else if (record->error && streq(record->error, "ThrottlingException")) {
        count->throttled++;
    } else {
        count->failed++;
    }
    pthread_mutex_unlock(&log->lock);
}

static void emit_record(struct emit *e, uint64_t seq, const struct call_record *record)
{
    emit_open(e, NULL, '{');
    emit_int(e, "seq", (int64_t)seq);
    emit_int(e, "at_us", record->wall_us);
    emit_int(e, "mono_us", record->mono_us);
    emit_int(e, "took_us", record->took_us);
    emit_text(e, "service", record->service);
    emit_text(e, "operation", record->operation);
    emit_int(e, "httpStatus", record->status);
    emit_text_if(e, "error", record->error);
    emit_text_if(e, "fault", record->fault);
    emit_int(e, "instances", (int64_t)record->n_instances);
    emit_open(e, "instanceArns", '[');
    for (size_t i = 0; i < record->n_instances; i++) {
        emit_text(e, NULL, record->instances[i]);
    }
    emit_close(e, ']');
    emit_text_if(e, "startedBy", record->started_by);
    emit_text_if(e, "task", record->task);
    emit_close(e, '}');
}

void calls_emit(struct call_log *log, struct emit *e, uint64_t after, const char *operation)
{
    pthread_mutex_lock(&log->lock);
    uint64_t oldest = log->n > CALLS_MAX ? log->n - CALLS_MAX : 0;

    emit_int(e, "last", (int64_t)log->n);
    emit_open(e, "calls", '[');
    for (uint64_t i = after > oldest ? after : oldest; i < log->n; i++) {
        const struct call_record *record = &log->ring[i % CALLS_MAX];

        if (!operation || streq(operation, record->operation)) {
            emit_record(e, i + 1, record);
        }
    }
    emit_close(e, ']');
    pthread_mutex_unlock(&log->lock);
}

void calls_emit_counts(struct call_log *log, struct emit *e, const char *key)
{
    pthread_mutex_lock(&log->lock);
    emit_open(e, key, '{');
    for (const struct call_count *c = log->counts; c; c = c->hh.next) {
        emit_open(e, c->operation, '{');
        emit_int(e, "ok", (int64_t)c->ok);
        emit_int(e, "throttled", (int64_t)c->throttled);
        emit_int(e, "failed", (int64_t)c->failed);
        emit_int(e, "lost", (int64_t)c->lost);
        emit_close(e, '}');
    }
    emit_close(e, '}');
    pthread_mutex_unlock(&log->lock);
}
