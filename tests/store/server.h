/* A real redis-server for a test: in a temporary directory, on a unix socket, ended by its pid. */
#ifndef BLOX_TEST_SERVER_H
#define BLOX_TEST_SERVER_H

#include "../unit/test.h"

#include "store/redis.h"
#include "store/store.h"
#include "util/clock.h"

#define TIMEOUT_MS 15000 /* of the stores the tests open */

struct server;
/* Takes more arguments for redis-server; "PORT" becomes the port set aside. Fails the test when it
 * does not answer. */
#define server_start(...) server_start_with((const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})
struct server *server_start_with(const char *const *more);
/* A sentinel, on its TCP port alone, which watches the primary under the name. */
struct server *server_start_sentinel(const char *name, const struct server *primary);
void server_free(struct server *server); /* ends it and removes its directory */
AUTO_DEFINE(server);

void server_kill(struct server *server); /* SIGKILL */
void server_stop(struct server *server); /* SIGTERM: it saves what its settings say */
void server_signal(struct server *server, int signal);
void server_resume(struct server *server); /* starts again on the same directory */
/* The same arguments on an empty directory. */
void server_resume_empty(struct server *server);

const char *server_url(const struct server *server); /* unix:// */
int server_port(const struct server *server);        /* a TCP port set aside for it */
/* A command on a connection of the test's own; fails the test on an error. */
struct reply *server_call(struct server *server, ...) __attribute__((sentinel));
/* The same, of which only the number or the number in the text is wanted. */
int64_t server_number(struct server *server, const char *one, const char *two, const char *three);

/* Fails the test on an error. */
struct store *open_store(const char *url);

/* What a program does first: meta is written where it is missing, and names this server. */
int check_store(struct store *store, struct error *err);

/* With TIMEOUT_MS, too; ca_file may be NULL. Fails the test when the URL is wrong. */
struct store *open_with(const char *url, const char *ca_file, int replicas);
#define SHORT_MS 1500 /* for calls which cannot succeed, and which the test waits for */
struct store *open_impatient(const char *url, const char *ca_file, int replicas);
/* One commit of one task. */
int put_body(struct store *store, const char *key, const char *body, bool durable,
             struct error *err);

/* A store with SHORT_MS cannot be used, for a reason which is told. */
void assert_refused(const char *url, const char *ca_file, enum error_code code,
                    const char *because);

/* Prints the TAP line which skips the program where redis-server is missing. */
bool skip_without_server(void);

/* Waits up to PATIENCE_MS for a condition. */
#define eventually(condition)                                                                      \
    do {                                                                                           \
        int64_t until_ms_ = clock_mono_ms() + PATIENCE_MS;                                         \
        while (!(condition) && clock_mono_ms() < until_ms_) {                                      \
            clock_sleep_ms(5);                                                                     \
        }                                                                                          \
        assert_true(condition);                                                                    \
    } while (0)

#define assert_ok(call, err)                                                                       \
    do {                                                                                           \
        if ((call) < 0) {                                                                          \
            fail_msg("%s", (err)->text);                                                           \
        }                                                                                          \
    } while (0)

#endif
