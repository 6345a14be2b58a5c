
/*
 * GET api/audit: the security events of late, to be followed.
 */


#include "ngx_http_claude_admin.h"
#include "ngx_http_claude_admin_query.h"
#include "ngx_http_claude_audit.h"


#define NGX_HTTP_CLAUDE_ADMIN_AUDIT_LIMIT  100
#define NGX_HTTP_CLAUDE_ADMIN_AUDIT_MAX    1000

/* JSON numbers are exact up to here */

#define NGX_HTTP_CLAUDE_ADMIN_AUDIT_SEQ    ((UINT64_C(1) << 53) - 1)

/* events copied in one hold of the ring's lock */

#define NGX_HTTP_CLAUDE_ADMIN_AUDIT_BATCH  100


static ngx_int_t ngx_http_claude_admin_audit(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx);
static ngx_uint_t ngx_http_claude_admin_audit_read(ngx_claude_ring_t *ring,
    uint64_t *after, ngx_claude_ring_entry_t *entries, ngx_uint_t n,
    ngx_uint_t *lost);


ngx_http_claude_admin_route_t  ngx_http_claude_admin_audit_routes[] = {

    { ngx_string("api/audit"), NGX_HTTP_GET, 0,
      ngx_http_claude_admin_audit },

    { ngx_null_string, 0, 0, NULL }
};


static ngx_int_t
ngx_http_claude_admin_audit(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx)
{
    uint64_t                      after, limit;
    ngx_int_t                     rc;
    ngx_uint_t                    i, n, lost;
    claude_mem_t                  mem;
    claude_out_t                  doc;
    claude_audit_t                audit;
    ngx_claude_ring_entry_t      *entries;
    ngx_http_claude_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_claude_module);

    limit = NGX_HTTP_CLAUDE_ADMIN_AUDIT_LIMIT;

    if (ngx_http_claude_admin_arg_uint(r, "limit", 1,
                                       NGX_HTTP_CLAUDE_ADMIN_AUDIT_MAX,
                                       &limit)
        == NGX_ERROR)
    {
        return ngx_http_claude_admin_invalid(r, CLAUDE_ERR_INVALID_VALUE,
                                "limit", "must be between 1 and 1000");
    }

    rc = ngx_http_claude_admin_arg_uint(r, "after", 0,
                                        NGX_HTTP_CLAUDE_ADMIN_AUDIT_SEQ,
                                        &after);
    if (rc == NGX_ERROR) {
        return ngx_http_claude_admin_invalid(r, CLAUDE_ERR_INVALID_VALUE,
                                "after", "must be the number of an event");
    }

    if (rc == NGX_DECLINED) {
        after = ngx_claude_ring_tail(mcf->ring, limit);
    }

    entries = ngx_palloc(r->pool, limit * sizeof(ngx_claude_ring_entry_t));
    if (entries == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    n = ngx_http_claude_admin_audit_read(mcf->ring, &after, entries, limit,
                                         &lost);

    mem = ngx_http_claude_mem(r->pool);
    claude_out_init(&doc, &mem, (n + 1) * CLAUDE_AUDIT_LINE);

    claude_out_literal(&doc, "{\"data\":[");

    for (i = 0; i < n; i++) {
        if (i) {
            claude_out_literal(&doc, ",");
        }

        ngx_http_claude_audit_fill(&audit, &entries[i]);
        claude_audit_put(&doc, &audit);
    }

    claude_out_literal(&doc, "],\"next\":");
    claude_json_put_uint(&doc, after);
    claude_out_literal(&doc, ",\"lost\":");
    claude_json_put_bool(&doc, lost);
    claude_out_literal(&doc, "}");

    return ngx_http_claude_admin_send(r, NGX_HTTP_OK, &doc);
}


static ngx_uint_t
ngx_http_claude_admin_audit_read(ngx_claude_ring_t *ring, uint64_t *after,
    ngx_claude_ring_entry_t *entries, ngx_uint_t n, ngx_uint_t *lost)
{
    ngx_uint_t  taken, got, wanted, missed;

    *lost = 0;
    taken = 0;

    do {
        wanted = ngx_min(n - taken, NGX_HTTP_CLAUDE_ADMIN_AUDIT_BATCH);
        got = ngx_claude_ring_read(ring, *after, &entries[taken], wanted,
                                   after, &missed);
        taken += got;
        *lost |= missed;

    } while (got == wanted && taken < n);

    return taken;
}
