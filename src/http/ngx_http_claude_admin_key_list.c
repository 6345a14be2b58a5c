
/*
 * GET api/keys: some of all keys, in some order.
 *
 * The keystore is gone through in slices, each one short hold of its lock, a
 * few in each turn of the event loop; what is found is sorted in a thread where
 * it is much.  A list holds up nobody: it takes the longer, the more others do.
 * At most NGX_HTTP_CLAUDE_LISTS are under way in a worker.
 */


#include "ngx_http_claude_admin_list.h"
#include "ngx_http_claude_admin_query.h"


#define NGX_HTTP_CLAUDE_LISTS        2
#define NGX_HTTP_CLAUDE_LIST_LIMIT   200
#define NGX_HTTP_CLAUDE_LIST_OFFSET  100000000


static ngx_int_t ngx_http_claude_list_query(ngx_http_request_t *r,
    ngx_http_claude_list_t *list, const char **param);
static ngx_http_claude_list_t *ngx_http_claude_list_begin(
    ngx_http_request_t *r);
static void ngx_http_claude_list_cleanup(void *data);
static ngx_int_t ngx_http_claude_list_send(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx);


static const char *const  ngx_http_claude_list_sorts[] = {
    "keyName", "createdAt", "lastUsed", "state", "cost", NULL
};

static const char *const  ngx_http_claude_list_states[] = {
    "active", "disabled", "expired", NULL
};

static const char *const  ngx_http_claude_list_orders[] = {
    "asc", "desc", NULL
};


static ngx_uint_t  ngx_http_claude_lists;   /* of this worker */


ngx_int_t
ngx_http_claude_admin_key_list(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx)
{
    ngx_int_t                rc;
    const char              *param;
    ngx_http_claude_list_t  *list;

    if (ngx_http_claude_lists == NGX_HTTP_CLAUDE_LISTS) {
        return ngx_http_claude_admin_error(r, CLAUDE_ERR_BUSY);
    }

    list = ngx_http_claude_list_begin(r);
    if (list == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    actx->data = list;

    if (ngx_http_claude_list_query(r, list, &param) != NGX_OK) {
        return ngx_http_claude_admin_invalid(r, CLAUDE_ERR_INVALID_VALUE,
                                             param, NULL);
    }

    rc = ngx_http_claude_list_step(list);

    if (rc == NGX_OK) {
        return ngx_http_claude_list_send(r, actx);
    }

    ngx_http_claude_admin_wait(r, ngx_http_claude_list_send);

    return NGX_DONE;
}


static ngx_http_claude_list_t *
ngx_http_claude_list_begin(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t      *cln;
    ngx_http_claude_list_t  *list;

    list = ngx_pcalloc(r->pool, sizeof(ngx_http_claude_list_t));
    cln = ngx_pool_cleanup_add(r->pool, 0);

    if (list == NULL || cln == NULL) {
        return NULL;
    }

    cln->handler = ngx_http_claude_list_cleanup;
    cln->data = list;

    ngx_http_claude_lists++;

    ngx_http_claude_list_init(list, r);

    return list;
}


static void
ngx_http_claude_list_cleanup(void *data)
{
    ngx_http_claude_list_t *list = data;

    if (!list->ended) {
        list->ended = 1;
        ngx_http_claude_lists--;

        ngx_http_claude_list_free(list);
    }
}


/* NGX_ERROR: the value of *param is none */

static ngx_int_t
ngx_http_claude_list_query(ngx_http_request_t *r,
    ngx_http_claude_list_t *list, const char **param)
{
    ngx_int_t  rc;

    list->limit = 50;
    list->state = NGX_HTTP_CLAUDE_LIST_ANY;
    list->sort = NGX_HTTP_CLAUDE_LIST_CREATED;

    *param = "limit";

    if (ngx_http_claude_admin_arg_uint(r, "limit", 1,
                                       NGX_HTTP_CLAUDE_LIST_LIMIT,
                                       &list->limit)
        == NGX_ERROR)
    {
        return NGX_ERROR;
    }

    *param = "offset";

    if (ngx_http_claude_admin_arg_uint(r, "offset", 0,
                                       NGX_HTTP_CLAUDE_LIST_OFFSET,
                                       &list->offset)
        == NGX_ERROR)
    {
        return NGX_ERROR;
    }

    *param = "state";

    if (ngx_http_claude_admin_arg_word(r, "state", ngx_http_claude_list_states,
                                       &list->state)
        == NGX_ERROR)
    {
        return NGX_ERROR;
    }

    *param = "sort";

    if (ngx_http_claude_admin_arg_word(r, "sort", ngx_http_claude_list_sorts,
                                       &list->sort)
        == NGX_ERROR)
    {
        return NGX_ERROR;
    }

    list->descending = (list->sort != NGX_HTTP_CLAUDE_LIST_NAME
                        && list->sort != NGX_HTTP_CLAUDE_LIST_STATE);

    *param = "order";

    if (ngx_http_claude_admin_arg_word(r, "order", ngx_http_claude_list_orders,
                                       &list->descending)
        == NGX_ERROR)
    {
        return NGX_ERROR;
    }

    *param = "q";

    rc = ngx_http_claude_admin_arg(r, "q", &list->q);

    if (rc == NGX_ERROR || list->q.len > CLAUDE_NAME_MAX) {
        return NGX_ERROR;
    }

    ngx_strlow(list->q.data, list->q.data, list->q.len);

    return NGX_OK;
}


/* keys that were deleted meanwhile are left out */

static ngx_int_t
ngx_http_claude_list_send(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx)
{
    uint64_t                 i, end, n;
    claude_mem_t             mem;
    claude_out_t             out;
    claude_record_t          record;
    ngx_claude_account_t     account;
    ngx_http_claude_list_t  *list;

    list = actx->data;

    if (list->failed) {
        return ngx_http_claude_admin_error(r, CLAUDE_ERR_BUSY);
    }

    mem = ngx_http_claude_mem(r->pool);

    claude_out_init(&out, &mem, (list->limit + 1)
                                * NGX_HTTP_CLAUDE_ADMIN_KEY_MAX);
    claude_out_literal(&out, "{\"data\":[");

    n = 0;
    end = ngx_min(list->offset + list->limit, list->n);

    for (i = list->offset; i < end; i++) {

        if (ngx_claude_keystore_get(list->keystore, list->sorted[i]->id,
                                    &record, &account)
            == NGX_DECLINED)
        {
            continue;
        }

        if (n++) {
            claude_out_literal(&out, ",");
        }

        ngx_http_claude_admin_put_key(&out, &record, &account, NULL);
    }

    claude_out_literal(&out, "],\"total\":");
    claude_json_put_uint(&out, list->n);
    claude_out_literal(&out, ",\"offset\":");
    claude_json_put_uint(&out, list->offset);
    claude_out_literal(&out, ",\"limit\":");
    claude_json_put_uint(&out, list->limit);
    claude_out_literal(&out, "}");

    /* a client that reads slowly holds up no other list */

    ngx_http_claude_list_cleanup(list);

    return ngx_http_claude_admin_send(r, NGX_HTTP_OK, &out);
}
