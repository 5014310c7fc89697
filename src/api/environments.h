/* Environments, as deployments need them. */
#ifndef BLOX_API_ENVIRONMENTS_H
#define BLOX_API_ENVIRONMENTS_H

#include "api/api.h"
#include "model/environment.h"

/* The living environment of that name, which *out reads from; NULL when there is none. */
struct entity *find_environment(struct api *api, const char *name,
                                struct environment *out) MUST_CHECK;

#endif
