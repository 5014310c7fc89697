/* Three paths, and what they say. */
#include "net/monitor.h"

#include <stdio.h>
#include <stdlib.h>

#include "util/mem.h"
#include "util/metrics.h"

#define TEXT "text/plain; charset=utf-8"

struct monitor {
    struct monitor_options options;
    struct server *server;
};

static void answer_health(const struct monitor *monitor,
                          void (*check)(void *ctx, struct health *health),
                          const struct server_request *request, struct server_response *response)
{
    AUTO_HEALTH health = {0};

    check(monitor->options.ctx, &health);
    response->status = health_status(&health);
    health_write(&health, health_wants_verbose(request->query), &response->body);
}

static void answer(void *ctx, const struct server_request *request,
                   struct server_response *response)
{
    const struct monitor *monitor = ctx;

    response->content_type = TEXT;
    if (!streq(request->method, "GET") && !streq(request->method, "HEAD")) {
        response->status = 405;
        strbuf_add_text(&response->body, "405 Method Not Allowed\n");
    } else if (streq(request->path, "/metrics") || streq(request->path, "/")) {
        response->content_type = METRICS_CONTENT_TYPE;
        metrics_write(&response->body);
    } else if (streq(request->path, "/livez")) {
        answer_health(monitor, monitor->options.live, request, response);
    } else if (streq(request->path, "/readyz")) {
        answer_health(monitor, monitor->options.ready, request, response);
    } else {
        response->status = 404;
        strbuf_add_text(&response->body, "404: here are /metrics, /livez and /readyz\n");
    }
}

int monitor_open(const struct monitor_options *options, struct monitor **out, char warning[256],
                 struct error *err)
{
    const char *address = options->address ? options->address : options->standard;
    AUTO(monitor) *monitor = NULL;
    struct error why = {0};

    *out = NULL;
    warning[0] = '\0';
    if (streq(address, MONITOR_OFF)) {
        return 0;
    }
    monitor = xcalloc(1, sizeof(*monitor));
    monitor->options = *options;
    monitor->server = server_open(address, options->mode, answer, monitor, &why);
    if (monitor->server) {
        *out = TAKE(monitor);
        return 0;
    }
    if (!options->address && why.code == ERR_UNAVAILABLE) {
        snprintf(warning, 256, "no metrics: %.180s; choose with --metrics-listen", why.text);
        return 0;
    }
    return error_set(err, why.code, "--metrics-listen: %s", why.text);
}

void monitor_free(struct monitor *monitor)
{
    if (monitor) {
        server_free(monitor->server);
        free(monitor);
    }
}

struct server *monitor_server(struct monitor *monitor)
{
    return monitor->server;
}
