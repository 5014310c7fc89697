/* getaddrinfo knows no deadline, so names are resolved by a thread which may be left behind. */
#include "net/resolve.h"

#include <netdb.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "util/clock.h"
#include "util/mem.h"

#define PORT_LEN sizeof("65535")

/* One question. Whoever of the asker and the thread is last frees it. */
struct question {
    pthread_mutex_t lock;
    pthread_cond_t answered;
    bool done;
    bool abandoned;
    int status; /* getaddrinfo's */
    struct addrinfo *found;
    char port[PORT_LEN];
    char host[];
};

static const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};

static void question_free(struct question *question)
{
    if (question->found) {
        freeaddrinfo(question->found);
    }
    pthread_cond_destroy(&question->answered);
    pthread_mutex_destroy(&question->lock);
    free(question);
}

static struct question *question_new(const char *host, const char *port)
{
    struct question *question = xcalloc(1, sizeof(*question) + strlen(host) + 1);
    pthread_condattr_t monotonic;

    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&question->answered, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&question->lock, NULL);
    memcpy(question->port, port, strlen(port) + 1);
    memcpy(question->host, host, strlen(host) + 1);
    return question;
}

static void *answer(void *arg)
{
    struct question *question = arg;
    struct addrinfo *found = NULL;
    int status = getaddrinfo(question->host, question->port, &hints, &found);

    pthread_mutex_lock(&question->lock);
    question->status = status;
    question->found = status == 0 ? found : NULL;
    question->done = true;
    bool alone = question->abandoned;

    pthread_cond_signal(&question->answered);
    pthread_mutex_unlock(&question->lock);
    if (alone) {
        question_free(question);
    }
    return NULL;
}

static struct addresses *copy(const struct addrinfo *found)
{
    struct addresses *addresses = xcalloc(1, sizeof(*addresses));

    for (; found && addresses->n < ADDRESSES_MAX; found = found->ai_next) {
        if (found->ai_addrlen <= sizeof(addresses->items[0].storage)) {
            memcpy(&addresses->items[addresses->n].storage, found->ai_addr, found->ai_addrlen);
            addresses->items[addresses->n++].len = found->ai_addrlen;
        }
    }
    return addresses;
}

/* Waits for the answer; true when it came in time. Otherwise the question is the thread's. */
static bool await(struct question *question, int64_t deadline_ms)
{
    struct timespec until = {.tv_sec = deadline_ms / 1000, .tv_nsec = deadline_ms % 1000 * 1000000};
    int late = 0;

    pthread_mutex_lock(&question->lock);
    while (!question->done && !late) {
        late = pthread_cond_timedwait(&question->answered, &question->lock, &until);
    }
    bool done = question->done;

    question->abandoned = !done;
    pthread_mutex_unlock(&question->lock);
    return done;
}

struct addresses *addresses_resolve(const char *host, int port, int64_t deadline_ms,
                                    struct error *err)
{
    char port_text[PORT_LEN];
    struct addrinfo numeric = hints;
    struct addrinfo *found = NULL;

    snprintf(port_text, sizeof(port_text), "%u", (unsigned)(uint16_t)port);
    numeric.ai_flags = AI_NUMERICHOST;
    if (getaddrinfo(host, port_text, &numeric, &found) == 0) { /* asks nobody */
        struct addresses *addresses = copy(found);

        freeaddrinfo(found);
        return addresses;
    }
    struct question *question = question_new(host, port_text);
    pthread_t thread;

    if (pthread_create(&thread, NULL, answer, question) != 0) {
        question_free(question);
        error_set(err, ERR_UNAVAILABLE, "cannot start a thread to resolve \"%s\"", host);
        return NULL;
    }
    pthread_detach(thread);
    if (!await(question, deadline_ms)) {
        error_set(err, ERR_UNAVAILABLE, "the name \"%s\" was not resolved in time", host);
        return NULL;
    }
    struct addresses *addresses = copy(question->found);

    if (addresses->n == 0) {
        error_set(err, ERR_UNAVAILABLE, "cannot resolve the name \"%s\": %s", host,
                  question->status ? gai_strerror(question->status) : "no address");
        addresses_free(TAKE(addresses));
    }
    question_free(question);
    return addresses;
}

void addresses_free(struct addresses *addresses)
{
    free(addresses);
}
