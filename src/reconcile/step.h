/* One decision on its way: the placement as it is to be written, and what ECS is asked for. */
#ifndef BLOX_RECONCILE_STEP_H
#define BLOX_RECONCILE_STEP_H

#include "aws/aws.h"
#include "model/placement.h"
#include "reconcile/board.h"
#include "reconcile/look.h"

#define STEP_NO_OP SIZE_MAX

struct step {
    TAILQ_ENTRY(step) link;
    struct place *place; /* not freed while something is under way there */
    enum plan_act act;
    enum aws_class class;
    int64_t revision;           /* the placement's; 0: there is none */
    struct placement placement; /* to be written; its texts are the step's own */
    char *task_definition;      /* of a START */
    char *stop;                 /* ARNs to stop, comma separated */
    size_t op;                  /* of the commit it is in; STEP_NO_OP: none */
    bool understood;            /* the answer has been turned into `placement` */
    bool to_write;              /* and that is to be written */
};

TAILQ_HEAD(step_list, step);

/* With the board's lock held. */
struct step *step_new(struct place *place, const struct look *look, enum aws_class class);
struct step *step_copy(const struct step *step);
void step_free(struct step *step);
AUTO_DEFINE(step);

/* The placement's state from now on. */
void step_set_state(struct step *step, enum placement_state state, int64_t now_ms);
void step_set_tasks(struct step *step, const char *tasks);
void step_set_reason(struct step *step, const char *reason);
void step_set_lease(struct step *step, const char *token);

#endif
