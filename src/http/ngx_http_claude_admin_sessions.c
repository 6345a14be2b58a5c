
/*
 * Who is signed in: the cookie, and the calls on sessions.
 */


#include "ngx_http_claude_admin.h"
#include "ngx_http_claude_audit.h"


#define NGX_HTTP_CLAUDE_COOKIE       "__Host-claude_session"
#define NGX_HTTP_CLAUDE_COOKIE_ATTR  "; Secure; HttpOnly; SameSite=Strict"

/* sessions of one person that are listed, and bytes of their list */

#define NGX_HTTP_CLAUDE_SESSIONS_MAX  500
#define NGX_HTTP_CLAUDE_SESSIONS_OUT  (256 * 1024)


static ngx_uint_t ngx_http_claude_admin_cookie(ngx_http_request_t *r,
    ngx_str_t *token);
static void ngx_http_claude_admin_cookie_pair(const ngx_str_t *header,
    ngx_str_t *token, ngx_uint_t *n);
static ngx_int_t ngx_http_claude_admin_set_cookie(ngx_http_request_t *r,
    const u_char *token, ngx_uint_t seconds);
static ngx_int_t ngx_http_claude_admin_clear_cookie(ngx_http_request_t *r);
static void ngx_http_claude_admin_put_one(claude_out_t *out,
    const ngx_claude_session_t *session, time_t lifetime, ngx_uint_t current);
static int ngx_libc_cdecl ngx_http_claude_admin_newest(const void *one,
    const void *two);


ngx_int_t
ngx_http_claude_admin_session(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx)
{
    ngx_str_t                     token;
    ngx_http_claude_loc_conf_t   *lcf;
    ngx_http_claude_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_claude_module);
    lcf = ngx_http_get_module_loc_conf(r, ngx_http_claude_module);

    if (!ngx_http_claude_admin_cookie(r, &token)
        || ngx_claude_session_find(mcf->sessions, &token, &actx->session)
           != NGX_OK)
    {
        return NGX_DECLINED;
    }

    actx->person = ngx_http_claude_admin_person(lcf->admin.people,
                                                actx->session.credential);

    return actx->person ? NGX_OK : NGX_DECLINED;
}


/* a browser has one; of two, neither counts */

static ngx_uint_t
ngx_http_claude_admin_cookie(ngx_http_request_t *r, ngx_str_t *token)
{
    ngx_uint_t        n;
    ngx_table_elt_t  *h;

    n = 0;

    for (h = ngx_http_claude_find_header(r, "cookie", NULL);
         h != NULL;
         h = ngx_http_claude_find_header(r, "cookie", h))
    {
        ngx_http_claude_admin_cookie_pair(&h->value, token, &n);
    }

    return n == 1;
}


/* RFC 6265, 5.4: name=value; name=value */

static void
ngx_http_claude_admin_cookie_pair(const ngx_str_t *header, ngx_str_t *token,
    ngx_uint_t *n)
{
    u_char  *p, *last, *end;

    static const size_t  len = sizeof(NGX_HTTP_CLAUDE_COOKIE "=") - 1;

    last = header->data + header->len;

    for (p = header->data; p < last; p = end + 1) {

        while (p < last && (*p == ' ' || *p == '\t')) {
            p++;
        }

        end = ngx_strlchr(p, last, ';');

        if (end == NULL) {
            end = last;
        }

        if ((size_t) (end - p) >= len
            && ngx_memcmp(p, NGX_HTTP_CLAUDE_COOKIE "=", len) == 0)
        {
            token->data = p + len;
            token->len = end - token->data;
            (*n)++;
        }
    }
}


ngx_int_t
ngx_http_claude_admin_begin(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx, const claude_person_t *person)
{
    u_char                        token[NGX_CLAUDE_SESSION_TOKEN];
    ngx_int_t                     rc;
    ngx_str_t                     id;
    ngx_http_claude_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_claude_module);

    if (actx->person != NULL) {
        id.data = actx->session.id;
        id.len = NGX_CLAUDE_SESSION_ID;

        (void) ngx_claude_session_end(mcf->sessions, actx->session.credential,
                                      &id);
    }

    actx->person = person;
    actx->session.addr_len = ngx_http_claude_admin_addr(r, 128,
                                                        actx->session.addr);
    ngx_memcpy(actx->session.credential, person->credential,
               NGX_CLAUDE_SESSION_CREDENTIAL);

    ngx_claude_session_create(mcf->sessions, &actx->session, token);

    rc = ngx_http_claude_admin_set_cookie(r, token,
                                          mcf->sessions->timeout / 1000);

    sodium_memzero(token, sizeof(token));

    return rc;
}


