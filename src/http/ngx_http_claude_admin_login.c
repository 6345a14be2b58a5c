
/*
 * Signing in.  A bcrypt hash is a tenth of a second's work or more, so it is
 * computed in a thread, two at once a worker at most; a few wait, and then
 * comes 503.  A try counts as wrong from its beginning on, until it has proved
 * right: tries that run at once are no way around the bound.
 */


#include "ngx_http_claude_admin.h"
#include "ngx_http_claude_audit.h"


#define NGX_HTTP_CLAUDE_LOGIN_RUNNING  2
#define NGX_HTTP_CLAUDE_LOGIN_WAITING  16
#define NGX_HTTP_CLAUDE_LOGIN_TIMER    60000
#define NGX_HTTP_CLAUDE_LOGIN_OUT      1024


typedef struct {
    ngx_str_t                  text;
    u_char                    *place;
    size_t                     max;
    ngx_uint_t                 seen;
} ngx_http_claude_login_field_t;


/* one try, in the request's pool */

typedef struct {
    ngx_http_request_t        *request;
    ngx_queue_t                queue;
    ngx_thread_task_t         *task;
    ngx_thread_pool_t         *threads;
    const claude_person_t     *person;
    ngx_uint_t                 known;       /* or person is just anybody */
    claude_rc_t                rc;

    u_char                     addr[16];
    ngx_str_t                  from;
    ngx_claude_attempt_t       attempt;

    /* what the body says; the field whose value comes, or NULL */
    ngx_http_claude_login_field_t  name;
    ngx_http_claude_login_field_t  password;
    ngx_http_claude_login_field_t *field;
    claude_fault_t             fault;

    u_char                     name_text[CLAUDE_PERSON_MAX];
    u_char                     password_text[CLAUDE_PASSWORD_MAX + 1];
} ngx_http_claude_login_t;


static ngx_int_t ngx_http_claude_login(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx);
static ngx_int_t ngx_http_claude_login_read(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx, ngx_http_claude_login_t *login);
static claude_rc_t ngx_http_claude_login_token(void *ctx,
    const claude_json_token_t *token);
static claude_err_e ngx_http_claude_login_name(
    ngx_http_claude_login_t *login, const claude_json_token_t *token);
static claude_err_e ngx_http_claude_login_value(
    ngx_http_claude_login_t *login, const claude_json_token_t *token);
static ngx_int_t ngx_http_claude_login_check(ngx_http_request_t *r,
    ngx_http_claude_login_t *login);
static void ngx_http_claude_login_person(ngx_http_claude_login_t *login,
    const claude_people_t *people);
static void ngx_http_claude_login_forget(void *data);
static ngx_int_t ngx_http_claude_login_limited(ngx_http_request_t *r,
    const ngx_claude_attempt_t *attempt);
static ngx_int_t ngx_http_claude_login_start(ngx_http_claude_login_t *login);
static ngx_int_t ngx_http_claude_login_post(ngx_http_claude_login_t *login);
static void ngx_http_claude_login_task(void *data, ngx_log_t *log);
static void ngx_http_claude_login_done(ngx_event_t *ev);
static void ngx_http_claude_login_next(void);
static ngx_int_t ngx_http_claude_login_then(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx);


ngx_http_claude_admin_route_t  ngx_http_claude_admin_login_routes[] = {

    { ngx_string("api/login"), NGX_HTTP_POST, 1, ngx_http_claude_login },

    { ngx_string("api/logout"), NGX_HTTP_POST, 0,
      ngx_http_claude_admin_logout },

    { ngx_string("api/session"), NGX_HTTP_GET, 0,
      ngx_http_claude_admin_get_session },

    { ngx_string("api/sessions"), NGX_HTTP_GET, 0,
      ngx_http_claude_admin_get_sessions },

    { ngx_string("api/sessions/{id}"), NGX_HTTP_DELETE, 0,
      ngx_http_claude_admin_end_session },

    { ngx_null_string, 0, 0, NULL }
};


/* of this worker */

static ngx_queue_t  ngx_http_claude_login_queue;
static ngx_uint_t   ngx_http_claude_login_waiting;
static ngx_uint_t   ngx_http_claude_login_running;


