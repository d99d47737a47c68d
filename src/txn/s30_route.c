/* SPDX-License-Identifier: BSD-2-Clause */
/* ROUTE: finds the route of the policy, and refuses what goes no further than here: PURGE, requests that go
 * round, clients that the route doesn't let in. */
#include "txn/txn.h"

#define MOST_PASSES 5 /* a request that has been here so often is refused (508) */

/* A request may pass this proxy a few times, over several routes. If it comes more often, a route leads to
 * weir itself. */
static bool goes_round(const struct wr_txn *t)
{
    struct wr_slice own = t->worker->shared->via[1]; /* "1.1 name" */
    wr_slice_cut(&own, ' ');
    return wr_head_via_count(&t->head, own) >= MOST_PASSES;
}

/* Finds the route. Returns false if a path takes too long to match. */
static bool find_route(struct wr_txn *t)
{
    t->host = wr_policy_host(t->head.host, &t->arena);
    struct wr_route_ask asked = {
        .host = t->host,
        .path = wr_policy_path(t->head.path, &t->arena),
        .method = t->head.method_text,
        .head = &t->head,
        .client = t->client_addr,
        .arena = &t->arena,
    };
    t->route = wr_policy_route_of(t->worker_policy->policy, &asked);
    return !asked.broken;
}

enum wr_txn_stage wr_txn_route_enter(struct wr_txn *t)
{
    bool found = find_route(t);
    if (t->head.method == WR_METHOD_PURGE)
        return wr_txn_purge(t);
    uint64_t left;
    if (wr_head_max_forwards(&t->head, &left) && left == 0)
        return t->head.method == WR_METHOD_OPTIONS
                   ? wr_txn_refuse(t, WR_ERR_MAX_FORWARDS, NULL)
                   : wr_txn_refuse(t, WR_ERR_NOT_IMPLEMENTED,
                                   "Max-Forwards ends a TRACE here, and this proxy echoes none");
    if (goes_round(t))
        return wr_txn_refuse(t, WR_ERR_LOOP, NULL);
    if (!found)
        return wr_txn_refuse(t, WR_ERR_BAD_REQUEST, "its path takes too long to compare with path_regex");
    if (t->route == NULL)
        return wr_txn_refuse(t, WR_ERR_NO_ROUTE, NULL);
    if (!wr_policy_lets_in(t->route, t->client_addr))
        return wr_txn_refuse(t, WR_ERR_FORBIDDEN, "the route does not admit this address (allow, deny)");
    return t->route->request.any ? WR_TXN_EDIT : WR_TXN_LIMIT;
}

/* Only PURGE waits in this stage. */
enum wr_txn_stage wr_txn_route_resume(struct wr_txn *t)
{
    return wr_txn_purged(t);
}
