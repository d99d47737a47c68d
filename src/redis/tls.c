/* SPDX-License-Identifier: BSD-2-Clause */
/* TLS to Redis through hiredis_ssl and OpenSSL. Checks both a certificate's chain and its name. */
#include <arpa/inet.h>
#include <hiredis.h>
#include <hiredis_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "base/check.h"
#include "redis/tls_priv.h"

struct wr_tls {
    SSL_CTX *context;
    const char *server; /* the name that the certificate must have */
    SSL *ssl;           /* of the present connection; hiredis's context owns it */
    long verdict;       /* on the certificate of one that failed to begin */
};

/* --- what connections are made with --- */

/* Never asks for a passphrase: there is no person at a terminal. */
static int no_passphrase(char *out, int size, int writing, void *ctx)
{
    (void) out;
    (void) size;
    (void) writing;
    (void) ctx;
    return 0;
}

static bool fail(struct wr_buf *why, const char *what, const char *file)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    wr_buf_printf(why, "%s%s%s: %s", what, file ? " " : "", file ? file : "",
                  reason ? reason : "no reason given");
    return false;
}

static bool believe(SSL_CTX *context, const struct wr_policy_redis *p, struct wr_buf *why)
{
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    if (p->tls_ca == NULL)
        return SSL_CTX_set_default_verify_paths(context) == 1 ||
               fail(why, "can't use the system's authorities", NULL);
    return SSL_CTX_load_verify_locations(context, p->tls_ca, NULL) == 1 ||
           fail(why, "ca: can't use", p->tls_ca);
}

static bool show(SSL_CTX *context, const struct wr_policy_redis *p, struct wr_buf *why)
{
    if (p->tls_certificate == NULL)
        return true;
    SSL_CTX_set_default_passwd_cb(context, no_passphrase);
    if (SSL_CTX_use_certificate_chain_file(context, p->tls_certificate) != 1)
        return fail(why, "certificate: can't use", p->tls_certificate);
    if (SSL_CTX_use_PrivateKey_file(context, p->tls_key, SSL_FILETYPE_PEM) != 1)
        return fail(why, "key: can't use", p->tls_key);
    return SSL_CTX_check_private_key(context) == 1 || fail(why, "key: is not the certificate's:", p->tls_key);
}

struct wr_tls *wr_tls_new(const struct wr_policy_redis *policy, struct wr_buf *why)
{
    struct wr_tls *tls = calloc(1, sizeof *tls);
    WR_CHECK(tls != NULL);
    ERR_clear_error();
    tls->server = policy->tls_server_name ? policy->tls_server_name : policy->address.host;
    tls->context = SSL_CTX_new(TLS_client_method());
    WR_CHECK(tls->context != NULL && SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION) == 1);
    /* Redis ends TLS without close_notify; its protocol itself tells whether a reply is complete. */
    SSL_CTX_set_options(tls->context, SSL_OP_IGNORE_UNEXPECTED_EOF);
    if (believe(tls->context, policy, why) && show(tls->context, policy, why))
        return tls;
    wr_tls_free(tls);
    return NULL;
}

void wr_tls_free(struct wr_tls *tls)
{
    if (tls == NULL)
        return;
    SSL_CTX_free(tls->context);
    free(tls);
}

bool wr_tls_check(const struct wr_policy_redis *policy, struct wr_buf *why)
{
    if (!policy->tls)
        return true;
    struct wr_tls *tls = wr_tls_new(policy, why);
    wr_tls_free(tls);
    return tls != NULL;
}

/* --- a connection --- */

static bool expect_server(SSL *ssl, const char *server)
{
    unsigned char bytes[16];
    bool digits = inet_pton(AF_INET, server, bytes) == 1 || inet_pton(AF_INET6, server, bytes) == 1;
    if (digits)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), server) == 1;
    return SSL_set1_host(ssl, server) == 1 && SSL_set_tlsext_host_name(ssl, server) == 1;
}

bool wr_tls_begin(struct wr_tls *tls, struct redisContext *ctx)
{
    SSL *ssl = SSL_new(tls->context);
    WR_CHECK(ssl != NULL && expect_server(ssl, tls->server));
    tls->verdict = X509_V_OK;
    if (redisInitiateSSL(ctx, ssl) != REDIS_OK) {
        tls->verdict = SSL_get_verify_result(ssl);
        SSL_free(ssl);
        return false;
    }
    tls->ssl = ssl;
    return true;
}

void wr_tls_end(struct wr_tls *tls)
{
    if (tls)
        tls->ssl = NULL;
}

void wr_tls_forget_errors(void)
{
    ERR_clear_error();
}

bool wr_tls_wants_read(const struct wr_tls *tls)
{
    return tls->ssl && SSL_want_read(tls->ssl);
}

bool wr_tls_wants_write(const struct wr_tls *tls)
{
    return tls->ssl && SSL_want_write(tls->ssl);
}

bool wr_tls_holds_more(const struct wr_tls *tls)
{
    return tls->ssl && SSL_pending(tls->ssl) > 0;
}

struct wr_slice wr_tls_why(const struct wr_tls *tls)
{
    unsigned long error = ERR_peek_last_error();
    long verdict = tls->ssl ? SSL_get_verify_result(tls->ssl) : tls->verdict;
    const char *text = error ? ERR_reason_error_string(error) : NULL;
    if (verdict != X509_V_OK)
        text = X509_verify_cert_error_string(verdict);
    return text ? wr_slice_str(text) : wr_slice(NULL, 0);
}
