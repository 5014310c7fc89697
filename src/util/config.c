/* One table of options: the command line beats the environment, which beats the file. */
#include "util/config.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/log.h"
#include "util/mem.h"
#include "util/strbuf.h"

#define CONFIG_LINE_MAX   4096 /* bytes of one line in a configuration file */
#define NAME_LEN_MAX      64
#define SUGGEST_EDITS_MAX 3 /* a flag further away than this is no likely misspelling */

/* Where the value of one option was found; what stands first wins. */
struct found {
    char *text; /* NULL: nowhere yet */
    char source[NAME_LEN_MAX + 64];
};

enum own_option { OWN_HELP = 1000, OWN_VERSION, OWN_CONFIG };

static void variable_name(const struct option_spec *spec, char out[NAME_LEN_MAX + 8])
{
    if (spec->variable) {
        snprintf(out, NAME_LEN_MAX + 8, "%s", spec->variable);
        return;
    }
    snprintf(out, NAME_LEN_MAX + 8, "BLOX_%s", spec->name);
    for (char *c = out; *c; c++) {
        *c = (char)(*c == '-' ? '_' : toupper((unsigned char)*c));
    }
}

/* How many insertions, removals and replacements make b of a; both under NAME_LEN_MAX bytes. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t row[NAME_LEN_MAX + 1];
    size_t len = strlen(b);

    for (size_t j = 0; j <= len; j++) {
        row[j] = j;
    }
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= len; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);

            diagonal = row[j];
            best = row[j] + 1 < best ? row[j] + 1 : best;
            row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
        }
    }
    return row[len];
}

static const char *nearest_name(const struct program_spec *program, const char *name)
{
    static const char *const own[] = {"help", "version", "config"};
    const char *nearest = NULL;
    size_t least = SUGGEST_EDITS_MAX + 1;

    if (strlen(name) >= NAME_LEN_MAX) {
        return NULL;
    }
    for (size_t i = 0; i < program->n_options + ARRAY_LEN(own); i++) {
        const char *candidate =
            i < program->n_options ? program->options[i].name : own[i - program->n_options];
        size_t distance = edit_distance(name, candidate);

        if (distance < least) {
            least = distance;
            nearest = candidate;
        }
    }
    return nearest;
}

static int unknown_flag(const struct program_spec *program, const char *arg, struct error *err)
{
    char name[NAME_LEN_MAX] = "";

    snprintf(name, sizeof(name), "%.*s", (int)strcspn(arg, "="), arg);
    const char *nearest = nearest_name(program, name + strspn(name, "-"));

    if (nearest) {
        return error_set(err, ERR_INVALID, "unknown flag %s; did you mean --%s?", name, nearest);
    }
    return error_set(err, ERR_INVALID, "unknown flag %s; %s --help lists them", name,
                     program->name);
}

static void print_help(const struct program_spec *program)
{
    char variable[NAME_LEN_MAX + 8];

    printf("%s: %s\n\nUsage: %s [--flag VALUE]...\n\nFlags (and the environment variable of "
           "each):\n",
           program->name, program->summary, program->name);
    for (size_t i = 0; i < program->n_options; i++) {
        const struct option_spec *spec = &program->options[i];

        variable_name(spec, variable);
        printf("  --%s%s%s  (%s)\n      %s", spec->name, spec->value ? " " : "",
               spec->value ? spec->value : "", variable, spec->help);
        printf(spec->fallback ? " Default: %s.\n" : "\n", spec->fallback);
    }
    printf("  --config FILE  (BLOX_CONFIG)\n      Reads settings from FILE, one `name = value` a "
           "line.\n"
           "  --version\n      Prints the version.\n"
           "  --help\n      Prints this.\n\n"
           "A flag beats the environment, which beats the file, which beats the default.\n");
}

static void found_set(struct found *found, const char *text, const char *source)
{
    if (!found->text) {
        found->text = xstrdup(text);
        snprintf(found->source, sizeof(found->source), "%s", source);
    }
}

/* The table as getopt_long wants it; the value of entry i is i. */
static struct option *long_options(const struct program_spec *program)
{
    struct option *options = xcalloc(program->n_options + 4, sizeof(*options));
    size_t n = program->n_options;

    for (size_t i = 0; i < n; i++) {
        bool flag = program->options[i].type == OPTION_FLAG;

        options[i] = (struct option){program->options[i].name,
                                     flag ? optional_argument : required_argument, NULL, (int)i};
    }
    options[n] = (struct option){"help", no_argument, NULL, OWN_HELP};
    options[n + 1] = (struct option){"version", no_argument, NULL, OWN_VERSION};
    options[n + 2] = (struct option){"config", required_argument, NULL, OWN_CONFIG};
    return options;
}

