/* Amazon Resource Names of ECS clusters, tasks and container instances. */
#include "model/arn.h"

#define ACCOUNT_LEN          12
#define CLUSTER_NAME_LEN_MAX 255
#define ID_LEN               32
#define UUID_LEN             36

static const char *const resources[] = {
    [ARN_CLUSTER] = "cluster/",
    [ARN_TASK] = "task/",
    [ARN_INSTANCE] = "container-instance/",
};

/* ASCII on purpose: the rules know no locale. */
static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    return is_letter(c) || is_digit(c) || c == '_' || c == '-';
}

static size_t words_len(const char *p)
{
    size_t len = 0;

    while (is_word(p[len])) {
        len++;
    }
    return len;
}

static bool skip_text(const char **p, const char *text)
{
    size_t len = strlen(text);

    if (strncmp(*p, text, len) != 0) {
        return false;
    }
    *p += len;
    return true;
}

/* "arn:aws:ecs:", "arn:aws-us-gov:ecs:", ... */
static bool skip_partition(const char **p)
{
    if (!skip_text(p, "arn:aws")) {
        return false;
    }
    while ((**p >= 'a' && **p <= 'z') || **p == '-') {
        (*p)++;
    }
    return skip_text(p, ":ecs:");
}

/* "us-east-1:123456789012:" */
static bool skip_place(const char **p, struct arn *arn)
{
    arn->region = *p;
    arn->region_len = words_len(*p);
    *p += arn->region_len;
    if (arn->region_len == 0 || !skip_text(p, ":")) {
        return false;
    }
    arn->account = *p;
    for (int i = 0; i < ACCOUNT_LEN; i++, (*p)++) {
        if (!is_digit(**p)) {
            return false;
        }
    }
    return skip_text(p, ":");
}

/* ECS' own rule. */
static bool is_cluster_name(const char *name, size_t len)
{
    return len > 0 && len <= CLUSTER_NAME_LEN_MAX && words_len(name) >= len;
}

/* v0.3.0's rule, by which its API tells names from anything else. */
bool cluster_name_is_valid(const char *name)
{
    size_t len = strlen(name);

    return len > 1 && is_letter(name[0]) && is_cluster_name(name, len);
}

/* What follows "task/" or "container-instance/": "<id>" or "<cluster>/<id>". */
static bool parse_member(const char *p, struct arn *arn)
{
    size_t len = words_len(p);

    if (p[len] == '/') {
        arn->cluster = p;
        arn->cluster_len = len;
        p += len + 1;
        len = words_len(p);
        if (!is_cluster_name(arn->cluster, arn->cluster_len)) {
            return false;
        }
    }
    arn->id = p;
    return len > 0 && p[len] == '\0';
}

bool arn_parse(const char *text, enum arn_kind kind, struct arn *out)
{
    struct arn arn = {0};
    const char *p = text;

    if (strnlen(text, ARN_LEN_MAX + 1) > ARN_LEN_MAX || !skip_partition(&p) ||
        !skip_place(&p, &arn) || !skip_text(&p, resources[kind])) {
        return false;
    }
    if (kind == ARN_CLUSTER) {
        arn.cluster = p;
        arn.cluster_len = strlen(p);
    }
    if (kind == ARN_CLUSTER ? !is_cluster_name(p, strlen(p)) : !parse_member(p, &arn)) {
        return false;
    }
    if (out) {
        *out = arn;
    }
    return true;
}

const char *arn_cluster_name(const char *cluster_arn)
{
    struct arn arn;

    return arn_parse(cluster_arn, ARN_CLUSTER, &arn) ? arn.cluster : NULL;
}

bool arn_id_is_valid(const char *id)
{
    size_t len = strlen(id);

    return len == ID_LEN || len == UUID_LEN;
}

bool arn_is_of_cluster(const char *text, enum arn_kind kind, const char *cluster_arn)
{
    struct arn arn, cluster;

    if (!arn_parse(text, kind, &arn) || !arn_parse(cluster_arn, ARN_CLUSTER, &cluster)) {
        return false;
    }
    size_t place_len = (size_t)(cluster.account - cluster_arn) + ACCOUNT_LEN;

    return strncmp(text, cluster_arn, place_len) == 0 &&
           (!arn.cluster || (arn.cluster_len == cluster.cluster_len &&
                             memcmp(arn.cluster, cluster.cluster, arn.cluster_len) == 0));
}
