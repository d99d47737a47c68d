/* SPDX-License-Identifier: BSD-2-Clause */
/* Judges the head of the origin's response: what do the waiters get, and what do the stores? Called while the
 * flight is in ASK. */
#include "base/rand.h"
#include "cache/freshness.h"
#include "flight/flight_priv.h"
#include "flight/location.h"
#include "stats/stats.h"
#include "store/passes.h"

#define MARKED_MOST \
    WR_SPAN_S(600) /* after this a marker that names more fields than the responses is begun anew */

static struct wr_slice server_text(struct wr_flight *f)
{
    return wr_arena_copy(&f->arena, wr_slice_str(f->exchange->server));
}

static void end_early(struct wr_flight *f)
{
    wr_flight_wake(f, WR_FLIGHT_ASK, WR_FLIGHT_DONE);
}

static struct wr_flight_result result_of(struct wr_flight *f, enum wr_verdict verdict,
                                         struct wr_object *object, int fwd_status)
{
    const struct wr_object *held = f->order.stale;
    bool fresh = held && wr_object_freshness(held, f->loop->now).us > 0 &&
                 !(held->meta.flags & WR_OF_NO_CACHE);
    return (struct wr_flight_result){ .verdict = verdict,
                                      .object = object ? wr_object_ref(object) : NULL,
                                      .fwd_status = fwd_status,
                                      .held = held != NULL,
                                      .held_fresh = fresh,
                                      .apart = wr_rules_apart(&f->rules),
                                      .server = f->exchange->server ? server_text(f).at : NULL };
}

void wr_flight_take_interim(struct wr_flight *f, const struct wr_head *head)
{
    wr_flight_guard(f);
    struct wr_waiter *leader = f->leader; /* it is on this loop, so it can't leave meanwhile */
    wr_flight_release(f);
    if (leader && leader->interim)
        leader->interim(leader, head);
}

/* --- the origin failed --- */

bool wr_flight_can_wait(const struct wr_flight *f, int fwd_status)
{
    const struct wr_cache_policy *policy = &f->order.route->cache;
    struct wr_object *stale = f->order.stale;
    if (wr_flight_is_alone(f) || stale == NULL ||
        wr_purges_check(f->worker_policy->worker->shared->purges, stale) > WR_PURGE_SOFT)
        return false;
    return fwd_status ? wr_rules_stale_if_error(policy, &f->rules, stale, f->loop->now)
                      : wr_rules_stale_if_unreachable(policy, &f->rules, stale, f->loop->now);
}

bool wr_flight_stale_instead(struct wr_flight *f, int fwd_status)
{
    if (!wr_flight_can_wait(f, fwd_status))
        return false;
    if (f->result.stale && fwd_status == 0)
        return true; /* the waiters have been told this already */
    struct wr_flight_result result = result_of(f, WR_VERDICT_OBJECT, f->order.stale, fwd_status);
    result.stale = true;
    if (f->order.marker)
        result.marker = wr_object_ref(f->order.marker);
    WR_COUNT(stale_if_error);
    wr_flight_tell(f, result);
    return true;
}

void wr_flight_failed(struct wr_flight *f, enum wr_err err)
{
    wr_flight_unlock(f, WR_OUTCOME_FAILED);
    if (wr_flight_stale_instead(f, 0))
        return;
    struct wr_flight_result result = result_of(f, WR_VERDICT_FAILED, NULL, 0);
    result.err = err;
    result.why = err == WR_ERR_ORIGIN_BROKEN ? f->exchange->why : NULL;
    wr_flight_tell(f, result);
}

/* --- the response may not be shared --- */

static uint64_t announced_length(const struct wr_flight *f, const struct wr_head *head)
{
    if (head->framing == WR_FRAMING_LENGTH)
        return head->content_length;
    if (head->framing != WR_FRAMING_NONE)
        return UINT64_MAX;
    const struct wr_field *cl = wr_head_get(head, WR_F_CONTENT_LENGTH);
    uint64_t length;
    bool bodiless = f->exchange->method == WR_METHOD_HEAD || head->status == 304;
    if (!bodiless)
        return 0;
    return cl && wr_slice_u64(cl->value, INT64_MAX, &length) ? length : UINT64_MAX;
}

static struct wr_flow *flow_for(struct wr_flight *f, const struct wr_head *head, bool keep)
{
    if (head->framing == WR_FRAMING_NONE)
        return wr_flow_of(wr_slice("", 0));
    uint64_t expected = head->framing == WR_FRAMING_LENGTH ? head->content_length : UINT64_MAX;
    struct wr_flow *flow = wr_flow_new(expected, keep, keep ? wr_flight_max_object(f) : 0);
    if (keep)
        wr_flow_on_outgrown(flow, &f->nudge); /* the flight may have been wanted for the store only */
    wr_exchange_into(f->exchange, flow);
    return flow;
}