static int value_is_missing(const char *source, struct error *err)
{
    return error_set(err, ERR_INVALID, "%s: a value is missing", source);
}

static int read_flags(const struct program_spec *program, int argc, char **argv,
                      struct found *found, char **config_file, enum config_outcome *outcome,
                      struct error *err)
{
    AUTO_CHAR *table = (char *)long_options(program);
    int c = 0;

    optind = 0; /* GNU: start afresh, so that tests may call twice */
    opterr = 0;
    while ((c = getopt_long(argc, argv, "+:", (const struct option *)(void *)table, NULL)) != -1) {
        char source[NAME_LEN_MAX + 8];

        switch (c) {
        case OWN_HELP:
            print_help(program);
            *outcome = CONFIG_DONE;
            return 0;
        case OWN_VERSION:
            printf("%s %s\n", program->name, PACKAGE_VERSION);
            *outcome = CONFIG_DONE;
            return 0;
        case OWN_CONFIG:
            if (!*optarg) {
                return value_is_missing("--config", err);
            }
            free(*config_file);
            *config_file = xstrdup(optarg);
            break;
        case ':':
            return value_is_missing(argv[optind - 1], err);
        case '?':
            return unknown_flag(program, argv[optind - 1], err);
        default:
            snprintf(source, sizeof(source), "--%s", program->options[c].name);
            free(found[c].text); /* the last flag wins */
            found[c].text = NULL;
            found_set(&found[c], optarg ? optarg : "true", source);
        }
    }
    if (optind < argc) {
        return error_set(err, ERR_INVALID, "unexpected argument \"%s\"; %s --help lists the flags",
                         argv[optind], program->name);
    }
    return 0;
}

static void read_environment(const struct program_spec *program, struct found *found)
{
    char variable[NAME_LEN_MAX + 8];

    for (size_t i = 0; i < program->n_options; i++) {
        variable_name(&program->options[i], variable);
        const char *value = getenv(variable);

        if (value && *value) {
            found_set(&found[i], value, variable);
        }
    }
}

/* Cuts white space off both ends, in place. */
static char *trim(char *text)
{
    size_t len = 0;

    text += strspn(text, " \t\r\n");
    for (len = strlen(text); len > 0 && isspace((unsigned char)text[len - 1]); len--) {
    }
    text[len] = '\0';
    return text;
}

static int read_file_line(const struct program_spec *program, char *line, const char *source,
                          struct found *found, struct error *err)
{
    char *name = trim(line);
    char *equals = strchr(name, '=');

    if (*name == '\0' || *name == '#') {
        return 0;
    }
    if (!equals) {
        return error_set(err, ERR_INVALID, "%s: want `name = value`", source);
    }
    *equals = '\0';
    name = trim(name);
    for (size_t i = 0; i < program->n_options; i++) {
        if (streq(name, program->options[i].name)) {
            found_set(&found[i], trim(equals + 1), source);
            return 0;
        }
    }
    unknown_flag(program, name, err);
    return error_prefix(err, "%s", source);
}

static int read_file(const struct program_spec *program, const char *path, struct found *found,
                     struct error *err)
{
    char line[CONFIG_LINE_MAX];
    char source[NAME_LEN_MAX + 64];
    FILE *file = fopen(path, "re");
    int rc = 0;

    if (!file) {
        return error_set(err, ERR_INVALID, "configuration file %s: %s", path, strerror(errno));
    }
    for (int n = 1; rc == 0 && fgets(line, sizeof(line), file); n++) {
        snprintf(source, sizeof(source), "%.90s, line %d", path, n);
        if (strlen(line) == sizeof(line) - 1) {
            rc = error_set(err, ERR_INVALID, "%s: longer than %d bytes", source,
                           CONFIG_LINE_MAX - 2);
        } else {
            rc = read_file_line(program, line, source, found, err);
        }
    }
    if (rc == 0 && ferror(file)) {
        rc = error_set(err, ERR_INVALID, "configuration file %s: %s", path, strerror(errno));
    }
    fclose(file);
    return rc;
}

static int set_int(const struct option_spec *spec, const struct found *found, int64_t *out,
                   struct error *err)
{
    char *end = NULL;

    errno = 0;
    long long value = strtoll(found->text, &end, 10);

    if (errno || end == found->text || *end || value < spec->min || value > spec->max) {
        return error_set(err, ERR_INVALID,
                         "%s: want a whole number from %" PRId64 " to %" PRId64 ", not \"%.60s\"",
                         found->source, spec->min, spec->max, found->text);
    }
    *out = value;
    return 0;
}

static const struct {
    const char *name;
    int64_t ms;
} units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};

/* The shortest way to write it. */
static void spell_duration(int64_t ms, char *out, size_t len)
{
    size_t u = ARRAY_LEN(units) - 1;

    while (u > 0 && ms % units[u].ms != 0) {
        u--;
    }
    snprintf(out, len, "%" PRId64 "%s", ms / units[u].ms, units[u].name);
}

