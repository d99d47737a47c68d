/* What the answer to a HEAD tells of the stored response to a GET: updated by it, or dropped (RFC 9111 4.3.5). One that is nobody
 * else's (private, no-store, a cookie that is set) tells nothing of what others get. */
#include "base/rand.h"
#include "flight/flight_priv.h"

void wr_flight_forget(struct wr_flight *f, struct wr_slice host, struct wr_hash hash)
{
    struct wr_worker *worker = f->tenure->worker;
    if (worker->shared->memory)
        wr_memory_drop(worker->shared->memory, hash);
    if (worker->shelf)
        wr_shelf_drop(worker->shelf, host, hash);
}

/* Might what has this head be stored, if a GET had brought it? */
static bool storable(struct wr_flight *f, const struct wr_head *head, struct wr_meta *meta)
{
    struct wr_head get = f->request;
    const char *detail;
    get.method = WR_METHOD_GET;
    return wr_rules_store(&f->order.route->cache, &get, &f->rules, head, f->exchange->sent, f->exchange->answered, wr_rand_unit(), meta,
                          &detail) == WR_STORE;
}

/* NULL: it may not be stored any more. One reference. */
static struct wr_object *updated(struct wr_flight *f, struct wr_object *stored, const struct wr_head *head)
{
    struct wr_head merged;
    struct wr_meta meta;
    wr_build_merged_head(stored, head, &f->arena, &merged);
    if (!storable(f, &merged, &meta) || !wr_flight_same_choice(f, stored, &merged))
        return NULL;
    meta.length = stored->meta.length;
    meta.version = wr_rand_u64();
    struct wr_object *o = wr_build_updated(stored, &meta, head, f->tenure->worker->shared->via[head->minor]);
    o->checked = wr_flight_began(f);
    o->own = f->tenure->worker->shelf != NULL;
    return o;
}

void wr_flight_learn(struct wr_flight *f, const struct wr_head *head)
{
    struct wr_object *stored = f->order.stale;
    struct wr_meta meta;
    if (stored == NULL || head->status != 200 || f->rules.no_store || wr_flow_state(stored->flow) != WR_FLOW_WHOLE || !wr_flow_kept(stored->flow))
        return;
    if (!storable(f, head, &meta))
        return;
    struct wr_object *o = wr_build_describes(head, stored) ? updated(f, stored, head) : NULL;
    if (o == NULL) {
        wr_flight_forget(f, stored->host, stored->hash);
        return;
    }
    wr_flight_put(f, o);
    wr_object_unref(o);
}
