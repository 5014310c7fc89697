/* Standard queues: ready and hidden messages, receipt handles, redelivery, dead letters. One lock
 * guards them all; every function wants it held unless it says otherwise. */
#ifndef BLOX_SIM_QUEUES_H
#define BLOX_SIM_QUEUES_H

#include <bsd/sys/queue.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include "util/strbuf.h"
#include "util/tree.h"
#include "util/uuid.h"

#define QUEUE_IN_FLIGHT_MAX 120000
#define RECEIPT_LEN         64 /* with the NUL */

struct message {
    UT_hash_handle hh;          /* in queue->messages, by number */
    TAILQ_ENTRY(message) ready; /* when it is to be had */
    RB_ENTRY(message) hidden;   /* when it is not: in flight or delayed */
    uint64_t number;
    uint64_t nonce; /* what makes receipt handles hard to guess */
    bool is_hidden;
    int64_t visible_at_ms; /* CLOCK_MONOTONIC; of a hidden one */
    int receives;
    int64_t sent_at_ms;
    int64_t first_received_at_ms;
    char id[UUID_LEN];
    char md5[33];
    char *body;
    size_t body_len;
};

TAILQ_HEAD(message_list, message);
RB_HEAD(message_tree, message);

struct queue {
    UT_hash_handle hh; /* in queues->by_name */
    char *name;
    char *arn;
    bool deleted; /* kept until the end, for those who wait at it */
    int visibility_s;
    int wait_s;
    int delay_s;
    int retention_s;
    int receives_max;       /* then to the dead-letter queue; 0: never */
    char *dead_letter_name; /* or NULL */
    int64_t created_at_ms;
    struct message *messages;
    struct message_list ready;
    struct message_tree hidden;
    pthread_cond_t arrived;
    size_t n_ready;
    size_t n_delayed; /* hidden ones that were never received */
    size_t n_in_flight;
    uint64_t n_sent;
    uint64_t n_received;
    uint64_t n_deleted;
    uint64_t n_dead_lettered;
    struct queue *next_deleted;
};

struct queues {
    pthread_mutex_t lock;
    const char *region;
    const char *account;
    bool ending; /* nobody waits any more */
    struct queue *by_name;
    struct queue *deleted;
    uint64_t n_messages; /* ever */
};

void queues_init(struct queues *queues, const char *region, const char *account);
/* Wakes all who wait. Takes the lock. */
void queues_end(struct queues *queues);
void queues_clear(struct queues *queues);
void queues_lock(struct queues *queues);
void queues_unlock(struct queues *queues);

struct queue *queue_find(struct queues *queues, const char *name);
struct queue *queue_make(struct queues *queues, const char *name);
void queue_delete(struct queues *queues, struct queue *queue);
void queue_purge(struct queue *queue);

/* Copies the body; delay_ms hides it at first. */
struct message *queue_send(struct queues *queues, struct queue *queue, const char *body, size_t len,
                           int64_t delay_ms);
/* Takes up to max messages and hides each; those received too often go to the dead-letter queue. */
size_t queue_receive(struct queues *queues, struct queue *queue, struct message **out, size_t max,
                     int64_t hide_ms);
/* Waits for a message until the deadline; false when it passed, or the end came. */
bool queue_wait(struct queues *queues, struct queue *queue, int64_t deadline_ms);

void message_receipt(const struct message *message, char out[RECEIPT_LEN]);
/*
 * 0 and the message, or NULL when it is gone or the handle is not its latest one; -1 when the text
 * is no receipt handle.
 */
int queue_find_receipt(struct queue *queue, const char *receipt, struct message **out);
void queue_remove(struct queue *queue, struct message *message);
/* Hides a message in flight for that long from now; 0 gives it back. */
void queue_hide(struct queue *queue, struct message *message, int64_t hide_ms);

#endif
