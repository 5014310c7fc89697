/* The control API: who may call, and what became of the calls through the gateway. */
#include <string.h>

#include "sim/parts.h"

static int show_users(struct sim *sim, struct call *call)
{
    users_emit(&sim->users, &call->out, "users");
    return 0;
}

static int add_user(struct sim *sim, struct call *call)
{
    struct user user = {0};

    if (input_need_text(call, "accessKeyId", &user.access_key_id) < 0 ||
        input_need_text(call, "secretAccessKey", &user.secret_access_key) < 0 ||
        input_need_text(call, "arn", &user.arn) < 0 ||
        input_text(call, "sessionToken", &user.session_token) < 0) {
        return -1;
    }
    if (!users_add(&sim->users, &user)) {
        return refuse(call, "",
                      "arn: want arn:aws:iam::ACCOUNT:user/NAME or "
                      "arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION");
    }
    emit_text(&call->out, "userId", user.id);
    return 0;
}

static int remove_user(struct sim *sim, struct call *call)
{
    const char *key = NULL;

    if (input_need_text(call, "accessKeyId", &key) < 0) {
        return -1;
    }
    return users_remove(&sim->users, key) ? 0
                                          : refuse_as(call, 404, "", "there is no key %.100s", key);
}

static int show_function(struct sim *sim, struct call *call)
{
    struct runtime *runtime = &sim->runtime;

    pthread_mutex_lock(&runtime->lock);
    emit_int(&call->out, "invocations", runtime->n_invocations);
    emit_int(&call->out, "failed", runtime->n_failed);
    emit_int(&call->out, "late", runtime->n_late);
    emit_int(&call->out, "idle", runtime->n_idle);
    pthread_mutex_unlock(&runtime->lock);
    return 0;
}

const struct control_route control_gateway_routes[] = {
    {"GET", "/users", show_users},
    {"POST", "/users", add_user},
    {"DELETE", "/users", remove_user},
    {"GET", "/function", show_function},
    {0},
};
