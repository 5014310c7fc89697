/* Who is let in: patterns of ARNs, and the decision about a request, a row a case. */
#include "test.h"

#include "plan/admission.h"
#include "util/mem.h"

/* ---- callers --------------------------------------------------------------------------------- */

#define ROLE "arn:aws:sts::123456789012:assumed-role/Deployer/ci-7"

static const struct {
    const char *list, *arn;
    bool has;
} lists[] = {
    {ROLE, ROLE, true},
    {ROLE, ROLE "x", false},
    {ROLE "x", ROLE, false},
    {"*", ROLE, true},
    {"*", "", true},
    {"arn:*", ROLE, true},
    {"arn:aws:sts::123456789012:assumed-role/Deployer/*", ROLE, true},
    {"arn:aws:sts::123456789012:assumed-role/Deployer*", ROLE, true},
    {"arn:aws:sts::123456789012:assumed-role/Deploye*r/*", ROLE, true},
    {"arn:aws:sts::123456789012:assumed-role/Deployer/", ROLE, false},
    {"arn:aws:sts::123456789012:assumed-role/deployer/*", ROLE, false},
    {"arn:aws:iam::123456789012:role/Deployer", ROLE, false}, /* the role itself is no caller */
    {"arn:aws:sts::*:assumed-role/Deployer/*", ROLE, true},
    {"*assumed-role/*/ci-7", ROLE, true},
    {"*ci-7", ROLE, true},
    {"*ci-77", ROLE, false},
    {"*ci-8", ROLE, false},
    {"**ci**7**", ROLE, true},
    {"arn:aws:sts::?23456789012:*", ROLE, false},
    {"arn:aws:iam::1:user/ann," ROLE, ROLE, true},
    {" arn:aws:iam::1:user/ann ,\t*/ci-7 \n", ROLE, true},
    {"arn:aws:iam::1:user/ann,arn:aws:iam::1:user/bob", "arn:aws:iam::1:user/ann,arn", false},
    {"*aab", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaab", true},
    {"*aac", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaab", false},
    {"arn:aws:iam::1:user/*ann", "arn:aws:iam::1:user/ann/ann/anx", false},
    {"arn:aws:iam::1:user/[a]nn", "arn:aws:iam::1:user/ann", false},
};

static void test_lists(void **state)
{
    (void)state;
    for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
        struct error err = {0};
        AUTO(callers) *callers = callers_parse(lists[l].list, &err);

        if (!callers || callers_have(callers, lists[l].arn) != lists[l].has) {
            fail_msg("\"%s\" and \"%s\": %s", lists[l].list, lists[l].arn, err.text);
        }
    }
}

static const struct {
    const char *list, *why;
} bad_lists[] = {
    {"", "pattern 1 is empty"},
    {" ", "pattern 1 is empty"},
    {"*,", "pattern 2 is empty"},
    {",*", "pattern 1 is empty"},
    {"*,,*", "pattern 2 is empty"},
    {"Deployer", "want ARNs, which begin with \"arn:\", not \"Deployer\""},
    {"*, ann", "not \"ann\""},
};

static void test_lists_which_are_none(void **state)
{
    AUTO_STRBUF many = {0};
    struct error err = {0};

    (void)state;
    for (size_t l = 0; l < ARRAY_LEN(bad_lists); l++) {
        error_clear(&err);
        assert_null(callers_parse(bad_lists[l].list, &err));
        assert_int_equal(err.code, ERR_INVALID);
        if (!strstr(err.text, bad_lists[l].why)) {
            fail_msg("\"%s\": %s", bad_lists[l].list, err.text);
        }
    }
    for (int p = 0; p <= CALLERS_MAX; p++) {
        strbuf_add_text(&many, p ? ",*" : "*");
    }
    error_clear(&err);
    assert_null(callers_parse(many.text, &err));
    assert_string_equal(err.text, "want at most 64 patterns");
}

/* A pattern made to be slow. */
static void test_a_hard_pattern_is_quick(void **state)
{
    AUTO_STRBUF pattern = {0};
    AUTO_STRBUF text = {0};

    (void)state;
    for (int i = 0; i < 2000; i++) {
        strbuf_add_text(&pattern, "*a");
        strbuf_add_char(&text, 'a');
    }
    strbuf_add_text(&pattern, "b");
    AUTO(callers) *callers = callers_parse(pattern.text, NULL);

    assert_false(callers_have(callers, text.text));
}

/* ---- the decision ---------------------------------------------------------------------------- */

#define NOW    1751441862
#define PROXY  "proxy-secret-proxy-secret-proxy-1"
#define FORMER "proxy-secret-proxy-secret-proxy-0"
#define ANN    "ann's secret, which only Ann knows"
#define BOB    "bob's secret, which only Bob knows"
#define CALLER "arn:aws:iam::123456789012:user/eve"

static const char keys_text[] =
    "[{\"id\":\"proxy\",\"secret\":\"" PROXY "\",\"principal\":\"gateway\",\"role\":\"proxy\","
    "\"previous\":{\"id\":\"proxy-0\",\"secret\":\"" FORMER "\"}},"
    "{\"id\":\"ann\",\"secret\":\"" ANN "\",\"principal\":\"Ann\",\"role\":\"operator\"},"
    "{\"id\":\"bob\",\"secret\":\"" BOB "\",\"principal\":\"Bob\",\"role\":\"viewer\"}]";

#define EVERYBODY "*"
#define NOBODY    "arn:aws:iam::1:user/nobody"
#define HER       "*user/eve"

static const struct {
    const char *name;
    const char *key_id, *secret; /* secret NULL: no signature */
    const char *caller;
    bool changes;
    const char *request_id;
    const char *operators, *viewers;
    const char *want; /* the refusal, or "+" and who acts */
} cases[] = {
    {"a proxy speaks for a caller", "proxy", PROXY, CALLER, true, "r", NULL, NULL, "+" CALLER},
    {"its former key does, too", "proxy-0", FORMER, CALLER, true, "r", NULL, NULL, "+" CALLER},
    {"but not with the other id", "proxy", FORMER, CALLER, false, "r", NULL, NULL, "signature"},
    {"nor the other way round", "proxy-0", PROXY, CALLER, false, "r", NULL, NULL, "signature"},
    {"a proxy for nobody", "proxy", PROXY, NULL, false, "r", NULL, NULL, "no_caller"},
    {"a proxy for nobody, although all may", "proxy", PROXY, "", false, "r", EVERYBODY, NULL,
     "no_caller"},
    {"an operator", "ann", ANN, NULL, true, "r", NULL, NULL, "+Ann"},
    {"an operator reads", "ann", ANN, NULL, false, NULL, NULL, NULL, "+Ann"},
    {"an operator is no caller", "ann", ANN, NULL, true, "r", NOBODY, NOBODY, "+Ann"},
    {"a viewer reads", "bob", BOB, NULL, false, NULL, NULL, NULL, "+Bob"},
    {"a viewer changes nothing", "bob", BOB, NULL, true, "r", NULL, NULL, "role"},
    {"whatever the lists say", "bob", BOB, NULL, true, "r", EVERYBODY, NULL, "role"},
    {"an operator speaks for herself", "ann", ANN, CALLER, false, "r", NULL, NULL, "speaks_for"},
    {"a viewer speaks for himself", "bob", BOB, CALLER, false, "r", EVERYBODY, NULL, "speaks_for"},
    {"no signature", "ann", NULL, NULL, false, "r", NULL, NULL, "unsigned"},
    {"no key", NULL, ANN, NULL, false, "r", NULL, NULL, "unsigned"},
    {"an unknown key", "eve", ANN, NULL, false, "r", NULL, NULL, "key"},
    {"somebody else's secret", "ann", BOB, NULL, false, "r", NULL, NULL, "signature"},
    {"a change without a request id", "ann", ANN, NULL, true, NULL, NULL, NULL, "request_id"},
    {"a blank in it", "ann", ANN, NULL, true, "a b", NULL, NULL, "request_id"},
    {"more than ASCII in it", "ann", ANN, NULL, true, "\xc3\xa4", NULL, NULL, "request_id"},
    {"an operator by ARN", "proxy", PROXY, CALLER, true, "r", HER, NULL, "+" CALLER},
    {"a viewer by ARN reads", "proxy", PROXY, CALLER, false, "r", NULL, HER, "+" CALLER},
    {"a viewer by ARN changes nothing", "proxy", PROXY, CALLER, true, "r", NULL, HER, "role"},
    {"both: the operator wins", "proxy", PROXY, CALLER, true, "r", HER, HER, "+" CALLER},
    {"in neither list", "proxy", PROXY, CALLER, false, "r", NOBODY, NOBODY, "caller"},
    {"only operators are named", "proxy", PROXY, CALLER, false, "r", NOBODY, NULL, "caller"},
    {"only viewers are named", "proxy", PROXY, CALLER, false, "r", NULL, NOBODY, "caller"},
    {"all view, few operate", "proxy", PROXY, CALLER, true, "r", NOBODY, EVERYBODY, "role"},
};

static struct admission_request usual_request(void)
{
    return (struct admission_request){
        .sent = {.timestamp = "1751441862", .method = "POST", .target = "/v1/environments"},
        .signature = ""};
}

static void check_case(const struct keys *keys, size_t c)
{
    AUTO(callers) *operators = cases[c].operators ? callers_parse(cases[c].operators, NULL) : NULL;
    AUTO(callers) *viewers = cases[c].viewers ? callers_parse(cases[c].viewers, NULL) : NULL;
    const struct admission_rules rules = {keys, operators, viewers};
    struct admission_request request = usual_request();
    char signature[SIGNATURE_LEN] = "";

    request.reads = !cases[c].changes;
    request.sent.identity = (struct signature_identity){.key_id = cases[c].key_id,
                                                        .caller_arn = cases[c].caller,
                                                        .api_request_id = cases[c].request_id};
    if (cases[c].secret) {
        assert_true(signature_make(&request.sent, cases[c].secret, signature));
        request.signature = signature;
    }
    struct admission got = admission_decide(&rules, &request, NOW);
    AUTO_CHAR *text =
        got.refusal ? xstrdup(refusal_name(got.refusal)) : xasprintf("+%s", got.actor);

    if (!streq(text, cases[c].want)) {
        fail_msg("%s: want %s, got %s", cases[c].name, cases[c].want, text);
    }
    assert_true(!got.refusal || (!got.actor && !got.mark));
    assert_true(got.refusal || keys_have(keys, got.mark));
}

static void test_cases(void **state)
{
    AUTO(keys) *keys = keys_parse(keys_text, strlen(keys_text), NULL);

    (void)state;
    assert_non_null(keys);
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        check_case(keys, c);
    }
}

