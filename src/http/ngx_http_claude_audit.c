
/*
 * Security events: into the ring in shared memory, and as lines into the audit
 * logs.  A line is written by one call, so that those of several processes
 * don't mix, as nginx does it for its own logs.
 */


#include "ngx_http_claude_metrics.h"


#define NGX_HTTP_CLAUDE_AUDIT_SWEEP  1000   /* ms */
#define NGX_HTTP_CLAUDE_AUDIT_BATCH  16

/* bytes before a line for syslog: priority and time, host, tag */

#define NGX_HTTP_CLAUDE_AUDIT_HEADER                                          \
    (sizeof("<255>Jan 01 00:00:00 ") - 1 + NGX_MAXHOSTNAMELEN + 1 + 32 + 2)


/* whether anybody can cause it at will */

typedef enum {
    NGX_HTTP_CLAUDE_AUDIT_UNBOUND = 0,
    NGX_HTTP_CLAUDE_AUDIT_EACH,
    NGX_HTTP_CLAUDE_AUDIT_ALIKE
} ngx_http_claude_audit_bound_e;


typedef struct {
    const char                        *event;
    const char                        *outcome;
    ngx_http_claude_audit_level_e      level;
    ngx_http_claude_audit_bound_e      bound;
} ngx_http_claude_audit_kind_t;


static void ngx_http_claude_audit_tell(ngx_http_claude_main_conf_t *mcf,
    ngx_http_request_t *r, ngx_http_claude_audit_event_e event,
    const u_char *key_id, const char *code);
static void ngx_http_claude_audit_request(ngx_http_request_t *r,
    ngx_claude_ring_entry_t *entry);
static void ngx_http_claude_audit_address(struct sockaddr *sa,
    ngx_claude_ring_entry_t *entry);
static int64_t ngx_http_claude_audit_now(void);
static void ngx_http_claude_audit_write_all(ngx_http_claude_main_conf_t *mcf,
    const ngx_claude_ring_entry_t *entry);
static void ngx_http_claude_audit_write(ngx_http_claude_audit_log_t *log,
    const ngx_claude_ring_entry_t *entry);
static void ngx_http_claude_audit_write_file(
    ngx_http_claude_audit_log_t *log, u_char *line, size_t len);
static void ngx_http_claude_audit_sweep(ngx_event_t *ev);


static const ngx_http_claude_audit_kind_t  ngx_http_claude_audit_kinds[] = {

#define SECURITY  NGX_HTTP_CLAUDE_AUDIT_SECURITY
#define ADMIN     NGX_HTTP_CLAUDE_AUDIT_ADMIN
#define ALL       NGX_HTTP_CLAUDE_AUDIT_ALL
#define UNBOUND   NGX_HTTP_CLAUDE_AUDIT_UNBOUND
#define EACH      NGX_HTTP_CLAUDE_AUDIT_EACH
#define ALIKE     NGX_HTTP_CLAUDE_AUDIT_ALIKE

    { "login",              "ok",       SECURITY, UNBOUND },
    { "login",              "failed",   SECURITY, EACH },
    { "login",              "limited",  SECURITY, ALIKE },
    { "logout",             "ok",       SECURITY, UNBOUND },
    { "session_ended",      "ok",       SECURITY, UNBOUND },
    { "admin_refused",      "refused",  SECURITY, ALIKE },
    { "key_refused",        "refused",  SECURITY, ALIKE },
    { "credential_refused", "refused",  SECURITY, ALIKE },
    { "store_trouble",      "failed",   SECURITY, UNBOUND },
    { "store_well",         "ok",       SECURITY, UNBOUND },
    { "start",              "ok",       SECURITY, UNBOUND },

    { "key_created",        "ok",       ADMIN,    UNBOUND },
    { "key_changed",        "ok",       ADMIN,    UNBOUND },
    { "key_rotated",        "ok",       ADMIN,    UNBOUND },
    { "key_token",          "ok",       ADMIN,    UNBOUND },
    { "key_deleted",        "ok",       ADMIN,    UNBOUND },
    { "key_verified",       "ok",       ADMIN,    UNBOUND },
    { "change_failed",      "failed",   ADMIN,    UNBOUND },

    { "limited",            "refused",  ALL,      ALIKE },
    { "quota",              "refused",  ALL,      ALIKE }
};


static const char  *ngx_http_claude_audit_levels[] = {
    "security", "admin", "all"
};


static ngx_event_t  ngx_http_claude_audit_event;


ngx_int_t
ngx_http_claude_audit_init_module(ngx_cycle_t *cycle)
{
    ngx_http_claude_main_conf_t  *mcf;

    mcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_claude_module);

    if (mcf == NULL || mcf->ring == NULL || ngx_test_config) {
        return NGX_OK;
    }

    ngx_http_claude_audit_tell(mcf, NULL, NGX_HTTP_CLAUDE_AUDIT_START, NULL,
                               ngx_is_init_cycle(cycle->old_cycle)
                               ? "start" : "reload");

    return NGX_OK;
}


