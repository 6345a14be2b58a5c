
#include "ngx_http_claude_admin_list.h"


/* holds of the lock in a turn of the event loop */

#define NGX_HTTP_CLAUDE_LIST_SLICES  8

/* found keys that are sorted at once, without a thread */

#define NGX_HTTP_CLAUDE_LIST_INLINE  256

/* found keys of one block of memory, and bytes of one of names */

#define NGX_HTTP_CLAUDE_LIST_BLOCK                                            \
    (512 * sizeof(ngx_http_claude_found_t))
#define NGX_HTTP_CLAUDE_LIST_TEXT    (64 * CLAUDE_NAME_MAX)


static void ngx_http_claude_list_turn(ngx_event_t *event);
static void ngx_http_claude_list_see(void *data,
    const ngx_claude_key_view_t *key);
static ngx_uint_t ngx_http_claude_list_match(ngx_http_claude_list_t *list,
    const ngx_http_claude_found_t *found);
static ngx_uint_t ngx_http_claude_list_has(const u_char *text, size_t len,
    const ngx_str_t *q);
static ngx_int_t ngx_http_claude_list_keep(ngx_http_claude_list_t *list,
    const ngx_http_claude_found_t *found);
static void *ngx_http_claude_list_alloc(ngx_http_claude_block_t **blocks,
    size_t size, size_t block);
static ngx_int_t ngx_http_claude_list_post(ngx_http_claude_list_t *list);
static void ngx_http_claude_list_task(void *data, ngx_log_t *log);
static void ngx_http_claude_list_task_done(ngx_event_t *event);
static ngx_int_t ngx_http_claude_list_sort(ngx_http_claude_list_t *list);
static int ngx_libc_cdecl ngx_http_claude_list_cmp(const void *one,
    const void *two);
static int ngx_libc_cdecl ngx_http_claude_list_cmp_back(const void *one,
    const void *two);
static void ngx_http_claude_list_free_blocks(ngx_http_claude_block_t *block);


void
ngx_http_claude_list_init(ngx_http_claude_list_t *list, ngx_http_request_t *r)
{
    ngx_http_claude_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_claude_module);

    list->request = r;
    list->keystore = &mcf->store->keystore;
    list->threads = mcf->threads;

    claude_moment(&list->now, ngx_current_msec, ngx_time());

    list->event.handler = ngx_http_claude_list_turn;
    list->event.data = list;
    list->event.log = r->connection->log;
}


ngx_int_t
ngx_http_claude_list_step(ngx_http_claude_list_t *list)
{
    ngx_int_t   rc;
    ngx_uint_t  i, turn;

    rc = NGX_OK;

    for (turn = 0; turn < NGX_HTTP_CLAUDE_LIST_SLICES; turn++) {

        list->nslice = 0;

        rc = ngx_claude_keystore_scan(list->keystore, &list->cursor,
                                      NGX_HTTP_CLAUDE_LIST_SLICE,
                                      ngx_http_claude_list_see, list);

        for (i = 0; i < list->nslice; i++) {

            if (ngx_http_claude_list_match(list, &list->slice[i])
                && ngx_http_claude_list_keep(list, &list->slice[i]) != NGX_OK)
            {
                list->failed = 1;
                return NGX_OK;
            }
        }

        if (rc == NGX_DONE) {
            break;
        }
    }

    if (rc != NGX_DONE) {
        ngx_post_event(&list->event, &ngx_posted_next_events);
        return NGX_AGAIN;
    }

    if (list->n > NGX_HTTP_CLAUDE_LIST_INLINE) {
        return ngx_http_claude_list_post(list);
    }

    list->failed = (ngx_http_claude_list_sort(list) != NGX_OK);

    return NGX_OK;
}


static void
ngx_http_claude_list_turn(ngx_event_t *event)
{
    ngx_http_claude_list_t *list = event->data;

    if (ngx_http_claude_list_step(list) == NGX_OK) {
        ngx_http_claude_admin_resume(list->request);
    }
}


/* under the keystore's lock */

