
/*
 * Addresses as limits see them: many of one IPv6 network are one client, and a
 * prefix allows some.
 */


#ifndef CLAUDE_ADDR_H
#define CLAUDE_ADDR_H


#include "claude_out.h"


/*
 * addr is a binary address in network order of len bytes, 4 (IPv4) or 16
 * (IPv6).  Writes to out (16 bytes, apart from addr) what stands for the
 * client and returns its length: an IPv4 address as it is, also out of
 * ::ffff:0:0/96; of an IPv6 address the first prefix bits (1 to 128), the rest
 * zero.  Any other len is no address: 0, and out is left alone.
 */

size_t claude_addr_client(const unsigned char *addr, size_t len,
    unsigned prefix, unsigned char *out);


/* an IPv4 address is ::ffff:a.b.c.d, its prefix 96 more */

typedef struct {
    unsigned char          addr[16];
    unsigned char          prefix;
} claude_cidr_t;


/* an address, or address/prefix without bits set behind it; else
 * CLAUDE_INVALID */

claude_rc_t claude_cidr_read(const claude_str_t *text, claude_cidr_t *cidr);

/* as short as it can be: 192.0.2.0/24, 2001:db8::1 */

void claude_cidr_put(claude_out_t *out, const claude_cidr_t *cidr);

/* whether a binary address of 4 or 16 bytes lies in it, none of another length
 * does; IPv6 prefixes such as ::/0 hold no IPv4 addresses */

unsigned claude_cidr_has(const claude_cidr_t *cidr, const unsigned char *addr,
    size_t len);


#endif /* CLAUDE_ADDR_H */