ngx_int_t
ngx_http_claude_audit_init_process(ngx_cycle_t *cycle)
{
    ngx_event_t                  *ev;
    ngx_http_claude_main_conf_t  *mcf;

    mcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_claude_module);

    if (mcf->ring == NULL) {
        return NGX_OK;
    }

    ev = &ngx_http_claude_audit_event;

    ngx_memzero(ev, sizeof(ngx_event_t));

    ev->handler = ngx_http_claude_audit_sweep;
    ev->log = cycle->log;
    ev->data = mcf;
    ev->cancelable = 1;

    ngx_add_timer(ev, NGX_HTTP_CLAUDE_AUDIT_SWEEP);

    return NGX_OK;
}


void
ngx_http_claude_audit(ngx_http_request_t *r,
    ngx_http_claude_audit_event_e event, const u_char *key_id,
    const char *code)
{
    ngx_http_claude_main_conf_t  *mcf;

    mcf = r ? ngx_http_get_module_main_conf(r, ngx_http_claude_module)
            : ngx_http_cycle_get_module_main_conf(ngx_cycle,
                                                  ngx_http_claude_module);

    if (mcf == NULL) {
        return;
    }

    ngx_http_claude_metrics_event(mcf, event);

    if (mcf->ring != NULL) {
        ngx_http_claude_audit_tell(mcf, r, event, key_id, code);
    }
}


void
ngx_http_claude_audit_store(ngx_claude_store_t *store, ngx_uint_t trouble)
{
    ngx_http_claude_audit(NULL, trouble ? NGX_HTTP_CLAUDE_AUDIT_STORE_TROUBLE
                                        : NGX_HTTP_CLAUDE_AUDIT_STORE_WELL,
                          NULL, NULL);
}


void
ngx_http_claude_audit_fault(ngx_http_request_t *r,
    ngx_http_claude_ctx_t *ctx)
{
    if (ctx->fault.err == CLAUDE_ERR_CREDENTIAL && ctx->key != NULL) {
        ngx_http_claude_audit(r, NGX_HTTP_CLAUDE_AUDIT_CREDENTIAL_REFUSED,
                              ctx->key->id,
                              claude_error_code(ctx->fault.err));
    }
}


static void
ngx_http_claude_audit_tell(ngx_http_claude_main_conf_t *mcf,
    ngx_http_request_t *r, ngx_http_claude_audit_event_e event,
    const u_char *key_id, const char *code)
{
    ngx_claude_ring_entry_t        entry;
    ngx_http_claude_srv_conf_t    *scf;
    ngx_http_claude_audit_bound_e  bound;

    ngx_memzero(&entry, sizeof(ngx_claude_ring_entry_t));

    entry.time = ngx_http_claude_audit_now();
    entry.event = event;

    if (key_id != NULL) {
        ngx_memcpy(entry.key_id, key_id, CLAUDE_KEY_ID_LEN);
    }

    if (code != NULL) {
        entry.code_len = ngx_min(ngx_strlen(code), NGX_CLAUDE_RING_TEXT);
        ngx_memcpy(entry.code, code, entry.code_len);
    }

    if (r != NULL) {
        ngx_http_claude_audit_request(r, &entry);
    }

    bound = ngx_http_claude_audit_kinds[event].bound;

    if (bound == NGX_HTTP_CLAUDE_AUDIT_UNBOUND) {
        ngx_claude_ring_add(mcf->ring, &entry);

    } else if (ngx_claude_ring_offer(mcf->ring, &entry,
                                     bound == NGX_HTTP_CLAUDE_AUDIT_ALIKE
                                     ? NGX_CLAUDE_RING_ALIKE
                                     : NGX_CLAUDE_RING_EACH)
               != NGX_OK)
    {
        return;
    }

    if (r == NULL) {
        ngx_http_claude_audit_write_all(mcf, &entry);
        return;
    }

    scf = ngx_http_get_module_srv_conf(r, ngx_http_claude_module);

    if (scf->audit_log != NULL) {
        ngx_http_claude_audit_write(scf->audit_log, &entry);
    }
}


static void
ngx_http_claude_audit_request(ngx_http_request_t *r,
    ngx_claude_ring_entry_t *entry)
{
    const claude_trace_t         *trace;
    ngx_http_variable_value_t    *id;
    ngx_http_claude_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_claude_module);

    id = ngx_http_get_indexed_variable(r, mcf->request_id);

    if (id != NULL && !id->not_found) {
        entry->request_id_len = ngx_min(id->len, NGX_CLAUDE_RING_TEXT);
        ngx_memcpy(entry->request_id, id->data, entry->request_id_len);
    }

    trace = ngx_http_claude_get_trace(r);

    if (trace != NULL) {
        ngx_memcpy(entry->trace_id, trace->parent + CLAUDE_TRACE_ID,
                   CLAUDE_TRACE_ID_LEN);
    }

    ngx_http_claude_audit_address(r->connection->sockaddr, entry);
}


