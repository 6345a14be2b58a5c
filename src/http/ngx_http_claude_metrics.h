
/*
 * claude_metrics: what is counted at the end of each request, and the location
 * that tells it.
 *
 *   _conf     the directive, the zone
 *   _count    what a request counts as            (log phase)
 *   _certs    when certificates end               (configuration)
 *   (none)    the content handler: keys, then the bridge, then the answer
 *   _keys     looking through all keys
 *   _calls, _state, _put_keys  writing it down
 */


#ifndef NGX_HTTP_CLAUDE_METRICS_H
#define NGX_HTTP_CLAUDE_METRICS_H


#include "ngx_http_claude_audit.h"
#include "ngx_http_claude_bridge.h"

#include "../state/ngx_claude_metrics.h"


/* bytes of an answer: the tables full, and as many keys as there may be */

#define NGX_HTTP_CLAUDE_METRICS_MAX       (8 * 1024 * 1024)

#define NGX_HTTP_CLAUDE_METRICS_KEYS      100
#define NGX_HTTP_CLAUDE_METRICS_KEYS_MAX  1000


/* families */

#define ngx_http_claude_counter(name, unit, help)                             \
    { name, unit, CLAUDE_METRIC_COUNTER, help }
#define ngx_http_claude_gauge(name, unit, help)                               \
    { name, unit, CLAUDE_METRIC_GAUGE, help }
#define ngx_http_claude_seconds(name, help)                                   \
    { name "_seconds", "seconds", CLAUDE_METRIC_HISTOGRAM, help }


/* the zone's reasons: an error's number, and these */

#define NGX_HTTP_CLAUDE_REASON_OK      CLAUDE_ERR_NONE
#define NGX_HTTP_CLAUDE_REASON_CLOSED  CLAUDE_ERR_MAX


/* its events */

typedef enum {
    NGX_HTTP_CLAUDE_COUNT_ADDRESS = 0,      /* limits that were hit */
    NGX_HTTP_CLAUDE_COUNT_KEY_REQUESTS,
    NGX_HTTP_CLAUDE_COUNT_KEY_TOKENS,
    NGX_HTTP_CLAUDE_COUNT_KEY_CONCURRENCY,
    NGX_HTTP_CLAUDE_COUNT_KEY_BUDGET,
    NGX_HTTP_CLAUDE_COUNT_KEY_MODEL,
    NGX_HTTP_CLAUDE_COUNT_KEY_ADDRESS,

    NGX_HTTP_CLAUDE_COUNT_CREDENTIAL_401,
    NGX_HTTP_CLAUDE_COUNT_CREDENTIAL_429,

    NGX_HTTP_CLAUDE_COUNT_LOGIN_OK,
    NGX_HTTP_CLAUDE_COUNT_LOGIN_FAILED,
    NGX_HTTP_CLAUDE_COUNT_LOGIN_LIMITED,

    NGX_HTTP_CLAUDE_COUNT_STORE,            /* trouble */

    NGX_HTTP_CLAUDE_COUNTS
} ngx_http_claude_count_e;


/* its types of tokens */

typedef enum {
    NGX_HTTP_CLAUDE_TOKENS_INPUT = 0,
    NGX_HTTP_CLAUDE_TOKENS_CACHE_READ,
    NGX_HTTP_CLAUDE_TOKENS_CACHE_WRITE,
    NGX_HTTP_CLAUDE_TOKENS_OUTPUT
} ngx_http_claude_tokens_e;


typedef struct {
    const claude_bucket_t     *buckets;
    ngx_uint_t                 n;
} ngx_http_claude_histogram_t;

extern const ngx_http_claude_histogram_t  ngx_http_claude_durations;
extern const ngx_http_claude_histogram_t  ngx_http_claude_firsts;
extern const ngx_http_claude_histogram_t  ngx_http_claude_betweens;


/* a certificate, of all servers of one name the one that ends first */

typedef struct {
    ngx_str_t                  name;
    const char                *type;
    time_t                     expires;
} ngx_http_claude_certificate_t;


/* of the whole configuration; zone comes first, it is what the zone's init
 * takes */

struct ngx_http_claude_metrics_main_s {
    ngx_claude_metrics_t       zone;
    ngx_array_t                certificates;
    ngx_uint_t                 unknown;     /* servers whose certificate is
                                             * read at each handshake */
};


/* of a location */

struct ngx_http_claude_metrics_loc_s {
    ngx_http_upstream_srv_conf_t  *upstream;  /* or NULL */
    ngx_uint_t                 per_key;     /* 0: off */
};


