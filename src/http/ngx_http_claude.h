
/*
 * What the files of src/http share: the configuration, the state of one
 * request, and which file offers what.
 *
 * A request goes through them in this order:
 *
 *   access    limit, key, mark               (access phase)
 *   route     which API call is it           (content phase, from here on)
 *   body      read into memory, unbuffered
 *   translate the client's format -> Messages
 *   upstream  to the bridge; headers of its answer
 *   gather    Messages events -> one document, or
 *   stream    Messages events -> the client's stream, as they come
 *   filter    headers of every answer; nginx's own error pages
 */


#ifndef NGX_HTTP_CLAUDE_H
#define NGX_HTTP_CLAUDE_H


#include "ngx_http_claude_compat.h"

#include <sodium.h>

#include "../state/ngx_claude_store.h"
#include "../state/ngx_claude_usage.h"
#include "../state/ngx_claude_limit.h"
#include "../state/ngx_claude_ring.h"
#include "../state/ngx_claude_attempts.h"
#include "../state/ngx_claude_session.h"
#include "../core/claude_addr.h"
#include "../core/claude_chat.h"
#include "../core/claude_form.h"
#include "../core/claude_json_writer.h"
#include "../core/claude_messages.h"
#include "../core/claude_password.h"
#include "../core/claude_responses.h"
#include "../core/claude_trace.h"


#define NGX_HTTP_CLAUDE_VERSION     CLAUDE_VERSION


/* bytes of a body above which it is long: translated and freed in a thread */

#define NGX_HTTP_CLAUDE_INLINE_MAX  (64 * 1024)

/* bytes of a body where client_max_body_size sets no bound */

#define NGX_HTTP_CLAUDE_BODY_MAX    (64 * 1024 * 1024)

/* ms that a bridge has to say how it is */

#define NGX_HTTP_CLAUDE_HEALTH_TIMEOUT  2000

/* bytes of a report of the bridge's answer, where ctx says no other */

#define NGX_HTTP_CLAUDE_REPORT_MAX  16384

/* bytes of an error's body */

#define NGX_HTTP_CLAUDE_ERROR_MAX   8192


/* claude_trace: where a request's trace is taken from */

#define NGX_HTTP_CLAUDE_TRACE_OFF    0
#define NGX_HTTP_CLAUDE_TRACE_ON     1      /* the header traceparent */
#define NGX_HTTP_CLAUDE_TRACE_NEW    2      /* nowhere */
#define NGX_HTTP_CLAUDE_TRACE_VALUE  3


typedef struct ngx_http_claude_ctx_s  ngx_http_claude_ctx_t;
typedef struct ngx_http_claude_route_s  ngx_http_claude_route_t;
typedef struct ngx_http_claude_window_s  ngx_http_claude_window_t;
typedef struct ngx_http_claude_audit_log_s  ngx_http_claude_audit_log_t;
typedef struct ngx_http_claude_metrics_main_s  ngx_http_claude_metrics_main_t;
typedef struct ngx_http_claude_metrics_loc_s  ngx_http_claude_metrics_loc_t;
typedef struct ngx_http_claude_metrics_scan_s  ngx_http_claude_metrics_scan_t;
typedef struct ngx_http_claude_admin_ctx_s  ngx_http_claude_admin_ctx_t;


/*
 * The admin's calls of the bridge: whatever the bridge answered, or how it
 * failed, is what the document says, and its status is 200.  failure is
 * CLAUDE_ERR_NONE when an answer came, whole; it lies in ctx then.
 */

typedef void (*ngx_http_claude_report_pt)(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, claude_err_e failure, claude_out_t *doc);


/* claude_limit_zone; limit comes first, it is what the zone's init takes */

typedef struct {
    ngx_claude_limit_t         limit;
    ngx_http_complex_value_t   key;
    ngx_uint_t                 address;     /* key is $binary_remote_addr */
    ngx_uint_t                 prefix;      /* of IPv6 addresses, bits */
} ngx_http_claude_limit_zone_t;


/*
 * A directive that can only be checked once the whole configuration is known,
 * with the place where it stands.
 */

typedef struct {
    const char                *name;        /* of the directive */
    ngx_conf_file_t            at;
    ngx_http_upstream_srv_conf_t  *upstream;  /* claude_pass, or NULL */
    ngx_shm_zone_t            *zone;        /* claude_limit, or NULL */
} ngx_http_claude_use_t;


