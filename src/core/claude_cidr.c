
#include "claude_addr.h"

#include "claude_json_reader.h"
#include "claude_json_writer.h"

#include <arpa/inet.h>
#include <string.h>


#define CLAUDE_CIDR_LEN     (INET6_ADDRSTRLEN + 4)
#define CLAUDE_CIDR_MAPPED  96          /* bits of ::ffff:0:0/96 */


static unsigned claude_cidr_bare(const claude_cidr_t *cidr);
static unsigned claude_cidr_mapped(const unsigned char *addr);


claude_rc_t
claude_cidr_read(const claude_str_t *text, claude_cidr_t *cidr)
{
    char                  buf[CLAUDE_CIDR_LEN];
    size_t                len;
    uint64_t              bits;
    claude_str_t          prefix;
    const unsigned char  *slash;

    slash = memchr(text->data, '/', text->len);
    len = slash ? (size_t) (slash - text->data) : text->len;

    if (len == 0 || len >= sizeof(buf) || memchr(text->data, 0, len)) {
        return CLAUDE_INVALID;
    }

    memcpy(buf, text->data, len);
    buf[len] = '\0';

    memset(cidr, 0, sizeof(claude_cidr_t));
    cidr->prefix = 128;

    if (inet_pton(AF_INET, buf, cidr->addr + 12) == 1) {
        memset(cidr->addr + 10, 0xff, 2);
        bits = 32;

    } else if (inet_pton(AF_INET6, buf, cidr->addr) == 1) {
        bits = 128;

    } else {
        return CLAUDE_INVALID;
    }

    if (slash) {
        prefix.data = slash + 1;
        prefix.len = text->len - len - 1;

        /* "/08" and "/+8" are typing errors, not prefixes */

        if (prefix.len > 3 || (prefix.len > 1 && prefix.data[0] == '0')
            || claude_json_uint(&prefix, bits, &bits) != CLAUDE_OK)
        {
            return CLAUDE_INVALID;
        }

        cidr->prefix = bits;

        if (memchr(buf, ':', len) == NULL) {
            cidr->prefix += CLAUDE_CIDR_MAPPED;
        }
    }

    return claude_cidr_bare(cidr) ? CLAUDE_OK : CLAUDE_INVALID;
}


/* whether nothing is set behind the prefix */

static unsigned
claude_cidr_bare(const claude_cidr_t *cidr)
{
    unsigned  bit;

    for (bit = cidr->prefix; bit < 128; bit++) {
        if (cidr->addr[bit / 8] & (0x80 >> bit % 8)) {
            return 0;
        }
    }

    return 1;
}


void
claude_cidr_put(claude_out_t *out, const claude_cidr_t *cidr)
{
    char      text[INET6_ADDRSTRLEN];
    unsigned  prefix, bits;

    prefix = cidr->prefix;
    bits = 128;

    if (claude_cidr_mapped(cidr->addr)) {
        prefix -= CLAUDE_CIDR_MAPPED;
        bits = 32;
    }

    (void) inet_ntop((bits == 32) ? AF_INET : AF_INET6,
                     cidr->addr + (128 - bits) / 8, text, sizeof(text));

    claude_out_put(out, text, strlen(text));

    if (prefix < bits) {
        claude_out_literal(out, "/");
        claude_json_put_uint(out, prefix);
    }
}


unsigned
claude_cidr_has(const claude_cidr_t *cidr, const unsigned char *addr,
    size_t len)
{
    unsigned       whole, rest;
    unsigned char  full[16];

    if (len == 4) {
        memset(full, 0, 10);
        memset(full + 10, 0xff, 2);
        memcpy(full + 12, addr, 4);

    } else if (len == sizeof(full)) {
        memcpy(full, addr, sizeof(full));

    } else {
        return 0;
    }

    if (claude_cidr_mapped(full) && !claude_cidr_mapped(cidr->addr)) {
        return 0;
    }

    whole = cidr->prefix / 8;
    rest = cidr->prefix % 8;

    return memcmp(full, cidr->addr, whole) == 0
           && (rest == 0
               || ((full[whole] ^ cidr->addr[whole]) >> (8 - rest)) == 0);
}


static unsigned
claude_cidr_mapped(const unsigned char *addr)
{
    static const unsigned char  mapped[12] = {
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff
    };

    return memcmp(addr, mapped, sizeof(mapped)) == 0;
}
