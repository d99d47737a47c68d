/* SPDX-License-Identifier: BSD-2-Clause */
/* ROUTE: finds the route of the policy. If there is none, IDENTIFY answers that: the log needs the client's
 * address, and PURGE has rules of its own. */
#include "txn/txn.h"

enum wr_txn_stage wr_txn_route_enter(struct wr_txn *t)
{
    t->host = wr_policy_host(t->head.host, &t->arena);
    t->route = wr_policy_route(t->worker_policy->policy, t->host, wr_policy_path(t->head.path, &t->arena),
                               t->head.method_text);
    return WR_TXN_IDENTIFY;
}

enum wr_txn_stage wr_txn_route_resume(struct wr_txn *t)
{
    (void) t;
    return WR_TXN_WAIT;
}
