/* Standard queues. */
#include "sim/queues.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "util/clock.h"
#include "util/crypto.h"
#include "util/mem.h"

#define RETENTION_DEFAULT_S  345600
#define VISIBILITY_DEFAULT_S 30

static int compare_hidden(const struct message *a, const struct message *b)
{
    if (a->visible_at_ms != b->visible_at_ms) {
        return a->visible_at_ms < b->visible_at_ms ? -1 : 1;
    }
    return (a->number > b->number) - (a->number < b->number);
}

TREE_FUNCTIONS(message_tree, message, hidden, compare_hidden);

/* ---- queues ---------------------------------------------------------------------------------- */

void queues_init(struct queues *queues, const char *region, const char *account)
{
    *queues = (struct queues){.region = region, .account = account};
    pthread_mutex_init(&queues->lock, NULL);
}

void queues_lock(struct queues *queues)
{
    pthread_mutex_lock(&queues->lock);
}

void queues_unlock(struct queues *queues)
{
    pthread_mutex_unlock(&queues->lock);
}

struct queue *queue_find(struct queues *queues, const char *name)
{
    struct queue *found = NULL;

    HASH_FIND_STR(queues->by_name, name, found);
    return found;
}

struct queue *queue_make(struct queues *queues, const char *name)
{
    struct queue *queue = xcalloc(1, sizeof(*queue));
    pthread_condattr_t monotonic;

    queue->name = xstrdup(name);
    queue->arn = xasprintf("arn:aws:sqs:%s:%s:%s", queues->region, queues->account, name);
    queue->visibility_s = VISIBILITY_DEFAULT_S;
    queue->retention_s = RETENTION_DEFAULT_S;
    queue->created_at_ms = clock_wall_ms();
    TAILQ_INIT(&queue->ready);
    RB_INIT(&queue->hidden);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&queue->arrived, &monotonic);
    pthread_condattr_destroy(&monotonic);
    HASH_ADD_KEYPTR(hh, queues->by_name, queue->name, strlen(queue->name), queue);
    return queue;
}

void queue_purge(struct queue *queue)
{
    struct message *each = NULL;
    struct message *next = NULL;

    HASH_ITER(hh, queue->messages, each, next)
    {
        queue_remove(queue, each);
    }
}

void queue_delete(struct queues *queues, struct queue *queue)
{
    queue_purge(queue);
    HASH_DELETE(hh, queues->by_name, queue);
    queue->deleted = true;
    queue->next_deleted = queues->deleted;
    queues->deleted = queue;
    pthread_cond_broadcast(&queue->arrived);
}

void queues_end(struct queues *queues)
{
    queues_lock(queues);
    queues->ending = true;
    for (struct queue *q = queues->by_name; q; q = q->hh.next) {
        pthread_cond_broadcast(&q->arrived);
    }
    queues_unlock(queues);
}

void queues_clear(struct queues *queues)
{
    while (queues->by_name) {
        queue_delete(queues, queues->by_name);
    }
    while (queues->deleted) {
        struct queue *queue = queues->deleted;

        queues->deleted = queue->next_deleted;
        pthread_cond_destroy(&queue->arrived);
        free(queue->dead_letter_name);
        free(queue->arn);
        free(queue->name);
        free(queue);
    }
    pthread_mutex_destroy(&queues->lock);
}

/* ---- messages -------------------------------------------------------------------------------- */

static void make_ready(struct queue *queue, struct message *message)
{
    message->is_hidden = false;
    TAILQ_INSERT_TAIL(&queue->ready, message, ready);
    queue->n_ready++;
    pthread_cond_signal(&queue->arrived);
}

static void hide(struct queue *queue, struct message *message, int64_t hide_ms)
{
    message->is_hidden = true;
    message->visible_at_ms = clock_mono_ms() + hide_ms;
    RB_INSERT(message_tree, &queue->hidden, message);
    *(message->receives ? &queue->n_in_flight : &queue->n_delayed) += 1;
}

/* Takes it out of whichever of the two it is in. */
static void take_out(struct queue *queue, struct message *message)
{
    if (message->is_hidden) {
        RB_REMOVE(message_tree, &queue->hidden, message);
        *(message->receives ? &queue->n_in_flight : &queue->n_delayed) -= 1;
    } else {
        TAILQ_REMOVE(&queue->ready, message, ready);
        queue->n_ready--;
    }
}

static void wake_hidden(struct queue *queue)
{
    int64_t now_ms = clock_mono_ms();
    struct message *first = NULL;

    while ((first = RB_MIN(message_tree, &queue->hidden)) && first->visible_at_ms <= now_ms) {
        take_out(queue, first);
        make_ready(queue, first);
    }
}

