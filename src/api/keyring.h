/*
 * The keys of those who may sign requests, from a file or from a text. A file is looked at again
 * once a second while requests come: keys are exchanged by writing it anew, best by renaming a new
 * one over it. While it cannot be used the former keys stay in force.
 */
#ifndef BLOX_API_KEYRING_H
#define BLOX_API_KEYRING_H

#include "http/keys.h"

struct keyring;

/* Of the file at path, which nobody but its owner and group may read, or of text where that is
 * NULL. Errors: ERR_INVALID, which names the file and shows nothing of it. */
struct keyring *keyring_open(const char *path, const char *text, struct error *err) MUST_CHECK;
void keyring_free(struct keyring *keyring);
AUTO_DEFINE(keyring);

/* Looks at the file, if nobody did so within the last second. Any thread; after a fork, too. */
void keyring_refresh(struct keyring *keyring);
/* The same, and then the keys as they are now, until keyring_end. Any thread; after a fork, too. */
const struct keys *keyring_begin(struct keyring *keyring) MUST_CHECK;
void keyring_end(struct keyring *keyring);

/* Changes whenever the keys do. Any thread. */
uint64_t keyring_generation(const struct keyring *keyring);

/* Looks at the file, and tells log and metrics: for the one process that does so for all. */
void keyring_watch(struct keyring *keyring);

#endif
