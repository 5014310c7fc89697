/* FastCGI 1.0 records (section 3.3): a header, then up to 64 KiB of content. */
#ifndef BLOX_NET_FCGI_RECORD_H
#define BLOX_NET_FCGI_RECORD_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define FCGI_HEADER_LEN  8
#define FCGI_CONTENT_MAX 65528 /* the largest multiple of eight a header can say */

enum fcgi_record_type { FCGI_RECORD_END_REQUEST = 3, FCGI_RECORD_STDOUT = 6 };

static inline void fcgi_record_header(uint8_t header[FCGI_HEADER_LEN], enum fcgi_record_type type,
                                      int request_id, size_t content_len)
{
    const uint8_t bytes[FCGI_HEADER_LEN] = {
        1, /* the version */
        (uint8_t)type,
        (uint8_t)(request_id >> 8),
        (uint8_t)request_id,
        (uint8_t)(content_len >> 8),
        (uint8_t)content_len,
    };

    memcpy(header, bytes, sizeof(bytes));
}

#endif
