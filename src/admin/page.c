/* SPDX-License-Identifier: BSD-2-Clause */
/* The page at /: one document that loads nothing from elsewhere. Its script and style carry a number that is
 * used once, which the Content-Security-Policy names. */
#include "admin/admin_priv.h"
#include "base/rand.h"

static const char page[] =
#include "admin/page_text.h"
    ;

#define NONCE_MARK "@NONCE@" /* where page.html wants the number */
#define NONCE_BYTES 16

void wr_admin_page(struct wr_admin *a, struct evhttp_request *req)
{
    char nonce[2 * NONCE_BYTES + 1], policy[256];
    struct wr_buf body = { 0 };
    (void) a;
    wr_rand_token(nonce, NONCE_BYTES);
    const char *rest = page;
    for (const char *mark; (mark = strstr(rest, NONCE_MARK)) != NULL; rest = mark + strlen(NONCE_MARK)) {
        wr_buf_add(&body, rest, (size_t) (mark - rest));
        wr_buf_add_str(&body, nonce);
    }
    wr_buf_add_str(&body, rest);
    snprintf(policy, sizeof policy,
             "default-src 'none'; connect-src 'self'; script-src 'nonce-%s'; style-src 'nonce-%s'; base-uri "
             "'none'; "
             "form-action 'none'; frame-ancestors 'none'",
             nonce, nonce);
    struct evkeyvalq *fields = evhttp_request_get_output_headers(req);
    evhttp_add_header(fields, "Content-Security-Policy", policy);
    evhttp_add_header(fields, "Referrer-Policy", "no-referrer");
    wr_admin_answer(req, 200, "text/html; charset=utf-8", &body);
}
