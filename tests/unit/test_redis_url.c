/* Redis URLs: what is understood, and what is refused with a word on why. */
#include "test.h"

#include <stdio.h>

#include "store/url.h"
#include "util/mem.h"

static const struct {
    const char *text;
    const char *want; /* user password host:port,... path master db tls; NULL: refused */
} cases[] = {
    {"redis://localhost", "- - localhost:6379 - - 0"},
    {"redis://localhost/", "- - localhost:6379 - - 0"},
    {"redis://10.0.0.1:7000/5", "- - 10.0.0.1:7000 - - 5"},
    {"redis://[::1]:7000", "- - ::1:7000 - - 0"},
    {"redis://[fe80::1]", "- - fe80::1:6379 - - 0"},
    {"redis://:secret@h", "- secret h:6379 - - 0"},
    {"redis://user:secret@h:1/2", "user secret h:1 - - 2"},
    {"redis://user:a%40b%3ac%2F@h", "user a@b:c/ h:6379 - - 0"},
    {"redis://user:with@at@h", "user with@at h:6379 - - 0"},
    {"rediss://h", "- - h:6379 - - 0 tls"},
    {"unix:///run/redis.sock", "- -  /run/redis.sock - 0"},
    {"unix://:pw@/run/redis.sock", "- pw  /run/redis.sock - 0"},
    {"unix:///run/a@b.sock", "- -  /run/a@b.sock - 0"},
    {"redis+sentinel://a,b:7/main", "- - a:26379,b:7 - main 0"},
    {"redis+sentinel://u:p@a/main/3", "u p a:26379 - main 3"},

    {"localhost:6379", NULL},
    {"http://localhost", NULL},
    {"redis://", NULL},
    {"redis://:6379", NULL},
    {"redis://h:0", NULL},
    {"redis://h:65536", NULL},
    {"redis://h:12x", NULL},
    {"redis://h/db", NULL},
    {"redis://h/-1", NULL},
    {"redis://[::1", NULL},
    {"redis://[::1]7", NULL},
    {"redis://user@h", NULL},
    {"redis://:p%4@h", NULL},
    {"unix://relative/path", NULL},
    {"unix:///", NULL},
    {"redis+sentinel://a,b", NULL},
    {"redis+sentinel://a,,b/main", NULL},

    {"redis://user:p%4/x@h", NULL},
    {"unix:///run/redis.sock?password=p%4", NULL},
    {"redis://user:p%4@h:port", NULL},
    {"http://user:p%4@h", NULL},
};

static void spell(const struct redis_url *url, char *out, size_t size)
{
    size_t n = (size_t)snprintf(out, size, "%s %s ", url->user ? url->user : "-",
                                url->password ? url->password : "-");

    for (size_t h = 0; h < url->n_hosts; h++) {
        n += (size_t)snprintf(out + n, size - n, "%s%s:%d", h ? "," : "", url->hosts[h].name,
                              url->hosts[h].port);
    }
    snprintf(out + n, size - n, " %s %s %d%s", url->path ? url->path : "-",
             url->master ? url->master : "-", url->db, url->tls ? " tls" : "");
}

static void test_parse(void **state)
{
    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        char got[256] = "";
        struct error err = {0};
        AUTO(redis_url) *url = redis_url_parse(cases[c].text, &err);

        if (url) {
            spell(url, got, sizeof(got));
        }
        if (!url != !cases[c].want || (url && !streq(got, cases[c].want))) {
            fail_msg("%s: want \"%s\", got \"%s\"", cases[c].text,
                     cases[c].want ? cases[c].want : "(refused)", url ? got : err.text);
        }
        if (!url) {
            assert_int_equal(err.code, ERR_INVALID);
            assert_null(strstr(err.text, "p%4"));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_parse)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
