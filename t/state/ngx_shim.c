
#include "ngx_shim.h"

#include <err.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>


#define SHIM_TASKS  16


ngx_uint_t             ngx_pagesize = 4096;
ngx_uint_t             ngx_pagesize_shift = 12;
ngx_uint_t             ngx_test_config;
ngx_uint_t             ngx_process = NGX_PROCESS_WORKER;
volatile ngx_msec_t    ngx_current_msec = 1000;
ngx_pid_t              ngx_pid;
volatile ngx_cycle_t  *ngx_cycle;
ngx_rbtree_t           ngx_event_timer_rbtree;
volatile ngx_time_t   *ngx_cached_time;

unsigned               shim_pool_full;

static ngx_log_t            shim_ngx_log = { .log_level = NGX_LOG_NOTICE };
static ngx_cycle_t          shim_cycle = { .log = &shim_ngx_log };
static ngx_time_t           shim_time = { .sec = 1000000 };
static char                 shim_text[2048];

static ngx_thread_task_t   *shim_posted[SHIM_TASKS];
static ngx_thread_task_t   *shim_ran[SHIM_TASKS];
static unsigned             shim_nposted;
static unsigned             shim_nran;


static void
shim_forked(void)
{
    ngx_pid = getpid();
}


static __attribute__((constructor)) void
shim_init(void)
{
    shim_forked();
    pthread_atfork(NULL, NULL, shim_forked);

    ngx_cycle = &shim_cycle;
    ngx_cached_time = &shim_time;
}


void
shim_zone(ngx_shm_zone_t *zone, const char *name, size_t size)
{
    ngx_slab_pool_t  *pool;

    memset(zone, 0, sizeof(ngx_shm_zone_t));

    zone->shm.addr = mmap(NULL, size, PROT_READ|PROT_WRITE,
                          MAP_SHARED|MAP_ANONYMOUS|MAP_NORESERVE, -1, 0);
    if (zone->shm.addr == MAP_FAILED) {
        err(1, "mmap");
    }

    zone->shm.size = size;
    zone->shm.log = &shim_ngx_log;
    zone->shm.name.data = (u_char *) name;
    zone->shm.name.len = strlen(name);

    pool = (ngx_slab_pool_t *) zone->shm.addr;

    pool->start = zone->shm.addr + ngx_pagesize;
    pool->end = zone->shm.addr + size;
    pool->pfree = size / ngx_pagesize - 1;
    pool->mutex.lock = &pool->lock.lock;
}


void
shim_zone_free(ngx_shm_zone_t *zone)
{
    munmap(zone->shm.addr, zone->shm.size);
}


/* whole pages, never given back */

void *
ngx_slab_alloc(ngx_slab_pool_t *pool, size_t size)
{
    u_char      *p;
    ngx_uint_t   pages;

    pages = (size + ngx_pagesize - 1) / ngx_pagesize;

    if (pages > pool->pfree) {
        return NULL;
    }

    p = pool->start;
    pool->start += pages * ngx_pagesize;
    pool->pfree -= pages;

    return p;
}


void *
ngx_slab_calloc(ngx_slab_pool_t *pool, size_t size)
{
    void  *p;

    p = ngx_slab_alloc(pool, size);

    return p ? memset(p, 0, size) : NULL;
}


void
ngx_shmtx_lock(ngx_shmtx_t *mtx)
{
    while (!ngx_atomic_cmp_set(mtx->lock, 0, ngx_pid)) {
        sched_yield();
    }
}


ngx_uint_t
ngx_shmtx_trylock(ngx_shmtx_t *mtx)
{
    return ngx_atomic_cmp_set(mtx->lock, 0, ngx_pid);
}


void
ngx_shmtx_unlock(ngx_shmtx_t *mtx)
{
    if (!ngx_atomic_cmp_set(mtx->lock, ngx_pid, 0)) {
        errx(1, "unlocked what was not locked");
    }
}


void
shim_unlock(ngx_shm_zone_t *zone, ngx_pid_t pid)
{
    ngx_slab_pool_t  *pool;

    pool = (ngx_slab_pool_t *) zone->shm.addr;

    (void) ngx_atomic_cmp_set(pool->mutex.lock, pid, 0);
}


/* the conversions that src/state uses */

