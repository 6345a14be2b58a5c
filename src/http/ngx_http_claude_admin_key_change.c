
/*
 * Keys made, changed, rotated, given another credential, deleted.  Nothing is
 * answered as done before the store has it; what the store has, but the zone
 * has no room for, is taken back.
 */


#include "ngx_http_claude_admin_keys.h"


typedef struct {
    ngx_http_request_t        *request;
    ngx_claude_store_t        *store;
    time_t                     now;
    ngx_http_claude_audit_event_e  event;

    claude_form_t              form;
    claude_record_t            record;      /* as it has become */
    claude_record_t            before;
    u_char                     id[CLAUDE_KEY_ID_LEN];
    u_char                     key[CLAUDE_KEY_LEN];
    claude_out_t               out;         /* the answer */

    claude_rc_t                rc;
    claude_err_e               err;         /* where rc is an error */
    const char                *reason;
    ngx_uint_t                 written;     /* perhaps; set in a thread */
    unsigned                   shows:1;     /* the key, this once */
    unsigned                   calling:1;   /* the store */
    unsigned                   ended:1;     /* while it was called */
} ngx_http_claude_admin_change_t;


static ngx_http_claude_admin_change_t *ngx_http_claude_admin_change_begin(
    ngx_http_request_t *r, ngx_http_claude_admin_ctx_t *actx, unsigned takes,
    unsigned needs, ngx_int_t *rc);
static void ngx_http_claude_admin_change_wipe(void *data);
static ngx_int_t ngx_http_claude_admin_change_append(ngx_http_request_t *r,
    ngx_http_claude_admin_change_t *change);
static ngx_int_t ngx_http_claude_admin_change_modify(ngx_http_request_t *r,
    ngx_http_claude_admin_change_t *change, ngx_claude_store_edit_pt edit);
static ngx_int_t ngx_http_claude_admin_change_wait(ngx_http_request_t *r,
    ngx_http_claude_admin_change_t *change, ngx_int_t begun);
static void ngx_http_claude_admin_change_done(void *data, claude_rc_t rc,
    const char *reason);
static ngx_int_t ngx_http_claude_admin_take_back(
    ngx_http_claude_admin_change_t *change);
static void ngx_http_claude_admin_taken_back(void *data, claude_rc_t rc,
    const char *reason);
static void ngx_http_claude_admin_change_failed(
    ngx_http_claude_admin_change_t *change);
static claude_rc_t ngx_http_claude_admin_edit(claude_record_t *record,
    void *data);
static claude_rc_t ngx_http_claude_admin_edit_key(claude_record_t *record,
    void *data);
static claude_rc_t ngx_http_claude_admin_edit_token(claude_record_t *record,
    void *data);
static ngx_int_t ngx_http_claude_admin_changed(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx);
static ngx_int_t ngx_http_claude_admin_change_send(ngx_http_request_t *r,
    ngx_http_claude_admin_change_t *change);


