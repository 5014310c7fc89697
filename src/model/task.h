/* A task: the field line of its record. */
#ifndef BLOX_MODEL_TASK_H
#define BLOX_MODEL_TASK_H

#include <jansson.h>

#include "util/strbuf.h"

/* From a canonical raw form which render_task has accepted; line is a fresh strbuf. */
void task_fields(const json_t *raw, struct strbuf *line);

#endif
