
#include "claude_audit.h"

#include "claude_addr.h"
#include "claude_json_writer.h"
#include "claude_time.h"

#include <arpa/inet.h>
#include <string.h>


#define CLAUDE_AUDIT_IPV4  24       /* bits of an address that are told */
#define CLAUDE_AUDIT_IPV6  48


static void claude_audit_fields(claude_out_t *out,
    const claude_audit_t *audit, unsigned all);
static void claude_audit_time(claude_out_t *out, int64_t ms);
static void claude_audit_word(claude_out_t *out, const char *name,
    const char *word);
static void claude_audit_text(claude_out_t *out, const char *name,
    const claude_str_t *text, unsigned all);
static size_t claude_audit_address(const claude_str_t *address,
    char text[INET6_ADDRSTRLEN + 4]);


void
claude_audit_line(claude_out_t *out, const claude_audit_t *audit)
{
    claude_out_literal(out, "{");
    claude_audit_fields(out, audit, 0);
    claude_out_literal(out, "}\n");
}


void
claude_audit_put(claude_out_t *out, const claude_audit_t *audit)
{
    claude_out_literal(out, "{\"seq\":");
    claude_json_put_uint(out, audit->seq);
    claude_out_literal(out, ",");
    claude_audit_fields(out, audit, 1);
    claude_out_literal(out, "}");
}


static void
claude_audit_fields(claude_out_t *out, const claude_audit_t *audit,
    unsigned all)
{
    char          text[INET6_ADDRSTRLEN + 4];
    claude_str_t  address;

    address.data = (unsigned char *) text;
    address.len = claude_audit_address(&audit->address, text);

    claude_audit_time(out, audit->time);
    claude_audit_word(out, ",\"event\":", audit->event);
    claude_audit_word(out, ",\"outcome\":", audit->outcome);
    claude_audit_word(out, ",\"level\":", audit->level);
    claude_audit_text(out, ",\"keyId\":", &audit->key_id, all);
    claude_audit_text(out, ",\"requestId\":", &audit->request_id, all);
    claude_audit_text(out, ",\"traceId\":", &audit->trace_id, all);
    claude_audit_text(out, ",\"address\":", &address, all);
    claude_audit_text(out, ",\"code\":", &audit->code, all);

    if (audit->suppressed || all) {
        claude_out_literal(out, ",\"suppressed\":");
        claude_json_put_uint(out, audit->suppressed);
    }
}


/* RFC 3339 with milliseconds */

static void
claude_audit_time(claude_out_t *out, int64_t ms)
{
    char  buf[CLAUDE_TIME_LEN + 4];

    if (ms < 0 || ms / 1000 > CLAUDE_TIME_MAX) {
        ms = 0;
    }

    claude_time_write(ms / 1000, buf);
    ms %= 1000;

    buf[CLAUDE_TIME_LEN - 1] = '.';
    buf[CLAUDE_TIME_LEN] = '0' + ms / 100;
    buf[CLAUDE_TIME_LEN + 1] = '0' + ms / 10 % 10;
    buf[CLAUDE_TIME_LEN + 2] = '0' + ms % 10;
    buf[CLAUDE_TIME_LEN + 3] = 'Z';

    claude_out_literal(out, "\"time\":\"");
    claude_out_put(out, buf, sizeof(buf));
    claude_out_literal(out, "\"");
}


static void
claude_audit_word(claude_out_t *out, const char *name, const char *word)
{
    claude_out_put(out, name, strlen(name));
    claude_json_put_string(out, (const unsigned char *) word, strlen(word));
}


static void
claude_audit_text(claude_out_t *out, const char *name,
    const claude_str_t *text, unsigned all)
{
    if (text->len == 0 && !all) {
        return;
    }

    claude_out_put(out, name, strlen(name));

    if (text->len) {
        claude_json_put_string(out, text->data, text->len);

    } else {
        claude_out_literal(out, "null");
    }
}


/* cut once more: whatever it came as, no whole address is told */

static size_t
claude_audit_address(const claude_str_t *address,
    char text[INET6_ADDRSTRLEN + 4])
{
    size_t         len;
    unsigned char  addr[16];

    len = claude_audit_cut(address->data, address->len, addr);

    if (len == 0
        || inet_ntop(len == 4 ? AF_INET : AF_INET6, addr, text,
                     INET6_ADDRSTRLEN)
           == NULL)
    {
        return 0;
    }

    strcat(text, len == 4 ? "/24" : "/48");

    return strlen(text);
}


size_t
claude_audit_cut(const unsigned char *addr, size_t len, unsigned char *out)
{
    len = claude_addr_client(addr, len, CLAUDE_AUDIT_IPV6, out);

    if (len == 4) {
        out[CLAUDE_AUDIT_IPV4 / 8] = 0;
    }

    return len;
}
