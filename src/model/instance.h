/* A container instance: the field line of its record. */
#ifndef BLOX_MODEL_INSTANCE_H
#define BLOX_MODEL_INSTANCE_H

#include <jansson.h>

#include "util/strbuf.h"

/* From a canonical raw form which render_instance has accepted; line is a fresh strbuf. */
void instance_fields(const json_t *raw, struct strbuf *line);

#endif
