/* What apply.c, answers.c and settle.c share: calls to ECS and the steps they carry. */
#ifndef BLOX_RECONCILE_ERRANDS_H
#define BLOX_RECONCILE_ERRANDS_H

#include <jansson.h>

#include "reconcile/apply.h"
#include "reconcile/settle.h"
#include "reconcile/step.h"

enum errand_kind { ERRAND_START, ERRAND_STOP, ERRAND_SETTLE };

/* A call to ECS on its way, or a listing; its answer once there is one. Steps are of one
 * environment. */
struct errand {
    TAILQ_ENTRY(errand) link;
    struct apply *apply;
    enum errand_kind kind;
    char token[LEASE_TOKEN_LEN]; /* the lease it was made under */
    struct step **steps;         /* owned */
    size_t n;

    struct error err; /* ERR_NONE: it was done */
    bool in_doubt;
    bool refused;  /* the lease was lost before a byte was sent */
    char code[64]; /* AWS' error code, or "" */
    int64_t deadline_ms;
    json_t *tasks;    /* described */
    json_t *failures; /* {"arn", "reason"} */
};

TAILQ_HEAD(errand_list, errand);

struct apply {
    struct apply_options options;
    struct step_list acting;   /* starts and stops to be committed */
    struct step_list noting;   /* other writes */
    struct step_list settling; /* starts in doubt to be asked for */
    size_t n_steps;            /* in these three */
    size_t n_busy;             /* steps whose errand is under way or not yet committed */
    struct settler *settler;

    pthread_mutex_t lock;
    struct errand_list answered; /* by other threads, under the lock */
    struct errand_list pending;  /* taken from there, not yet committed */
};

void errand_free(struct errand *errand);
/* Its answer is there; any thread. */
void errand_answered(struct errand *errand);

/* Makes the calls of committed starts and stops: what ECS takes together goes together. Takes the
 * steps; those of one call stand side by side. */
void errands_call(struct apply *apply, struct step **steps, size_t n, const char *token);
/* Has the starts in doubt asked for: one listing a deployment. Takes the steps. */
void errands_list(struct apply *apply, struct step **steps, size_t n);

#endif
