/* What became of a write of ECS, which tells it from another thread. */
#ifndef BLOX_TESTS_WRITING_H
#define BLOX_TESTS_WRITING_H

#include <jansson.h>
#include <pthread.h>
#include <stdbool.h>

#include "aws/ecs.h"

/* `struct written got = WRITTEN;`, once or several times, one write after the other. */
struct written {
    pthread_mutex_t lock;
    pthread_cond_t over;
    bool is_over;
    bool in_doubt;
    enum error_code code;
    json_t *tasks;
    json_t *failures;
};
#define WRITTEN                                                                                    \
    {                                                                                              \
        .lock = PTHREAD_MUTEX_INITIALIZER, .over = PTHREAD_COND_INITIALIZER                        \
    }

ecs_done take_written; /* its ctx is the struct */
void await_written(struct written *written);
void written_clear(struct written *written);

#endif
