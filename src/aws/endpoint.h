/* Where a service listens: its public name in the region's partition, or as given. Pure. */
#ifndef BLOX_AWS_ENDPOINT_H
#define BLOX_AWS_ENDPOINT_H

#include "util/error.h"

struct endpoint {
    char *url;  /* without a slash at its end */
    char *host; /* with the port, unless it is the scheme's own */
    char *path; /* as on the wire; "/" at least */
};

/* `given` or, when it is NULL or "", the default of service and region. ERR_INVALID for a text that
 * is no http or https URL. */
int endpoint_init(struct endpoint *endpoint, const char *service, const char *region,
                  const char *given, struct error *err) MUST_CHECK;
void endpoint_clear(struct endpoint *endpoint);

#endif