static void
ngx_http_claude_list_see(void *data, const ngx_claude_key_view_t *key)
{
    ngx_http_claude_list_t *list = data;

    u_char                   *p;
    claude_count_t            day, month;
    ngx_http_claude_found_t  *found;

    found = &list->slice[list->nslice];
    found->name = list->names[list->nslice++];

    p = ngx_cpymem(found->name, key->name[0], key->name_len[0]);

    if (key->name_len[1]) {
        p = ngx_cpymem(p, key->name[1], key->name_len[1]);
    }

    found->name_len = p - found->name;

    ngx_memcpy(found->id, key->id, CLAUDE_KEY_ID_LEN);
    ngx_memcpy(found->display, key->head, CLAUDE_HEAD_LEN);
    ngx_memcpy(found->display + CLAUDE_HEAD_LEN, key->tail, CLAUDE_TAIL_LEN);

    found->state = !key->enabled ? NGX_HTTP_CLAUDE_LIST_DISABLED
                   : (key->expires && key->expires <= list->now.time)
                   ? NGX_HTTP_CLAUDE_LIST_EXPIRED
                   : NGX_HTTP_CLAUDE_LIST_ACTIVE;

    switch (list->sort) {

    case NGX_HTTP_CLAUDE_LIST_CREATED:
        found->value = key->created;
        break;

    case NGX_HTTP_CLAUDE_LIST_USED:
        found->value = key->last_used;
        break;

    case NGX_HTTP_CLAUDE_LIST_STATE:
        found->value = found->state;
        break;

    case NGX_HTTP_CLAUDE_LIST_COST:
        claude_account_usage(key->account, &list->now, &day, &month);
        found->value = month.cost;
        break;

    default: /* NGX_HTTP_CLAUDE_LIST_NAME */
        found->value = 0;
    }
}


static ngx_uint_t
ngx_http_claude_list_match(ngx_http_claude_list_t *list,
    const ngx_http_claude_found_t *found)
{
    if (list->state != NGX_HTTP_CLAUDE_LIST_ANY && found->state != list->state)
    {
        return 0;
    }

    return list->q.len == 0
           || ngx_http_claude_list_has(found->name, found->name_len, &list->q)
           || ngx_http_claude_list_has(found->id, CLAUDE_KEY_ID_LEN, &list->q)
           || ngx_http_claude_list_has(found->display, CLAUDE_HEAD_LEN,
                                       &list->q)
           || ngx_http_claude_list_has(found->display + CLAUDE_HEAD_LEN,
                                       CLAUDE_TAIL_LEN, &list->q);
}


