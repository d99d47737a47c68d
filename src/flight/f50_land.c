/* LAND: the response is whole. Into the stores with it, word to the other nodes, the lock let go. */
#include "flight/flight_priv.h"
#include "stats/stats.h"

/* The object as it is to be stored: its length known, no slack in its memory, nothing that was for one client only. One
 * reference to the caller. */
static struct wr_object *final_object(struct wr_flight *f)
{
    struct wr_object *o = f->built;
    struct wr_flow *tight = wr_flow_compact(o->flow);
    uint64_t length = wr_flow_length(o->flow);
    struct wr_object *final;
    if (tight == o->flow && o->meta.length == length && o->first_only.len == 0) {
        final = wr_object_ref(o);
    } else {
        struct wr_object like = *o;
        like.meta.length = length;
        like.first_only = wr_slice(NULL, 0);
        final = wr_object_new(&like, tight);
    }
    wr_flow_unref(tight);
    final->checked = f->loop->mono;
    final->own = f->tenure->worker->shelf != NULL;
    return final;
}

/* The marker that leads to it, if it is a variant. */
static const struct wr_object *marker_of(const struct wr_flight *f, const struct wr_object *o)
{
    return o->vary_values.at ? f->order.marker : NULL;
}

static void remember(struct wr_flight *f, struct wr_object *o, struct wr_span keep)
{
    struct wr_memory *memory = f->tenure->worker->shared->memory;
    if (wr_memory_put(memory, o, wr_time_add(f->loop->mono, keep)) && marker_of(f, o))
        wr_memory_add_variant(memory, marker_of(f, o), o->hash);
}

static void share(struct wr_flight *f, struct wr_object *o, struct wr_span keep)
{
    struct wr_shelf *shelf = f->tenure->worker->shelf;
    wr_shelf_put(shelf, o, keep, NULL, NULL);
    if (marker_of(f, o))
        wr_shelf_add_variant(shelf, marker_of(f, o), o, keep);
}

void wr_flight_put(struct wr_flight *f, struct wr_object *o)
{
    struct wr_worker *worker = f->tenure->worker;
    struct wr_span keep = wr_rules_keep(&f->order.route->cache, o, f->loop->now);
    if (keep.us <= 0)
        return;
    if (worker->shared->memory)
        remember(f, o, keep);
    if (worker->shelf)
        share(f, o, keep);
}

enum wr_flight_stage wr_flight_land(struct wr_flight *f)
{
    bool spoiled = __atomic_load_n(&f->spoiled, __ATOMIC_RELAXED);
    if (f->storing != WR_STORE)
        return WR_FLIGHT_DONE;
    if (wr_flow_state(f->built->flow) != WR_FLOW_WHOLE)
        return WR_FLIGHT_DONE; /* a 304 for a large object that is still coming out of Redis */
    if (!wr_flow_kept(f->built->flow)) {
        if (!f->alone)
            wr_flight_leave_pass_marker(f); /* it grew over what a store takes */
        wr_flight_unlock(f, "pass");
        return WR_FLIGHT_DONE;
    }
    if (!spoiled) {
        struct wr_object *final = final_object(f);
        if (f->new_marker && f->tenure->worker->shelf)
            wr_shelf_put(f->tenure->worker->shelf, f->new_marker,
                         wr_rules_keep(&f->order.route->cache, f->new_marker, f->loop->now), NULL, NULL);
        wr_flight_put(f, final);
        wr_object_unref(final);
        WR_COUNT(stored);
    }
    wr_flight_unlock(f, spoiled ? "failed" : "stored");
    return WR_FLIGHT_DONE;
}
