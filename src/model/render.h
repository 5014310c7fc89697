/*
 * The v1 `entity` objects: one canonical raw form in, v0.3.0's bytes out. What v0.3.0 required is
 * required here, except a task's container instance (Fargate has none); ERR_INVALID names the
 * member which is missing or has the wrong type.
 */
#ifndef BLOX_MODEL_RENDER_H
#define BLOX_MODEL_RENDER_H

#include <jansson.h>

#include "util/attr.h"
#include "util/error.h"
#include "util/strbuf.h"

int render_task(const json_t *raw, struct strbuf *out, struct error *err) MUST_CHECK;
int render_instance(const json_t *raw, struct strbuf *out, struct error *err) MUST_CHECK;

#endif
