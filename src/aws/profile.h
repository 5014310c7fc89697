/* A profile in the shared files of the AWS tools, ~/.aws/credentials and ~/.aws/config. */
#ifndef BLOX_AWS_PROFILE_H
#define BLOX_AWS_PROFILE_H

#include <stdbool.h>

#include "util/attr.h"
#include "util/error.h"

struct profile {
    char *name;             /* "default" unless one was named */
    char *credentials_path; /* AWS_SHARED_CREDENTIALS_FILE or ~/.aws/credentials */
    char *config_path;      /* AWS_CONFIG_FILE or ~/.aws/config */
    char *credentials;      /* their texts; "" for a file that is not there */
    char *config;
};

/* Reads both files. `name` NULL or "": "default". ERR_INVALID for a file that the environment names
 * and that is there but cannot be read, and for a profile that was named and stands in neither. */
int profile_load(struct profile *profile, const char *name, struct error *err) MUST_CHECK;
void profile_clear(struct profile *profile);
/* A setting of the profile, from the credentials file or else the config file; NULL when it is not
 * there. */
char *profile_get(const struct profile *profile, const char *key) MUST_CHECK;

/* The value of a key in a section of an ini text; NULL when there is none. Pure. */
char *ini_get(const char *text, const char *section, const char *key) MUST_CHECK;
bool ini_has_section(const char *text, const char *section);

#endif
