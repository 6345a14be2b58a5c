
/*
 * What every unit of src/core shares: results, strings, memory.
 *
 * Nothing here or below knows nginx.  A unit keeps no global state, so that
 * each may be called from an event loop or from a thread alike, as long as
 * one object is used by one thread at a time.
 */


#ifndef CLAUDE_CORE_H
#define CLAUDE_CORE_H


#include <stddef.h>
#include <stdint.h>


/* of all: module, claude-keys, packages; src/sdk/package.json repeats it */

#define CLAUDE_VERSION  "0.1.0"


typedef enum {
    CLAUDE_OK = 0,
    CLAUDE_AGAIN,                   /* more input is needed */
    CLAUDE_DONE,                    /* nothing is left to do */
    CLAUDE_DECLINED,                /* not found, or not of this kind */
    CLAUDE_INVALID,                 /* the input is at fault; see the fault */
    CLAUDE_TOO_LARGE,               /* a bound of the call was reached */
    CLAUDE_NO_MEMORY,
    CLAUDE_BUSY,                    /* a lock was not had in time */
    CLAUDE_IO                       /* errno has the reason */
} claude_rc_t;


/* bytes that belong to somebody else; not terminated; data may be NULL
 * where len is 0 */

typedef struct {
    size_t                 len;
    const unsigned char   *data;
} claude_str_t;


#define claude_string(s)   { sizeof(s) - 1, (const unsigned char *) s }


/*
 * Memory from the caller, all given back at once by the caller, as a pool:
 * alloc returns memory aligned for any type, or NULL.
 */

typedef struct {
    void                *(*alloc)(void *ctx, size_t size);
    void                  *ctx;
} claude_mem_t;


#define claude_alloc(mem, size)  ((mem)->alloc((mem)->ctx, size))


#endif /* CLAUDE_CORE_H */
