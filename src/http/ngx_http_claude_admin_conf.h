
/*
 * What the rest of the module has to do with the admin: its directives, its
 * part of the configuration, and which requests are its own.  Comes with
 * ngx_http_claude.h.
 */


#ifndef NGX_HTTP_CLAUDE_ADMIN_CONF_H
#define NGX_HTTP_CLAUDE_ADMIN_CONF_H


/* ngx_http_claude_admin.c */

ngx_int_t ngx_http_claude_admin_handler(ngx_http_request_t *r);

/* whether the request is one of the admin's API, not of its page */

ngx_uint_t ngx_http_claude_admin_is_api(ngx_http_request_t *r);

/* ngx_http_claude_admin_origin.c */

/* whether the client's connection is TLS, here or at a proxy that is trusted
 * to say so */

ngx_uint_t ngx_http_claude_is_https(ngx_http_request_t *r);

/* ngx_http_claude_admin_conf.c, ngx_http_claude_admin_people.c */

char *ngx_http_claude_admin(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_claude_admin_password_file(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_claude_admin_redirect(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_claude_admin_forwarded(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_claude_session_zone(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_claude_admin_merge(ngx_conf_t *cf,
    ngx_http_claude_loc_conf_t *prev, ngx_http_claude_loc_conf_t *conf);
ngx_int_t ngx_http_claude_admin_zones(ngx_conf_t *cf,
    ngx_http_claude_main_conf_t *mcf);
ngx_int_t ngx_http_claude_admin_check(ngx_conf_t *cf,
    ngx_http_claude_main_conf_t *mcf);

/* ends the sessions of those whose password has changed */

ngx_int_t ngx_http_claude_admin_init_process(ngx_cycle_t *cycle,
    ngx_http_claude_main_conf_t *mcf);

/* ngx_http_claude_admin_status.c */

/* in the master, when it reads its configuration: since when it runs */

void ngx_http_claude_status_init(void);
time_t ngx_http_claude_status_started(void);


#endif /* NGX_HTTP_CLAUDE_ADMIN_CONF_H */