static void add(struct queue *queue, struct message *message)
{
    HASH_ADD(hh, queue->messages, number, sizeof(message->number), message);
    queue->n_sent++;
}

struct message *queue_send(struct queues *queues, struct queue *queue, const char *body, size_t len,
                           int64_t delay_ms)
{
    struct message *message = xcalloc(1, sizeof(*message));

    message->number = ++queues->n_messages;
    crypto_random(&message->nonce, sizeof(message->nonce));
    message->sent_at_ms = clock_wall_ms();
    uuid_make(message->id);
    crypto_md5_hex(body, len, message->md5);
    message->body = xmemdup0(body, len);
    message->body_len = len;
    add(queue, message);
    if (delay_ms > 0) {
        hide(queue, message, delay_ms);
        pthread_cond_signal(&queue->arrived); /* a sleeper has to learn when it comes */
    } else {
        make_ready(queue, message);
    }
    return message;
}

void queue_remove(struct queue *queue, struct message *message)
{
    take_out(queue, message);
    HASH_DELETE(hh, queue->messages, message);
    free(message->body);
    free(message);
}

/* The dead-letter queue when the message was received as often as it may be. */
static struct queue *grave_for(struct queues *queues, const struct queue *queue,
                               const struct message *message)
{
    if (!queue->receives_max || message->receives < queue->receives_max) {
        return NULL;
    }
    return queue_find(queues, queue->dead_letter_name);
}

static void bury(struct queue *queue, struct queue *grave, struct message *message)
{
    take_out(queue, message);
    HASH_DELETE(hh, queue->messages, message);
    queue->n_dead_lettered++;
    message->receives = 0;
    add(grave, message);
    make_ready(grave, message);
}

size_t queue_receive(struct queues *queues, struct queue *queue, struct message **out, size_t max,
                     int64_t hide_ms)
{
    struct message *message = NULL;
    size_t n = 0;

    wake_hidden(queue);
    while (n < max && (message = TAILQ_FIRST(&queue->ready))) {
        struct queue *grave = grave_for(queues, queue, message);

        if (grave) {
            bury(queue, grave, message);
            continue;
        }
        take_out(queue, message);
        if (message->receives++ == 0) {
            message->first_received_at_ms = clock_wall_ms();
        }
        hide(queue, message, hide_ms);
        queue->n_received++;
        out[n++] = message;
    }
    return n;
}

bool queue_wait(struct queues *queues, struct queue *queue, int64_t deadline_ms)
{
    wake_hidden(queue);
    while (!queues->ending && !queue->deleted && TAILQ_EMPTY(&queue->ready)) {
        const struct message *next = RB_MIN(message_tree, &queue->hidden);
        int64_t until_ms =
            next && next->visible_at_ms < deadline_ms ? next->visible_at_ms : deadline_ms;
        struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = (until_ms % 1000) * 1000000};

        if (clock_mono_ms() >= deadline_ms) {
            return false;
        }
        pthread_cond_timedwait(&queue->arrived, &queues->lock, &until);
        wake_hidden(queue);
    }
    return !queues->ending && !queue->deleted;
}

/* ---- receipts -------------------------------------------------------------------------------- */

void message_receipt(const struct message *message, char out[RECEIPT_LEN])
{
    snprintf(out, RECEIPT_LEN, "AQEB%016llx%08x%016llx", (unsigned long long)message->number,
             (unsigned int)message->receives, (unsigned long long)message->nonce);
}

/* n hexadecimal digits in lower case. */
static bool read_hex(const char *text, size_t n, uint64_t *out)
{
    uint64_t number = 0;

    for (size_t i = 0; i < n; i++) {
        char c = text[i];

        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f')) {
            return false;
        }
        number = number << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    *out = number;
    return true;
}

int queue_find_receipt(struct queue *queue, const char *receipt, struct message **out)
{
    uint64_t number = 0;
    uint64_t receives = 0;
    uint64_t nonce = 0;

    *out = NULL;
    if (strlen(receipt) != 44 || strncmp(receipt, "AQEB", 4) != 0 ||
        !read_hex(receipt + 4, 16, &number) || !read_hex(receipt + 20, 8, &receives) ||
        !read_hex(receipt + 28, 16, &nonce)) {
        return -1;
    }
    HASH_FIND(hh, queue->messages, &number, sizeof(number), *out);
    if (*out && ((uint64_t)(*out)->receives != receives || (*out)->nonce != nonce)) {
        *out = NULL; /* an older one */
    }
    return 0;
}

void queue_hide(struct queue *queue, struct message *message, int64_t hide_ms)
{
    take_out(queue, message);
    if (hide_ms > 0) {
        hide(queue, message, hide_ms);
    } else {
        make_ready(queue, message);
    }
}
