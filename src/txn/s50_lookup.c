/* SPDX-License-Identifier: BSD-2-Clause */
/* LOOKUP: finds out whether a response is stored here and may be used. If not, it starts a flight for this
 * request alone or boards one that others share. */
#include "base/rand.h"
#include "stats/stats.h"
#include "store/passes.h"
#include "txn/txn.h"

#define MAX_AGAIN 4 /* look-ups; Vary that changes with every one isn't shared */

struct wr_flight_order wr_txn_order(struct wr_txn *t)
{
    struct wr_flight_order order = {
        .worker_policy = t->worker_policy,
        .route = t->route,
        .request = &t->head,
        .rules = &t->rules,
        .key = t->key,
        .primary = t->primary,
        .vary_values = t->vary_values,
        .marker = t->marker,
        .stale = t->stale,
        .request_id = wr_txn_request_id(t),
        .body = t->upload,
        .body_chunked = t->head.framing == WR_FRAMING_CHUNKED,
    };
    if (t->tunnel)
        order.upgrade = *t->tunnel;
    wr_txn_forwarded(t, &order);
    return order;
}

void wr_txn_on_result(struct wr_waiter *a)
{
    wr_txn_wake(WR_CONTAINER(a, struct wr_txn, waiter));
}

static void on_interim(struct wr_waiter *a, const struct wr_head *head)
{
    struct wr_txn *t = WR_CONTAINER(a, struct wr_txn, waiter);
    if (t->head.minor >= 1 && t->conn)
        wr_txn_send_interim(t, head);
}

/* --- starting or boarding a flight --- */

enum wr_txn_stage wr_txn_fetch_alone(struct wr_txn *t, enum wr_fwd fwd)
{
    if (t->rules.only_if_cached && t->route->cache.enabled)
        return wr_txn_refuse(t, WR_ERR_ONLY_IF_CACHED, NULL);
    t->fwd = fwd;
    if (wr_txn_wait_for_memory(t))
        return WR_TXN_WAIT;
    t->fetch = WR_FETCH_ALONE;
    if (t->limit == WR_LIMIT_PENDING || wr_txn_awaits_body(t))
        return WR_TXN_FOLLOW; /* it starts the flight once the limit has admitted the request and enough of
                                 the body has come */
    struct wr_flight_order order = wr_txn_order(t);
    t->waiter.notify = wr_txn_on_result;
    t->waiter.interim = on_interim;
    wr_flight_alone(&t->waiter, &order);
    return WR_TXN_FOLLOW;
}

/* A flight asks with GET. So HEAD goes to the origin by itself, and only-if-cached doesn't at all. */
bool wr_txn_may_fetch(const struct wr_txn *t)
{
    return t->head.method != WR_METHOD_HEAD && !t->rules.only_if_cached;
}

static enum wr_txn_stage embark(struct wr_txn *t, enum wr_fwd fwd, bool look_first, bool solo)
{
    t->fwd = fwd;
    struct wr_flight_order order = wr_txn_order(t);
    order.look_first = look_first;
    order.copy = look_first ? t->copy : NULL;
    order.body = NULL;
    t->waiter.notify = wr_txn_on_result;
    t->waiter.interim = on_interim;
    bool admitted = t->limit != WR_LIMIT_PENDING && wr_txn_may_fetch(t);
    if (solo)
        wr_flight_solo(&t->waiter, &order, admitted);
    else
        wr_flight_board(&t->waiter, &order, admitted);
    return WR_TXN_FOLLOW;
}

/* Does the request want the whole response, without conditions? A part can't be stored, and a conditional
 * request may be answered with fewer bytes: such a request is sent as it came. */
static bool asks_for_all(const struct wr_head *request)
{
    static const enum wr_field_id ids[] = { WR_F_RANGE,    WR_F_IF_NONE_MATCH,       WR_F_IF_MODIFIED_SINCE,
                                            WR_F_IF_MATCH, WR_F_IF_UNMODIFIED_SINCE, WR_F_IF_RANGE };
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
        if (wr_head_get(request, ids[i]))
            return false;
    return true;
}

static enum wr_txn_stage fetch_apart(struct wr_txn *t, enum wr_fwd fwd, bool look_first)
{
    if (!wr_txn_may_fetch(t) || t->rules.no_store || !asks_for_all(&t->head))
        return wr_txn_fetch_alone(t, fwd);
    t->fetch = WR_FETCH_APART;
    return embark(t, fwd, look_first, true);
}

