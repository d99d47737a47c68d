/* ROUTE: which route of the policy. */
#include "txn/txn.h"

enum wr_txn_stage wr_txn_route_enter(struct wr_txn *t)
{
    t->host = wr_head_host_name(&t->head, &t->arena);
    t->route = wr_policy_route(t->tenure->policy, t->host, t->head.path, t->head.method_text);
    if (t->route == NULL)
        return wr_txn_refuse(t, WR_ERR_NO_ROUTE, NULL);
    return WR_TXN_IDENTIFY;
}

enum wr_txn_stage wr_txn_route_resume(struct wr_txn *t)
{
    (void) t;
    return WR_TXN_WAIT;
}