static void
ngx_http_claude_audit_address(struct sockaddr *sa,
    ngx_claude_ring_entry_t *entry)
{
    struct sockaddr_in   *sin;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;
#endif

    switch (sa->sa_family) {

    case AF_INET:
        sin = (struct sockaddr_in *) sa;
        entry->address_len = claude_audit_cut((u_char *) &sin->sin_addr, 4,
                                              entry->address);
        return;

#if (NGX_HAVE_INET6)
    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) sa;
        entry->address_len = claude_audit_cut((u_char *) &sin6->sin6_addr, 16,
                                              entry->address);
        return;
#endif

    default:
        return;
    }
}


static int64_t
ngx_http_claude_audit_now(void)
{
    ngx_time_t  *tp;

    tp = ngx_timeofday();

    return (int64_t) tp->sec * 1000 + tp->msec;
}


void
ngx_http_claude_audit_fill(claude_audit_t *audit,
    const ngx_claude_ring_entry_t *entry)
{
    const ngx_http_claude_audit_kind_t  *kind;

    kind = &ngx_http_claude_audit_kinds[entry->event];

    audit->seq = entry->seq;
    audit->time = entry->time;
    audit->event = kind->event;
    audit->outcome = kind->outcome;
    audit->level = ngx_http_claude_audit_levels[kind->level];
    audit->suppressed = entry->suppressed;

    audit->key_id.data = entry->key_id;
    audit->key_id.len = entry->key_id[0] ? CLAUDE_KEY_ID_LEN : 0;
    audit->request_id.data = entry->request_id;
    audit->request_id.len = entry->request_id_len;
    audit->trace_id.data = entry->trace_id;
    audit->trace_id.len = entry->trace_id[0] ? CLAUDE_TRACE_ID_LEN : 0;
    audit->address.data = entry->address;
    audit->address.len = entry->address_len;
    audit->code.data = entry->code;
    audit->code.len = entry->code_len;
}


static void
ngx_http_claude_audit_write_all(ngx_http_claude_main_conf_t *mcf,
    const ngx_claude_ring_entry_t *entry)
{
    ngx_uint_t                     i;
    ngx_http_claude_audit_log_t  **log;

    log = mcf->audit_logs.elts;

    for (i = 0; i < mcf->audit_logs.nelts; i++) {
        ngx_http_claude_audit_write(log[i], entry);
    }
}


static void
ngx_http_claude_audit_write(ngx_http_claude_audit_log_t *log,
    const ngx_claude_ring_entry_t *entry)
{
    u_char          chunk[2 * CLAUDE_AUDIT_LINE], *p;
    u_char          line[NGX_HTTP_CLAUDE_AUDIT_HEADER + CLAUDE_AUDIT_LINE];
    claude_mem_t    none;
    claude_out_t    out;
    claude_audit_t  audit;

    if (ngx_http_claude_audit_kinds[entry->event].level > log->level) {
        return;
    }

    /* what there can be has room in the chunk */

    ngx_memzero(&none, sizeof(claude_mem_t));
    claude_out_init_chunk(&out, &none, CLAUDE_AUDIT_LINE, chunk,
                          sizeof(chunk));

    ngx_http_claude_audit_fill(&audit, entry);
    claude_audit_line(&out, &audit);

    if (out.rc != CLAUDE_OK) {
        return;
    }

    p = line;

    if (log->syslog != NULL) {
        p = ngx_syslog_add_header(log->syslog, p);
    }

    claude_out_copy(&out, p);
    p += out.size;

    if (log->syslog == NULL) {
        ngx_http_claude_audit_write_file(log, line, p - line);
        return;
    }

    /* a datagram has no line end; what the other side doesn't take is lost */

    (void) ngx_syslog_send(log->syslog, line, p - line - 1);
}


static void
ngx_http_claude_audit_write_file(ngx_http_claude_audit_log_t *log,
    u_char *line, size_t len)
{
    ssize_t  n;

    n = ngx_write_fd(log->file->fd, line, len);

    if (n == (ssize_t) len || ngx_time() - log->complained < 60) {
        return;
    }

    log->complained = ngx_time();

    ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, n == -1 ? ngx_errno : 0,
                  "events are missing in the audit log \"%V\": it took %z of "
                  "%uz bytes", &log->file->name, n, len);
}


/* tells of those that were only counted, in whichever worker comes first */

static void
ngx_http_claude_audit_sweep(ngx_event_t *ev)
{
    ngx_uint_t                    i, n;
    ngx_claude_ring_entry_t       entries[NGX_HTTP_CLAUDE_AUDIT_BATCH];
    ngx_http_claude_main_conf_t  *mcf;

    mcf = ev->data;

    n = ngx_claude_ring_sweep(mcf->ring, ngx_http_claude_audit_now(), entries,
                              NGX_HTTP_CLAUDE_AUDIT_BATCH);

    for (i = 0; i < n; i++) {
        ngx_http_claude_audit_write_all(mcf, &entries[i]);
    }

    ngx_add_timer(ev, NGX_HTTP_CLAUDE_AUDIT_SWEEP);
}
