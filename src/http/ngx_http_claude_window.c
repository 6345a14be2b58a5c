
/*
 * A long Messages body goes to the bridge a window at a time: nginx's own
 * writer goes through all of its chain with each write, and takes as much of
 * it in one turn of the event loop as the bridge does.
 */


#include "ngx_http_claude.h"


#define NGX_HTTP_CLAUDE_WINDOW_BUFS  64
#define NGX_HTTP_CLAUDE_WINDOW_SIZE  (32 * 1024)


struct ngx_http_claude_window_s {
    ngx_http_request_t        *request;
    const claude_out_t        *out;
    const claude_piece_t      *piece;       /* what goes next */
    size_t                     taken;       /* bytes of it that went */
    ngx_uint_t                 paused;      /* for a turn */
    ngx_chain_t                links[NGX_HTTP_CLAUDE_WINDOW_BUFS];
    ngx_buf_t                  bufs[NGX_HTTP_CLAUDE_WINDOW_BUFS];
};


static ngx_int_t ngx_http_claude_window_filter(void *data, ngx_chain_t *in);
static ngx_chain_t *ngx_http_claude_window_next(
    ngx_http_claude_window_t *window);


ngx_http_claude_window_t *
ngx_http_claude_window_create(ngx_http_request_t *r, ngx_pool_t *pool,
    const claude_out_t *out)
{
    ngx_http_upstream_t       *u;
    ngx_http_claude_window_t  *window;

    window = ngx_palloc(pool, sizeof(ngx_http_claude_window_t));
    if (window == NULL) {
        return NULL;
    }

    window->request = r;
    window->out = out;

    ngx_http_claude_window_rewind(window);

    u = r->upstream;
    u->output.output_filter = ngx_http_claude_window_filter;
    u->output.filter_ctx = window;

    return window;
}


void
ngx_http_claude_window_rewind(ngx_http_claude_window_t *window)
{
    window->piece = window->out->first;
    window->taken = 0;
    window->paused = 0;
}


/* in is the head, once; it and each window leave before the next one does */

static ngx_int_t
ngx_http_claude_window_filter(void *data, ngx_chain_t *in)
{
    ngx_http_claude_window_t *window = data;

    ngx_int_t             rc;
    ngx_chain_t          *cl;
    ngx_http_upstream_t  *u;

    u = window->request->upstream;

    if (window->paused && u->peer.connection->write->posted) {

        /* there is room again, and the turn that was left to others comes yet
         */

        return NGX_AGAIN;
    }

    window->paused = 0;

    rc = ngx_chain_writer(&u->writer, in);

    if (rc != NGX_OK) {
        return rc;
    }

    cl = ngx_http_claude_window_next(window);

    if (cl == NULL) {
        return NGX_OK;
    }

    rc = ngx_chain_writer(&u->writer, cl);

    if (rc == NGX_OK && window->piece != NULL) {

        /* others have their turn first */

        window->paused = 1;
        ngx_post_event(u->peer.connection->write, &ngx_posted_next_events);

        return NGX_AGAIN;
    }

    return rc;
}


/* NULL: all is taken */

static ngx_chain_t *
ngx_http_claude_window_next(ngx_http_claude_window_t *window)
{
    size_t                 n, room;
    ngx_buf_t             *b;
    ngx_uint_t             i;
    const claude_piece_t  *piece;

    room = NGX_HTTP_CLAUDE_WINDOW_SIZE;
    i = 0;

    while (window->piece != NULL && room && i < NGX_HTTP_CLAUDE_WINDOW_BUFS) {

        piece = window->piece;
        n = ngx_min(piece->str.len - window->taken, room);

        if (n) {
            b = &window->bufs[i];

            ngx_memzero(b, sizeof(ngx_buf_t));

            b->start = (u_char *) piece->str.data + window->taken;
            b->pos = b->start;
            b->last = b->pos + n;
            b->end = b->last;
            b->memory = 1;

            window->links[i].buf = b;
            window->links[i].next = &window->links[i + 1];

            window->taken += n;
            room -= n;
            i++;
        }

        if (window->taken == piece->str.len) {
            window->piece = piece->next;
            window->taken = 0;
        }
    }

    if (i == 0) {
        return NULL;
    }

    window->bufs[i - 1].flush = 1;
    window->links[i - 1].next = NULL;

    return window->links;
}
