
/*
 * The request body: read as it comes, never to disk, and bounded by
 * client_max_body_size, or by NGX_HTTP_CLAUDE_BODY_MAX where that is 0.
 *
 * Up to NGX_HTTP_CLAUDE_INLINE_MAX bytes lie in memory that grows
 * geometrically.  A longer body is mapped at once, as long as it says it is,
 * or may be: what has not come takes addresses and no memory, and nothing is
 * copied as it grows.
 */


#include "ngx_http_claude.h"

#include <sys/mman.h>


/* bytes taken in one turn of the event loop, then others have theirs */

#define NGX_HTTP_CLAUDE_BODY_TURN   (16 * 1024)

/* a long body goes back to the system in pieces: all at once would hold up
 * whoever maps memory meanwhile */

#define NGX_HTTP_CLAUDE_BODY_PIECE  (256 * 1024)


typedef struct {
    u_char                    *body;        /* mapped, or NULL */
    size_t                     len;         /* bytes of it that came */
    size_t                     size;
    ngx_pool_t                *pool;        /* or NULL */
} ngx_http_claude_body_left_t;


static ngx_int_t ngx_http_claude_body_start(ngx_http_request_t *r);
static void ngx_http_claude_body_handler(ngx_http_request_t *r);
static void ngx_http_claude_body_read(ngx_http_request_t *r);
static void ngx_http_claude_body_pause(ngx_http_request_t *r);
static ngx_int_t ngx_http_claude_body_append(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx);
static ngx_int_t ngx_http_claude_body_grow(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, size_t need);
static ngx_int_t ngx_http_claude_body_move(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, size_t size);
static void ngx_http_claude_body_leave(ngx_http_claude_body_left_t *left);
static void ngx_http_claude_body_left(void *data, ngx_log_t *log);
static void ngx_http_claude_body_left_done(ngx_event_t *ev);
static void ngx_http_claude_body_broken(ngx_http_request_t *r);
static void ngx_http_claude_body_wipe(ngx_http_claude_ctx_t *ctx);


ngx_int_t
ngx_http_claude_read_body(ngx_http_request_t *r, ngx_http_claude_ctx_t *ctx)
{
    if (r->headers_in.content_type != NULL && !ngx_http_claude_is_json(r)) {
        return ngx_http_claude_send_error(r, ctx, CLAUDE_ERR_MEDIA_TYPE);
    }

    ctx->body_then = ngx_http_claude_translate;

    return ngx_http_claude_body_start(r);
}


ngx_int_t
ngx_http_claude_read_secret_body(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx)
{
    if (r->headers_in.content_length_n > (off_t) ctx->body_max) {
        return ngx_http_claude_send_error(r, ctx, CLAUDE_ERR_TOO_LARGE);
    }

    return ngx_http_claude_body_start(r);
}


static ngx_int_t
ngx_http_claude_body_start(ngx_http_request_t *r)
{
    ngx_int_t  rc;

    r->request_body_no_buffering = 1;

    rc = ngx_http_read_client_request_body(r, ngx_http_claude_body_handler);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        ngx_http_claude_body_broken(r);
        return rc;
    }

    return NGX_DONE;
}


ngx_uint_t
ngx_http_claude_is_json(ngx_http_request_t *r)
{
    size_t      len;
    ngx_str_t  *type;

    if (r->headers_in.content_type == NULL) {
        return 0;
    }

    type = &r->headers_in.content_type->value;
    len = sizeof("application/json") - 1;

    if (type->len < len
        || ngx_strncasecmp(type->data, (u_char *) "application/json", len)
           != 0)
    {
        return 0;
    }

    return type->len == len || type->data[len] == ';'
           || type->data[len] == ' ';
}


static void
ngx_http_claude_body_handler(ngx_http_request_t *r)
{
    r->read_event_handler = ngx_http_claude_body_read;

    ngx_http_claude_body_read(r);
}


