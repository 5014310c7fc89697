/* ECS' call quotas: two token buckets, one for reads and one for writes. Its own lock. */
#ifndef BLOX_SIM_QUOTAS_H
#define BLOX_SIM_QUOTAS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct bucket {
    double burst;
    double rate; /* a second */
    double tokens;
    int64_t filled_us; /* CLOCK_MONOTONIC */
};

struct quotas {
    pthread_mutex_t lock;
    struct bucket reads;
    struct bucket writes;
};

void quotas_init(struct quotas *quotas);
void quotas_clear(struct quotas *quotas);
/* Takes one token; false when there is none: ThrottlingException. */
bool quotas_admit(struct quotas *quotas, bool writes);

#endif