/* Of several secrets the mark tells which. */
static void test_the_mark_is_that_of_the_secret(void **state)
{
    AUTO(keys) *keys = keys_parse(keys_text, strlen(keys_text), NULL);
    const struct admission_rules rules = {.keys = keys};
    struct admission_request request = usual_request();
    char signature[SIGNATURE_LEN];

    (void)state;
    request.reads = true;
    request.signature = signature;
    request.sent.identity = (struct signature_identity){.key_id = "proxy", .caller_arn = CALLER};
    assert_true(signature_make(&request.sent, PROXY, signature));
    assert_ptr_equal(admission_decide(&rules, &request, NOW).mark, keys->items[0].mark);
    request.sent.identity.key_id = "proxy-0";
    assert_true(signature_make(&request.sent, FORMER, signature));
    assert_ptr_equal(admission_decide(&rules, &request, NOW).mark, keys->items[0].previous_mark);
}

/* Whatever else it says. */
static void test_time_and_doubled_headers(void **state)
{
    AUTO(keys) *keys = keys_parse(keys_text, strlen(keys_text), NULL);
    const struct admission_rules rules = {.keys = keys};
    struct admission_request request = usual_request();
    char signature[SIGNATURE_LEN];

    (void)state;
    request.reads = true;
    request.sent.identity.key_id = "bob";
    assert_true(signature_make(&request.sent, BOB, signature));
    request.signature = signature;
    assert_int_equal(admission_decide(&rules, &request, NOW + 300).refusal, REFUSED_NOT);
    assert_int_equal(admission_decide(&rules, &request, NOW - 300).refusal, REFUSED_NOT);
    assert_int_equal(admission_decide(&rules, &request, NOW + 301).refusal, REFUSED_TIMESTAMP);
    assert_int_equal(admission_decide(&rules, &request, NOW - 301).refusal, REFUSED_TIMESTAMP);
    request.doubled = true;
    assert_int_equal(admission_decide(&rules, &request, NOW).refusal, REFUSED_DOUBLED);
    request.doubled = false;
    request.sent.timestamp = "";
    assert_int_equal(admission_decide(&rules, &request, NOW).refusal, REFUSED_UNSIGNED);
    request.sent.timestamp = "yesterday";
    assert_int_equal(admission_decide(&rules, &request, NOW).refusal, REFUSED_TIMESTAMP);
}