static ngx_int_t
ngx_http_claude_login(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx)
{
    ngx_int_t                     rc;
    ngx_pool_cleanup_t           *cln;
    ngx_http_claude_login_t      *login;
    ngx_http_claude_loc_conf_t   *lcf;
    ngx_http_claude_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_claude_module);
    lcf = ngx_http_get_module_loc_conf(r, ngx_http_claude_module);

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_claude_login_t));
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    login = cln->data;
    ngx_memzero(login, sizeof(ngx_http_claude_login_t));

    cln->handler = ngx_http_claude_login_forget;

    login->request = r;
    login->threads = mcf->threads;
    actx->data = login;

    rc = ngx_http_claude_login_read(r, actx, login);

    if (rc != NGX_OK) {
        return (rc == NGX_DECLINED)
               ? ngx_http_claude_admin_fault(r, &login->fault) : rc;
    }

    if (!login->name.seen && lcf->admin.people->n > 1) {
        return ngx_http_claude_admin_invalid(r, CLAUDE_ERR_MISSING, "name",
                                             NULL);
    }

    ngx_http_claude_login_person(login, lcf->admin.people);

    return ngx_http_claude_login_check(r, login);
}


/* the whole of it lies in the pool, which outlives the thread's work */

static void
ngx_http_claude_login_forget(void *data)
{
    sodium_memzero(data, sizeof(ngx_http_claude_login_t));
}


/* NGX_DECLINED: the fault is filled */

