/* LOOK: Redis may hold it already. GATE: then the origin is next, but only for someone who may cause a fetch. */
#include "flight/flight_priv.h"
#include "redis/keys.h"
#include "stats/stats.h"

/* What another node is still fetching isn't kept: the next look finds it whole. */
static void remember(struct wr_flight *f, struct wr_object *object)
{
    const struct wr_shared *shared = f->tenure->worker->shared;
    if (shared->memory == NULL || f->read.arriving || (object->flow && wr_flow_state(object->flow) != WR_FLOW_WHOLE))
        return;
    struct wr_span keep = wr_rules_keep(&f->order.route->cache, object, f->loop->now);
    if (wr_memory_put(shared->memory, object, wr_time_add(f->loop->mono, keep)) && object->vary_values.at &&
        f->order.marker)
        wr_memory_add_variant(shared->memory, f->order.marker, object->hash);
    struct wr_buf name = { 0 };
    wr_keys_cache(&name, &f->tenure->policy->redis, object->host, object->hash);
    if (wr_herald_changed_since(shared->herald, wr_buf_slice(&name), f->look_sent) ||
        __atomic_load_n(&f->spoiled, __ATOMIC_ACQUIRE))
        wr_memory_drop_if(shared->memory, object); /* the news that it is old, or purged, has overtaken it */
    wr_buf_fini(&name);
}

static void on_more(struct wr_reader *keeper)
{
    struct wr_flight *f = WR_CONTAINER(keeper, struct wr_flight, keeper);
    enum wr_flow_state state = wr_flow_state(keeper->flow);
    if (state == WR_FLOW_ARRIVING)
        return;
    if (state == WR_FLOW_WHOLE)
        remember(f, f->news.object);
    wr_flight_go(f, WR_FLIGHT_DONE);
}

/* What comes in pieces and fits into our memory is waited for, so that the next hit finds it there. */
static bool keep(struct wr_flight *f, struct wr_object *object)
{
    bool wanted = f->tenure->worker->shared->memory && !f->read.arriving && wr_flow_state(object->flow) == WR_FLOW_ARRIVING &&
                  wr_flow_kept(object->flow);
    if (!wanted || !wr_reader_open(&f->keeper, object->flow, f->loop, 0, on_more))
        return false;
    wr_flights_close(f->tenure->worker->shared->flights, f);
    return true;
}

/* Something validated since this flight began is as good as validating it ourselves. */
static bool newer_than_flight(const struct wr_flight *f, const struct wr_object *object)
{
    return !wr_time_before(object->meta.request_time, f->started) && !f->rules.no_store;
}

/* Is this an answer for the flight's audience, or does the origin have to be asked first? */
static bool good_enough(const struct wr_flight *f, enum wr_reuse reuse, const struct wr_object *object)
{
    switch (reuse) {
    case WR_REUSE_FRESH:
        return true;
    case WR_REUSE_EARLY:
    case WR_REUSE_STALE_SERVE:
    case WR_REUSE_STALE_ASKED:
        return !f->behind;
    default:
        return newer_than_flight(f, object) && wr_rules_collapses(object);
    }
}

static enum wr_flight_stage found_response(struct wr_flight *f, struct wr_object *object, enum wr_flight_stage miss)
{
    const struct wr_object *stale = f->order.stale;
    if (!f->order.look_first && stale && stale->meta.version == object->meta.version) {
        wr_object_unref(object); /* it is to be refreshed: only another one is news */
        return miss;
    }
    enum wr_reuse reuse = wr_rules_reuse(&f->order.route->cache, &f->rules, object, f->loop->now, 1.0);
    if (f->read.arriving && reuse != WR_REUSE_FRESH) {
        wr_object_unref(object); /* there is nothing to validate yet */
        return miss;
    }
    if (reuse == WR_REUSE_NOT) { /* what this request gets instead must not take its place */
        wr_object_unref(object);
        wr_flight_tell_end(f, WR_VERDICT_NOT_SHAREABLE, WR_OK);
        return WR_FLIGHT_DONE;
    }
    if (!good_enough(f, reuse, object)) {
        wr_object_unref(f->order.stale);
        f->order.stale = object;
        wr_flight_tell_found(f, object);
        return miss;
    }
    struct wr_news news = { .verdict = WR_VERDICT_OBJECT, .object = object, .from_store = true };
    if (f->order.marker)
        news.marker = wr_object_ref(f->order.marker);
    enum wr_flight_stage next = keep(f, object) ? WR_FLIGHT_WAIT : WR_FLIGHT_DONE;
    wr_flight_tell(f, news, false);
    return next;
}

enum wr_flight_stage wr_flight_found(struct wr_flight *f, struct wr_object *object, enum wr_flight_stage miss)
{
    bool passes;
    remember(f, object);
    switch (object->meta.kind) {
    case WR_OBJECT_VARY:
        wr_flight_tell(f, (struct wr_news){ .verdict = WR_VERDICT_AGAIN, .object = object }, false);
        return WR_FLIGHT_DONE;
    case WR_OBJECT_PASS:
        passes = wr_rules_passes(&f->rules, object);
        wr_object_unref(object);
        if (!passes)
            return miss;
        wr_flight_tell_end(f, WR_VERDICT_NOT_SHAREABLE, WR_OK);
        return WR_FLIGHT_DONE;
    default:
        WR_COUNT(redis_hits);
        return found_response(f, object, miss);
    }
}

static void on_known(struct wr_flight *f, struct wr_object *object)
{
    wr_flight_go(f, object ? wr_flight_found(f, object, WR_FLIGHT_GATE) : WR_FLIGHT_GATE);
}

static void on_read(struct wr_shelf_read *read, enum wr_err err, struct wr_object *object)
{
    struct wr_flight *f = WR_CONTAINER(read, struct wr_flight, read);
    /* away or late reads as a miss: it costs sharing, not the answer */
    f->redis_late = err == WR_ERR_TIMEOUT;
    wr_flight_verify(f, object, on_known);
}

/* Of several parts at once the whole is needed: they may stand in any order. */
bool wr_flight_wants_part(const struct wr_flight *f)
{
    const struct wr_field *range = wr_head_get(&f->request, WR_F_RANGE);
    return range && memchr(range->value.at, ',', range->value.len) == NULL;
}

enum wr_flight_stage wr_flight_look(struct wr_flight *f)
{
    struct wr_shelf *shelf = f->tenure->worker->shelf;
    if (shelf == NULL)
        return WR_FLIGHT_GATE;
    f->read.done = on_read;
    f->read.mark = NULL; /* if it comes to a fetch, it looks again */
    f->read.early = false;
    f->read.part = wr_flight_wants_part(f);
    f->look_sent = f->loop->mono;
    if (wr_shelf_get(shelf, &f->read, f->order.key.host, f->order.key.hash, f->order.key.text) != WR_OK)
        return WR_FLIGHT_GATE;
    return WR_FLIGHT_WAIT;
}

enum wr_flight_stage wr_flight_gate(struct wr_flight *f)
{
    wr_flight_tell_looked(f);
    if (wr_flight_has_admitted(f))
        return WR_FLIGHT_LOCK;
    return wr_flight_has_audience(f) ? WR_FLIGHT_WAIT : WR_FLIGHT_DONE;
}