enum wr_txn_stage wr_txn_fetch_apart(struct wr_txn *t, enum wr_fwd fwd)
{
    return fetch_apart(t, fwd, false);
}

static enum wr_txn_stage board(struct wr_txn *t, enum wr_fwd fwd, bool look_first)
{
    bool may_fetch = wr_txn_may_fetch(t);
    if (!may_fetch && !(look_first && t->worker->redis_store))
        return wr_txn_fetch_alone(t, fwd);
    if (t->rules.no_store &&
        wr_head_get(&t->head, WR_F_RANGE)) /* nothing is stored, so no more is fetched than the range */
        return wr_txn_fetch_alone(t, fwd);
    t->fwd = fwd;
    if (wr_txn_wait_for_memory(t))
        return WR_TXN_WAIT;
    enum wr_pass pass = wr_passes_find(t->worker->shared->passes, t->key.hash, &t->rules, t->stale,
                                       t->worker->loop.now);
    if (pass != WR_PASS_NONE && may_fetch) {
        t->detail = "PASS_MARKER";
        return fetch_apart(t, fwd, look_first && pass == WR_PASS_BESIDE);
    }
    t->fetch = WR_FETCH_SHARED;
    return embark(t, fwd, look_first, !look_first && t->stale && !wr_rules_collapses(t->stale));
}

static void refresh_in_background(struct wr_txn *t, struct wr_object *object)
{
    struct wr_flight_order order = wr_txn_order(t);
    order.stale = object;
    order.body = NULL;
    wr_flight_background(&order);
}

/* --- what an object found may be used for --- */

static enum wr_txn_stage use(struct wr_txn *t, struct wr_object *object, bool stale, bool from_redis)
{
    wr_txn_answer_with(t, object, wr_result_of_find(stale, from_redis));
    t->fwd = WR_FWD_NONE; /* a reason may have been set on the way to the origin */
    return t->limit == WR_LIMIT_PENDING ? WR_TXN_WAIT : WR_TXN_DELIVER;
}

/* Is the response fresh, so that only the request doesn't accept it? */
static bool usable(const struct wr_txn *t, const struct wr_object *object)
{
    return wr_object_freshness(object, t->worker->loop.now).us > 0 && !(object->meta.flags & WR_OF_NO_CACHE);
}

/* May the object be used? A softly purged response is served while it is refreshed in the background, unless
 * its origin has forbidden to serve anything stale. */
static enum wr_reuse reuse_of(struct wr_txn *t, struct wr_object *object)
{
    enum wr_reuse reuse = wr_rules_reuse(&t->route->cache, &t->rules, object, t->worker->loop.now,
                                         wr_rand_unit());
    if ((reuse != WR_REUSE_FRESH && reuse != WR_REUSE_EARLY) ||
        wr_purges_check(t->worker->shared->purges, object) != WR_PURGE_SOFT)
        return reuse;
    return object->meta.flags & WR_OF_MUST_REVALIDATE ? WR_REUSE_VALIDATE : WR_REUSE_STALE_SERVE;
}

enum wr_txn_stage wr_txn_consider(struct wr_txn *t, struct wr_object *object, bool from_redis)
{
    switch (reuse_of(t, object)) {
    case WR_REUSE_FRESH:
        return use(t, object, false, from_redis);
    case WR_REUSE_EARLY:
        refresh_in_background(t, object);
        return use(t, object, false, from_redis);
    case WR_REUSE_STALE_SERVE:
        refresh_in_background(t, object);
        return use(t, object, true, from_redis);
    case WR_REUSE_STALE_ASKED:
        return use(t, object, true, from_redis);
    case WR_REUSE_VALIDATE:
        wr_object_unref(t->stale);
        t->stale = object;
        return board(t, usable(t, object) ? WR_FWD_REQUEST : WR_FWD_STALE, false);
    case WR_REUSE_NOT:
        break;
    }
    wr_object_unref(object); /* the response to this request must not replace it */
    return wr_txn_fetch_alone(t, WR_FWD_REQUEST);
}

/* --- looking --- */