static ngx_int_t
ngx_http_claude_login_read(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx, ngx_http_claude_login_t *login)
{
    claude_rc_t          rc;
    claude_fault_t      *fault;
    claude_json_error_t  error;

    fault = &login->fault;

    login->name.place = login->name_text;
    login->name.max = CLAUDE_PERSON_MAX;
    login->password.place = login->password_text;
    login->password.max = CLAUDE_PASSWORD_MAX;

    if (actx->body.len == 0) {
        fault->err = CLAUDE_ERR_EMPTY_BODY;
        return NGX_DECLINED;
    }

    rc = claude_json_read(actx->body.data, actx->body.len,
                          ngx_http_claude_login_token, login, &error);

    if (rc == CLAUDE_NO_MEMORY) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (rc == CLAUDE_INVALID) {
        ngx_memzero(fault, sizeof(claude_fault_t));
        fault->err = CLAUDE_ERR_INVALID_JSON;
        fault->offset = error.offset;
        fault->reason = error.reason;
    }

    if (rc != CLAUDE_OK) {
        return NGX_DECLINED;
    }

    if (!login->password.seen) {
        fault->err = CLAUDE_ERR_MISSING;
        ngx_cpystrn((u_char *) fault->param, (u_char *) "password",
                    CLAUDE_PARAM_MAX);
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/* CLAUDE_DECLINED: the fault is filled */

static claude_rc_t
ngx_http_claude_login_token(void *ctx, const claude_json_token_t *token)
{
    ngx_http_claude_login_t *login = ctx;

    claude_err_e  err;

    if (token->depth == 0) {
        err = (token->type == CLAUDE_JSON_OBJECT
               || token->type == CLAUDE_JSON_OBJECT_END)
              ? CLAUDE_ERR_NONE : CLAUDE_ERR_NOT_OBJECT;

    } else if (token->type == CLAUDE_JSON_NAME) {
        err = ngx_http_claude_login_name(login, token);

    } else {
        err = ngx_http_claude_login_value(login, token);
    }

    login->fault.err = err;

    return (err == CLAUDE_ERR_NONE) ? CLAUDE_OK : CLAUDE_DECLINED;
}


/* an unknown name isn't said again: it may be a password in a wrong place */

static claude_err_e
ngx_http_claude_login_name(ngx_http_claude_login_t *login,
    const claude_json_token_t *token)
{
    const char  *param;

    if (token->text.len == 4 && ngx_memcmp(token->text.data, "name", 4) == 0)
    {
        login->field = &login->name;
        param = "name";

    } else if (token->text.len == 8
               && ngx_memcmp(token->text.data, "password", 8) == 0)
    {
        login->field = &login->password;
        param = "password";

    } else {
        login->fault.reason = "login takes 'name' and 'password' only";
        return CLAUDE_ERR_UNSUPPORTED;
    }

    ngx_cpystrn((u_char *) login->fault.param, (u_char *) param,
                CLAUDE_PARAM_MAX);

    return CLAUDE_ERR_NONE;
}


static claude_err_e
ngx_http_claude_login_value(ngx_http_claude_login_t *login,
    const claude_json_token_t *token)
{
    ngx_uint_t                      fits;
    ngx_http_claude_login_field_t  *field;

    field = login->field;
    field->seen = 1;

    if (token->type != CLAUDE_JSON_STRING) {
        login->fault.reason = "must be a string";
        return CLAUDE_ERR_INVALID_TYPE;
    }

    fits = (field == &login->password)
           ? claude_password_fits(token->text.data, token->text.len)
           : token->text.len > 0 && token->text.len <= field->max;

    if (fits) {
        ngx_memcpy(field->place, token->text.data, token->text.len);
        field->text.data = field->place;
        field->text.len = token->text.len;
    }

    /* what had escapes lies in memory of the reader's */

    if (token->text.len + 2 != token->raw.len
        || token->text.data != token->raw.data + 1)
    {
        sodium_memzero((void *) token->text.data, token->text.len);
    }

    if (fits) {
        login->fault.param[0] = '\0';
        return CLAUDE_ERR_NONE;
    }

    login->fault.reason = (field == &login->password)
                          ? "must be 1 to 72 bytes, none of them NUL"
                          : "must be 1 to 64 bytes";

    return CLAUDE_ERR_INVALID_VALUE;
}


/*
 * An unknown name takes as long as a known one, whatever the costs in the
 * file: the hash of somebody is computed for it, always of the same one.
 */

static void
ngx_http_claude_login_person(ngx_http_claude_login_t *login,
    const claude_people_t *people)
{
    uint32_t      hash;
    claude_str_t  name;

    if (!login->name.seen) {
        login->person = &people->people[0];
        login->known = 1;
        return;
    }

    name.data = login->name.text.data;
    name.len = login->name.text.len;

    login->person = claude_password_find(people, &name);

    if (login->person != NULL) {
        login->known = 1;
        return;
    }

    /* a guess of whose it is takes a credential, which nobody outside knows */

    hash = ngx_crc32_long((u_char *) people->people[0].credential,
                          sizeof(people->people[0].credential));
    hash ^= ngx_murmur_hash2(login->name.text.data, login->name.text.len);

    login->person = &people->people[hash % people->n];
    login->known = 0;
}


static ngx_int_t
ngx_http_claude_login_check(ngx_http_request_t *r,
    ngx_http_claude_login_t *login)
{
    claude_fault_t                fault;
    ngx_http_claude_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_claude_module);

    login->from.data = login->addr;
    login->from.len = ngx_http_claude_admin_addr(r, 64, login->addr);

    if (ngx_claude_attempts_begin(mcf->attempts, &login->from,
                                  &login->attempt)
        != NGX_OK)
    {
        return ngx_http_claude_login_limited(r, &login->attempt);
    }

    if (ngx_http_claude_login_start(login) == NGX_OK) {
        ngx_http_claude_admin_wait(r, ngx_http_claude_login_then);
        return NGX_DONE;
    }

    ngx_claude_attempts_end(mcf->attempts, &login->from, &login->attempt);

    ngx_memzero(&fault, sizeof(claude_fault_t));
    fault.err = CLAUDE_ERR_BUSY;
    fault.retry_after = 1;

    return ngx_http_claude_admin_fault(r, &fault);
}


static ngx_int_t
ngx_http_claude_login_limited(ngx_http_request_t *r,
    const ngx_claude_attempt_t *attempt)
{
    claude_fault_t  fault;

    ngx_http_claude_audit(r, NGX_HTTP_CLAUDE_AUDIT_LOGIN_LIMITED, NULL,
                          claude_error_code(CLAUDE_ERR_LOGIN_LIMIT));

    ngx_memzero(&fault, sizeof(claude_fault_t));

    fault.err = CLAUDE_ERR_LOGIN_LIMIT;
    fault.retry_after = (attempt->retry + 999) / 1000;

    return ngx_http_claude_admin_fault(r, &fault);
}


/* NGX_BUSY: too many wait already */

static ngx_int_t
ngx_http_claude_login_start(ngx_http_claude_login_t *login)
{
    if (ngx_http_claude_login_queue.next == NULL) {
        ngx_queue_init(&ngx_http_claude_login_queue);
    }

    login->task = ngx_thread_task_alloc(login->request->pool, 0);
    if (login->task == NULL) {
        return NGX_BUSY;
    }

    if (ngx_http_claude_login_running < NGX_HTTP_CLAUDE_LOGIN_RUNNING) {
        return ngx_http_claude_login_post(login);
    }

    if (ngx_http_claude_login_waiting == NGX_HTTP_CLAUDE_LOGIN_WAITING) {
        return NGX_BUSY;
    }

    ngx_queue_insert_tail(&ngx_http_claude_login_queue, &login->queue);
    ngx_http_claude_login_waiting++;

    return NGX_OK;
}


static ngx_int_t
ngx_http_claude_login_post(ngx_http_claude_login_t *login)
{
    ngx_thread_task_t  *task;

    task = login->task;

    task->ctx = login;
    task->handler = ngx_http_claude_login_task;
    task->event.handler = ngx_http_claude_login_done;
    task->event.data = login;
    task->event.log = login->request->connection->log;

    if (ngx_thread_task_post(login->threads, task) != NGX_OK) {
        return NGX_BUSY;
    }

    ngx_http_claude_login_running++;

    /* a worker that exits waits for events that have timers */

    ngx_add_timer(&task->event, NGX_HTTP_CLAUDE_LOGIN_TIMER);

    return NGX_OK;
}


/* in a thread */

static void
ngx_http_claude_login_task(void *data, ngx_log_t *log)
{
    ngx_http_claude_login_t *login = data;

    login->rc = claude_password_check((char *) login->password_text,
                                      login->person->hash);
}


static void
ngx_http_claude_login_done(ngx_event_t *ev)
{
    ngx_http_claude_login_t *login = ev->data;

    if (ev->timedout) {
        ev->timedout = 0;
        ngx_add_timer(ev, NGX_HTTP_CLAUDE_LOGIN_TIMER);
        return;
    }

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    ngx_http_claude_login_running--;

    ngx_http_claude_login_next();

    ngx_http_claude_admin_resume(login->request);
}


static void
ngx_http_claude_login_next(void)
{
    ngx_queue_t              *q;
    ngx_http_claude_login_t  *login;

    while (!ngx_queue_empty(&ngx_http_claude_login_queue)) {
        q = ngx_queue_head(&ngx_http_claude_login_queue);
        login = ngx_queue_data(q, ngx_http_claude_login_t, queue);

        ngx_queue_remove(q);
        ngx_http_claude_login_waiting--;

        if (ngx_http_claude_login_post(login) == NGX_OK) {
            return;
        }

        login->rc = CLAUDE_BUSY;

        ngx_http_claude_admin_resume(login->request);
    }
}


static ngx_int_t
ngx_http_claude_login_then(ngx_http_request_t *r,
    ngx_http_claude_admin_ctx_t *actx)
{
    claude_mem_t                  mem;
    claude_out_t                  out;
    ngx_http_claude_login_t      *login;
    ngx_http_claude_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_claude_module);
    login = actx->data;

    if (login->rc == CLAUDE_DECLINED
        || (login->rc == CLAUDE_OK && !login->known))
    {
        if (login->attempt.n == NGX_CLAUDE_ATTEMPTS) {
            return ngx_http_claude_login_limited(r, &login->attempt);
        }

        ngx_http_claude_audit(r, NGX_HTTP_CLAUDE_AUDIT_LOGIN_FAILED, NULL,
                              claude_error_code(CLAUDE_ERR_LOGIN));

        return ngx_http_claude_admin_error(r, CLAUDE_ERR_LOGIN);
    }

    ngx_claude_attempts_end(mcf->attempts, &login->from, &login->attempt);

    if (login->rc != CLAUDE_OK) {
        return ngx_http_claude_admin_error(r, CLAUDE_ERR_BUSY);
    }

    if (ngx_http_claude_admin_begin(r, actx, login->person) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_claude_audit(r, NGX_HTTP_CLAUDE_AUDIT_LOGIN_OK, NULL, NULL);

    mem = ngx_http_claude_mem(r->pool);

    claude_out_init(&out, &mem, NGX_HTTP_CLAUDE_LOGIN_OUT);

    claude_out_literal(&out, "{");
    ngx_http_claude_admin_put_session(r, actx, &out);
    claude_out_literal(&out, "}");

    return ngx_http_claude_admin_send(r, NGX_HTTP_OK, &out);
}