ngx_int_t
ngx_http_claude_admin_key_create(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx)
{
    ngx_int_t                        rc;
    claude_str_t                     name, token;
    ngx_http_claude_admin_change_t  *change;

    change = ngx_http_claude_admin_change_begin(r, actx,
                 CLAUDE_FORM_TOKEN|CLAUDE_FORM_NAME|CLAUDE_FORM_ENABLED
                 |CLAUDE_FORM_EXPIRES|CLAUDE_FORM_LIMITS,
                 CLAUDE_FORM_TOKEN|CLAUDE_FORM_NAME, &rc);

    if (change == NULL) {
        return rc;
    }

    name.data = change->form.name;
    name.len = change->form.name_len;
    token.data = change->form.token;
    token.len = change->form.token_len;

    if (claude_record_create(change->store->secrets, &name, &token,
                             change->now, &change->record, change->key)
        != CLAUDE_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    claude_form_apply(&change->form, &change->record);

    ngx_memcpy(change->id, change->record.id, CLAUDE_KEY_ID_LEN);

    change->event = NGX_HTTP_CLAUDE_AUDIT_KEY_CREATED;
    change->shows = 1;

    return ngx_http_claude_admin_change_append(r, change);
}


ngx_int_t
ngx_http_claude_admin_key_change(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx)
{
    ngx_int_t                        rc;
    ngx_http_claude_admin_change_t  *change;

    change = ngx_http_claude_admin_change_begin(r, actx,
                 CLAUDE_FORM_NAME|CLAUDE_FORM_ENABLED|CLAUDE_FORM_EXPIRES
                 |CLAUDE_FORM_LIMITS, 0, &rc);

    if (change == NULL) {
        return rc;
    }

    if (change->form.given == 0) {
        return ngx_http_claude_admin_change_send(r, change);
    }

    change->event = NGX_HTTP_CLAUDE_AUDIT_KEY_CHANGED;

    return ngx_http_claude_admin_change_modify(r, change,
                                              ngx_http_claude_admin_edit);
}


ngx_int_t
ngx_http_claude_admin_key_rotate(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx)
{
    ngx_int_t                        rc;
    ngx_http_claude_admin_change_t  *change;

    change = ngx_http_claude_admin_change_begin(r, actx, CLAUDE_FORM_GRACE, 0,
                                                &rc);
    if (change == NULL) {
        return rc;
    }

    change->event = NGX_HTTP_CLAUDE_AUDIT_KEY_ROTATED;
    change->shows = 1;

    return ngx_http_claude_admin_change_modify(r, change,
                                              ngx_http_claude_admin_edit_key);
}


ngx_int_t
ngx_http_claude_admin_key_token(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx)
{
    ngx_int_t                        rc;
    ngx_http_claude_admin_change_t  *change;

    change = ngx_http_claude_admin_change_begin(r, actx, CLAUDE_FORM_TOKEN,
                                                CLAUDE_FORM_TOKEN, &rc);
    if (change == NULL) {
        return rc;
    }

    change->event = NGX_HTTP_CLAUDE_AUDIT_KEY_TOKEN;

    return ngx_http_claude_admin_change_modify(r, change,
                                              ngx_http_claude_admin_edit_token);
}


ngx_int_t
ngx_http_claude_admin_key_delete(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx)
{
    ngx_int_t                        rc;
    ngx_http_claude_admin_change_t  *change;

    change = ngx_http_claude_admin_change_begin(r, actx, 0, 0, &rc);

    if (change == NULL) {
        return rc;
    }

    change->event = NGX_HTTP_CLAUDE_AUDIT_KEY_DELETED;

    return ngx_http_claude_admin_change_modify(r, change, NULL);
}


/* NULL: it is answered, and the handler returns *rc */

static ngx_http_claude_admin_change_t *
ngx_http_claude_admin_change_begin(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx, unsigned takes, unsigned needs,
    ngx_int_t *rc)
{
    claude_str_t                     body;
    claude_fault_t                   fault;
    ngx_pool_cleanup_t              *cln;
    claude_form_rules_t              rules;
    ngx_http_claude_main_conf_t     *mcf;
    ngx_http_claude_admin_change_t  *change;

    *rc = NGX_HTTP_INTERNAL_SERVER_ERROR;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_claude_module);

    change = ngx_pcalloc(r->pool, sizeof(ngx_http_claude_admin_change_t));
    cln = ngx_pool_cleanup_add(r->pool, 0);

    if (change == NULL || cln == NULL) {
        return NULL;
    }

    cln->handler = ngx_http_claude_admin_change_wipe;
    cln->data = change;

    change->request = r;
    change->store = mcf->store;
    change->now = ngx_time();
    actx->data = change;

    if (actx->id.len) {

        /* a key that is not there is said before what is wrong with a form;
         * one that the zone holds in part can be changed, or deleted */

        if (!claude_key_id_valid(actx->id.data, actx->id.len)
            || ngx_claude_keystore_get(&mcf->store->keystore, actx->id.data,
                                       &change->record, NULL)
               == NGX_DECLINED)
        {
            *rc = ngx_http_claude_admin_error(r, CLAUDE_ERR_KEY_NOT_FOUND);
            return NULL;
        }

        ngx_memcpy(change->id, actx->id.data, CLAUDE_KEY_ID_LEN);
    }

    rules.takes = takes;
    rules.needs = needs;
    rules.credentials = mcf->credentials;
    rules.now = change->now;

    body.data = actx->body.data;
    body.len = actx->body.len;

    switch (claude_form_read(&body, &rules, &change->form, &fault)) {

    case CLAUDE_OK:
        return change;

    case CLAUDE_INVALID:
        *rc = ngx_http_claude_admin_fault(r, &fault);
        return NULL;

    default: /* CLAUDE_NO_MEMORY */
        return NULL;
    }
}


/* from the request's cleanup */

