/*
 * Inside the ECS read API: one call, what it asks for and what it gets. What is refused is refused
 * with ECS' codes, and in its words where we know them.
 * Source: ECS API Reference, 2014-11-13; botocore's model ecs/2014-11-13.
 */
#ifndef BLOX_API_ECS_READS_H
#define BLOX_API_ECS_READS_H

#include <jansson.h>

#include "api/api.h"
#include "api/page_token.h"

#define ECS_PAGE_MAX      100 /* of every listing */
#define ECS_DESCRIBED_MAX 100 /* references in one call */

struct ecs_call {
    struct api *api;
    const char *operation;
    const json_t *input; /* an object */
    json_t *output;      /* an object, which the operation fills in */
    const char *code;    /* of the refusal, static; NULL: none */
    struct strbuf text;  /* the refusal in words */
};

/* Always -1, so that `return ecs_refuse(...)` works. */
int ecs_refuse(struct ecs_call *call, const char *code, const char *fmt, ...) PRINTF(3, 4);
/* What is not the caller's fault: an HTTP 500, which SDKs try again. Logged. */
int ecs_fail(struct ecs_call *call, const struct error *why);

/* For who answers in the place of all operations: the caller is not let in. */
void ecs_reply_forbidden(struct http_response *resp);

/* ---- the input (ecs_reads_input.c) ----------------------------------------------------------- */

/* Absent and null are the same, and give NULL; another type is a SerializationException. */
int ecs_input_text(struct ecs_call *call, const char *key, const char **out) MUST_CHECK;
/* An array of `min` to ECS_DESCRIBED_MAX texts; NULL when absent and min is 0. */
int ecs_input_texts(struct ecs_call *call, const char *key, size_t min,
                    const json_t **out) MUST_CHECK;
/* Whether `include` is one; and whether it has the word. */
int ecs_input_include(struct ecs_call *call) MUST_CHECK;
bool ecs_includes(const struct ecs_call *call, const char *word);

/* One page of a listing. */
struct ecs_page {
    size_t max;
    char *after; /* the key of the page before's last item; NULL: the first page */
    uint8_t scope[PAGE_SCOPE_LEN]; /* what is listed: a token of anything else is refused */
};
/* maxResults and nextToken; waits for what the page before showed, whoever answered it. */
int ecs_page_open(struct ecs_call *call, struct ecs_page *out) MUST_CHECK;
void ecs_page_clear(struct ecs_page *page);
#define AUTO_ECS_PAGE __attribute__((cleanup(ecs_page_clear))) struct ecs_page
/* Puts the keys, at most one more than a page holds, into the output. */
void ecs_page_answer(struct ecs_call *call, const struct ecs_page *page, const char *name,
                     const struct entity_list *found);

/* ---- what there is (ecs_reads_find.c) -------------------------------------------------------- */

/* The ARN of `cluster`, which is "default" when left out; the caller's. */
int ecs_input_cluster(struct ecs_call *call, char **arn) MUST_CHECK;
/* The ARN of a cluster by name or ARN; NULL when nothing is known of it. */
char *ecs_find_cluster(struct view *view, const char *reference) MUST_CHECK;
/* A cluster's status; one of which only tasks or instances are known yet is ACTIVE. */
char *ecs_cluster_status(struct view *view, const char *cluster_arn) MUST_CHECK;
/* A task or instance of the cluster by id or ARN, or NULL. */
struct entity *ecs_find_member(struct view *view, enum kind kind, const char *cluster_arn,
                               const char *reference) MUST_CHECK;
/* Refuses all of them for one that can name no task or instance of the cluster, as ECS does. */
int ecs_check_members(struct ecs_call *call, enum kind kind, const char *cluster_arn,
                      const json_t *references) MUST_CHECK;
/* `{"arn":...,"reason":"MISSING"}`, the ARN spelt out. */
json_t *ecs_missing_member(enum kind kind, const char *cluster_arn, const char *reference);
json_t *ecs_missing_cluster(struct view *view, const char *reference);

/* ---- the operations -------------------------------------------------------------------------- */

typedef int ecs_operation(struct ecs_call *call);

ecs_operation ecs_answer_list_clusters, ecs_answer_list_container_instances, ecs_answer_list_tasks;
ecs_operation ecs_answer_describe_clusters, ecs_answer_describe_container_instances,
    ecs_answer_describe_tasks;

#endif
