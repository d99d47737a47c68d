/* SPDX-License-Identifier: BSD-2-Clause */
/* Loads the policy, then checks the certificates and keys that it names. */
#include "main/load.h"

#include "redis/tls.h"

struct wr_policy *wr_load(const char *file, struct wr_buf *errors)
{
    struct wr_policy *policy = wr_policy_load(file, errors);
    struct wr_buf why = { 0 };
    if (policy && policy->redis.enabled && !wr_tls_check(&policy->redis, &why)) {
        wr_buf_printf(errors, "%s: redis.tls: %.*s\n", file, WR_SLICE_ARG(wr_buf_slice(&why)));
        wr_policy_unref(policy);
        policy = NULL;
    }
    wr_buf_fini(&why);
    return policy;
}