static ngx_int_t
ngx_http_claude_admin_set_cookie(ngx_http_request_t *r, const u_char *token,
    ngx_uint_t seconds)
{
    size_t     len;
    u_char    *p;
    ngx_str_t  value;

    len = token ? NGX_CLAUDE_SESSION_TOKEN : 0;

    value.data = ngx_pnalloc(r->pool,
                             sizeof(NGX_HTTP_CLAUDE_COOKIE "=; Path=/; "
                                    "Max-Age=" NGX_HTTP_CLAUDE_COOKIE_ATTR)
                             + len + NGX_INT_T_LEN);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(value.data, NGX_HTTP_CLAUDE_COOKIE "=",
                   sizeof(NGX_HTTP_CLAUDE_COOKIE "=") - 1);

    if (len) {
        p = ngx_cpymem(p, token, len);
    }

    p = ngx_sprintf(p, "; Path=/; Max-Age=%ui" NGX_HTTP_CLAUDE_COOKIE_ATTR,
                    seconds);

    value.len = p - value.data;

    return ngx_http_claude_add_header(r, "Set-Cookie", &value);
}


static ngx_int_t
ngx_http_claude_admin_clear_cookie(ngx_http_request_t *r)
{
    return ngx_http_claude_admin_set_cookie(r, NULL, 0);
}


size_t
ngx_http_claude_admin_addr(ngx_http_request_t *r, unsigned prefix,
    u_char addr[16])
{
    struct sockaddr      *sa;
    struct sockaddr_in   *sin;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;
#endif

    sa = r->connection->sockaddr;

    switch (sa->sa_family) {

    case AF_INET:
        sin = (struct sockaddr_in *) sa;
        return claude_addr_client((u_char *) &sin->sin_addr, 4, prefix, addr);

#if (NGX_HAVE_INET6)
    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) sa;
        return claude_addr_client((u_char *) &sin6->sin6_addr, 16, prefix,
                                  addr);
#endif

    default:
        return 0;
    }
}


ngx_int_t
ngx_http_claude_admin_logout(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx)
{
    ngx_str_t                     id;
    ngx_http_claude_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_claude_module);

    id.data = actx->session.id;
    id.len = NGX_CLAUDE_SESSION_ID;

    (void) ngx_claude_session_end(mcf->sessions, actx->session.credential,
                                  &id);

    ngx_http_claude_audit(r, NGX_HTTP_CLAUDE_AUDIT_LOGOUT, NULL, NULL);

    if (ngx_http_claude_admin_clear_cookie(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_claude_admin_no_content(r);
}


void
ngx_http_claude_admin_put_session(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx, claude_out_t *out)
{
    ngx_http_claude_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_claude_module);

    claude_out_literal(out, "\"name\":");
    claude_json_put_string(out, actx->person->name, actx->person->len);
    claude_out_literal(out, ",\"createdAt\":");
    claude_time_put(out, actx->session.created);
    claude_out_literal(out, ",\"expiresAt\":");
    claude_time_put(out, actx->session.created
                         + (time_t) (mcf->sessions->timeout / 1000));
}


ngx_int_t
ngx_http_claude_admin_get_session(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx)
{
    claude_mem_t                  mem;
    claude_out_t                  out;
    ngx_http_claude_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_claude_module);
    mem = ngx_http_claude_mem(r->pool);

    claude_out_init(&out, &mem, NGX_HTTP_CLAUDE_SESSIONS_OUT);

    claude_out_literal(&out, "{\"id\":");
    claude_json_put_string(&out, actx->session.id, NGX_CLAUDE_SESSION_ID);
    claude_out_literal(&out, ",");
    ngx_http_claude_admin_put_session(r, actx, &out);
    claude_out_literal(&out, ",\"idleExpiresAt\":");
    claude_time_put(&out, mcf->sessions->idle
                          ? actx->session.seen
                            + (time_t) (mcf->sessions->idle / 1000)
                          : 0);
    claude_out_literal(&out, "}");

    return ngx_http_claude_admin_send(r, NGX_HTTP_OK, &out);
}