/* Is it known that Redis still holds the same? */
static bool trusted(const struct wr_txn *t, const struct wr_object *object)
{
    struct wr_mono horizon = wr_worker_horizon(t->worker);
    if (wr_time_before(object->checked, horizon))
        return false;
    if (horizon.us == 0 || !object->own || __atomic_load_n(&object->in_redis, __ATOMIC_RELAXED))
        return true;
    /* Redis doesn't hold it, so it can't report a change */
    return wr_time_since(t->worker->loop.mono, object->checked).us <=
           t->worker_policy->policy->redis.max_staleness.us;
}

static struct wr_object *get(struct wr_txn *t, const struct wr_key *key)
{
    struct wr_memory *memory = t->worker->shared->memory;
    if (memory == NULL)
        return NULL;
    struct wr_mono now = t->worker->loop.mono;
    struct wr_object *object = wr_hot_get(t->worker->hot, key->hash, key->text, now);
    if (object)
        return object;
    object = wr_memory_get(memory, key->hash, key->text);
    if (object == NULL)
        return NULL;
    wr_hot_found(t->worker->hot, object, now);
    if (t->worker->redis_store)
        wr_redis_store_show(t->worker->redis_store, object);
    return object;
}

static bool is_far(const struct wr_txn *t)
{
    return !wr_hot_has(t->worker->hot, t->key.hash, t->worker->loop.mono);
}

/* Fetches memory into the caches for a key that isn't parked. */
static void fetch_ahead(struct wr_txn *t)
{
    wr_memory_ahead(t->worker->shared->memory, t->key.hash);
}

static void choose_variant(struct wr_txn *t, struct wr_object *marker)
{
    wr_object_unref(t->marker);
    t->marker = marker;
    t->key = wr_key_variant(&t->route->cache, &t->primary, marker, &t->head, &t->arena, &t->vary_values);
}

/* Does the object fit the request's own fields? Under the same key there may be a response that was stored
 * when the marker named fewer fields, or more. Returns the object, or drops it and returns NULL. */
static struct wr_object *chosen(struct wr_txn *t, struct wr_object *object)
{
    if (object == NULL || wr_slice_eq(object->vary_values, t->vary_values) ||
        wr_vary_fits(&t->route->cache, object->vary_values, &t->head, &t->arena))
        return object;
    wr_object_unref(object);
    return NULL;
}

static void forget_candidates(struct wr_txn *t)
{
    wr_object_unref(t->stale);
    wr_object_unref(t->copy);
    t->stale = t->copy = NULL;
}

/* Compares the object with the purges. A purged object is dropped and not validated, because a 304 must not
 * undo a purge: then NULL is returned. An object that can't be proven unpurged is validated: *proven is
 * false. */
static struct wr_object *unpurged(struct wr_txn *t, struct wr_object *object, bool *proven)
{
    struct wr_shared *shared = t->worker->shared;
    enum wr_purge_state state = wr_purges_check(shared->purges, object);
    *proven = state <= WR_PURGE_SOFT;
    if (state != WR_PURGE_GONE)
        return object;
    wr_memory_drop_if(shared->memory, object);
    wr_object_unref(object);
    return NULL;
}

enum wr_txn_stage wr_txn_look_up(struct wr_txn *t)
{
    enum wr_fwd fwd = t->marker ? WR_FWD_VARY_MISS : WR_FWD_URI_MISS;
    forget_candidates(t); /* they may belong to another key */
    if (t->again > MAX_AGAIN)
        return wr_txn_fetch_alone(t, fwd);
    struct wr_object *object = get(t, &t->key);
    if (object && object->meta.kind == WR_OBJECT_VARY && trusted(t, object)) {
        choose_variant(t, object);
        fwd = WR_FWD_VARY_MISS;
        if (is_far(t))
            fetch_ahead(t);
        object = chosen(t, get(t, &t->key));
    }
    bool proven = true;
    if (object)
        object = unpurged(t, object, &proven);
    if (object == NULL)
        return board(t, fwd, true);
    if (!proven || !trusted(t, object)) {
        if (object->meta.kind == WR_OBJECT_RESPONSE && !wr_rules_is_for(&t->route->cache, &t->rules, object))
            return wr_txn_consider(t, object, false); /* this request may not use it in any case */
        if (object->meta.kind == WR_OBJECT_RESPONSE) {
            t->stale = object;
            t->copy = wr_object_ref(object);
        } else {
            wr_object_unref(object);
        }
        return board(t, WR_FWD_STALE, true);
    }
    return wr_txn_consider(t, object, false);
}