static ngx_uint_t
ngx_http_claude_list_has(const u_char *text, size_t len, const ngx_str_t *q)
{
    size_t  i, n;

    for (i = 0; i + q->len <= len; i++) {

        for (n = 0; n < q->len; n++) {
            if (ngx_tolower(text[i + n]) != q->data[n]) {
                break;
            }
        }

        if (n == q->len) {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_claude_list_keep(ngx_http_claude_list_t *list,
    const ngx_http_claude_found_t *found)
{
    ngx_http_claude_found_t  *kept;

    kept = ngx_http_claude_list_alloc(&list->blocks,
                                      sizeof(ngx_http_claude_found_t),
                                      NGX_HTTP_CLAUDE_LIST_BLOCK);
    if (kept == NULL) {
        return NGX_ERROR;
    }

    *kept = *found;
    kept->name = NULL;

    if (list->sort != NGX_HTTP_CLAUDE_LIST_NAME
        && list->sort != NGX_HTTP_CLAUDE_LIST_STATE)
    {
        kept->name_len = 0;

    } else {
        kept->name = ngx_http_claude_list_alloc(&list->texts, found->name_len,
                                                NGX_HTTP_CLAUDE_LIST_TEXT);
        if (kept->name == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(kept->name, found->name, found->name_len);
    }

    list->n++;

    return NGX_OK;
}


static void *
ngx_http_claude_list_alloc(ngx_http_claude_block_t **blocks, size_t size,
    size_t block)
{
    u_char                   *p;
    ngx_http_claude_block_t  *b;

    b = *blocks;

    if (b == NULL || b->size - b->used < size) {

        b = ngx_alloc(sizeof(ngx_http_claude_block_t) + block, ngx_cycle->log);
        if (b == NULL) {
            return NULL;
        }

        b->next = *blocks;
        b->used = 0;
        b->size = block;

        *blocks = b;
    }

    p = (u_char *) b->data + b->used;
    b->used += size;

    return p;
}


static ngx_int_t
ngx_http_claude_list_post(ngx_http_claude_list_t *list)
{
    ngx_thread_task_t  *task;

    task = ngx_thread_task_alloc(list->request->pool,
                                 sizeof(ngx_http_claude_list_t *));
    if (task == NULL) {
        list->failed = 1;
        return NGX_OK;
    }

    *(ngx_http_claude_list_t **) task->ctx = list;

    task->handler = ngx_http_claude_list_task;
    task->event.handler = ngx_http_claude_list_task_done;
    task->event.data = list;
    task->event.log = ngx_cycle->log;

    if (ngx_thread_task_post(list->threads, task) != NGX_OK) {
        list->failed = 1;
        return NGX_OK;
    }

    return NGX_AGAIN;
}


/* in a thread */

static void
ngx_http_claude_list_task(void *data, ngx_log_t *log)
{
    ngx_http_claude_list_t  *list;

    list = *(ngx_http_claude_list_t **) data;

    list->failed = (ngx_http_claude_list_sort(list) != NGX_OK);
}


static void
ngx_http_claude_list_task_done(ngx_event_t *event)
{
    ngx_http_claude_list_t *list = event->data;

    ngx_http_claude_admin_resume(list->request);
}


static ngx_int_t
ngx_http_claude_list_sort(ngx_http_claude_list_t *list)
{
    size_t                     i, n;
    ngx_http_claude_block_t   *block;
    ngx_http_claude_found_t   *found;
    ngx_http_claude_found_t  **sorted;

    sorted = ngx_alloc((list->n + 1) * sizeof(ngx_http_claude_found_t *),
                       ngx_cycle->log);
    if (sorted == NULL) {
        return NGX_ERROR;
    }

    list->sorted = sorted;

    for (block = list->blocks; block; block = block->next) {
        found = (ngx_http_claude_found_t *) block->data;
        n = block->used / sizeof(ngx_http_claude_found_t);

        for (i = 0; i < n; i++) {
            *sorted++ = &found[i];
        }
    }

    ngx_qsort(list->sorted, list->n, sizeof(ngx_http_claude_found_t *),
              list->descending ? ngx_http_claude_list_cmp_back
                               : ngx_http_claude_list_cmp);

    return NGX_OK;
}


/* by value, then by name without regard to ASCII's case; ids make the order one
 * and the same from page to page */

static int ngx_libc_cdecl
ngx_http_claude_list_cmp(const void *one, const void *two)
{
    int                             c;
    size_t                          i, len;
    const ngx_http_claude_found_t  *a, *b;

    a = *(const ngx_http_claude_found_t *const *) one;
    b = *(const ngx_http_claude_found_t *const *) two;

    if (a->value != b->value) {
        return (a->value < b->value) ? -1 : 1;
    }

    len = ngx_min(a->name_len, b->name_len);

    for (i = 0; i < len; i++) {
        c = ngx_tolower(a->name[i]) - ngx_tolower(b->name[i]);

        if (c) {
            return c;
        }
    }

    if (a->name_len != b->name_len) {
        return (a->name_len < b->name_len) ? -1 : 1;
    }

    return ngx_memcmp(a->id, b->id, CLAUDE_KEY_ID_LEN);
}


static int ngx_libc_cdecl
ngx_http_claude_list_cmp_back(const void *one, const void *two)
{
    return ngx_http_claude_list_cmp(two, one);
}


void
ngx_http_claude_list_free(ngx_http_claude_list_t *list)
{
    if (list->event.posted) {
        ngx_delete_posted_event(&list->event);
    }

    ngx_http_claude_list_free_blocks(list->blocks);
    ngx_http_claude_list_free_blocks(list->texts);

    if (list->sorted) {
        ngx_free(list->sorted);
    }
}


static void
ngx_http_claude_list_free_blocks(ngx_http_claude_block_t *block)
{
    ngx_http_claude_block_t  *next;

    for ( /* void */ ; block; block = next) {
        next = block->next;
        ngx_free(block);
    }
}
