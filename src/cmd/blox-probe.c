/* Asks a URL and says by the exit status whether the answer was good: for health checks. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/fetch.h"
#include "util/attr.h"

#define DEADLINE_MS 3000 /* name look-up, connection, TLS and the whole answer */
#define SHOWN_MAX   200  /* bytes of a bad answer's first line */

enum { HEALTHY = 0, UNHEALTHY = 1, USAGE = 64 };

struct probe {
    const char *url;
    bool done;
    int status; /* the exit status */
};

static const char usage[] =
    "blox-probe: asks a URL, for health checks\n\n"
    "Usage: blox-probe URL\n\n"
    "  URL        http:// or https://; asked with GET, never by a proxy\n"
    "  --version  Prints the version.\n"
    "  --help     Prints this.\n\n"
    "Exit status: 0 after a 2xx answer within 3 seconds, 1 after any other or none, 64 for wrong\n"
    "arguments. What was wrong is said in one line on the standard error output.\n";

/* The first line of what somebody else wrote, without what could move a terminal's cursor. */
static void show_first_line(const char *text, size_t len)
{
    for (size_t i = 0; i < len && i < SHOWN_MAX && text[i] != '\n'; i++) {
        fputc(isprint((unsigned char)text[i]) ? text[i] : '?', stderr);
    }
}

static void judge(void *ctx, const struct fetch_answer *answer)
{
    struct probe *probe = ctx;

    probe->done = true;
    if (answer->err.code != ERR_NONE) {
        fprintf(stderr, "blox-probe: %s: %s\n", probe->url, answer->err.text);
    } else if (answer->status / 100 == 2) {
        probe->status = HEALTHY;
    } else {
        fprintf(stderr, "blox-probe: %s answers %d: ", probe->url, answer->status);
        show_first_line(answer->body, answer->body_len);
        fputc('\n', stderr);
    }
}

static int run(const char *url)
{
    struct probe probe = {.url = url, .status = UNHEALTHY};
    const struct fetch_request request = {
        .method = "GET",
        .url = url,
        .timeout_ms = DEADLINE_MS,
        .direct = true,
    };
    struct error err = {0};
    AUTO(fetch) *fetch = fetch_new(1, "blox-probe/" PACKAGE_VERSION, &err);

    if (!fetch) {
        fprintf(stderr, "blox-probe: %s\n", err.text);
        return UNHEALTHY;
    }
    fetch_start(fetch, &request, judge, &probe);
    while (!probe.done) { /* libcurl keeps the deadline */
        fetch_turn(fetch, DEADLINE_MS);
    }
    return probe.status;
}

int main(int argc, char **argv)
{
    const char *arg = argc == 2 ? argv[1] : "";

    if (streq(arg, "--help")) {
        fputs(usage, stdout);
        return EXIT_SUCCESS;
    }
    if (streq(arg, "--version")) {
        puts("blox-probe " PACKAGE_VERSION);
        return EXIT_SUCCESS;
    }
    if (argc != 2) {
        fprintf(stderr, "blox-probe: want one URL, got %d arguments; try blox-probe --help\n",
                argc - 1);
        return USAGE;
    }
    if (strncmp(arg, "http://", 7) != 0 && strncmp(arg, "https://", 8) != 0) {
        fprintf(stderr,
                "blox-probe: \"%s\": want a URL with http:// or https://; "
                "try blox-probe --help\n",
                arg);
        return USAGE;
    }
    return run(arg);
}
