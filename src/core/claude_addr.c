
#include "claude_addr.h"

#include <string.h>


#define CLAUDE_ADDR_IPV4  4
#define CLAUDE_ADDR_IPV6  16


size_t
claude_addr_client(const unsigned char *addr, size_t len, unsigned prefix,
    unsigned char *out)
{
    unsigned  whole, rest;

    static const unsigned char  mapped[12] = {
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff
    };

    if (len == CLAUDE_ADDR_IPV6 && memcmp(addr, mapped, sizeof(mapped)) == 0) {
        addr += sizeof(mapped);
        len = CLAUDE_ADDR_IPV4;
    }

    if (len == CLAUDE_ADDR_IPV4) {
        memcpy(out, addr, CLAUDE_ADDR_IPV4);
        return CLAUDE_ADDR_IPV4;
    }

    if (len != CLAUDE_ADDR_IPV6) {
        return 0;
    }

    whole = prefix / 8;
    rest = prefix % 8;

    memset(out, 0, CLAUDE_ADDR_IPV6);
    memcpy(out, addr, whole);

    if (rest) {
        out[whole] = addr[whole] & (0xff << (8 - rest));
    }

    return CLAUDE_ADDR_IPV6;
}