static u_char *
shim_vformat(u_char *p, u_char *end, const char *fmt, va_list args)
{
    long long   i;
    ngx_str_t  *s;

    for ( /* void */ ; *fmt && p < end - 64; fmt++) {

        if (*fmt != '%') {
            *p++ = *fmt;
            continue;
        }

        switch (*++fmt) {

        case 'V':
            s = va_arg(args, ngx_str_t *);
            p += snprintf((char *) p, end - p, "%.*s", (int) s->len, s->data);
            break;

        case 's':
            p += snprintf((char *) p, end - p, "%s", va_arg(args, char *));
            break;

        case '*':
            i = va_arg(args, size_t);
            p += snprintf((char *) p, end - p, "%.*s", (int) i,
                          va_arg(args, char *));
            fmt++;
            break;

        case 'u':
            p += snprintf((char *) p, end - p, "%lld",
                          (long long) va_arg(args, uint64_t));
            fmt++;
            break;

        case 'Z':
            *p++ = '\0';
            break;

        default:
            errx(1, "format %%%c", *fmt);
        }
    }

    return p;
}


u_char *
ngx_sprintf(u_char *buf, const char *fmt, ...)
{
    u_char   *p;
    va_list   args;

    va_start(args, fmt);
    p = shim_vformat(buf, buf + 512, fmt, args);
    va_end(args);

    return p;
}


void
ngx_log_error_core(ngx_uint_t level, ngx_log_t *log, ngx_err_t err,
    const char *fmt, ...)
{
    u_char   *p;
    va_list   args;

    (void) level;
    (void) log;
    (void) err;

    va_start(args, fmt);
    p = shim_vformat((u_char *) shim_text,
                     (u_char *) shim_text + sizeof(shim_text), fmt, args);
    va_end(args);

    *p = '\0';
}


void
ngx_conf_log_error(ngx_uint_t level, ngx_conf_t *cf, ngx_err_t err,
    const char *fmt, ...)
{
    u_char   *p;
    va_list   args;

    (void) level;
    (void) cf;
    (void) err;

    va_start(args, fmt);
    p = shim_vformat((u_char *) shim_text,
                     (u_char *) shim_text + sizeof(shim_text), fmt, args);
    va_end(args);

    *p = '\0';
}


const char *
shim_log(void)
{
    static char  text[sizeof(shim_text)];

    memcpy(text, shim_text, sizeof(text));
    shim_text[0] = '\0';

    return text;
}


void *
ngx_alloc(size_t size, ngx_log_t *log)
{
    (void) log;

    return malloc(size);
}


void *
ngx_calloc(size_t size, ngx_log_t *log)
{
    (void) log;

    return calloc(1, size);
}


/* for the life of the program: reachable to the end */

void *
ngx_pcalloc(ngx_pool_t *pool, size_t size)
{
    static void      *kept[64];
    static unsigned   n;

    (void) pool;

    if (n == 64) {
        errx(1, "shim's pool is exhausted");
    }

    kept[n] = calloc(1, size);

    return kept[n++];
}


void
ngx_rbtree_insert(ngx_rbtree_t *tree, ngx_rbtree_node_t *node)
{
    (void) tree;
    (void) node;
}


void
ngx_rbtree_delete(ngx_rbtree_t *tree, ngx_rbtree_node_t *node)
{
    (void) tree;
    (void) node;
}


ngx_int_t
ngx_thread_task_post(ngx_thread_pool_t *tp, ngx_thread_task_t *task)
{
    (void) tp;

    if (shim_pool_full || shim_nposted == SHIM_TASKS) {
        return NGX_ERROR;
    }

    shim_posted[shim_nposted++] = task;

    return NGX_OK;
}


unsigned
shim_run(void)
{
    unsigned  i, n;

    n = shim_nposted;
    shim_nposted = 0;

    for (i = 0; i < n; i++) {
        shim_posted[i]->handler(shim_posted[i]->ctx, &shim_ngx_log);
        shim_ran[shim_nran++] = shim_posted[i];
    }

    return n;
}


void
shim_complete(unsigned reversed)
{
    unsigned             i, n;
    ngx_thread_task_t   *task, *ran[SHIM_TASKS];

    n = shim_nran;
    shim_nran = 0;

    memcpy(ran, shim_ran, sizeof(ran));

    for (i = 0; i < n; i++) {
        task = ran[reversed ? n - 1 - i : i];
        task->event.handler(&task->event);
    }
}


void
shim_settle(void)
{
    while (shim_run()) {
        shim_complete(0);
    }
}
