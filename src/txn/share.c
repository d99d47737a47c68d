/* SPDX-License-Identifier: BSD-2-Clause */
/* Decides who shares a fetch: by the rules of the cache, the flight's result and the time of the request. */
#include "txn/share.h"

/* May one response serve all requests that were waiting for it, even if it is already stale for later ones
 * (RFC 9111 4)? A response that has come since the request was made is as good as validated for it, also if
 * another node fetched it and it comes out of Redis. A response that was fresh when it was sent and is still
 * coming from the origin serves every request that asks for nothing newer, however slow the content is. */
static bool shares(const struct wr_asker *a, const struct wr_flight_result *fetched)
{
    const struct wr_object *o = fetched->object;
    bool arriving = !fetched->from_store && wr_flow_state(o->flow) == WR_FLOW_ARRIVING;
    return wr_rules_came_since(o, WR_CAME_RECEIVED, a->started) ||
           (arriving && wr_rules_shares_arriving(a->rules, o));
}

bool wr_share_suits(const struct wr_asker *a, const struct wr_flight_result *fetched)
{
    const struct wr_object *o = fetched->object;
    if (fetched->leader)
        return true;
    if (fetched->stale)
        return fetched->fwd_status ? wr_rules_stale_if_error(a->policy, a->rules, o, a->now)
                                   : wr_rules_stale_if_unreachable(a->policy, a->rules, o, a->now);
    switch (wr_rules_reuse(a->policy, a->rules, o, a->now, 1.0)) {
    case WR_REUSE_NOT: /* it isn't for requests like this one: with a cookie or a password */
        return false;
    case WR_REUSE_VALIDATE:
        return shares(a, fetched);
    default:
        return true;
    }
}

bool wr_share_was_waited_for(const struct wr_asker *a, const struct wr_flight_result *fetched)
{
    return wr_rules_reuse(a->policy, a->rules, fetched->object, a->now, 1.0) == WR_REUSE_VALIDATE &&
           shares(a, fetched);
}

bool wr_share_found_will_do(const struct wr_asker *a, const struct wr_object *found)
{
    if (found == NULL)
        return false;
    switch (wr_rules_reuse(a->policy, a->rules, found, a->now, 1.0)) {
    case WR_REUSE_VALIDATE:
    case WR_REUSE_NOT:
        return false;
    default:
        return true;
    }
}

enum wr_fwd wr_share_fwd(enum wr_fwd fwd, const struct wr_flight_result *fetched)
{
    if (!fetched->held || (fwd != WR_FWD_URI_MISS && fwd != WR_FWD_VARY_MISS))
        return fwd;
    return fetched->held_fresh ? WR_FWD_REQUEST : WR_FWD_STALE;
}