static void
ngx_http_claude_admin_change_wipe(void *data)
{
    ngx_http_claude_admin_change_t *change = data;

    const claude_piece_t  *piece;

    if (change->shows) {
        for (piece = change->out.first; piece; piece = piece->next) {
            ngx_explicit_memzero((void *) piece->str.data, piece->str.len);
        }
    }

    ngx_explicit_memzero(change, sizeof(ngx_http_claude_admin_change_t));
}


static ngx_int_t
ngx_http_claude_admin_change_append(ngx_http_request_t *r,
    ngx_http_claude_admin_change_t *change)
{
    ngx_int_t         rc;
    claude_change_t  *put;

    put = ngx_pcalloc(r->pool, sizeof(claude_change_t));
    if (put == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    put->op = CLAUDE_OP_PUT;
    put->record = change->record;

    change->written = 1;
    change->calling = 1;

    rc = change->store->ops->append(change->store, put, 1,
                                    ngx_http_claude_admin_change_done, change);

    return ngx_http_claude_admin_change_wait(r, change, rc);
}


static ngx_int_t
ngx_http_claude_admin_change_modify(ngx_http_request_t *r,
    ngx_http_claude_admin_change_t *change, ngx_claude_store_edit_pt edit)
{
    ngx_int_t  rc;

    change->calling = 1;

    rc = change->store->ops->modify(change->store, change->id, edit, change,
                                    ngx_http_claude_admin_change_done, change);

    return ngx_http_claude_admin_change_wait(r, change, rc);
}


/* the store calls back later, or has done so already */

static ngx_int_t
ngx_http_claude_admin_change_wait(ngx_http_request_t *r,
    ngx_http_claude_admin_change_t *change, ngx_int_t begun)
{
    if (begun != NGX_OK) {
        ngx_http_claude_admin_change_done(change, CLAUDE_NO_MEMORY,
                                          "could not be begun");
    }

    change->calling = 0;

    if (change->ended) {
        return ngx_http_claude_admin_changed(r,
                                       ngx_http_claude_get_ctx(r)->admin);
    }

    ngx_http_claude_admin_wait(r, ngx_http_claude_admin_changed);

    return NGX_DONE;
}


/* the client may have gone, and nobody will answer it then: what must be done
 * whatever it does is done here */

static void
ngx_http_claude_admin_change_done(void *data, claude_rc_t rc,
    const char *reason)
{
    ngx_http_claude_admin_change_t *change = data;

    if (rc == CLAUDE_TOO_LARGE && change->written
        && ngx_http_claude_admin_take_back(change) == NGX_OK)
    {
        return;
    }

    change->rc = rc;
    change->reason = reason;

    if (rc == CLAUDE_OK) {
        ngx_http_claude_audit(change->request, change->event, change->id,
                              NULL);

    } else if (rc != CLAUDE_DECLINED) {
        ngx_http_claude_admin_change_failed(change);
    }

    if (change->calling) {
        change->ended = 1;
        return;
    }

    ngx_http_claude_admin_resume(change->request);
}


/* the store has it, the zone has no room for it */

static ngx_int_t
ngx_http_claude_admin_take_back(ngx_http_claude_admin_change_t *change)
{
    ngx_int_t         rc;
    claude_change_t  *back;

    back = ngx_calloc(sizeof(claude_change_t), ngx_cycle->log);
    if (back == NULL) {
        return NGX_ERROR;
    }

    if (change->event == NGX_HTTP_CLAUDE_AUDIT_KEY_CREATED) {
        back->op = CLAUDE_OP_DELETE;
        ngx_memcpy(back->record.id, change->id, CLAUDE_KEY_ID_LEN);

    } else {
        back->op = CLAUDE_OP_PUT;
        back->record = change->before;
    }

    rc = change->store->ops->append(change->store, back, 1,
                                    ngx_http_claude_admin_taken_back, change);
    ngx_free(back);

    return rc;
}


static void
ngx_http_claude_admin_taken_back(void *data, claude_rc_t rc,
    const char *reason)
{
    ngx_http_claude_admin_change_t *change = data;

    if (rc != CLAUDE_OK) {
        ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, 0,
                      "key %*s could not be put back as it was: %s",
                      (size_t) CLAUDE_KEY_ID_LEN, change->id, reason);
    }

    change->rc = CLAUDE_TOO_LARGE;
    change->reason = "does not fit the zone";

    ngx_http_claude_admin_change_failed(change);

    ngx_http_claude_admin_resume(change->request);
}