/* The key under which a GET of the same target is looked up. */
static struct wr_key key_of_get(struct wr_txn *t)
{
    struct wr_head get = t->head;
    get.method = WR_METHOD_GET;
    return wr_key_build(&t->route->cache, &get, &t->arena);
}

/* Goes to the origin without a look: the request isn't for the cache, or has a body. */
static bool passes_by(const struct wr_txn *t)
{
    return t->rules.ask == WR_ASK_PASS || t->upload;
}

static enum wr_txn_stage pass_by(struct wr_txn *t)
{
    bool get = t->head.method == WR_METHOD_GET || t->head.method == WR_METHOD_HEAD;
    return wr_txn_fetch_alone(t, get ? WR_FWD_BYPASS : WR_FWD_METHOD);
}

enum wr_txn_stage wr_txn_lookup_enter(struct wr_txn *t)
{
    if (!wr_txn_ask_tunnel(t))
        return wr_txn_refuse(t, WR_ERR_OVERLOADED, "client.max_tunnels are open");
    wr_rules_request(&t->route->cache, &t->head, &t->rules);
    if (passes_by(t)) {
        wr_txn_edit_target(t);
        if (t->rules.post_for_get) /* not if a GET would be sent with another query */
            t->rules.post_for_get = wr_slice_eq(
                wr_key_query_sent(&t->route->cache.key, t->head.query, &t->arena), t->head.query);
        if (t->rules.post_for_get)
            t->primary = t->key = key_of_get(t);
        return pass_by(t);
    }
    t->head.query = wr_key_query_sent(&t->route->cache.key, t->head.query, &t->arena);
    wr_txn_edit_target(t);
    t->primary = t->key = wr_key_build(&t->route->cache, &t->head, &t->arena);
    if (t->worker->shared->memory && is_far(t)) {
        t->parking = (struct wr_batch_parking){ wr_txn_on_unparked, t->key.hash };
        t->parked = wr_batch_park(t->worker->conns->batch, &t->parking);
        if (t->parked)
            return WR_TXN_WAIT;
        fetch_ahead(t);
    }
    return wr_txn_look_up(t);
}

/* There was no memory for a fetch. A stale response is served instead where it would be if the origin could
 * not be reached. */
static enum wr_txn_stage do_without_fetch(struct wr_txn *t)
{
    struct wr_object *stale = t->stale;
    t->memory_wait = WR_MEMORY_UNASKED;
    if (stale == NULL ||
        !wr_rules_stale_if_unreachable(&t->route->cache, &t->rules, stale, t->worker->loop.now) ||
        wr_purges_check(t->worker->shared->purges, stale) > WR_PURGE_SOFT)
        return wr_txn_refuse(t, WR_ERR_OVERLOADED, "all memory for requests in flight is used");
    WR_COUNT(stale_if_error);
    return use(t, wr_object_ref(stale), true, false);
}

/* The request has waited for memory. Meanwhile the response may have been stored, so it is looked up again.
 */
static enum wr_txn_stage go_on_after_wait(struct wr_txn *t)
{
    if (t->err != WR_OK)
        return wr_txn_refuse(t, t->err, t->why);
    if (t->limit == WR_LIMIT_REFUSED) {
        wr_txn_leave_memory_wait(t);
        return wr_txn_refuse_limited(t);
    }
    switch (t->memory_wait) {
    case WR_MEMORY_GRANTED:
        return passes_by(t) ? pass_by(t) : wr_txn_look_up(t);
    case WR_MEMORY_REFUSED:
        return do_without_fetch(t);
    default:
        return WR_TXN_WAIT;
    }
}

/* The others of the batch have made their keys, or the request has waited for memory, or a hit for its limit.
 */
enum wr_txn_stage wr_txn_lookup_resume(struct wr_txn *t)
{
    if (t->parked) {
        t->parked = false;
        return wr_txn_look_up(t);
    }
    if (t->memory_wait != WR_MEMORY_UNASKED)
        return go_on_after_wait(t);
    if (t->err != WR_OK)
        return wr_txn_refuse(t, t->err, t->why);
    if (t->limit == WR_LIMIT_PENDING)
        return WR_TXN_WAIT;
    return t->limit == WR_LIMIT_REFUSED ? wr_txn_refuse_limited(t) : WR_TXN_DELIVER;
}
