
/*
 * As much of nginx's core as src/state needs, for programs that try it without
 * nginx: zones that processes share, their lock, time, log, and a thread pool
 * that runs a task when it is told to.
 */


#ifndef NGX_SHIM_H
#define NGX_SHIM_H


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_thread_pool.h>


/* a zone of this size, empty, shared with children */

void shim_zone(ngx_shm_zone_t *zone, const char *name, size_t size);
void shim_zone_free(ngx_shm_zone_t *zone);

/* what the master does when the process pid has died */

void shim_unlock(ngx_shm_zone_t *zone, ngx_pid_t pid);

/* the last text logged, at level up to warn; cleared by reading */

const char *shim_log(void);

/* runs the tasks posted so far, but not the callbacks; returns how many */

unsigned shim_run(void);

/* calls the callbacks of those that ran, the last one first with reversed */

void shim_complete(unsigned reversed);

/* both, until nothing is left */

void shim_settle(void);


extern unsigned  shim_pool_full;    /* posting fails */


#endif /* NGX_SHIM_H */