static void answer_privately(struct wr_flight *f, const struct wr_head *head, struct wr_meta meta)
{
    meta.kind = WR_OBJECT_RESPONSE;
    meta.status = head->status;
    meta.length = announced_length(f, head);
    struct wr_flow *flow = flow_for(f, head, false);
    struct wr_slice via = f->worker_policy->worker->shared->via[head->minor];
    f->built = wr_flight_is_alone(f)
                   ? wr_build_passed(&meta, head, via, flow)
                   : wr_build_object(&f->order.key, wr_slice(NULL, 0), &meta, head, via, flow);
    wr_flow_unref(flow);
    wr_flight_tell(f, result_of(f, WR_VERDICT_PRIVATE, f->built, head->status));
    if (!wr_flight_has_leader(f)) /* only the leader may have it, and the leader has left */
        end_early(f);
}

/* --- the response is stored, and flows to the waiters --- */

/* Is there a store that takes what is built? A response of unknown length may still turn out to be too large.
 */
static bool store_agrees(const struct wr_flight *f)
{
    const struct wr_worker *w = f->worker_policy->worker;
    const struct wr_object *o = f->built;
    uint64_t length = o->meta.length == UINT64_MAX ? 0 : o->meta.length;
    if (wr_flight_keep_time(f, o).us <= 0)
        return false;
    return (w->shared->memory && length <= wr_memory_most(w->shared->memory, o->head.len)) ||
           (w->redis_store && wr_link_ready(w->link) &&
            length <= wr_redis_store_most(w->redis_store, o->head.len));
}

/* Takes the marker from the memory store: another flight may have learnt, since this one was boarded, that
 * (more) fields choose a variant. */
static void learn_marker(struct wr_flight *f)
{
    struct wr_memory *memory = f->worker_policy->worker->shared->memory;
    if (memory == NULL || f->mode == WR_MODE_REPLACING)
        return;
    struct wr_object *o = wr_memory_peek(memory, f->order.primary.hash);
    if (o && o->meta.kind == WR_OBJECT_VARY && wr_slice_eq(o->key, f->order.primary.text) &&
        !wr_time_before(o->checked, wr_worker_horizon(f->worker_policy->worker))) {
        wr_object_unref(f->order.marker);
        f->order.marker = o;
    } else {
        wr_object_unref(o);
    }
}

/* Has the marker named more fields than the responses for too long? Responses of one URL may name different
 * fields; then all of these choose, and variants stored by fewer fields are still found. But one response
 * that names a field that no other names must not split what is stored for good: after a while the marker is
 * begun anew. */
static bool names_too_much(const struct wr_flight *f, struct wr_slice names)
{
    const struct wr_object *marker = f->order.marker;
    return wr_time_since(f->loop->now, marker->meta.response_time).us > MARKED_MOST.us &&
           !wr_vary_covers(names, wr_vary_marked(marker));
}

/* Must the marker still be written to Redis? It may be this node's own (passes.c), or writing it may have
 * failed. */
static bool is_unknown_to_fleet(const struct wr_flight *f)
{
    return f->worker_policy->worker->redis_store &&
           !__atomic_load_n(&f->order.marker->in_redis, __ATOMIC_RELAXED);
}

static void make_vary_marker(struct wr_flight *f, struct wr_slice names, const struct wr_meta *meta)
{
    struct wr_object *before = f->order.marker;
    if (before)
        names = wr_vary_union(wr_vary_marked(before), names, &f->arena);
    f->order.marker = wr_build_vary(&f->order.primary, names, meta, before);
    f->order.marker->checked = wr_flight_began(f);
    f->order.marker->own = f->worker_policy->worker->redis_store != NULL;
    f->order.marker->began = wr_instant_later(
        wr_flight_instant(f), before ? before->began : WR_INSTANT_NONE); /* it is as new as both */
    f->new_marker = wr_object_ref(f->order.marker);
    wr_object_unref(before);
}

/* The key that the response is stored under: the primary key, or the key of the variant that its Vary and
 * this request choose. */
static struct wr_key choose_key(struct wr_flight *f, const struct wr_head *head, struct wr_meta *meta,
                                struct wr_slice *values)
{
    struct wr_slice names = wr_vary_names(head, &f->arena);
    *values = wr_slice(NULL, 0);
    learn_marker(f);
    if (f->order.marker && names_too_much(f, names)) {
        wr_object_unref(f->order.marker);
        f->order.marker = NULL;
    }
    if (f->order.marker == NULL && names.at == NULL)
        return f->order.primary;
    if (f->order.marker == NULL || !wr_vary_covers(wr_vary_marked(f->order.marker), names) ||
        is_unknown_to_fleet(f))
        make_vary_marker(f, names, meta);
    return wr_key_variant(&f->order.route->cache, &f->order.primary, f->order.marker, &f->request, &f->arena,
                          values);
}

