/* blox-awssim as a process of one test program, and its control API. */
#ifndef BLOX_TESTS_SIM_H
#define BLOX_TESTS_SIM_H

#include <jansson.h>

/* Starts it on a free port, for calls with the environment's credentials, which it sets; the token
 * may be NULL. Fails the test when it does not come up. */
void sim_start(const char *region, const char *session_token);
void sim_stop(void);
const char *sim_url(void);
/* One call of the control API; fails the test unless it answers with 200. The caller's. */
json_t *sim_call(const char *method, const char *path, const char *body);
/* The same, of which nothing is wanted. */
void sim_do(const char *method, const char *path, const char *body);

#endif
