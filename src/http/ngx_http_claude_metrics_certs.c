
/*
 * When the certificates end that nginx has read: in the contexts of OpenSSL
 * that its servers use, once the configuration is whole.  They change with a
 * reload only.
 */


#include "ngx_http_claude_metrics.h"


#if (NGX_HTTP_SSL)

/* nginx may have been built without, where it takes modules that were not */

extern ngx_module_t  ngx_http_ssl_module  __attribute__((weak));


static ngx_uint_t ngx_http_claude_certs_used(
    ngx_http_core_main_conf_t *cmcf, ngx_http_core_srv_conf_t *cscf);
static ngx_int_t ngx_http_claude_certs_server(
    ngx_http_claude_metrics_main_t *main, ngx_http_core_srv_conf_t *cscf);
static ngx_int_t ngx_http_claude_certs_context(
    ngx_http_claude_metrics_main_t *main, ngx_str_t *name, SSL_CTX *ctx);
static ngx_int_t ngx_http_claude_certs_add(
    ngx_http_claude_metrics_main_t *main, ngx_str_t *name, X509 *cert);
static const char *ngx_http_claude_certs_type(X509 *cert);
static time_t ngx_http_claude_certs_end(X509 *cert);


ngx_int_t
ngx_http_claude_metrics_certs(ngx_conf_t *cf,
    ngx_http_claude_metrics_main_t *main)
{
    ngx_uint_t                   i;
    ngx_http_core_srv_conf_t   **cscf;
    ngx_http_core_main_conf_t   *cmcf;

    if (&ngx_http_ssl_module == NULL) {
        return NGX_OK;
    }

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    cscf = cmcf->servers.elts;

    for (i = 0; i < cmcf->servers.nelts; i++) {

        if (ngx_http_claude_certs_used(cmcf, cscf[i])
            && ngx_http_claude_certs_server(main, cscf[i]) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* whether the server listens with TLS anywhere */

static ngx_uint_t
ngx_http_claude_certs_used(ngx_http_core_main_conf_t *cmcf,
    ngx_http_core_srv_conf_t *cscf)
{
    ngx_uint_t                  i, j, k;
    ngx_http_conf_addr_t       *addr;
    ngx_http_conf_port_t       *port;
    ngx_http_core_srv_conf_t  **server;

    if (cmcf->ports == NULL) {
        return 0;
    }

    port = cmcf->ports->elts;

    for (i = 0; i < cmcf->ports->nelts; i++) {
        addr = port[i].addrs.elts;

        for (j = 0; j < port[i].addrs.nelts; j++) {
            server = addr[j].servers.elts;

            for (k = 0; k < addr[j].servers.nelts; k++) {

                if (server[k] == cscf
                    && ngx_http_claude_listens_tls(&addr[j].opt))
                {
                    return 1;
                }
            }
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_claude_certs_server(ngx_http_claude_metrics_main_t *main,
    ngx_http_core_srv_conf_t *cscf)
{
    ngx_str_t                 name;
    ngx_http_ssl_srv_conf_t  *sscf;

    static ngx_str_t  none = ngx_string("_");

    sscf = cscf->ctx->srv_conf[ngx_http_ssl_module.ctx_index];

    if (sscf->certificate_values != NULL) {
        main->unknown++;
        return NGX_OK;
    }

    if (sscf->ssl.ctx == NULL) {
        return NGX_OK;
    }

    name = cscf->server_name.len ? cscf->server_name : none;

    return ngx_http_claude_certs_context(main, &name, sscf->ssl.ctx);
}


/* a context has a certificate of each type; which of them is current there is
 * put back as it was */

static ngx_int_t
ngx_http_claude_certs_context(ngx_http_claude_metrics_main_t *main,
    ngx_str_t *name, SSL_CTX *ctx)
{
    X509       *current, *cert;
    ngx_int_t   rc;

    current = SSL_CTX_get0_certificate(ctx);

    if (current == NULL) {
        return NGX_OK;
    }

#ifdef SSL_CERT_SET_FIRST

    rc = NGX_OK;

    if (SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_FIRST) == 1) {

        do {
            cert = SSL_CTX_get0_certificate(ctx);

            if (cert != NULL) {
                rc = ngx_http_claude_certs_add(main, name, cert);
            }

        } while (rc == NGX_OK
                 && SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_NEXT) == 1);
    }

    (void) SSL_CTX_select_current_cert(ctx, current);

#else

    cert = current;
    rc = ngx_http_claude_certs_add(main, name, cert);

#endif

    return rc;
}


static ngx_int_t
ngx_http_claude_certs_add(ngx_http_claude_metrics_main_t *main,
    ngx_str_t *name, X509 *cert)
{
    time_t                          expires;
    ngx_uint_t                      i;
    const char                     *type;
    ngx_http_claude_certificate_t  *known;

    type = ngx_http_claude_certs_type(cert);
    expires = ngx_http_claude_certs_end(cert);

    known = main->certificates.elts;

    for (i = 0; i < main->certificates.nelts; i++) {

        if (ngx_strcmp(known[i].type, type) == 0
            && known[i].name.len == name->len
            && ngx_strncmp(known[i].name.data, name->data, name->len) == 0)
        {
            known[i].expires = ngx_min(known[i].expires, expires);
            return NGX_OK;
        }
    }

    known = ngx_array_push(&main->certificates);
    if (known == NULL) {
        return NGX_ERROR;
    }

    known->name = *name;
    known->type = type;
    known->expires = expires;

    return NGX_OK;
}


static const char *
ngx_http_claude_certs_type(X509 *cert)
{
    EVP_PKEY  *key;

    key = X509_get0_pubkey(cert);

    switch (key ? EVP_PKEY_base_id(key) : EVP_PKEY_NONE) {

    case EVP_PKEY_RSA:
        return "rsa";

    case EVP_PKEY_EC:
        return "ecdsa";

#ifdef EVP_PKEY_ED25519
    case EVP_PKEY_ED25519:
        return "ed25519";
#endif

    default:
        return "other";
    }
}


/* seconds since 1970; 0: it can't be read, or ended before */

static time_t
ngx_http_claude_certs_end(X509 *cert)
{
    int          days, seconds;
    int64_t      end;
    ASN1_TIME   *start;

    start = ASN1_TIME_set(NULL, 0);

    if (start == NULL) {
        return 0;
    }

    end = 0;

    if (ASN1_TIME_diff(&days, &seconds, start, X509_get0_notAfter(cert))) {
        end = (int64_t) days * 86400 + seconds;
    }

    ASN1_STRING_free(start);

    return ngx_max(end, 0);
}


#else

ngx_int_t
ngx_http_claude_metrics_certs(ngx_conf_t *cf,
    ngx_http_claude_metrics_main_t *main)
{
    return NGX_OK;
}

#endif
