/* SPDX-License-Identifier: BSD-2-Clause */
/* A build without TLS. The policy refuses rediss:// (wr_read_redis_url), so none of these functions is ever
 * called. */
#include "base/check.h"
#include "redis/tls_priv.h"

bool wr_tls_check(const struct wr_policy_redis *policy, struct wr_buf *why)
{
    (void) why;
    return !policy->tls;
}

struct wr_tls *wr_tls_new(const struct wr_policy_redis *policy, struct wr_buf *why)
{
    (void) policy;
    wr_buf_add_str(why, "this build has no TLS");
    return NULL;
}

void wr_tls_free(struct wr_tls *tls)
{
    WR_CHECK(tls == NULL);
}

bool wr_tls_begin(struct wr_tls *tls, struct redisContext *ctx)
{
    (void) ctx;
    WR_CHECK(tls != NULL);
    return false;
}

void wr_tls_end(struct wr_tls *tls)
{
    WR_CHECK(tls == NULL);
}

void wr_tls_forget_errors(void)
{
}

bool wr_tls_wants_read(const struct wr_tls *tls)
{
    return tls != NULL;
}

bool wr_tls_wants_write(const struct wr_tls *tls)
{
    return tls != NULL;
}

bool wr_tls_holds_more(const struct wr_tls *tls)
{
    return tls != NULL;
}

struct wr_slice wr_tls_why(const struct wr_tls *tls)
{
    (void) tls;
    return wr_slice(NULL, 0);
}
