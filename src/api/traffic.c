/* One label value a route, and one a service for what has no route. */
#include "api/traffic.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/mem.h"
#include "util/metrics.h"

static const struct {
    const char *name;
    const struct route *routes;
} services[] = {{"scheduler", scheduler_routes}, {"state", state_routes}};

static char **labels;
static size_t n_labels;

static size_t count_routes(const struct route *routes)
{
    size_t n = 0;

    while (routes[n].method) {
        n++;
    }
    return n;
}

/* Its place is the first of the service: what has no route comes before those which have. */
static void add_route(const char *service, const char *method, const char *pattern)
{
    struct strbuf label = {0};

    metrics_add_label(&label, "service", service);
    metrics_add_label(&label, "method", method);
    metrics_add_label(&label, "route", pattern);
    labels[n_labels++] = strbuf_take(&label);
}

void traffic_open(void)
{
    size_t n = 0;

    for (size_t s = 0; s < ARRAY_LEN(services); s++) {
        n += 1 + count_routes(services[s].routes);
    }
    labels = xcalloc(n, sizeof(*labels));
    for (size_t s = 0; s < ARRAY_LEN(services); s++) {
        add_route(services[s].name, "other", "none");
        for (const struct route *route = services[s].routes; route->method; route++) {
            add_route(services[s].name, route->method, route->pattern);
        }
    }
    metrics_set_routes((const char *const *)labels, n_labels);
}

void traffic_close(void)
{
    metrics_set_routes(NULL, 0);
    while (n_labels > 0) {
        free(labels[--n_labels]);
    }
    free(TAKE(labels));
}

size_t traffic_first_route(const struct route *routes)
{
    size_t first = 0;
    size_t s = 0;

    while (services[s].routes != routes) {
        first += 1 + count_routes(services[s].routes);
        s++;
        assert(s < ARRAY_LEN(services));
    }
    return first;
}

void traffic_begin(void)
{
    metric_level(METRIC_HTTP_REQUESTS_IN_PROGRESS, 0, 1);
}

void traffic_end(const struct service *service, const struct http_request *req,
                 const struct http_response *resp, int64_t took_us)
{
    size_t route =
        service->first_route + (req->route ? (size_t)(req->route - service->routes) + 1 : 0);
    char code[16];

    snprintf(code, sizeof(code), "%d", resp->status);
    metric_level(METRIC_HTTP_REQUESTS_IN_PROGRESS, 0, -1);
    metric_add(
        METRIC_HTTP_REQUESTS,
        metric_cell(METRIC_HTTP_REQUESTS, route, metric_value_of(METRIC_HTTP_REQUESTS, 1, code)),
        1);
    metric_observe_us(METRIC_HTTP_REQUEST_DURATION, route, took_us);
}