static int set_duration(const struct option_spec *spec, const struct found *found, int64_t *out,
                        struct error *err)
{
    char *end = NULL;
    char min[32], max[32];

    errno = 0;
    long long value = strtoll(found->text, &end, 10);

    for (size_t u = 0; u < ARRAY_LEN(units) && !errno && end != found->text; u++) {
        if (streq(end, units[u].name) && value >= 0 && value <= spec->max / units[u].ms &&
            value * units[u].ms >= spec->min) {
            *out = value * units[u].ms;
            return 0;
        }
    }
    spell_duration(spec->min, min, sizeof(min));
    spell_duration(spec->max, max, sizeof(max));
    return error_set(err, ERR_INVALID,
                     "%s: want a time with its unit (ms, s, m, h) from %s to %s, not \"%.60s\"",
                     found->source, min, max, found->text);
}

static int set_flag(const struct found *found, bool *out, struct error *err)
{
    if (streq(found->text, "true") || streq(found->text, "1")) {
        *out = true;
    } else if (streq(found->text, "false") || streq(found->text, "0")) {
        *out = false;
    } else {
        return error_set(err, ERR_INVALID, "%s: want true or false, not \"%.60s\"", found->source,
                         found->text);
    }
    return 0;
}

/* Writes what was found for one option, or its default, into the settings. */
static int set_option(const struct option_spec *spec, struct found *found, void *settings,
                      struct error *err)
{
    char *place = (char *)settings + spec->offset;

    if (spec->fallback) {
        found_set(found, spec->fallback, "default");
    }
    if (!found->text) {
        return 0;
    }
    switch (spec->type) {
    case OPTION_TEXT:
        if (!*found->text) {
            return value_is_missing(found->source, err);
        }
        *(char **)(void *)place = TAKE(found->text);
        return 0;
    case OPTION_INT:
        return set_int(spec, found, (int64_t *)(void *)place, err);
    case OPTION_DURATION:
        return set_duration(spec, found, (int64_t *)(void *)place, err);
    case OPTION_FLAG:
        return set_flag(found, (bool *)(void *)place, err);
    case OPTION_LOG_LEVEL:
        return log_set_level(found->text)
                   ? 0
                   : error_set(err, ERR_INVALID,
                               "%s: want debug, info, warn or error, not \"%.60s\"", found->source,
                               found->text);
    case OPTION_LOG_FORMAT:
        return log_set_format(found->text)
                   ? 0
                   : error_set(err, ERR_INVALID, "%s: want auto, logfmt or json, not \"%.60s\"",
                               found->source, found->text);
    }
    return 0;
}

static int load(const struct program_spec *program, int argc, char **argv, struct found *found,
                void *settings, enum config_outcome *outcome, struct error *err)
{
    AUTO_CHAR *config_file = NULL;

    *outcome = CONFIG_RUN;
    if (read_flags(program, argc, argv, found, &config_file, outcome, err) < 0) {
        return -1;
    }
    if (*outcome == CONFIG_DONE) {
        return 0;
    }
    read_environment(program, found);
    if (!config_file) {
        const char *named = getenv("BLOX_CONFIG");

        config_file = named && *named ? xstrdup(named) : NULL;
    }
    if (config_file && read_file(program, config_file, found, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < program->n_options; i++) {
        if (set_option(&program->options[i], &found[i], settings, err) < 0) {
            config_clear(program, settings);
            return -1;
        }
    }
    return 0;
}

int config_load(const struct program_spec *program, int argc, char **argv, void *settings,
                enum config_outcome *outcome, struct error *err)
{
    struct found *found = xcalloc(program->n_options, sizeof(*found));

    log_init(program->name);
    int rc = load(program, argc, argv, found, settings, outcome, err);

    for (size_t i = 0; i < program->n_options; i++) {
        free(found[i].text);
    }
    free(found);
    return rc;
}

void config_clear(const struct program_spec *program, void *settings)
{
    for (size_t i = 0; i < program->n_options; i++) {
        char **text = (char **)(void *)((char *)settings + program->options[i].offset);

        if (program->options[i].type == OPTION_TEXT) {
            free(*text);
            *text = NULL;
        }
    }
}

int program_main(const struct program_spec *program, int argc, char **argv, void *settings,
                 int (*run)(void *settings, struct error *err))
{
    enum config_outcome outcome = CONFIG_RUN;
    struct error err = {0};
    int status = EXIT_SUCCESS;

    if (config_load(program, argc, argv, settings, &outcome, &err) < 0 ||
        (outcome == CONFIG_RUN && run(settings, &err) < 0)) {
        status = log_fatal(&err);
    }
    config_clear(program, settings);
    return status;
}
