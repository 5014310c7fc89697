/* Remembers which large lists were asked for. */
#include "api/copies.h"

#include <string.h>

#include "util/attr.h"

static bool was_seen(struct copies *copies, const char *etag)
{
    for (size_t i = 0; i < COPY_TAGS; i++) {
        if (streq(copies->seen[i], etag)) {
            return true;
        }
    }
    char *place = copies->seen[copies->next];

    copies->next = (copies->next + 1) % COPY_TAGS;
    strncpy(place, etag, COPY_TAG_LEN_MAX);
    return false;
}

bool copies_offer(struct copies *copies, const char *etag, size_t body_len, int64_t now_ms)
{
    if (body_len < COPY_BYTES_MIN || body_len > COPY_BYTES_MAX) {
        return false;
    }
    pthread_mutex_lock(&copies->lock);
    bool offered = was_seen(copies, etag) &&
                   (copies->began_ms == 0 || now_ms - copies->began_ms >= COPY_PAUSE_MS);

    if (offered) {
        copies->began_ms = now_ms;
    }
    pthread_mutex_unlock(&copies->lock);
    return offered;
}
