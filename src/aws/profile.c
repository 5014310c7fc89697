/* Reads the shared files of the AWS tools. */
#include "aws/profile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "util/mem.h"

#define PROFILE_FILE_MAX (1024 * 1024) /* bytes */

/* ---- ini texts ------------------------------------------------------------------------------- */

struct span {
    const char *text;
    size_t len;
};

static struct span trim(const char *text, size_t len)
{
    while (len > 0 && strchr(" \t\r", text[len - 1])) {
        len--;
    }
    while (len > 0 && strchr(" \t", *text)) {
        text++;
        len--;
    }
    return (struct span){text, len};
}

static bool span_is(struct span span, const char *text)
{
    return span.len == strlen(text) && strncmp(span.text, text, span.len) == 0;
}

static struct span next_line(const char **rest)
{
    size_t len = strcspn(*rest, "\n");
    struct span line = {*rest, len};

    *rest += len + ((*rest)[len] == '\n');
    return line;
}

static bool is_section(struct span line, const char *section)
{
    size_t end = line.len > 0 && *line.text == '[' ? strcspn(line.text, "]\n") : 0;

    return end > 0 && end < line.len && span_is(trim(line.text + 1, end - 1), section);
}

/* Moves *rest behind the section's title line. */
static bool find_section(const char **rest, const char *section)
{
    while (**rest) {
        if (is_section(next_line(rest), section)) {
            return true;
        }
    }
    return false;
}

/* A comment may follow a value after white space. */
static struct span without_comment(struct span value)
{
    for (size_t i = 1; i < value.len; i++) {
        if ((value.text[i] == '#' || value.text[i] == ';') && strchr(" \t", value.text[i - 1])) {
            return trim(value.text, i);
        }
    }
    return value;
}

char *ini_get(const char *text, const char *section, const char *key)
{
    if (!find_section(&text, section)) {
        return NULL;
    }
    while (*text && *text != '[') {
        struct span line = next_line(&text);
        const char *equals = memchr(line.text, '=', line.len);

        /* A line that begins with white space belongs to the setting above it. */
        if (line.len == 0 || strchr("#; \t", *line.text) || !equals) {
            continue;
        }
        struct span name = trim(line.text, (size_t)(equals - line.text));

        if (name.len == strlen(key) && strncasecmp(name.text, key, name.len) == 0) {
            struct span value = trim(equals + 1, line.len - (size_t)(equals + 1 - line.text));

            value = without_comment(value);
            return xmemdup0(value.text, value.len);
        }
    }
    return NULL;
}

bool ini_has_section(const char *text, const char *section)
{
    return find_section(&text, section);
}

/* ---- the files ------------------------------------------------------------------------------- */

static char *file_path(const char *variable, const char *under_home)
{
    const char *given = getenv(variable);
    const char *home = getenv("HOME");

    return given && *given ? xstrdup(given) : xasprintf("%s/%s", home ? home : "", under_home);
}

/* "" for a file that is not there, or in a home that is not ours to read: a daemon may have one. */
static char *read_file(const char *path, bool named, struct error *err)
{
    FILE *file = fopen(path, "re");

    if (!file) {
        if (errno == ENOENT || errno == ENOTDIR || !named) {
            return xstrdup("");
        }
        error_set(err, ERR_INVALID, "%s: %s", path, strerror(errno));
        return NULL;
    }
    char *text = xmalloc(PROFILE_FILE_MAX + 1);
    size_t len = fread(text, 1, PROFILE_FILE_MAX + 1, file);
    bool failed = ferror(file);

    fclose(file);
    if (failed || len > PROFILE_FILE_MAX) {
        error_set(err, ERR_INVALID, "%s: %s", path, failed ? "cannot be read" : "too long");
        free(text);
        return NULL;
    }
    text[len] = '\0';
    return text;
}

/* In the config file every section but the default is called "profile x". */
static char *config_section(const struct profile *profile)
{
    return streq(profile->name, "default") ? xstrdup("default")
                                           : xasprintf("profile %s", profile->name);
}

static int check_named(const struct profile *profile, struct error *err)
{
    AUTO_CHAR *section = config_section(profile);

    if (ini_has_section(profile->credentials, profile->name) ||
        ini_has_section(profile->config, section)) {
        return 0;
    }
    return error_set(err, ERR_INVALID, "AWS profile \"%s\" is neither in %s nor in %s",
                     profile->name, profile->credentials_path, profile->config_path);
}

int profile_load(struct profile *profile, const char *name, struct error *err)
{
    bool named = name && *name;

    profile->name = xstrdup(named ? name : "default");
    profile->credentials_path = file_path("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials");
    profile->config_path = file_path("AWS_CONFIG_FILE", ".aws/config");
    profile->credentials =
        read_file(profile->credentials_path, getenv("AWS_SHARED_CREDENTIALS_FILE"), err);
    profile->config = read_file(profile->config_path, getenv("AWS_CONFIG_FILE"), err);
    if (!profile->credentials || !profile->config || (named && check_named(profile, err) < 0)) {
        profile_clear(profile);
        return -1;
    }
    return 0;
}

void profile_clear(struct profile *profile)
{
    free(profile->name);
    free(profile->credentials_path);
    free(profile->config_path);
    free(profile->credentials);
    free(profile->config);
    *profile = (struct profile){0};
}

char *profile_get(const struct profile *profile, const char *key)
{
    AUTO_CHAR *section = config_section(profile);
    char *value = ini_get(profile->credentials, profile->name, key);

    return value ? value : ini_get(profile->config, section, key);
}
