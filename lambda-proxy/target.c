/* Percent-encoding, and the one group of paths which the proxy knows. */
#include "lambda-proxy/target.h"

#include <ctype.h>

#include "http/path.h"

#define UNRESERVED "-._~"
#define IN_PATH    UNRESERVED "/:@!$&'()*+,;="
#define STREAMS    "/v1/stream/"

static void add_encoded(struct strbuf *out, const char *text, const char *plain, bool escapes_stay)
{
    for (const char *c = text; *c; c++) {
        if ((isascii((unsigned char)*c) && isalnum((unsigned char)*c)) || strchr(plain, *c) ||
            (escapes_stay && *c == '%' && hex_byte(c + 1) >= 0)) {
            strbuf_add_char(out, *c);
        } else {
            strbuf_addf(out, "%%%02X", (unsigned char)*c);
        }
    }
}

void target_add_path(struct strbuf *out, const char *path)
{
    add_encoded(out, path, IN_PATH, true);
}

void target_add_parameter(struct strbuf *out, const char *name, const char *value)
{
    strbuf_add_char(out, out->text && strchr(out->text, '?') ? '&' : '?');
    add_encoded(out, name, UNRESERVED, false);
    strbuf_add_char(out, '=');
    add_encoded(out, value, UNRESERVED, false);
}

bool target_is_stream(const char *path)
{
    AUTO_CHAR *decoded = path_decode(path, strlen(path));
    AUTO_CHAR *clean = decoded ? path_clean(decoded) : NULL;

    return clean && strncmp(clean, STREAMS, strlen(STREAMS)) == 0;
}
