/* One client of AWS and the scripted peer it calls: what several test programs say with them. */
#ifndef BLOX_TESTS_CALLING_H
#define BLOX_TESTS_CALLING_H

#include "../unit/test.h"

#include "aws/aws.h"
#include "peer.h"

#define OK                "{\"tasks\": [], \"failures\": []}"
#define ERROR(code, text) "{\"__type\": \"com.amazonaws.ecs#" code "\", \"message\": \"" text "\"}"
#define SCRIPT(peer, ...)                                                                          \
    static const struct reply replies_[] = {__VA_ARGS__};                                          \
    peer_script(peer, replies_, ARRAY_LEN(replies_))

extern struct peer *peer; /* of the test that runs */

struct outcome {
    struct aws_answer answer;
    int64_t took_ms;
};

struct aws *open_client(const char *url);
/* Of ECS: DescribeTasks, or StartTask when it is a write; PATIENCE_MS when `how` says no other
 * time. */
struct outcome call(struct aws *aws, struct aws_call how);
struct outcome do_read(struct aws *aws);
struct outcome do_write(struct aws *aws);
void assert_contains(const char *text, const char *part);
/* No credentials are to be found. */
void clear_environment(void);
int set_up(void **state);
int tear_down(void **state);

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
