
/*
 * GET api/keys: what is looked for, and what was found.
 */


#ifndef NGX_HTTP_CLAUDE_ADMIN_LIST_H
#define NGX_HTTP_CLAUDE_ADMIN_LIST_H


#include "ngx_http_claude_admin_keys.h"


/* records of one hold of the keystore's lock */

#define NGX_HTTP_CLAUDE_LIST_SLICE   32


typedef enum {
    NGX_HTTP_CLAUDE_LIST_NAME = 0,
    NGX_HTTP_CLAUDE_LIST_CREATED,
    NGX_HTTP_CLAUDE_LIST_USED,
    NGX_HTTP_CLAUDE_LIST_STATE,
    NGX_HTTP_CLAUDE_LIST_COST
} ngx_http_claude_list_sort_e;


typedef enum {
    NGX_HTTP_CLAUDE_LIST_ACTIVE = 0,
    NGX_HTTP_CLAUDE_LIST_DISABLED,
    NGX_HTTP_CLAUDE_LIST_EXPIRED,
    NGX_HTTP_CLAUDE_LIST_ANY
} ngx_http_claude_list_state_e;


/* what a key is found, and sorted, by */

typedef struct {
    uint64_t                    value;
    u_char                      id[CLAUDE_KEY_ID_LEN];
    u_char                      display[CLAUDE_HEAD_LEN + CLAUDE_TAIL_LEN];
    uint8_t                     state;
    uint16_t                    name_len;
    u_char                     *name;       /* in a block, or the slice's */
} ngx_http_claude_found_t;


typedef struct ngx_http_claude_block_s  ngx_http_claude_block_t;

struct ngx_http_claude_block_s {
    ngx_http_claude_block_t    *next;
    size_t                      used;
    size_t                      size;
    max_align_t                 data[];
};


typedef struct {
    ngx_http_request_t         *request;
    ngx_claude_keystore_t      *keystore;
    ngx_thread_pool_t          *threads;
    claude_moment_t             now;

    ngx_str_t                   q;          /* in lower case */
    ngx_uint_t                  state;
    ngx_uint_t                  sort;
    ngx_uint_t                  descending;
    uint64_t                    limit;
    uint64_t                    offset;

    uint32_t                    cursor;
    ngx_event_t                 event;
    ngx_uint_t                  nslice;
    ngx_http_claude_found_t     slice[NGX_HTTP_CLAUDE_LIST_SLICE];
    u_char                      names[NGX_HTTP_CLAUDE_LIST_SLICE]
                                     [CLAUDE_NAME_MAX];

    ngx_http_claude_block_t    *blocks;     /* of found */
    ngx_http_claude_block_t    *texts;      /* of their names */
    ngx_uint_t                  n;
    ngx_http_claude_found_t   **sorted;
    unsigned                    failed:1;   /* no memory, no thread */
    unsigned                    ended:1;
} ngx_http_claude_list_t;


/*
 * Finds and sorts the keys that list asks for.  NGX_OK: it is done, or failed;
 * NGX_AGAIN: it goes on by itself, and resumes the request in the end.  Also
 * called by itself.
 */

ngx_int_t ngx_http_claude_list_step(ngx_http_claude_list_t *list);

/* sets what step needs of an empty list */

void ngx_http_claude_list_init(ngx_http_claude_list_t *list,
    ngx_http_request_t *r);

/* frees what was found; nothing is under way */

void ngx_http_claude_list_free(ngx_http_claude_list_t *list);


#endif /* NGX_HTTP_CLAUDE_ADMIN_LIST_H */
