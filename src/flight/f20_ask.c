/* SPDX-License-Identifier: BSD-2-Clause */
/* ASK: sends the request to the origin. f30_head.c judges the response's head; the content flows by itself.
 *
 * If an origin says nothing for lock_timeout, waiters that may have a stale response get it while the fetch
 * goes on in the background. Otherwise the request is sent once more, to another server, and the first head
 * counts. A server that is known to hang isn't asked while a stale response will do, except by one request
 * now and then. */
#include "flight/flight_priv.h"
#include "flight/forward.h"
#include "http/conditional.h"
#include "stats/stats.h"

uint64_t wr_flight_max_object(const struct wr_flight *f)
{
    const struct wr_worker *w = f->worker_policy->worker;
    uint64_t memory = w->shared->memory ? wr_memory_most(w->shared->memory, 0) : 0;
    uint64_t redis_store = w->redis_store ? wr_redis_store_most(w->redis_store, 0) : 0;
    return redis_store > memory ? redis_store : memory;
}

/* The hash of the URL as it came: the same for every method and variant, whether the route caches or not. */
static uint64_t balance_hash(struct wr_flight *f)
{
    const struct wr_head *r = f->order.request;
    if (f->order.route->origin->balance != WR_BALANCE_HASH)
        return 0;
    struct wr_slice host = wr_policy_host(r->host, &f->arena);
    struct wr_slice url = wr_arena_printf(&f->arena, "%.*s%.*s?%.*s", WR_SLICE_ARG(host),
                                          WR_SLICE_ARG(r->path), WR_SLICE_ARG(r->query));
    return wr_hash_of(url).lo;
}

/* --- how the exchange ends --- */

/* Goes on with exchange `x`. The other one, if there is one, is cancelled. */
static void choose_exchange(struct wr_flight *f, struct wr_exchange *x)
{
    f->exchange = x;
    wr_timer_clear(&f->silence);
    wr_exchange_cancel(x == &f->first ? &f->hedge : &f->first);
    if (x == &f->hedge)
        WR_COUNT(hedges_won);
}

static void ended(struct wr_flight *f, struct wr_exchange *x, enum wr_err err)
{
    struct wr_exchange *other = x == &f->first ? &f->hedge : &f->first;
    if (err == WR_OK) {
        enum wr_flight_stage next = f->ask_again ? WR_FLIGHT_ASK : WR_FLIGHT_LAND;
        f->ask_again = false;
        wr_flight_wake(f, WR_FLIGHT_ASK, next);
        return;
    }
    if (wr_exchange_is_open(other)) { /* no head had come yet, and the other exchange may still bring one */
        f->exchange = other;
        return;
    }
    if (f->built == NULL)
        wr_flight_failed(f, err);
    wr_flight_unlock(f, WR_OUTCOME_FAILED); /* the broken flow tells its readers by itself */
    wr_flight_wake(f, WR_FLIGHT_ASK, WR_FLIGHT_DONE);
}

static void on_interim(struct wr_exchange *x, const struct wr_head *head)
{
    wr_flight_take_interim(WR_CONTAINER(x, struct wr_flight, first), head);
}

static void on_head(struct wr_exchange *x, const struct wr_head *head)
{
    struct wr_flight *f = WR_CONTAINER(x, struct wr_flight, first);
    choose_exchange(f, x);
    wr_flight_take_head(f, head);
}

static void on_end(struct wr_exchange *x, enum wr_err err)
{
    ended(WR_CONTAINER(x, struct wr_flight, first), x, err);
}

static void on_hedge_head(struct wr_exchange *x, const struct wr_head *head)
{
    struct wr_flight *f = WR_CONTAINER(x, struct wr_flight, hedge);
    choose_exchange(f, x);
    wr_flight_take_head(f, head);
}

static void on_hedge_end(struct wr_exchange *x, enum wr_err err)
{
    ended(WR_CONTAINER(x, struct wr_flight, hedge), x, err);
}

/* --- an origin that says nothing --- */

/* Sends the request once more. The same server gets it only if several requests wait: the first one may have
 * been lost by itself. */
static void send_hedge(struct wr_flight *f)
{
    f->hedge = f->first;
    f->hedge.run = NULL;
    f->hedge.on_interim = NULL;
    f->hedge.on_head = on_hedge_head;
    f->hedge.on_end = on_hedge_end;
    if (wr_exchange_start_beside(&f->hedge, f->worker_policy->origins, &f->first,
                                 wr_flight_waiter_count(f) > 1) == WR_OK)
        WR_COUNT(hedges);
}

