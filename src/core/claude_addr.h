
/*
 * Addresses as limits see them: many of one IPv6 network are one client.
 */


#ifndef CLAUDE_ADDR_H
#define CLAUDE_ADDR_H


#include "claude_core.h"


/*
 * addr is a binary address in network order of len bytes, 4 (IPv4) or 16
 * (IPv6).  Writes to out (16 bytes, apart from addr) what stands for the
 * client and returns its length: an IPv4 address as it is, also out of
 * ::ffff:0:0/96; of an IPv6 address the first prefix bits (1 to 128), the rest
 * zero.  Any other len is no address: 0, and out is left alone.
 */

size_t claude_addr_client(const unsigned char *addr, size_t len,
    unsigned prefix, unsigned char *out);


#endif /* CLAUDE_ADDR_H */