/* what all keys amount to, and some of them one by one; ratios in millionths,
 * -1 where there is no budget */

typedef struct {
    u_char                     id[CLAUDE_KEY_ID_LEN];
    claude_count_t             month;
    uint32_t                   running;
    int64_t                    day_ratio;
    int64_t                    month_ratio;
} ngx_http_claude_metrics_key_t;

typedef struct {
    uint64_t                   active;
    uint64_t                   disabled;
    uint64_t                   expired;
    int64_t                    day_ratio;   /* the largest */
    int64_t                    month_ratio;

    ngx_uint_t                 per_key;     /* as many as there is room for;
                                             * 0: none are wanted */
    ngx_http_claude_metrics_key_t  *keys;   /* a heap, the least first */
    ngx_uint_t                 nkeys;
    uint64_t                   left_out;
} ngx_http_claude_metrics_sum_t;


#define NGX_HTTP_CLAUDE_METRICS_SLICE  128  /* records of one hold of a lock */

struct ngx_http_claude_metrics_scan_s {
    ngx_http_claude_metrics_sum_t  sum;
    claude_moment_t            now;
    uint32_t                   cursor;
    ngx_uint_t                 nslice;
    ngx_http_claude_metrics_key_t  slice[NGX_HTTP_CLAUDE_METRICS_SLICE];

    ngx_event_t                turn;        /* the next one */
    ngx_event_t                timer;
    ngx_uint_t                 done;
};


/* ngx_http_claude_metrics_keys.c */

/* scan must be zeroed, but for sum.per_key.  NGX_ERROR: no memory */

ngx_int_t ngx_http_claude_metrics_scan_init(ngx_pool_t *pool,
    ngx_http_claude_metrics_scan_t *scan);

/* a turn of the event loop: NGX_DONE, all keys were seen; NGX_AGAIN */

ngx_int_t ngx_http_claude_metrics_scan(ngx_claude_keystore_t *ks,
    ngx_http_claude_metrics_scan_t *scan);


/* ngx_http_claude_metrics_calls.c, _state.c, _bridge.c, _put_keys.c: write what
 * is counted, and how things are */

void ngx_http_claude_metrics_put_calls(claude_metrics_t *out,
    ngx_http_claude_main_conf_t *mcf);
void ngx_http_claude_metrics_put_state(claude_metrics_t *out,
    ngx_http_claude_main_conf_t *mcf);
void ngx_http_claude_metrics_put_bridge(claude_metrics_t *out,
    const ngx_http_claude_bridge_t *bridge);
void ngx_http_claude_metrics_put_keys(claude_metrics_t *out,
    const ngx_http_claude_metrics_sum_t *sum);

/* value is terminated, and stays for as long as the answer is written */

static ngx_inline void
ngx_http_claude_set_label(claude_label_t *label, const char *name,
    const char *value)
{
    label->name = name;
    label->value.data = (const u_char *) value;
    label->value.len = ngx_strlen(value);
}


/* ngx_http_claude_metrics_count.c */

/* log phase */

ngx_int_t ngx_http_claude_metrics_log(ngx_http_request_t *r);

/* when the configuration is read */

void ngx_http_claude_metrics_init(void);

/* an event that no request's end tells of */

void ngx_http_claude_metrics_event(ngx_http_claude_main_conf_t *mcf,
    ngx_http_claude_audit_event_e event);

/* a route's name, a reason's */

const char *ngx_http_claude_metrics_route(ngx_uint_t route);
const char *ngx_http_claude_metrics_reason(ngx_uint_t reason);


/* ngx_http_claude_metrics_certs.c: at the end of the configuration */

ngx_int_t ngx_http_claude_metrics_certs(ngx_conf_t *cf,
    ngx_http_claude_metrics_main_t *main);


/* ngx_http_claude_metrics_conf.c */

char *ngx_http_claude_metrics(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* in a location's merge */

char *ngx_http_claude_metrics_merge(ngx_conf_t *cf,
    ngx_http_claude_loc_conf_t *prev, ngx_http_claude_loc_conf_t *conf);

/* the log phase's handler, where some location has the directive */

ngx_int_t ngx_http_claude_metrics_phase(ngx_conf_t *cf);

/* ngx_http_claude_metrics.c */

ngx_int_t ngx_http_claude_metrics_handler(ngx_http_request_t *r);


#endif /* NGX_HTTP_CLAUDE_METRICS_H */
