/* Token buckets.
 * Source: ECS API Reference, "Request throttling for the Amazon ECS API": 100 and 20/s for reads,
 * 100 and 40/s for changes of cluster resources. */
#include "sim/quotas.h"

#include "util/clock.h"

void quotas_init(struct quotas *quotas)
{
    int64_t now_us = clock_mono_us();

    *quotas = (struct quotas){
        .reads = {.burst = 100, .rate = 20, .tokens = 100, .filled_us = now_us},
        .writes = {.burst = 100, .rate = 40, .tokens = 100, .filled_us = now_us},
    };
    pthread_mutex_init(&quotas->lock, NULL);
}

void quotas_clear(struct quotas *quotas)
{
    pthread_mutex_destroy(&quotas->lock);
}

bool quotas_admit(struct quotas *quotas, bool writes)
{
    struct bucket *bucket = writes ? &quotas->writes : &quotas->reads;
    int64_t now_us = clock_mono_us();
    bool admitted = false;

    pthread_mutex_lock(&quotas->lock);
    bucket->tokens += (double)(now_us - bucket->filled_us) * bucket->rate / 1e6;
    bucket->tokens = bucket->tokens > bucket->burst ? bucket->burst : bucket->tokens;
    bucket->filled_us = now_us;
    if (bucket->tokens >= 1) {
        bucket->tokens -= 1;
        admitted = true;
    }
    pthread_mutex_unlock(&quotas->lock);
    return admitted;
}
