
#include "tap.h"

#include "claude_addr.h"

#include <arpa/inet.h>


static const struct {
    const char  *addr;
    unsigned     prefix;
    const char  *client;
} cases[] = {
    { "192.0.2.7",                    64, "192.0.2.7" },
    { "192.0.2.7",                     1, "192.0.2.7" },
    { "::ffff:192.0.2.7",             64, "192.0.2.7" },
    { "::ffff:0.0.0.0",              128, "0.0.0.0" },
    { "2001:db8:1:2:3:4:5:6",         64, "2001:db8:1:2::" },
    { "2001:db8:1:2:3:4:5:6",        128, "2001:db8:1:2:3:4:5:6" },
    { "2001:db8:1:2:3:4:5:6",        127, "2001:db8:1:2:3:4:5:6" },
    { "2001:db8:1:2:3:4:5:7",        127, "2001:db8:1:2:3:4:5:6" },
    { "2001:db8:1:ffff::1",           56, "2001:db8:1:ff00::" },
    { "2001:db8:1:ffff::1",           52, "2001:db8:1:f000::" },
    { "2001:db8:1:ffff::1",           49, "2001:db8:1:8000::" },
    { "ffff::1",                       1, "8000::" },
    { "7fff::1",                       1, "::" },
    /* neither is the mapped prefix */
    { "::192.0.2.7",                  64, "::" },
    { "::1:ffff:192.0.2.7",          128, "::1:ffff:c000:207" }
};


static size_t
parse(const char *text, unsigned char *addr)
{
    if (strchr(text, ':') == NULL) {
        return inet_pton(AF_INET, text, addr) == 1 ? 4 : 0;
    }

    return inet_pton(AF_INET6, text, addr) == 1 ? 16 : 0;
}


int
main(void)
{
    size_t         i, len, expected_len;
    unsigned char  addr[16], out[16], expected[16];

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        len = parse(cases[i].addr, addr);
        expected_len = parse(cases[i].client, expected);

        memset(out, 0xa5, sizeof(out));
        len = claude_addr_client(addr, len, cases[i].prefix, out);

        is_mem(out, len, expected, expected_len, "%s/%u", cases[i].addr,
               cases[i].prefix);
    }

    memset(out, 0xa5, sizeof(out));
    memset(expected, 0xa5, sizeof(expected));

    is(claude_addr_client(addr, 0, 64, out), 0, "no address");
    is(claude_addr_client(addr, 5, 64, out), 0, "five bytes");
    is_mem(out, 16, expected, 16, "what is no address writes nothing");

    return done_testing();
}
