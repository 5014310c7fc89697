/*
 * Who we are at AWS. The chain is that of the AWS tools: environment, shared profile, container
 * credentials, instance metadata (IMDSv2); the first that has something stays.
 *
 * Credentials which expire are asked for anew 5 minutes before, one request at a time; while that
 * fails the old ones serve as long as they are valid. Belongs to the thread of its `fetch`.
 */
#ifndef BLOX_AWS_CREDENTIAL_CHAIN_H
#define BLOX_AWS_CREDENTIAL_CHAIN_H

#include "aws/credentials.h"
#include "aws/profile.h"
#include "net/fetch.h"

struct credential_chain;

/* Reads environment and profile; both are borrowed for the call. ERR_INVALID when credentials are
 * half there, and for an unsafe container URI. */
struct credential_chain *credential_chain_new(struct fetch *fetch, const struct profile *profile,
                                              struct error *err) MUST_CHECK;
void credential_chain_free(struct credential_chain *chain);
AUTO_DEFINE(credential_chain);

/*
 * The credentials for a call at now_ms (AWS' clock), borrowed until the next fetch_turn. NULL with
 * err unset: they are on their way, ask again after fetch_turn. NULL with err set (ERR_DENIED,
 * ERR_UNAVAILABLE, ERR_PROTOCOL): there are none for now; the text says where was looked.
 */
const struct credentials *credential_chain_get(struct credential_chain *chain, int64_t now_ms,
                                               struct error *err) MUST_CHECK;
/* AWS refused them: the next get asks the source for new ones. False when it has no others, or was
 * asked a moment ago. */
bool credential_chain_refuse(struct credential_chain *chain);

#endif
