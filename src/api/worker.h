/* One API worker: a process with its own view of the store, which answers what the sockets get. */
#ifndef BLOX_API_WORKER_H
#define BLOX_API_WORKER_H

#include "api/supervisor.h"
#include "aws/aws.h"
#include "store/store.h"

struct worker_options {
    struct store_options store;
    struct aws_options aws;
    struct gate *gate;   /* api/gate.h; the caller's */
    int threads;         /* for each socket but the streams' */
    size_t stream_bytes; /* of changes kept ready for streams */
};

/* Works until a stop was asked for (util/signals.h). The sockets stay the caller's. The exit
 * status: 0, or 64 when it could never work with these settings, or 69. */
int worker_run(const struct worker_options *options, const int fds[N_SOCKETS]);

#endif
