/* Starting, asking and ending the simulator. */
#include "sim.h"

#include "../unit/test.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../aws/peer.h"
#include "net/fetch.h"
#include "util/clock.h"
#include "util/mem.h"

static pid_t pid;
static char *url;

struct answer {
    bool over;
    int status;
    json_t *body;
};

static void take_answer(void *ctx, const struct fetch_answer *got)
{
    struct answer *answer = ctx;

    answer->over = true;
    answer->status = got->status;
    answer->body = json_loadb(got->body, got->body_len, 0, NULL);
}

static struct answer ask(const char *method, const char *path, const char *body)
{
    AUTO(fetch) *fetch = fetch_new(1, "test", NULL);
    AUTO_CHAR *where = xasprintf("%s/_sim%s", url, path);
    struct answer answer = {0};
    const struct fetch_request request = {.method = method,
                                          .url = where,
                                          .body = body,
                                          .body_len = body ? strlen(body) : 0,
                                          .timeout_ms = PATIENCE_MS,
                                          .direct = true};

    fetch_start(fetch, &request, take_answer, &answer);
    while (!answer.over) {
        fetch_turn(fetch, 1000);
    }
    return answer;
}

json_t *sim_call(const char *method, const char *path, const char *body)
{
    struct answer answer = ask(method, path, body);

    if (answer.status != 200) {
        fail_msg("%s %s: HTTP status %d", method, path, answer.status);
    }
    return answer.body;
}

void sim_do(const char *method, const char *path, const char *body)
{
    json_decref(sim_call(method, path, body));
}

const char *sim_url(void)
{
    return url;
}

static void set_credentials(const char *session_token)
{
    unsetenv("AWS_PROFILE");
    unsetenv("AWS_SESSION_TOKEN");
    setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
    if (session_token) {
        setenv("AWS_SESSION_TOKEN", session_token, 1);
    }
}

void sim_start(const char *region, const char *session_token)
{
    int port = peer_free_port();
    AUTO_CHAR *listen = xasprintf("127.0.0.1:%d", port);
    int64_t until_ms = clock_mono_ms() + PATIENCE_MS;
    struct answer answer = {0};

    url = xasprintf("http://127.0.0.1:%d", port);
    set_credentials(session_token);
    pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execl("./blox-awssim", "blox-awssim", "--listen", listen, "--region", region, "--queue",
              "events", "--start-delay-ms", "20", "--stop-timeout-ms", "20", "--log-level", "error",
              NULL);
        _exit(127);
    }
    while (answer.status != 200 && clock_mono_ms() < until_ms) {
        clock_sleep_ms(20);
        answer = ask("GET", "/healthz", NULL);
        json_decref(answer.body);
    }
    assert_int_equal(answer.status, 200);
}

void sim_stop(void)
{
    if (pid > 0) {
        kill(pid, SIGTERM);
        waitpid(pid, NULL, 0);
        pid = 0;
    }
    free(TAKE(url));
}