typedef struct {
    claude_master_t           *master;      /* NULL: no claude_master_key */
    ngx_claude_store_t        *store;       /* NULL: no claude_keystore */
    ngx_conf_file_t            store_at;
    ngx_thread_pool_t         *threads;
    ngx_shm_zone_t            *default_limit;
    ngx_int_t                  request_id;  /* indices of variables */
    ngx_int_t                  authorization;
    ngx_int_t                  api_key;
    ngx_array_t                uses;        /* of ngx_http_claude_use_t * */
    ngx_http_claude_metrics_main_t  *metrics;  /* NULL: nothing is counted */
    ngx_claude_ring_t         *ring;        /* of events; NULL: nobody reads
                                             * them */
    ngx_array_t                audit_logs;  /* of ngx_http_claude_audit_log_t
                                             * *, no two of one file */
    ngx_uint_t                 credentials; /* that keys are made for: bits
                                             * of CLAUDE_FORM_OAUTH, … */
    ngx_array_t                admins;      /* of ngx_http_claude_admin_at_t */
    ngx_claude_sessions_t     *sessions;
    ngx_claude_attempts_t     *attempts;
    ngx_uint_t                 warned;      /* of a log that shows headers */
} ngx_http_claude_main_conf_t;


typedef struct {
    ngx_uint_t                 pass;        /* some location has one */
    ngx_http_claude_audit_log_t  *audit_log;  /* NULL: off */
    ngx_uint_t                 admin;       /* some location has one */
    ngx_array_t               *names;       /* of ngx_str_t: those that pages
                                             * may be redirected to */
    ngx_str_t                  https_port;  /* ":8443", or empty: the first
                                             * that listens with TLS */
} ngx_http_claude_srv_conf_t;


/* of a location; all but "on" is inherited */

typedef struct {
    ngx_uint_t                 on;          /* it has claude_admin */
    ngx_http_upstream_srv_conf_t  *upstream;  /* or NULL */
    claude_people_t           *people;      /* who may sign in */
    ngx_str_t                  redirect;    /* HOST[:PORT], or empty */
    ngx_array_t               *forwarded;   /* of ngx_cidr_t: who may say that
                                             * TLS ended there; NULL: nobody */
    ngx_uint_t                 forwarded_unix;
} ngx_http_claude_admin_conf_t;


typedef struct {
    ngx_flag_t                 auth;        /* unset: off */
    ngx_shm_zone_t            *limit;       /* NULL: off */
    ngx_uint_t                 limit_burst; /* 0: the rate's count */
    ngx_uint_t                 limit_set;
    ngx_http_claude_use_t     *pass;        /* NULL: no claude_pass */
    ngx_uint_t                 exact;       /* it stands in "location =" */
    ngx_array_t               *error_pages; /* of this level, as nginx has
                                             * them */

    ngx_array_t               *model_elts;  /* of claude_model_t */
    ngx_uint_t                 builtin;
    claude_models_t            models;      /* both, as the core takes them */

    ngx_msec_t                 ping;
    ngx_flag_t                 security_headers;
    ngx_array_t               *cors;        /* of ngx_str_t; NULL: off */
    ngx_uint_t                 trace;       /* NGX_HTTP_CLAUDE_TRACE_… */
    ngx_http_complex_value_t  *trace_value;

    ngx_http_claude_admin_conf_t  admin;
    ngx_http_claude_metrics_loc_t  *metrics;  /* NULL: no claude_metrics */

    ngx_http_upstream_conf_t   upstream;
    ngx_http_upstream_conf_t   health;      /* the same, in less time */
} ngx_http_claude_loc_conf_t;


/* claude_admin, for the checks that need the whole configuration */

typedef struct {
    ngx_http_claude_use_t     *use;
    ngx_http_claude_loc_conf_t  *lcf;
    ngx_http_core_srv_conf_t  *cscf;
    ngx_http_claude_srv_conf_t  *scf;
} ngx_http_claude_admin_at_t;


struct ngx_http_claude_ctx_s {
    ngx_http_request_t        *request;
    const ngx_http_claude_route_t  *route;
    const claude_dialect_t    *dialect;

