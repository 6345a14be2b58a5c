
/*
 * Lines of a key log to try, and where to write them.
 */


#ifndef RECORD_H
#define RECORD_H


#include "tap.h"

#include "claude_record.h"


#define TOKEN    "sk-ant-oat01-canary_0123456789-abcdefghij"
#define ID       "key_0123456789abcdefghij"
#define HEX8     "0123456789abcdef"
#define DIGEST   HEX8 HEX8 HEX8 HEX8

/* 64 bytes in base64 */

#define SEALED                                                                \
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"        \
    "AAAAAAAAAAAAAAAAAAAAAA=="

/* 104 bytes */

#define WRAPPED                                                               \
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"        \
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"        \
    "AAAAAAAAAAA="

#define PUT_ID       "\"id\":\"" ID "\","
#define PUT_DIGEST   "\"digest\":\"" DIGEST "\","
#define PUT_DISPLAY  "\"display\":\"sk-AbCd…wXyZ\","
#define PUT_NAME     "\"keyName\":\"a name\","
#define PUT_TOKEN    "\"oauthToken\":\"" SEALED "\","
#define PUT_SHOWN    "\"tokenDisplay\":\"sk-ant-oat01-…wXyZ\","
#define PUT_CREATED  "\"createdAt\":\"2026-11-24T08:18:47Z\","
#define PUT_USED     "\"lastUsed\":null,"
#define PUT_ENABLED  "\"enabled\":true,"
#define PUT_EXPIRES  "\"expiresAt\":null"

#define PUT                                                                   \
    "{\"op\":\"put\"," PUT_ID PUT_DIGEST PUT_DISPLAY PUT_NAME PUT_TOKEN       \
    PUT_SHOWN PUT_CREATED PUT_USED PUT_ENABLED PUT_EXPIRES "}"


static unsigned char  chunk[CLAUDE_LINE_MAX + 64];
static claude_out_t   out;


static void *
no_alloc(void *ctx, size_t size)
{
    (void) ctx;
    (void) size;

    return NULL;
}


static TAP_UNUSED claude_str_t
str(const char *text)
{
    claude_str_t  s;

    s.data = (const unsigned char *) text;
    s.len = strlen(text);

    return s;
}


static TAP_UNUSED claude_out_t *
fresh_out(void)
{
    static claude_mem_t  mem = { no_alloc, NULL };

    claude_out_init_chunk(&out, &mem, CLAUDE_LINE_MAX, chunk, sizeof(chunk));

    return &out;
}


/* replaces from in a well-formed line by to */

static TAP_UNUSED const char *
altered(const char *line, const char *from, const char *to)
{
    static char  buf[8192];
    const char  *p;

    p = strstr(line, from);

    if (p == NULL) {
        bail("no '%s' in the line", from);
    }

    snprintf(buf, sizeof(buf), "%.*s%s%s", (int) (p - line), line, to,
             p + strlen(from));

    return buf;
}


#endif /* RECORD_H */