static void
ngx_http_claude_body_read(ngx_http_request_t *r)
{
    size_t                  had;
    ngx_int_t               rc;
    ngx_http_claude_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_claude_module);

    if (ctx->paused && r->connection->read->posted) {

        /* more has come, and the turn that was left to others comes yet */

        return;
    }

    ctx->paused = 0;
    had = ctx->body_len;

    for ( ;; ) {

        rc = ngx_http_claude_body_append(r, ctx);

        if (rc != NGX_OK) {
            ngx_http_finalize_request(r, rc);
            return;
        }

        if (!r->reading_body) {
            break;
        }

        if (ctx->body_len - had >= NGX_HTTP_CLAUDE_BODY_TURN
            && r->connection->read->ready
            && r->http_version < NGX_HTTP_VERSION_20)
        {
            ctx->paused = 1;
            ngx_http_claude_body_pause(r);
            return;
        }

        rc = ngx_http_read_unbuffered_request_body(r);

        if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
            ngx_http_claude_body_broken(r);
            ngx_http_finalize_request(r, rc);
            return;
        }

        if (rc == NGX_AGAIN && r->request_body->bufs == NULL) {
            return;
        }
    }

    r->read_event_handler = ngx_http_block_reading;

    /* or the upstream would append the client's own body to ours */

    r->request_body_no_buffering = 0;
    r->request_body->bufs = NULL;

    ctx->body_then(r, ctx);
}


/* a client that sends as fast as it is read would keep everybody else waiting;
 * HTTP/2 and 3 have windows for that */

static void
ngx_http_claude_body_pause(ngx_http_request_t *r)
{
    ngx_event_t               *rev;
    ngx_http_core_loc_conf_t  *clcf;

    rev = r->connection->read;
    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    ngx_add_timer(rev, clcf->client_body_timeout);
    ngx_post_event(rev, &ngx_posted_next_events);
}


/* moves what has been read into ctx->body */

static ngx_int_t
ngx_http_claude_body_append(ngx_http_request_t *r, ngx_http_claude_ctx_t *ctx)
{
    size_t        n;
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    if (r->request_body == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    for (cl = r->request_body->bufs; cl != NULL; cl = cl->next) {
        b = cl->buf;
        n = b->last - b->pos;

        if (b->in_file) {
            ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                          "another module, such as mirror, has read the "
                          "request body into a file: not used");
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        if (n > ctx->body_size - ctx->body_len) {
            rc = ngx_http_claude_body_grow(r, ctx, ctx->body_len + n);

            if (rc != NGX_OK) {
                return rc;
            }
        }

        if (n) {
            ngx_memcpy(ctx->body + ctx->body_len, b->pos, n);
            ctx->body_len += n;

            if (ctx->body_max) {
                sodium_memzero(b->pos, n);
            }

            b->pos = b->last;
        }
    }

    r->request_body->bufs = NULL;

    return NGX_OK;
}


static ngx_int_t
ngx_http_claude_body_grow(ngx_http_request_t *r, ngx_http_claude_ctx_t *ctx,
    size_t need)
{
    off_t                      max;
    size_t                     size;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    max = clcf->client_max_body_size;

    if (max == 0) {
        max = NGX_HTTP_CLAUDE_BODY_MAX;
    }

    if (ctx->body_max) {
        max = ngx_min(max, (off_t) ctx->body_max);
    }

    if ((off_t) need > max) {
        return NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
    }

    /* without the header content_length_n counts what came */

    if (r->headers_in.content_length != NULL
        && r->headers_in.content_length_n >= (off_t) need)
    {
        max = ngx_min(max, r->headers_in.content_length_n);
    }

    if (ctx->body_size > NGX_HTTP_CLAUDE_INLINE_MAX) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (need > NGX_HTTP_CLAUDE_INLINE_MAX) {
        return ngx_http_claude_body_move(r, ctx, max);
    }

    size = ngx_max(2 * ctx->body_size, 4096);
    size = ngx_max(size, need);
    size = ngx_min(size, NGX_HTTP_CLAUDE_INLINE_MAX);

    return ngx_http_claude_body_move(r, ctx, ngx_min((off_t) size, max));
}


/* size tells where it goes, and where it came from */

static ngx_int_t
ngx_http_claude_body_move(ngx_http_request_t *r, ngx_http_claude_ctx_t *ctx,
    size_t size)
{
    u_char  *p;

    if (size <= NGX_HTTP_CLAUDE_INLINE_MAX) {
        p = ngx_alloc(size, r->connection->log);

    } else {
        p = mmap(NULL, size, PROT_READ|PROT_WRITE,
                 MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE, -1, 0);

        if (p == MAP_FAILED) {
            ngx_log_error(NGX_LOG_EMERG, r->connection->log, ngx_errno,
                          "mmap(%uz) failed", size);
            p = NULL;
        }
    }

    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ctx->body != NULL) {
        ngx_memcpy(p, ctx->body, ctx->body_len);
        ngx_http_claude_body_wipe(ctx);
        ngx_free(ctx->body);
    }

    ctx->body = p;
    ctx->body_size = size;

    return NGX_OK;
}


