/* LAND: the response is whole. Into the stores with it, word to the other nodes, the lock let go. */
#include <stdlib.h>

#include "flight/flight_priv.h"
#include "stats/stats.h"

/* The object as it is to be stored: its length and generations known, no slack in its memory. One reference to the caller. */
static struct wr_object *final_object(struct wr_flight *f, uint64_t epoch, bool proven)
{
    struct wr_object like = *f->built;
    struct wr_flow *tight = wr_flow_compact(like.flow);
    like.meta.length = wr_flow_length(like.flow);
    like.generations = wr_buf_slice(&f->stamp);
    like.gens_epoch = epoch;
    like.unproven = !proven;
    struct wr_object *final = wr_object_new(&like, tight);
    wr_flow_unref(tight);
    final->checked = wr_flight_began(f);
    final->own = f->tenure->worker->shelf != NULL;
    return final;
}

/* --- into the stores --- */

struct written {
    struct wr_memory *memory;
    struct wr_object *object;
};

/* Purged on another node while it was fetched here: then it isn't for our memory either. */
static void on_written(void *ctx, enum wr_err err)
{
    struct written *w = ctx;
    if (err == WR_ERR_PURGED)
        wr_memory_drop_if(w->memory, w->object);
    wr_object_unref(w->object);
    free(w);
}

void wr_flight_put(struct wr_flight *f, struct wr_object *o, struct wr_span keep, bool proven)
{
    struct wr_worker *worker = f->tenure->worker;
    struct wr_memory *memory = worker->shared->memory;
    if (memory)
        wr_memory_put(memory, o, wr_time_add(f->loop->mono, keep));
    if (worker->shelf == NULL || !proven)
        return;
    struct written *w = NULL;
    if (memory) {
        w = malloc(sizeof *w);
        WR_CHECK(w != NULL);
        *w = (struct written){ memory, wr_object_ref(o) };
    }
    wr_shelf_put(worker->shelf, o, keep, w ? on_written : NULL, w);
}

static struct wr_span keep_of(const struct wr_flight *f, const struct wr_object *o)
{
    return wr_rules_keep(&f->order.route->cache, o, f->loop->now);
}

/* --- generations --- */

static void on_learnt(struct wr_gens_ask *ask)
{
    struct wr_flight *f = WR_CONTAINER(ask, struct wr_flight, gens_ask);
    if (f->stage == WR_FLIGHT_LAND)
        wr_flight_go(f, WR_FLIGHT_LAND);
}

static bool learn(struct wr_flight *f)
{
    struct wr_worker *worker = f->tenure->worker;
    f->gens_ask.done = on_learnt;
    return wr_gens_learn(worker->shared->gens, worker->link, f->built, keep_of(f, f->built), wr_flight_began(f), &f->gens_ask);
}

void wr_flight_learn(struct wr_flight *f)
{
    bool asks = learn(f);
    (void) asks; /* LAND looks whether it is there */
}

/* Stores it, unless it has been purged since its fetch began. */
static void store(struct wr_flight *f, uint64_t epoch, bool proven)
{
    struct wr_object *final = final_object(f, epoch, proven);
    struct wr_span keep = keep_of(f, final);
    if (f->new_marker)
        wr_flight_put(f, f->new_marker, keep_of(f, f->new_marker), true);
    if (keep.us > 0)
        wr_flight_put(f, final, keep, proven);
    wr_object_unref(final);
    WR_COUNT(stored);
}

enum wr_flight_stage wr_flight_land(struct wr_flight *f)
{
    struct wr_gens *gens = f->tenure->worker->shared->gens;
    if (f->alone || f->storing != WR_STORE)
        return WR_FLIGHT_DONE;
    if (wr_flow_state(f->built->flow) != WR_FLOW_WHOLE)
        return WR_FLIGHT_DONE; /* a 304 for a large object that is still coming out of Redis */
    if (!wr_flow_kept(f->built->flow)) {
        wr_flight_leave_pass_marker(f); /* it grew over what a store takes */
        wr_flight_unlock(f, "pass");
        return WR_FLIGHT_DONE;
    }
    if (wr_gens_pending(&f->gens_ask))
        return WR_FLIGHT_WAIT;
    uint64_t epoch = wr_gens_epoch(gens);
    wr_buf_clear(&f->stamp);
    enum wr_gens_state state = wr_gens_stamp(gens, f->built, wr_flight_began(f), &f->stamp);
    if (state == WR_GENS_UNKNOWN && !f->stamp_asked) {
        f->stamp_asked = true;
        if (learn(f))
            return WR_FLIGHT_WAIT;
    }
    bool spoiled = state == WR_GENS_GONE || __atomic_load_n(&f->spoiled, __ATOMIC_ACQUIRE);
    if (!spoiled)
        store(f, epoch, state == WR_GENS_CURRENT);
    wr_flight_unlock(f, spoiled ? "failed" : "stored");
    return WR_FLIGHT_DONE;
}