static void
ngx_http_claude_admin_change_failed(ngx_http_claude_admin_change_t *change)
{
    if (change->rc == CLAUDE_TOO_LARGE) {
        change->err = CLAUDE_ERR_STORE_FULL;

    } else if (change->reason == NULL) {
        change->err = CLAUDE_ERR_INTERNAL;
        change->reason = "its credential doesn't open";

    } else {
        change->err = CLAUDE_ERR_STORE;
    }

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "a change of key %*s was not made: %s",
                  (size_t) CLAUDE_KEY_ID_LEN, change->id, change->reason);

    ngx_http_claude_audit(change->request,
                          NGX_HTTP_CLAUDE_AUDIT_CHANGE_FAILED, change->id,
                          claude_error_code(change->err));
}


/* these run in a thread, with the newest record */

static claude_rc_t
ngx_http_claude_admin_edit(claude_record_t *record, void *data)
{
    ngx_http_claude_admin_change_t *change = data;

    change->before = *record;
    change->written = 1;

    claude_form_apply(&change->form, record);

    change->record = *record;

    return CLAUDE_OK;
}


static claude_rc_t
ngx_http_claude_admin_edit_key(claude_record_t *record, void *data)
{
    ngx_http_claude_admin_change_t *change = data;

    time_t  until;

    change->before = *record;
    change->written = 1;

    until = change->form.grace ? change->now + (time_t) change->form.grace : 0;

    /* CLAUDE_DECLINED would mean that there is no such key */

    if (claude_record_rotate(&change->store->secrets[NGX_CLAUDE_SECRETS_TASK],
                             record, until, change->key)
        != CLAUDE_OK)
    {
        return CLAUDE_INVALID;
    }

    change->record = *record;

    return CLAUDE_OK;
}


static claude_rc_t
ngx_http_claude_admin_edit_token(claude_record_t *record, void *data)
{
    ngx_http_claude_admin_change_t *change = data;

    claude_rc_t   rc;
    claude_str_t  token;

    change->before = *record;
    change->written = 1;

    token.data = change->form.token;
    token.len = change->form.token_len;

    rc = claude_record_replace(
             &change->store->secrets[NGX_CLAUDE_SECRETS_TASK], record, &token);

    change->record = *record;

    return rc;
}


static ngx_int_t
ngx_http_claude_admin_changed(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx)
{
    ngx_http_claude_admin_change_t  *change;

    change = actx->data;

    switch (change->rc) {

    case CLAUDE_OK:
        return (change->event == NGX_HTTP_CLAUDE_AUDIT_KEY_DELETED)
               ? ngx_http_claude_admin_no_content(r)
               : ngx_http_claude_admin_change_send(r, change);

    case CLAUDE_DECLINED:
        return ngx_http_claude_admin_error(r, CLAUDE_ERR_KEY_NOT_FOUND);

    default:
        return ngx_http_claude_admin_error(r, change->err);
    }
}


static ngx_int_t
ngx_http_claude_admin_change_send(ngx_http_request_t *r,
    ngx_http_claude_admin_change_t *change)
{
    u_char                *p;
    ngx_str_t              location;
    ngx_uint_t             status;
    claude_mem_t           mem;
    claude_record_t        newest;
    ngx_claude_account_t   account;

    ngx_memzero(&account, sizeof(ngx_claude_account_t));

    (void) ngx_claude_keystore_get(&change->store->keystore, change->id,
                                   &newest, &account);

    mem = ngx_http_claude_mem(r->pool);

    claude_out_init(&change->out, &mem, NGX_HTTP_CLAUDE_ADMIN_KEY_MAX);
    ngx_http_claude_admin_put_key(&change->out, &change->record, &account,
                                  change->shows ? change->key : NULL);

    status = NGX_HTTP_OK;

    if (change->event == NGX_HTTP_CLAUDE_AUDIT_KEY_CREATED) {

        status = NGX_HTTP_CREATED;

        location.len = r->uri.len + 1 + CLAUDE_KEY_ID_LEN;
        location.data = ngx_pnalloc(r->pool, location.len);

        if (location.data == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        p = ngx_cpymem(location.data, r->uri.data, r->uri.len);
        *p++ = '/';
        ngx_memcpy(p, change->id, CLAUDE_KEY_ID_LEN);

        if (ngx_http_claude_add_header(r, "Location", &location) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    return ngx_http_claude_admin_send(r, status, &change->out);
}
