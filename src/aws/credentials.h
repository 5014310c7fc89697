/* Credentials, and the reading of what the container and metadata services say. Pure. */
#ifndef BLOX_AWS_CREDENTIALS_H
#define BLOX_AWS_CREDENTIALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/attr.h"
#include "util/error.h"

struct credentials {
    char *access_key_id;
    char *secret;
    char *token;           /* NULL: none */
    int64_t expires_at_ms; /* 0: never */
};

/* Copies the texts. ERR_DENIED, with `from` in the text, when one is missing (id or secret) or has
 * characters which no credential has. */
int credentials_set(struct credentials *credentials, const char *from, const char *id,
                    const char *secret, const char *token, struct error *err) MUST_CHECK;
void credentials_clear(struct credentials *credentials);

/* Reads the answer of the container or metadata service. ERR_PROTOCOL. */
int credentials_parse(const char *body, size_t len, struct credentials *out,
                      struct error *err) MUST_CHECK;
/* Whether credentials may be asked for there: https anywhere, http only at the loopback and at the
 * addresses of ECS and EKS. */
bool credentials_uri_is_safe(const char *uri);
/* Credentials become header lines: visible ASCII, and something of it. */
bool credentials_text_is_clean(const char *text);

#endif