static void end_passes(struct wr_flight *f)
{
    struct wr_passes *passes = f->worker_policy->worker->shared->passes;
    wr_passes_end(passes, f->order.key.hash);
    wr_passes_end(passes, f->built->hash);
}

/* The response is to be stored under `key`: lets requests for it find the flight, here and on other nodes. */
static void take_place(struct wr_flight *f, const struct wr_key *key)
{
    wr_flights_list_too(f->worker_policy->worker->shared->flights, f, key);
    wr_flight_lead_to(f, key);
}

static void store(struct wr_flight *f, const struct wr_head *head, struct wr_meta *meta)
{
    struct wr_slice values;
    meta->length = announced_length(f, head);
    meta->version = wr_rand_u64();
    struct wr_key key = choose_key(f, head, meta, &values);
    struct wr_flow *flow = flow_for(f, head, true);
    f->built = wr_build_object(&key, values, meta, head, f->worker_policy->worker->shared->via[head->minor],
                               flow);
    wr_flow_unref(flow);
    f->built->began = wr_flight_instant(f);
    end_passes(f);
    take_place(f, &key);
    wr_flight_arrive(f);
    bool purged = wr_flight_is_purged(f);
    struct wr_flight_result result = result_of(f, WR_VERDICT_OBJECT, f->built, head->status);
    const bool kept = wr_flow_kept(f->built->flow) || wr_redis_store_arrival_streams(f->arrival);
    result.stored = kept && store_agrees(f);
    if (f->order.marker)
        result.marker = wr_object_ref(f->order.marker);
    wr_flight_tell(f, result);
    if (purged || wr_flight_is_purged(f)) /* by one of its tags, which were not known before */
        wr_flight_unlock(f, WR_OUTCOME_PURGED);
    if (!kept) {
        WR_COUNT(memory_streamed);
        if (!wr_flight_is_wanted(f))
            end_early(f);
    }
}

/* --- 304: the stored response is fresh again --- */

static void validated(struct wr_flight *f, const struct wr_head *not_modified)
{
    struct wr_object *stale = f->order.stale;
    struct wr_meta meta = stale->meta;
    const char *detail;
    struct wr_head merged;
    wr_build_merged_head(stale, not_modified, &f->arena, &merged);
    enum wr_storing storing = wr_rules_store(&f->order.route->cache, &f->request, &f->rules, &merged,
                                             f->exchange->sent, f->exchange->answered, wr_rand_unit(), &meta,
                                             &detail);
    meta.length = stale->meta.length;
    meta.version = wr_rand_u64();
    struct wr_slice values = stale->vary_values;
    struct wr_key key = storing == WR_STORE ? choose_key(f, &merged, &meta, &values) : f->order.key;
    f->built = wr_build_updated(stale, &key, values, &meta, not_modified,
                                f->worker_policy->worker->shared->via[not_modified->minor]);
    if (storing == WR_STORE && !wr_rules_collapses(f->built) && f->built->meta.flags == stale->meta.flags &&
        wr_build_same(f->built, stale))
        storing = WR_STORE_NOT_NOW; /* nothing has changed, and each later request validates it too: so it
                                       isn't written anew each time */
    f->built->began = wr_flight_instant(f);
    f->storing = storing;
    if (storing != WR_STORE)
        wr_flight_leave_pass_marker(f, &merged);
    else
        take_place(f, &key);
    if (wr_rules_collapses(f->built) && storing == WR_STORE)
        end_passes(f);
    struct wr_flight_result result = result_of(
        f, storing == WR_STORE ? WR_VERDICT_OBJECT : WR_VERDICT_PRIVATE, f->built, 304);
    result.validated = true;
    result.stored = storing == WR_STORE && wr_flow_state(stale->flow) == WR_FLOW_WHOLE &&
                    wr_flow_kept(stale->flow) && store_agrees(f);
    if (f->order.marker)
        result.marker = wr_object_ref(f->order.marker);
    WR_COUNT(validations);
    wr_flight_tell(f, result);
}

/* Fails the fetch: a 304 has no content, and nothing stored is known to be confirmed by it. */
static void unasked(struct wr_flight *f)
{
    f->exchange->why = "304 although it was not asked whether anything was modified";
    wr_flight_failed(f, WR_ERR_ORIGIN_BROKEN);
    end_early(f);
}