static void on_silence(struct wr_timer *timer)
{
    struct wr_flight *f = WR_CONTAINER(timer, struct wr_flight, silence);
    if (!wr_exchange_silent(
            &f->first)) /* it waits for a connection, which has a timeout of its own, or something has come */
        wr_timer_set(timer, f->order.route->cache.lock_timeout);
    else if (!wr_flight_stale_instead(f, 0))
        send_hedge(f);
}

/* --- asking --- */

/* Drops a stale response that has been purged: a 304 must not bring it back. */
static void drop_purged_stale(struct wr_flight *f)
{
    struct wr_object *stale = f->order.stale;
    if (stale == NULL || wr_purges_check(f->worker_policy->worker->shared->purges, stale) != WR_PURGE_GONE)
        return;
    wr_object_unref(stale);
    f->order.stale = NULL;
}

static struct wr_slice kept(struct wr_flight *f, struct wr_slice s)
{
    return s.len ? wr_arena_copy(&f->arena, s) : wr_slice(NULL, 0);
}

/* Forgets what was borrowed: it is valid only until the call that started the flight returns. The flight
 * keeps copies of what the response's head needs. */
static void forget_request(struct wr_flight *f)
{
    struct wr_flight_order *o = &f->order;
    const struct wr_head *r = o->request;
    f->request = (struct wr_head){ .method = r->method, .minor = r->minor, .secure = r->secure };
    if (o->route->origin->rewrite_location) {
        f->request.host = kept(f, r->host);
        f->request.site = kept(f, r->site);
        f->request.host_sent = kept(f, r->host_sent);
    }
    o->request = &f->request;
    o->key = (struct wr_key){ .hash = o->key.hash };
    o->primary = (struct wr_key){ .hash = o->primary.hash };
    o->vary_values = o->request_id = o->forwarded_for = wr_slice(NULL, 0);
}

static void prepare(struct wr_flight *f, struct wr_exchange *x)
{
    x->balance_hash = balance_hash(f);
    x->on_interim = on_interim;
    x->on_head = on_head;
    x->on_end = on_end;
    x->origin = f->order.route->origin;
    x->patience = &f->order.route->patience;
    x->edits = &f->order.route->request.fields;
    x->method = wr_flight_is_alone(f) ? f->order.request->method : WR_METHOD_GET;
    x->head = wr_buf_slice(&f->head);
    x->request = f->order.body;
    x->request_chunked = f->order.body_chunked;
    x->upgrade = f->order.upgrade.protocol[0] ? &f->order.upgrade : NULL;
    x->tunnel_timeout = f->worker_policy->policy->tunnel_timeout;
    x->idempotent = wr_method_is_idempotent(x->method);
    x->careful = wr_flight_can_wait(f, 0);
}

enum wr_flight_stage wr_flight_ask(struct wr_flight *f)
{
    struct wr_exchange *x = f->exchange = &f->first;
    drop_purged_stale(f);
    if (f->worker_policy->worker->link)
        wr_link_learn_clock(
            f->worker_policy->worker->link); /* the record needs Redis's clock when it lands */
    wr_flight_begin_anew(f);
    wr_flights_reopen(f->worker_policy->worker->shared->flights, f);
    wr_buf_clear(&f->head);
    wr_forward_write(&f->head, &f->order, f->worker_policy->worker->shared->via[f->order.request->minor],
                     !wr_flight_is_alone(f));
    prepare(f, x);
    f->conditional = wr_flight_is_alone(f) && wr_asks_whether_modified(f->order.request);
    if (f->mode == WR_MODE_PASSING)
        forget_request(f);
    enum wr_err err = wr_exchange_start(x, f->worker_policy->origins);
    if (err != WR_OK) {
        wr_flight_failed(f, err);
        return WR_FLIGHT_DONE;
    }
    if (x->trial && x->careful && wr_flight_stale_instead(f, 0))
        return WR_FLIGHT_WAIT; /* the request only shows whether the server is well again */
    if (!wr_flight_is_alone(f)) {
        wr_timer_init(&f->silence, f->loop, on_silence);
        wr_timer_set(&f->silence, f->order.route->cache.lock_timeout);
    }
    return WR_FLIGHT_WAIT;
}

void wr_flight_ask_leave(struct wr_flight *f)
{
    wr_timer_fini(&f->silence);
    wr_exchange_cancel(&f->first);
    wr_exchange_cancel(&f->hedge);
}