void
ngx_http_claude_body_free(ngx_http_claude_ctx_t *ctx)
{
    ngx_http_claude_body_left_t  left;

    left.body = NULL;
    left.len = ctx->body_len;
    left.size = ctx->body_size;
    left.pool = ctx->pool;

    if (ctx->body != NULL) {
        ngx_http_claude_body_wipe(ctx);

        if (ctx->body_size > NGX_HTTP_CLAUDE_INLINE_MAX) {
            left.body = ctx->body;

        } else {
            ngx_free(ctx->body);
        }
    }

    if (left.body != NULL || left.pool != NULL) {
        ngx_http_claude_body_leave(&left);
    }
}


/* what is long takes milliseconds to free: a thread's work, where one will */

static void
ngx_http_claude_body_leave(ngx_http_claude_body_left_t *left)
{
    ngx_thread_task_t            *task;
    ngx_http_claude_main_conf_t  *mcf;

    mcf = ngx_http_cycle_get_module_main_conf(ngx_cycle,
                                              ngx_http_claude_module);

    task = ngx_calloc(sizeof(ngx_thread_task_t)
                      + sizeof(ngx_http_claude_body_left_t), ngx_cycle->log);

    if (task != NULL) {
        task->ctx = task + 1;
        ngx_memcpy(task->ctx, left, sizeof(ngx_http_claude_body_left_t));

        task->handler = ngx_http_claude_body_left;
        task->event.handler = ngx_http_claude_body_left_done;
        task->event.data = task;
        task->event.log = ngx_cycle->log;

        if (ngx_thread_task_post(mcf->threads, task) == NGX_OK) {
            return;
        }

        ngx_free(task);
    }

    ngx_http_claude_body_left(left, ngx_cycle->log);
}


/* in a thread */

static void
ngx_http_claude_body_left(void *data, ngx_log_t *log)
{
    ngx_http_claude_body_left_t *left = data;

    size_t  n, done;

    if (left->pool != NULL) {
        ngx_destroy_pool(left->pool);
    }

    if (left->body == NULL) {
        return;
    }

    for (done = 0; done < left->len; done += n) {
        n = ngx_min(left->len - done, NGX_HTTP_CLAUDE_BODY_PIECE);
        (void) madvise(left->body + done, n, MADV_DONTNEED);
    }

    if (munmap(left->body, left->size) == -1) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno, "munmap() failed");
    }
}


static void
ngx_http_claude_body_left_done(ngx_event_t *ev)
{
    ngx_free(ev->data);
}


/* what nginx has read of a body that won't come whole, and not handed on */

static void
ngx_http_claude_body_broken(ngx_http_request_t *r)
{
    ngx_buf_t              *b;
    ngx_chain_t            *cl;
    ngx_http_claude_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_claude_module);

    if (ctx == NULL || ctx->body_max == 0 || r->request_body == NULL) {
        return;
    }

    for (cl = r->request_body->bufs; cl != NULL; cl = cl->next) {
        sodium_memzero(cl->buf->pos, cl->buf->last - cl->buf->pos);
    }

    b = r->request_body->buf;

    if (b != NULL && b->start != NULL) {
        sodium_memzero(b->start, b->end - b->start);
    }
}


static void
ngx_http_claude_body_wipe(ngx_http_claude_ctx_t *ctx)
{
    if (ctx->body_max) {
        sodium_memzero(ctx->body, ctx->body_len);
    }
}
