/* SPDX-License-Identifier: BSD-2-Clause */
/* Loads the policy, then checks the certificates and keys that it names, and runs its tests. */
#include "main/load.h"

#include "main/policy_tests.h"
#include "redis/tls.h"

struct wr_policy *wr_load(const char *file, struct wr_remarks *findings)
{
    struct wr_policy *policy = wr_policy_read(file, findings);
    struct wr_buf why = { 0 };
    if (policy && policy->redis.enabled && !wr_tls_check(&policy->redis, &why))
        wr_remarks_add(findings, WR_SEVERITY_ERROR, file, 1, 1, "redis.tls: %.*s",
                       WR_SLICE_ARG(wr_buf_slice(&why)));
    if (policy)
        wr_policy_tests_run(policy, findings);
    wr_buf_fini(&why);
    if (findings->errors) {
        wr_policy_unref(policy);
        policy = NULL;
    }
    return policy;
}