/* One that was accepted is remembered for longer than its signature is accepted anywhere. */
static void test_for_how_long(void **state)
{
    (void)state;
    assert_int_equal(admission_remember_s("1751441862", NOW), 600);
    assert_int_equal(admission_remember_s("1751442162", NOW), 900);
    assert_int_equal(admission_remember_s("1751441562", NOW), 300);
}

static void test_request_ids_have_a_limit(void **state)
{
    AUTO(keys) *keys = keys_parse(keys_text, strlen(keys_text), NULL);
    const struct admission_rules rules = {.keys = keys};
    struct admission_request request = usual_request();
    char signature[SIGNATURE_LEN];
    char id[REQUEST_ID_MAX + 2] = "";

    (void)state;
    request.sent.identity = (struct signature_identity){.key_id = "ann", .api_request_id = id};
    request.signature = signature;
    memset(id, '~', REQUEST_ID_MAX);
    assert_true(signature_make(&request.sent, ANN, signature));
    assert_int_equal(admission_decide(&rules, &request, NOW).refusal, REFUSED_NOT);
    id[REQUEST_ID_MAX] = '!';
    assert_true(signature_make(&request.sent, ANN, signature));
    assert_int_equal(admission_decide(&rules, &request, NOW).refusal, REFUSED_REQUEST_ID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_lists_which_are_none),
        cmocka_unit_test(test_a_hard_pattern_is_quick),
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_the_mark_is_that_of_the_secret),
        cmocka_unit_test(test_time_and_doubled_headers),
        cmocka_unit_test(test_for_how_long),
        cmocka_unit_test(test_request_ids_have_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