/* A 304 about something other than the stored response must not freshen it (RFC 9111 4.3.4): once the
 * exchange is over, the request is sent again without conditions. A 304 to a request without conditions is an
 * error. */
static void not_modified(struct wr_flight *f, const struct wr_head *head)
{
    if (f->order.stale && wr_build_confirms(head, f->order.stale)) {
        validated(f, head);
        return;
    }
    if (f->order.stale) {
        wr_object_unref(f->order.stale);
        f->order.stale = NULL;
        f->ask_again = true;
        return;
    }
    unasked(f);
}

/* --- what kind of response is it? --- */

/* May the response be stored, and is there a store that takes so much? */
static enum wr_storing judge(struct wr_flight *f, const struct wr_head *head, struct wr_meta *meta)
{
    const struct wr_exchange *x = f->exchange;
    const char *detail;
    enum wr_storing storing = wr_rules_store(&f->order.route->cache, &f->request, &f->rules, head, x->sent,
                                             x->answered, wr_rand_unit(), meta, &detail);
    bool too_large = head->framing == WR_FRAMING_LENGTH && head->content_length > wr_flight_max_object(f);
    if (storing == WR_STORE && !wr_vary_tells_coding(&f->order.route->cache, &f->request, head, &f->arena))
        return WR_STORE_NOT_NOW;
    return storing == WR_STORE && too_large ? WR_STORE_NOT : storing;
}

/* Handles the response to a request that was sent as it came. */
static void answer_alone(struct wr_flight *f, const struct wr_head *head, struct wr_meta *meta)
{
    if (f->request.method == WR_METHOD_HEAD)
        wr_flight_learn(f, head);
    f->storing = f->rules.post_for_get ? judge(f, head, meta) : WR_STORE_NOT;
    if (f->storing == WR_STORE) {
        wr_flight_replace(f);
        store(f, head, meta);
    } else {
        answer_privately(f, head, *meta);
    }
}

/* Is the response large although only a range was asked for? It isn't stored, so it would all be fetched
 * for the sake of a part: instead each request fetches its own range. */
static bool asks_for_less(const struct wr_flight *f, const struct wr_head *head)
{
    bool large = head->framing != WR_FRAMING_NONE &&
                 !(head->framing == WR_FRAMING_LENGTH && head->content_length <= WR_FLOW_WINDOW);
    return head->status == 200 && large && wr_head_get(&f->request, WR_F_RANGE) != NULL;
}

/* Chooses the word for the other nodes. The response to a request with a cookie or a password says nothing of
 * what other requests will get. */
static enum wr_outcome unshared_outcome(const struct wr_flight *f, const struct wr_head *head, bool marked)
{
    if (marked && wr_rules_apart(&f->rules) == 0)
        return WR_OUTCOME_PRIVATE;
    return wr_rules_is_error(head->status) ? WR_OUTCOME_ERROR : WR_OUTCOME_PERSONAL;
}

void wr_flight_take_head(struct wr_flight *f, const struct wr_head *came)
{
    struct wr_exchange *x = f->exchange;
    struct wr_head room;
    const struct wr_head *head = wr_location_right(came, f->order.route, &f->request, &f->arena, &room);
    struct wr_meta meta = { .kind = WR_OBJECT_RESPONSE,
                            .status = head->status,
                            .request_time = x->sent,
                            .response_time = x->answered };
    if (wr_flight_is_alone(f) && head->status == 304 && !f->conditional) {
        unasked(f);
        return;
    }
    if (wr_flight_is_alone(f)) {
        if (wr_head_get(head,
                        WR_F_AGE)) /* a cache before us has set it, and it must be passed on (RFC 9111 5.1) */
            meta.initial_age = wr_initial_age(head, x->sent, x->answered);
        answer_alone(f, head, &meta);
        return;
    }
    wr_exchange_clock(x, wr_clock_error(head, x->sent, x->answered));
    if (head->status == 304) {
        not_modified(f, head);
        return;
    }
    if (wr_rules_is_error(head->status) && wr_flight_stale_instead(f, head->status)) {
        wr_flight_unlock(f, WR_OUTCOME_ERROR);
        end_early(f);
        return;
    }
    f->storing = judge(f, head, &meta);
    if (f->storing == WR_STORE && wr_flight_claims(f, &meta)) {
        store(f, head, &meta);
        return;
    }
    bool marked = wr_flight_leave_pass_marker(f, head);
    if (f->storing == WR_STORE)
        f->storing = WR_STORE_NOT_NOW;
    wr_flight_unlock(f, unshared_outcome(f, head, marked));
    if (asks_for_less(f, head)) {
        wr_flight_tell_not_shareable(f, 0);
        end_early(f);
        return;
    }
    answer_privately(f, head, meta);
}
