
/*
 * One security event as a JSON object: a line of the audit log, or an element
 * of what the admin API answers.
 */


#ifndef CLAUDE_AUDIT_H
#define CLAUDE_AUDIT_H


#include "claude_out.h"


/* bytes of a line at most, its line end included; events are made so that it
 * fits */

#define CLAUDE_AUDIT_LINE  512


typedef struct {
    uint64_t               seq;         /* not in a line of the log */
    int64_t                time;        /* ms since the epoch */
    const char            *event;
    const char            *outcome;
    const char            *level;
    claude_str_t           key_id;      /* empty: of no key, and so on */
    claude_str_t           request_id;
    claude_str_t           trace_id;
    claude_str_t           address;     /* binary: 4 or 16 bytes */
    claude_str_t           code;
    uint32_t               suppressed;  /* how many others it stands for */
} claude_audit_t;


/* the line, with its line end; what is empty is left out */

void claude_audit_line(claude_out_t *out, const claude_audit_t *audit);

/* the element, which has all names; what is empty is null */

void claude_audit_put(claude_out_t *out, const claude_audit_t *audit);

/*
 * Cuts an address to the network that is told of it: the first 24 bits of an
 * IPv4 address, also out of ::ffff:0:0/96, and the first 48 of an IPv6
 * address.  As claude_addr_client(): out has 16 bytes; returns 4, 16 or 0.
 */

size_t claude_audit_cut(const unsigned char *addr, size_t len,
    unsigned char *out);


#endif /* CLAUDE_AUDIT_H */