    /* what each event of a stream needs lies together: between two of them the
     * kernel and other requests have pushed it out of the caches */

    unsigned                   traced:1;    /* trace is settled */
    unsigned                   limited:1;   /* limit is filled */
    unsigned                   rejected:1;  /* by the limit */
    unsigned                   refused:1;   /* and an event tells of it */
    unsigned                   checked:1;   /* quota is filled */
    unsigned                   billed:1;    /* cost is filled */
    unsigned                   looked_up:1;
    unsigned                   allowed:1;   /* a checked key: may pass */
    unsigned                   answered:1;  /* the answer is the module's */
    unsigned                   paused:1;    /* reading, for a turn */
    unsigned                   translated:1;
    unsigned                   status_read:1;
    unsigned                   is_chunked:1;
    unsigned                   is_sse:1;
    unsigned                   closing:1;   /* no keepalive to upstream */
    unsigned                   eof:1;       /* upstream's body is whole */
    unsigned                   whole:1;     /* the answer is one document */
    unsigned                   failed:1;    /* in-band error is written */
    unsigned                   ended:1;     /* the body's last bytes are */
    unsigned                   queued:1;
    unsigned                   timed:1;     /* ttft is filled */
    unsigned                   noted:1;     /* that an answer began */
    unsigned                   counting:1;  /* tokens of a request, no more */

    ngx_chain_t               *delivered;   /* a whole answer */
    ngx_chain_t               *page;        /* instead of nginx's own */
    ngx_msec_t                 sent;        /* when something last was */
    ngx_http_chunked_t         chunked;
    claude_sse_t               sse;
    claude_reply_t             reply;

    /* access */
    ngx_claude_key_t          *key;         /* NULL: not looked up, or bad */
    claude_err_e               key_error;   /* of the look-up */
    claude_gcra_t              limit;
    ngx_shm_zone_t            *limit_zone;  /* that limit is of */
    claude_verdict_t           quota;       /* of the key's own limits */
    ngx_claude_call_t          call;
    uint64_t                   cost;        /* micro-dollars, once it ended */
    claude_err_e               error;       /* that was, or will be, said */
    const ngx_str_t           *csp;         /* a page's own, or NULL */
    claude_trace_t             trace;       /* where traced */
    ngx_http_claude_admin_ctx_t  *admin;    /* NULL: no request of its */
    ngx_http_claude_metrics_scan_t  *scan;  /* of all keys, or NULL */

    /* body and translation */
    u_char                    *body;        /* ngx_alloc()ed, or mapped where
                                             * body_size is a long one's */
    size_t                     body_len;
    size_t                     body_size;
    size_t                     body_max;    /* 0: as the location says */
    void                     (*body_then)(ngx_http_request_t *r,
                                   ngx_http_claude_ctx_t *ctx);
    ngx_pool_t                *pool;        /* the translation's own */
    claude_mem_t               mem;
    claude_out_t               messages;    /* the Messages body */
    const claude_models_t     *models;
    claude_request_t           facts;
    claude_fault_t             fault;
    claude_rc_t                rc;          /* of the translation */

    /* upstream */
    ngx_int_t                (*process)(ngx_http_request_t *r);
    ngx_http_claude_report_pt  report;      /* NULL: the answer is a call's */
    const char                *report_type; /* NULL: application/json */
    size_t                     report_max;  /* bytes of it */
    ngx_buf_t                 *secret;      /* the call's head, which has the
                                             * credential */
    ngx_http_claude_window_t  *window;      /* NULL: messages isn't long */
    ngx_http_status_t          status;
    off_t                      length;      /* -1: by chunks or by close */
    ngx_uint_t                 retry_after; /* seconds, from upstream */
    claude_out_t               refusal;     /* the body of one */
    ngx_msec_t                 ttft;        /* to the first content */

    /* open calls of this worker; the ping */
    ngx_queue_t                queue;
    ngx_atomic_uint_t          generation;  /* of the zone, at look-up */
    ngx_event_t                ping;
};


extern ngx_module_t  ngx_http_claude_module;


/* ngx_http_claude_conf.c */

void *ngx_http_claude_create_main_conf(ngx_conf_t *cf);
char *ngx_http_claude_init_main_conf(ngx_conf_t *cf, void *conf);
void *ngx_http_claude_create_srv_conf(ngx_conf_t *cf);
char *ngx_http_claude_merge_srv_conf(ngx_conf_t *cf, void *parent,
    void *child);
