
/*
 * Copyright (C) 2026 The ngx_http_claude_module authors
 */


#include "src/http/ngx_http_claude.h"
#include "src/http/ngx_http_claude_audit.h"
#include "src/http/ngx_http_claude_metrics.h"


static ngx_int_t ngx_http_claude_postconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_http_claude_init_process(ngx_cycle_t *cycle);


static ngx_conf_enum_t  ngx_http_claude_builtin[] = {
    { ngx_string("builtin"), 1 },
    { ngx_string("off"), 0 },
    { ngx_null_string, 0 }
};


/* a request that was sent is never sent again: only what can happen before */

static ngx_conf_bitmask_t  ngx_http_claude_next_upstream_masks[] = {
    { ngx_string("error"), NGX_HTTP_UPSTREAM_FT_ERROR },
    { ngx_string("timeout"), NGX_HTTP_UPSTREAM_FT_TIMEOUT },
    { ngx_string("off"), NGX_HTTP_UPSTREAM_FT_OFF },
    { ngx_null_string, 0 }
};


static ngx_conf_bitmask_t  ngx_http_claude_credentials[] = {
    { ngx_string("oauth"), CLAUDE_FORM_OAUTH },
    { ngx_string("api_key"), CLAUDE_FORM_API_KEY },
    { ngx_null_string, 0 }
};


static ngx_conf_post_t  ngx_http_claude_positive_msec = {
    ngx_http_claude_check_msec
};


static ngx_conf_post_t  ngx_http_claude_buffer_bounds = {
    ngx_http_claude_check_buffer
};


static ngx_conf_post_t  ngx_http_claude_auth_used = {
    ngx_http_claude_auth_at
};


static ngx_command_t  ngx_http_claude_commands[] = {

    { ngx_string("claude_master_key"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_claude_master_key,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("claude_keystore"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE23,
      ngx_http_claude_keystore,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("claude_credentials"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE12,
      ngx_conf_set_bitmask_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_claude_main_conf_t, credentials),
      &ngx_http_claude_credentials },

    { ngx_string("claude_thread_pool"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_claude_thread_pool,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("claude_limit_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE3|NGX_CONF_TAKE4,
      ngx_http_claude_limit_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("claude_limit"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_http_claude_limit,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("claude_audit_log"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_CONF_TAKE12,
      ngx_http_claude_audit_log,
      NGX_HTTP_SRV_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("claude_auth"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_claude_loc_conf_t, auth),
      &ngx_http_claude_auth_used },

    { ngx_string("claude_pass"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_claude_pass,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("claude_model"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE2,
      ngx_http_claude_model,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("claude_models"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_claude_loc_conf_t, builtin),
      &ngx_http_claude_builtin },

    { ngx_string("claude_ping"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_claude_loc_conf_t, ping),
      &ngx_http_claude_positive_msec },

    { ngx_string("claude_security_headers"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_claude_loc_conf_t, security_headers),
      NULL },

    { ngx_string("claude_cors"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_claude_cors,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("claude_trace"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_claude_trace,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("claude_admin"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE1,
      ngx_http_claude_admin,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("claude_admin_password_file"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_claude_admin_password_file,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("claude_admin_redirect"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_claude_admin_redirect,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("claude_admin_forwarded"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_claude_admin_forwarded,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("claude_session_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE123,
      ngx_http_claude_session_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("claude_metrics"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE12,
      ngx_http_claude_metrics,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("claude_connect_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_claude_loc_conf_t, upstream.connect_timeout),
      &ngx_http_claude_positive_msec },

    { ngx_string("claude_send_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_claude_loc_conf_t, upstream.send_timeout),
      &ngx_http_claude_positive_msec },

    { ngx_string("claude_read_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_claude_loc_conf_t, upstream.read_timeout),
      &ngx_http_claude_positive_msec },

    { ngx_string("claude_buffer_size"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_claude_loc_conf_t, upstream.buffer_size),
      &ngx_http_claude_buffer_bounds },

    { ngx_string("claude_next_upstream"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_conf_set_bitmask_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_claude_loc_conf_t, upstream.next_upstream),
      &ngx_http_claude_next_upstream_masks },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_claude_module_ctx = {
    ngx_http_claude_add_variables,         /* preconfiguration */
    ngx_http_claude_postconfiguration,     /* postconfiguration */

    ngx_http_claude_create_main_conf,      /* create main configuration */
    ngx_http_claude_init_main_conf,        /* init main configuration */

    ngx_http_claude_create_srv_conf,       /* create server configuration */
    ngx_http_claude_merge_srv_conf,        /* merge server configuration */

    ngx_http_claude_create_loc_conf,       /* create location configuration */
    ngx_http_claude_merge_loc_conf         /* merge location configuration */
};


ngx_module_t  ngx_http_claude_module = {
    NGX_MODULE_V1,
    &ngx_http_claude_module_ctx,           /* module context */
    ngx_http_claude_commands,              /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    ngx_http_claude_audit_init_module,     /* init module */
    ngx_http_claude_init_process,          /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_claude_usage_exit_process,         /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_http_claude_postconfiguration(ngx_conf_t *cf)
{
    ngx_http_handler_pt        *h;
    ngx_http_core_main_conf_t  *cmcf;

    ngx_http_claude_status_init();

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_ACCESS_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_claude_access_handler;

    if (ngx_http_claude_filter_init(cf) != NGX_OK
        || ngx_http_claude_check_conf(cf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_claude_metrics_phase(cf);
}


static ngx_int_t
ngx_http_claude_init_process(ngx_cycle_t *cycle)
{
    ngx_http_claude_main_conf_t  *mcf;

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    mcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_claude_module);

    if (mcf == NULL) {
        return NGX_OK;
    }

    if (ngx_http_claude_audit_init_process(cycle) != NGX_OK) {
        return NGX_ERROR;
    }

    if (mcf->store == NULL) {
        return NGX_OK;
    }

    if (ngx_claude_store_init_process(mcf->store, cycle) != NGX_OK
        || ngx_claude_usage_init_process(mcf->store, cycle) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_claude_admin_init_process(cycle, mcf) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_claude_watch_init(cycle);
}
