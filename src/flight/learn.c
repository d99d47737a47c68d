/* SPDX-License-Identifier: BSD-2-Clause */
/* Uses the answer to a HEAD for the stored response to a GET (RFC 9111 4.3.5). If the two differ, the stored
 * response becomes stale, and nothing else: it stays, as it may yet be validated or served while the origin
 * fails; and it gets no field of the answer, as those were made for the client that sent the HEAD. An answer
 * for one client only (private, no-store, Set-Cookie) tells nothing of what others get. */
#include "flight/flight_priv.h"

/* Could the response with this head be stored, if a GET had fetched it? */
static bool storable(const struct wr_flight *f, const struct wr_head *head)
{
    struct wr_head get = f->request;
    struct wr_meta meta;
    const char *detail;
    get.method = WR_METHOD_GET;
    return wr_rules_store(&f->order.route->cache, &get, &f->rules, head, f->exchange->sent,
                          f->exchange->answered, 0, &meta, &detail) == WR_STORE;
}

/* How far apart two workers may read the age of one object, as each knows Redis's clock only to within a
 * round trip. */
#define AGE_MAY_ERR WR_SPAN_S(1)

/* A copy of the stored object that is stale for everybody: its freshness has ended so long ago that no worker
 * reads it as fresh. The lifetime stays over 0, as an object without any lifetime is used for nothing without
 * validation, and the least age is raised to it. Returns a reference for the caller. */
static struct wr_object *ended(struct wr_flight *f, const struct wr_object *stored)
{
    struct wr_object like = wr_object_facts(stored);
    int64_t until = wr_object_age(stored, f->loop->now).us - AGE_MAY_ERR.us;
    like.meta.lifetime.us = until > 1 ? until : 1;
    like.meta.initial_age.us += 1;
    like.checked = wr_flight_began(f);
    like.own = f->worker_policy->worker->redis_store != NULL;
    like.in_redis = false;
    return wr_object_new(&like, stored->flow);
}

void wr_flight_learn(struct wr_flight *f, const struct wr_head *head)
{
    const struct wr_object *stored = f->order.stale;
    if (stored == NULL || head->status != 200 || f->rules.no_store ||
        wr_object_freshness(stored, f->loop->now).us <= 0 || wr_flow_state(stored->flow) != WR_FLOW_WHOLE ||
        !wr_flow_kept(stored->flow))
        return;
    if (wr_build_describes(head, stored) || !storable(f, head))
        return;
    struct wr_object *o = ended(f, stored);
    wr_flight_put(f, o);
    wr_object_unref(o);
}
