/* The call budget as a script: who goes when. */
#include "test.h"

#include <ctype.h>
#include <stdlib.h>

#include "aws/governor.h"
#include "util/strbuf.h"

#define TICKETS_MAX 32

/*
 * A script, one word a step:
 *   name   a call joins; its first letter is the class: d(oubt) h(ealing) e(health) p(lacing)
 *          r(olling) f(drift) q(request) s(qs); a capital letter is a write
 *   +ms    time goes by
 *   =name  the next to go; =- for nobody
 *   ~ms    how long until somebody may go; ~-1 when nobody waits
 *   !r !w  a read or write was throttled
 *   x name is spelt "xname": it leaves the queue
 */
static const struct {
    const char *name;
    struct aws_quota quota; /* of both buckets */
    const char *script;
} cases[] = {
    {"nobody waits", {2, 10}, "~-1 =-"},
    {"the burst goes at once, then one each 100 ms",
     {2, 10},
     "f1 f2 f3 f4 ~0 =f1 =f2 =- ~100 +99 =- +1 =f3 =- +100 =f4 ~-1"},
    {"the bucket holds the burst and no more", {2, 10}, "+60000 f1 f2 f3 =f1 =f2 =-"},
    {"classes in order, first come first served in each",
     {9, 1},
     "q1 f1 r1 p1 e1 h1 d1 f2 d2 =d1 =d2 =h1 =e1 =p1 =r1 =f1 =f2 =q1 =-"},
    {"a lower class waits while a higher one does", {1, 1}, "f1 f2 =f1 h1 +1000 =h1 =- +1000 =f2"},
    {"writes do not use the reads' tokens", {1, 1}, "P1 f1 P2 f2 =P1 =f1 =- ~1000"},
    {"SQS needs no token", {1, 1}, "f1 =f1 f2 s1 s2 ~0 =s1 =s2 =-"},
    {"one that leaves uses no token", {1, 1}, "f1 f2 xf1 =f2 ~-1"},
    {"throttling empties the bucket and slows it to 0.6",
     {10, 10},
     "f1 !r =- ~167 +167 =f1 f2 +160 =- +8 =f2"},
    {"throttled together counts once", {10, 10}, "!r !r !r !r f1 ~167"},
    {"throttled again a second later slows further", {10, 10}, "!r +1000 !r f1 ~257"},
    {"a throttled write leaves reads alone", {2, 10}, "!w f1 =f1 P1 =- ~167"},
    {"the rate comes back", {1, 10}, "!r +30000 f1 f2 =f1 =- ~100"},
    {"it never gets silent",
     {1, 10},
     "!r +1000 !r +1000 !r +1000 !r +1000 !r +1000 !r +1000 !r +1000 !r +1000 !r +1000 !r +1000 !r "
     "+1000 !r +1000 !r +1000 !r +1000 !r +1000 !r +1000 !r +1000 !r f1 +2000 =f1"},
    {"a clock that stands still or steps back gives no token",
     {1, 10},
     "f1 f2 =f1 +0 =- +-5000 =-"},
};

static enum aws_class class_of(char letter)
{
    static const char letters[] = "dheprfqs"; /* in the order of enum aws_class */

    return (enum aws_class)(strchr(letters, tolower(letter)) - letters);
}

struct run {
    const char *name;
    struct governor governor;
    int64_t now_ms;
    struct {
        struct governor_ticket ticket;
        const char *name;
    } calls[TICKETS_MAX];
    size_t n;
};

static const char *name_of(struct run *run, const struct governor_ticket *ticket)
{
    for (size_t i = 0; i < run->n; i++) {
        if (&run->calls[i].ticket == ticket) {
            return run->calls[i].name;
        }
    }
    return "-";
}

static struct governor_ticket *ticket_of(struct run *run, const char *name)
{
    for (size_t i = 0; i < run->n; i++) {
        if (streq(run->calls[i].name, name)) {
            return &run->calls[i].ticket;
        }
    }
    fail_msg("%s: no call %s", run->name, name);
    return NULL;
}

static void step(struct run *run, const char *word)
{
    if (*word == '+') {
        run->now_ms += atoll(word + 1);
    } else if (*word == '!') {
        governor_throttled(&run->governor, word[1] == 'w', run->now_ms);
    } else if (*word == 'x') {
        governor_remove(&run->governor, ticket_of(run, word + 1));
    } else if (*word == '=') {
        const char *got = name_of(run, governor_next(&run->governor, run->now_ms));

        if (!streq(got, word + 1)) {
            fail_msg("%s: at %lld want %s, got %s", run->name, (long long)run->now_ms, word + 1,
                     got);
        }
    } else if (*word == '~') {
        int64_t got = governor_wait_ms(&run->governor, run->now_ms);

        if (got != atoll(word + 1)) {
            fail_msg("%s: want %s, got ~%lld", run->name, word, (long long)got);
        }
    } else {
        run->calls[run->n].name = word;
        run->calls[run->n].ticket.class = class_of(*word);
        run->calls[run->n].ticket.write = isupper((unsigned char)*word);
        governor_add(&run->governor, &run->calls[run->n++].ticket);
    }
}

static void test_scripts(void **state)
{
    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        struct run run = {.name = cases[c].name, .now_ms = 1000000};
        char *script = strdup(cases[c].script);
        char *rest = NULL;

        governor_init(&run.governor, cases[c].quota, cases[c].quota, run.now_ms);
        for (char *word = strtok_r(script, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
            step(&run, word);
        }
        free(script);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_scripts)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