ngx_int_t
ngx_http_claude_admin_get_sessions(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx)
{
    time_t                        lifetime;
    ngx_uint_t                    i, n;
    claude_mem_t                  mem;
    claude_out_t                  out;
    ngx_claude_session_t         *sessions;
    ngx_http_claude_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_claude_module);

    sessions = ngx_palloc(r->pool, NGX_HTTP_CLAUDE_SESSIONS_MAX
                                   * sizeof(ngx_claude_session_t));
    if (sessions == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    n = ngx_claude_session_list(mcf->sessions, actx->session.credential,
                                sessions, NGX_HTTP_CLAUDE_SESSIONS_MAX);

    ngx_qsort(sessions, n, sizeof(ngx_claude_session_t),
              ngx_http_claude_admin_newest);

    mem = ngx_http_claude_mem(r->pool);
    lifetime = mcf->sessions->timeout / 1000;

    claude_out_init(&out, &mem, NGX_HTTP_CLAUDE_SESSIONS_OUT);
    claude_out_literal(&out, "{\"data\":[");

    for (i = 0; i < n; i++) {

        if (i) {
            claude_out_literal(&out, ",");
        }

        ngx_http_claude_admin_put_one(&out, &sessions[i], lifetime,
                                      ngx_memcmp(sessions[i].id,
                                                 actx->session.id,
                                                 NGX_CLAUDE_SESSION_ID)
                                      == 0);
    }

    claude_out_literal(&out, "]}");

    return ngx_http_claude_admin_send(r, NGX_HTTP_OK, &out);
}


static void
ngx_http_claude_admin_put_one(claude_out_t *out,
    const ngx_claude_session_t *session, time_t lifetime, ngx_uint_t current)
{
    size_t  len;
    u_char  text[NGX_INET6_ADDRSTRLEN];

    claude_out_literal(out, "{\"id\":");
    claude_json_put_string(out, session->id, NGX_CLAUDE_SESSION_ID);
    claude_out_literal(out, ",\"createdAt\":");
    claude_time_put(out, session->created);
    claude_out_literal(out, ",\"lastSeen\":");
    claude_time_put(out, session->seen);
    claude_out_literal(out, ",\"expiresAt\":");
    claude_time_put(out, session->created + lifetime);
    claude_out_literal(out, ",\"address\":");

    len = 0;

    if (session->addr_len == 4) {
        len = ngx_inet_ntop(AF_INET, (void *) session->addr, text,
                            sizeof(text));

    } else if (session->addr_len == 16) {
        len = ngx_inet_ntop(AF_INET6, (void *) session->addr, text,
                            sizeof(text));
    }

    if (len) {
        claude_json_put_string(out, text, len);

    } else {
        claude_out_literal(out, "null");
    }

    claude_out_literal(out, ",\"current\":");
    claude_json_put_bool(out, current);
    claude_out_literal(out, "}");
}


static int ngx_libc_cdecl
ngx_http_claude_admin_newest(const void *one, const void *two)
{
    const ngx_claude_session_t *a = one;
    const ngx_claude_session_t *b = two;

    if (a->created != b->created) {
        return (a->created > b->created) ? -1 : 1;
    }

    return ngx_memcmp(a->id, b->id, NGX_CLAUDE_SESSION_ID);
}


ngx_int_t
ngx_http_claude_admin_end_session(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx)
{
    ngx_http_claude_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_claude_module);

    if (ngx_claude_session_end(mcf->sessions, actx->session.credential,
                               &actx->id)
        != NGX_OK)
    {
        return ngx_http_claude_admin_error(r, CLAUDE_ERR_SESSION_NOT_FOUND);
    }

    ngx_http_claude_audit(r, NGX_HTTP_CLAUDE_AUDIT_SESSION_ENDED, NULL,
                          "ended_by_owner");

    if (ngx_memcmp(actx->id.data, actx->session.id, NGX_CLAUDE_SESSION_ID) == 0
        && ngx_http_claude_admin_clear_cookie(r) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_claude_admin_no_content(r);
}
