/* Puts the parts of the simulator together: one port, two doors, one queue of events;
 * and the two ports of the gateway. */
#include "sim/sim.h"

#include <stdlib.h>
#include <string.h>

#include "sim/parts.h"
#include "sim/texts.h"
#include "util/mem.h"

#define CONTROL_PREFIX    "/_sim/"
#define REORDER_DELAY_MS  500 /* at most; an event that comes late comes after others */
#define DEAD_LETTER_AFTER 5   /* receives */

#define INTEGRATION_TIMEOUT_MS 29000 /* API Gateway's default */
#define FUNCTION_TIMEOUT_MS    28000 /* as our template sets it */

static void handle(void *ctx, const struct server_request *request,
                   struct server_response *response)
{
    struct sim *sim = ctx;

    if (strncmp(request->path, CONTROL_PREFIX, strlen(CONTROL_PREFIX)) == 0) {
        control_handle(sim, request, response);
    } else {
        aws_handle(sim, request, response);
    }
}

/* ---- events ---------------------------------------------------------------------------------- */

/* What nobody can read takes the place of the event: half of it, no JSON, or JSON of another
 * shape. */
static void spoil(struct sim *sim, struct strbuf *event)
{
    switch (faults_random(&sim->faults, 3)) {
    case 1:
        event->len /= 2;
        event->text[event->len] = '\0';
        break;
    case 2:
        strbuf_reset(event);
        strbuf_add_text(event, "this is no event");
        break;
    default:
        strbuf_reset(event);
        strbuf_add_text(event, "{\"detail-type\":\"ECS Task State Change\",\"detail\":[]}");
    }
}

/* Puts an event into the queue, or does what a fault says. */
static void publish(void *ctx, struct strbuf *event)
{
    struct sim *sim = ctx;
    struct faults *faults = &sim->faults;
    int64_t delay_ms = 0;
    int copies = 1;

    faults_count_event(faults);
    if (faults_strike_event(faults, FAULT_EVENT_LOST)) {
        return;
    }
    if (faults_strike_event(faults, FAULT_EVENT_DUPLICATE)) {
        copies = 2;
    }
    if (faults_strike_event(faults, FAULT_EVENT_REORDER)) {
        delay_ms = faults_random(faults, REORDER_DELAY_MS);
    }
    if (faults_strike_event(faults, FAULT_EVENT_MALFORMED)) {
        spoil(sim, event);
    }
    queues_lock(&sim->queues);
    struct queue *queue = queue_find(&sim->queues, sim->options.queue);

    for (int i = 0; queue && i < copies; i++) { /* a duplicate may come later than the first */
        queue_send(&sim->queues, queue, event->text, event->len,
                   i == 0 ? delay_ms : faults_random(faults, REORDER_DELAY_MS));
    }
    queues_unlock(&sim->queues);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void make_event_queue(struct sim *sim)
{
    AUTO_CHAR *grave_name = xasprintf("%s-dlq", sim->options.queue);
    struct queue *queue = queue_make(&sim->queues, sim->options.queue);

    queue_make(&sim->queues, grave_name);
    queue->dead_letter_name = xstrdup(grave_name);
    queue->receives_max = DEAD_LETTER_AFTER;
}

static void apply_options(struct sim *sim)
{
    sim->settings.start_delay_ms = sim->options.start_delay_ms;
    sim->settings.stop_timeout_ms = sim->options.stop_timeout_ms;
    sim->settings.old_arns = sim->options.old_arns;
    sim->settings.auto_health = true;
    sim->settings.integration_timeout_ms = INTEGRATION_TIMEOUT_MS;
    sim->settings.function_timeout_ms = FUNCTION_TIMEOUT_MS;
    sim->world.region = sim->options.region;
    sim->world.account = sim->options.account;
    sim->world.settings = &sim->settings;
    sim->world.publish = publish;
    sim->world.publish_ctx = sim;
}

/* The key which everybody starts with belongs to a user "test". */
static int add_first_user(struct sim *sim, struct error *err)
{
    AUTO_CHAR *arn = xasprintf("arn:aws:iam::%s:user/test", sim->options.account);
    struct user user = {
        .access_key_id = sim->options.access_key_id,
        .secret_access_key = sim->options.secret_access_key,
        .session_token = sim->options.session_token,
        .arn = arn,
    };

    return users_add(&sim->users, &user)
               ? 0
               : error_set(err, ERR_INVALID, "account %s: want 12 digits", sim->options.account);
}

static int open_gateway(struct sim *sim, struct error *err)
{
    const struct sim_options *options = &sim->options;

    if (!options->gateway_listen) {
        return 0;
    }
    sim->gateway =
        server_open_large(options->gateway_listen, GATEWAY_BODY_MAX, gateway_handle, sim, err);
    sim->runtime_api = sim->gateway
                           ? server_open_large(options->runtime_api_listen, RUNTIME_PAYLOAD_MAX,
                                               runtime_api_handle, sim, err)
                           : NULL;
    return sim->runtime_api ? 0 : -1;
}

struct sim *sim_open(const struct sim_options *options, struct error *err)
{
    AUTO(sim) *sim = xcalloc(1, sizeof(*sim));

    sim->options = *options;
    apply_options(sim);
    faults_init(&sim->faults);
    quotas_init(&sim->quotas);
    calls_init(&sim->calls);
    queues_init(&sim->queues, options->region, options->account);
    make_event_queue(sim);
    users_init(&sim->users);
    runtime_init(&sim->runtime);
    world_init(&sim->world);
    if (add_first_user(sim, err) < 0 || open_gateway(sim, err) < 0) {
        return NULL;
    }
    sim->server = server_open(options->listen, SERVER_THREADS, handle, sim, err);
    return sim->server ? TAKE(sim) : NULL;
}

void sim_free(struct sim *sim)
{
    if (!sim) {
        return;
    }
    queues_end(&sim->queues);
    runtime_end(&sim->runtime);
    server_free(sim->server);
    server_free(sim->gateway);
    server_free(sim->runtime_api);
    runtime_clear(&sim->runtime);
    users_clear(&sim->users);
    world_clear(&sim->world);
    queues_clear(&sim->queues);
    calls_clear(&sim->calls);
    quotas_clear(&sim->quotas);
    faults_clear(&sim->faults);
    texts_free();
    free(sim);
}

int sim_port(const struct sim *sim)
{
    return server_port(sim->server);
}

int sim_gateway_port(const struct sim *sim)
{
    return sim->gateway ? server_port(sim->gateway) : 0;
}

int sim_runtime_api_port(const struct sim *sim)
{
    return sim->runtime_api ? server_port(sim->runtime_api) : 0;
}