void *ngx_http_claude_create_loc_conf(ngx_conf_t *cf);
char *ngx_http_claude_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);

/* a location that answers neither clients with keys nor other origins: what
 * is set for those around it, and pages for people, don't reach into it */

void ngx_http_claude_merge_apart(ngx_http_core_loc_conf_t *clcf,
    ngx_http_claude_loc_conf_t *prev, ngx_http_claude_loc_conf_t *conf);

/* ngx_http_claude_check.c: what only the whole configuration shows */

ngx_int_t ngx_http_claude_check_conf(ngx_conf_t *cf);

/* as ngx_conf_log_error(), of a directive that stands elsewhere */

void ngx_http_claude_log_at(ngx_conf_t *cf, ngx_conf_file_t *at,
    const char *text, const char *name);

/* ngx_http_claude_store_conf.c */

char *ngx_http_claude_master_key(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_claude_keystore(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_claude_thread_pool(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* ngx_http_claude_limit_conf.c */

char *ngx_http_claude_limit_zone(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_claude_limit(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* the zone of claude_pass where no claude_limit is set: 100r/m an address */

ngx_shm_zone_t *ngx_http_claude_default_limit(ngx_conf_t *cf);

/* ngx_http_claude_directives.c */

char *ngx_http_claude_pass(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_claude_model(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_claude_cors(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_claude_check_msec(ngx_conf_t *cf, void *post, void *data);
char *ngx_http_claude_check_buffer(ngx_conf_t *cf, void *post, void *data);
char *ngx_http_claude_auth_at(ngx_conf_t *cf, void *post, void *data);

/* remembers that the directive name stands here; NULL: no memory */

ngx_http_claude_use_t *ngx_http_claude_use(ngx_conf_t *cf, const char *name);

/* reads zone=NAME:SIZE; errors are logged */

ngx_int_t ngx_http_claude_zone_param(ngx_conf_t *cf, ngx_str_t *value,
    ngx_str_t *name, ssize_t *size);

/* declares a zone of the module's; NULL: another directive has it already, or
 * nginx refuses it: logged */

ngx_shm_zone_t *ngx_http_claude_zone_add(ngx_conf_t *cf, ngx_str_t *name,
    size_t size, ngx_shm_zone_init_pt init, void *data);

/* ngx_http_claude_access.c */

ngx_int_t ngx_http_claude_access_handler(ngx_http_request_t *r);

/* the context of r, made on demand; one that was lost to an internal redirect
 * leaves its key and its limit to the next.  NULL: no memory */

ngx_http_claude_ctx_t *ngx_http_claude_get_ctx(ngx_http_request_t *r);

/* the one that r has, or had before an internal redirect; or NULL */

ngx_http_claude_ctx_t *ngx_http_claude_last_ctx(ngx_http_request_t *r);

/* ngx_http_claude_auth.c */

/* looks the request's key up, once; fills ctx->key, or ctx->key_error.  From
 * any phase: it decides nothing. */

void ngx_http_claude_lookup(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx);

/* takes the headers that may carry a key away from what a proxy passes on */

void ngx_http_claude_hide_key(ngx_http_request_t *r);

/* ngx_http_claude_trace.c */

char *ngx_http_claude_trace(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* the request's trace context, the same each time; from any phase.  NULL:
 * claude_trace is off, or there is no memory */

const claude_trace_t *ngx_http_claude_get_trace(ngx_http_request_t *r);

/* ngx_http_claude_quota.c: the limits of a key */

/* the access phase, with ctx->key: CLAUDE_ERR_NONE, or why it is refused */

claude_err_e ngx_http_claude_quota_begin(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, ngx_http_claude_loc_conf_t *lcf);

/* the same once the body is translated, before any call of the bridge */

claude_err_e ngx_http_claude_quota_body(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx);

/* the call may use this model; asked for by name, known upstream as target */

ngx_uint_t ngx_http_claude_quota_model(ngx_http_claude_ctx_t *ctx,
    const claude_str_t *name, const claude_str_t *target);

/* what has come of the answer so far */

void ngx_http_claude_quota_note(ngx_http_claude_ctx_t *ctx);

/* what the call has used up to now */

void ngx_http_claude_quota_count(ngx_http_claude_ctx_t *ctx,
    claude_count_t *count);

/* the call is over, however: gives back what it holds and counts what it used,
 * the first time it is told */

void ngx_http_claude_quota_end(ngx_http_claude_ctx_t *ctx);

/* ngx_http_claude_body.c */

/* reads the body and hands it to the translation; the content handler's rc */

ngx_int_t ngx_http_claude_read_body(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx);

/* the same for ctx->body_then, which finalizes the request, with a bound of
 * ctx->body_max; the type isn't looked at, and what was read is wiped */

ngx_int_t ngx_http_claude_read_secret_body(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx);

/* whether the body is application/json, whatever its parameters */

ngx_uint_t ngx_http_claude_is_json(ngx_http_request_t *r);

/* from the request's cleanup */

void ngx_http_claude_body_free(ngx_http_claude_ctx_t *ctx);

/* ngx_http_claude_translate.c */

/* the body is whole: finalizes the request itself, one way or another */

void ngx_http_claude_translate(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx);

/* ngx_http_claude_window.c */

/*
 * out follows the upstream's request_bufs, which are few; NULL: no memory.
 * Nothing of r->pool is taken; pool and out last as long as r.
 */

ngx_http_claude_window_t *ngx_http_claude_window_create(ngx_http_request_t *r,
    ngx_pool_t *pool, const claude_out_t *out);

/* out goes again, to another server */

void ngx_http_claude_window_rewind(ngx_http_claude_window_t *window);

/* ngx_http_claude_upstream.c */

/* sends the call to the bridge; as ngx_http_upstream_init(), it owns a
 * reference to r from then on */

void ngx_http_claude_upstream_start(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx);

/* headers and upstream of any call: the parts that differ are given */

ngx_int_t ngx_http_claude_upstream_create(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, ngx_http_upstream_conf_t *conf,
    ngx_int_t (*create)(ngx_http_request_t *r),
    ngx_int_t (*process)(ngx_http_request_t *r));

/* ctx->reply, ready for the answer; all memory is the event loop's from here on
 */

ngx_int_t ngx_http_claude_start_reply(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx);

/* create_request of a call of the model: ctx->messages, for ctx->key */

ngx_int_t ngx_http_claude_create_messages(ngx_http_request_t *r);

/* zeroes the credential in the request to the bridge */

void ngx_http_claude_forget_secret(ngx_http_claude_ctx_t *ctx);

/* ngx_http_claude_response.c */

/* reads status line and headers; NGX_OK when they are whole */

ngx_int_t ngx_http_claude_upstream_header(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx);

/*
 * Takes body bytes out of b, undoing the transfer coding: NGX_OK, *data is
 * the next piece; NGX_AGAIN, no more in b; NGX_DONE, the body is whole;
 * NGX_ERROR, malformed
 */

ngx_int_t ngx_http_claude_upstream_body(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, ngx_buf_t *b, ngx_str_t *data);

/* ngx_http_claude_gather.c */

/* process_header, from the end of the headers on, for a whole answer */

ngx_int_t ngx_http_claude_gather(ngx_http_request_t *r);

/* what the bridge's refusal means, to ctx->fault */

void ngx_http_claude_read_refusal(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx);

/* makes doc, with status, the upstream's answer: process_header's end */

ngx_int_t ngx_http_claude_deliver(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, const claude_out_t *doc, ngx_uint_t status);

/* the same with the error that fault means */

ngx_int_t ngx_http_claude_deliver_fault(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, const claude_fault_t *fault);

/* ngx_http_claude_stream.c */

ngx_int_t ngx_http_claude_stream_start(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx);

/* the upstream's input filter, of streams and of documents */

ngx_int_t ngx_http_claude_filter_start(void *data);
ngx_int_t ngx_http_claude_stream_filter(void *data, ssize_t bytes);

/* from outside the upstream's own events: ends a stream with fault */

void ngx_http_claude_stream_fail(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, const claude_fault_t *fault);

/* from the upstream's end, when nginx is about to close the connection */

void ngx_http_claude_stream_last_words(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, const claude_fault_t *fault);

/* bytes of the upstream's stream, in either kind of answer: out is NULL where
 * it is gathered.  ctx->fault says what is wrong. */

claude_rc_t ngx_http_claude_feed(ngx_http_claude_ctx_t *ctx,
    const ngx_str_t *bytes, claude_out_t *out);

/* ngx_http_claude_watch.c: the open calls of this worker */

ngx_int_t ngx_http_claude_watch_init(ngx_cycle_t *cycle);
void ngx_http_claude_watch_add(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx);
void ngx_http_claude_watch_remove(ngx_http_claude_ctx_t *ctx);

/* ngx_http_claude_reply.c */

/* answers with a JSON document that lies in the request's memory; for phase
 * handlers: returns what ngx_http_finalize_request() takes */

ngx_int_t ngx_http_claude_send_json(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, ngx_uint_t status, const claude_out_t *doc);

/* the same with another content type, a literal */

ngx_int_t ngx_http_claude_send(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, ngx_uint_t status, const char *type,
    const claude_out_t *doc);

/* the same with the error that fault means */

ngx_int_t ngx_http_claude_send_fault(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, const claude_fault_t *fault);
ngx_int_t ngx_http_claude_send_error(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, claude_err_e err);

/* a chain of one buffer a piece, the last one marked; NULL: no memory, or
 * empty */

ngx_chain_t *ngx_http_claude_chain(ngx_pool_t *pool, const claude_out_t *out);

ngx_chain_t *ngx_http_claude_link(ngx_pool_t *pool, ngx_buf_t *b,
    ngx_chain_t *next);

/* type is a literal */

void ngx_http_claude_content_type(ngx_http_request_t *r, const char *type);

/* whose words an error is said in */

const claude_dialect_t *ngx_http_claude_dialect(ngx_http_claude_ctx_t *ctx);

/* the body that says it */

void ngx_http_claude_put_error(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, const claude_fault_t *fault,
    claude_out_t *out);

/* len 0: there is none */

claude_str_t ngx_http_claude_request_id(ngx_http_request_t *r);

/* ngx_http_claude_id.c */

/* gives a request its $request_id, where it has none */

ngx_int_t ngx_http_claude_make_id(ngx_http_request_t *r);

/* random bytes, at most 64, as unforeseeable as libsodium's; of the event loop
 */

void ngx_http_claude_random(u_char *dst, size_t len);

/* claude_mem_t over an ngx_pool_t */

claude_mem_t ngx_http_claude_mem(ngx_pool_t *pool);

/* ngx_http_claude_headers.c */

/* the first of the request's headers of that name, or the first behind after
 * where that is one of them; NULL: there is none (any more) */

ngx_table_elt_t *ngx_http_claude_find_header(ngx_http_request_t *r,
    const char *name, const ngx_table_elt_t *after);

/* name is a literal, value stays as it is until the end of the request */

ngx_int_t ngx_http_claude_add_header(ngx_http_request_t *r, const char *name,
    const ngx_str_t *value);

/* ms since the request's start */

ngx_msec_t ngx_http_claude_elapsed(ngx_http_request_t *r);

/* what the error adds: Retry-After, x-should-retry, WWW-Authenticate */

ngx_int_t ngx_http_claude_error_headers(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, const claude_fault_t *fault);

/* what every answer of the module's carries */

ngx_int_t ngx_http_claude_answer_headers(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx);

/* ngx_http_claude_cors.c */

/* the Origin of r when claude_cors allows it, or NULL */

ngx_str_t *ngx_http_claude_cors_origin(ngx_http_request_t *r,
    ngx_http_claude_loc_conf_t *lcf);
ngx_int_t ngx_http_claude_cors_headers(ngx_http_request_t *r,
    ngx_http_claude_loc_conf_t *lcf);

/* answers a preflight (Fetch, 4.8): NGX_DECLINED, it is none */

ngx_int_t ngx_http_claude_preflight(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx, ngx_http_claude_loc_conf_t *lcf);

/* ngx_http_claude_filter.c */

ngx_int_t ngx_http_claude_filter_init(ngx_conf_t *cf);

/* ngx_http_claude_variables.c */

ngx_int_t ngx_http_claude_add_variables(ngx_conf_t *cf);


#include "ngx_http_claude_route.h"
#include "ngx_http_claude_admin_conf.h"


#endif /* NGX_HTTP_CLAUDE_H */
