/* ROUTE: which route of the policy. */
#include "txn/txn.h"

/* The authority without its port, lower case. */
static struct wr_slice host_name(struct wr_txn *t)
{
    struct wr_slice h = t->head.host;
    if (h.len > 0 && h.at[0] == '[') {
        const char *end = memchr(h.at, ']', h.len);
        if (end)
            h.len = (size_t) (end - h.at) + 1;
    } else if (h.len > 0) {
        const char *colon = memchr(h.at, ':', h.len);
        if (colon)
            h.len = (size_t) (colon - h.at);
    }
    char *lower = wr_arena_alloc(&t->arena, h.len + 1);
    for (size_t i = 0; i < h.len; i++)
        lower[i] = wr_lower(h.at[i]);
    return wr_slice(lower, h.len);
}

enum wr_txn_stage wr_txn_route_enter(struct wr_txn *t)
{
    t->host = host_name(t);
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
