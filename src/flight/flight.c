/* SPDX-License-Identifier: BSD-2-Clause */
/* Begins flights, and takes a flight from stage to stage until it ends; only drive() writes the stage.
 * waiter.c tells the waiters what comes of it. */
#include "flight/flight_priv.h"
#include "stats/stats.h"

static enum wr_flight_stage (*const enter[])(struct wr_flight *) = {
#define X(id, name, leave) [WR_FLIGHT_##id] = wr_flight_##name,
#include "flight/stages.def"
#undef X
};

static void (*const leave_of[])(struct wr_flight *) = {
#define X(id, name, leave) [WR_FLIGHT_##id] = leave,
#include "flight/stages.def"
#undef X
};

static void end_flight(struct wr_flight *f);

/* --- how a flight begins and what it keeps --- */

void wr_flight_begin_anew(struct wr_flight *f)
{
    struct wr_purges *purges = f->worker_policy->worker->shared->purges;
    __atomic_store_n(&f->began_us, f->loop->mono.us, __ATOMIC_RELEASE);
    __atomic_store_n(&f->spoiled, false, __ATOMIC_RELEASE);
    __atomic_store_n(&f->began_epoch, wr_purges_epoch(purges), __ATOMIC_RELEASE);
    wr_flight_set_instant(f, wr_purges_begin(purges));
}

enum wr_purge_state wr_flight_purge_state(struct wr_flight *f)
{
    struct wr_shared *shared = f->worker_policy->worker->shared;
    enum wr_purge_state state = f->built ? wr_purges_check(shared->purges, f->built) : WR_PURGE_CURRENT;
    if (wr_purge_ends_fetch(state))
        wr_flights_close(shared->flights, f);
    return state;
}

static struct wr_slice kept(struct wr_flight *f, struct wr_slice s)
{
    return s.at ? wr_arena_copy(&f->arena, s) : s;
}

static struct wr_key kept_key(struct wr_flight *f, struct wr_key k)
{
    return (struct wr_key){ kept(f, k.text), k.hash, kept(f, k.host) };
}

static bool finishing(const struct wr_worker *worker)
{
    return wr_shared_life(worker->shared) == WR_LIFE_FINISHING;
}

bool wr_flight_is_wanted(struct wr_flight *f)
{
    if (wr_flight_has_waiter(f))
        return true;
    if (finishing(f->worker_policy->worker))
        return f->stage == WR_FLIGHT_LAND;
    if (wr_flight_is_alone(f) || f->stage == WR_FLIGHT_GATE)
        return false;
    return f->built == NULL || (f->storing == WR_STORE &&
                                (wr_flow_kept(f->built->flow) || wr_redis_store_arrival_streams(f->arrival)));
}

static void on_nudge(struct wr_note *note)
{
    struct wr_flight *f = WR_CONTAINER(note, struct wr_flight, nudge);
    bool asks = f->stage == WR_FLIGHT_ASK || f->stage == WR_FLIGHT_LAND;
    if (asks && __atomic_load_n(&f->spoiled, __ATOMIC_ACQUIRE))
        wr_flight_unlock(f, WR_OUTCOME_PURGED); /* other nodes may not have it, so they needn't wait */
    if (f->stage == WR_FLIGHT_GATE && wr_flight_has_admitted(f))
        wr_flight_wake(f, WR_FLIGHT_GATE, WR_FLIGHT_GATE);
    else if (!wr_flight_is_wanted(f))
        end_flight(f);
}

static void keep_order(struct wr_flight *f, const struct wr_flight_order *order)
{
    wr_head_copy(&f->request, order->request, &f->arena);
    f->order.request = &f->request;
    f->order.key = kept_key(f, order->key);
    f->order.primary = kept_key(f, order->primary);
    f->order.vary_values = kept(f, order->vary_values);
    f->order.forwarded_for = kept(f, order->forwarded_for);
    f->order.request_id = kept(f, order->request_id);
}

static struct wr_flight *flight_new(const struct wr_flight_order *order, enum wr_flight_mode mode)
{
    struct wr_flight *f = wr_flight_memory_take(order->worker_policy->worker);
    f->magic = WR_FLIGHT_MAGIC;
    f->refs = 1;
    f->worker_policy = wr_worker_policy_ref(order->worker_policy);
    f->loop = &order->worker_policy->worker->loop;
    f->exchange = &f->first;
    f->mode = mode;
    f->started = f->loop->now;
    f->stage = WR_FLIGHT_WAIT;
    wr_flight_begin_anew(f);
    TAILQ_INIT(&f->waiters);
    f->rules = *order->rules;
    f->order = *order;
    f->order.rules = &f->rules;
    if (mode != WR_MODE_PASSING)
        keep_order(f, order);
    if (order->stale)
        wr_object_ref(order->stale);
    if (order->copy)
        wr_object_ref(order->copy);
    if (order->marker)
        wr_object_ref(order->marker);
    if (order->body)
        wr_flow_ref(order->body);
    wr_note_init(&f->nudge, f->loop, on_nudge);
    TAILQ_INSERT_TAIL(&order->worker_policy->worker->flight_pool->list, f, worker_entry);
    order->worker_policy->worker->flight_count++;
    return f;
}

/* --- the driver --- */

/* Drops a reference. Returns true if it was the last one: then the caller frees the memory. */
static bool dropped(struct wr_flight *f)
{
    if (__atomic_sub_fetch(&f->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return false;
    WR_CHECK(TAILQ_EMPTY(&f->waiters) && f->over);
    wr_flight_result_fini(&f->result);
    f->magic = 0;
    return true;
}

static void free_flight(struct wr_deferred_free *deferred)
{
    struct wr_flight *f = WR_CONTAINER(deferred, struct wr_flight, deferred);
    if (dropped(f))
        wr_flight_memory_give(f);
}

/* Ends the flight's run. No callback comes afterwards. The memory is freed when the loop's turn has ended and
 * all waiters have dropped their references. */
static void end_run(struct wr_flight *f)
{
    struct wr_worker *worker = f->worker_policy->worker;
    wr_flight_unlock(f, WR_OUTCOME_ABANDONED);
    wr_flight_lock_fini(f);
    wr_flights_unlist(worker->shared->flights, f);
    if (f->result.verdict == WR_VERDICT_NONE)
        wr_flight_tell_end(f, WR_VERDICT_FAILED, WR_ERR_CANCELLED);
    wr_flight_guard(f);
    f->over = true;
    wr_flight_release(f);
    wr_note_fini(&f->nudge);
    wr_object_unref(f->built);
    wr_object_unref(f->new_marker);
    wr_object_unref(f->order.stale);
    wr_object_unref(f->order.copy);
    wr_object_unref(f->order.marker);
    wr_flow_unref(f->order.body);
    f->built = f->new_marker = NULL;
    TAILQ_REMOVE(&worker->flight_pool->list, f, worker_entry);
    worker->flight_count--;
    wr_worker_policy_unref(f->worker_policy);
    f->worker_policy = NULL;
    wr_loop_defer_free(f->loop, &f->deferred, free_flight);
    wr_worker_check_idle(worker);
}

static void leave(struct wr_flight *f)
{
    if (f->stage < WR_FLIGHT_WAIT && leave_of[f->stage])
        leave_of[f->stage](f);
    f->stage = WR_FLIGHT_WAIT;
}

/* Runs stage `next` and those that follow, until one waits or the flight ends. */
static void drive(struct wr_flight *f, enum wr_flight_stage next)
{
    WR_CHECK(f->magic == WR_FLIGHT_MAGIC && !f->running && !f->over);
    f->running = true;
    while (next != WR_FLIGHT_WAIT) {
        leave(f);
        if (next == WR_FLIGHT_DONE)
            break;
        f->stage = next;
        next = enter[next](f);
    }
    f->running = false;
    if (next == WR_FLIGHT_DONE)
        end_run(f);
}

void wr_flight_wake(struct wr_flight *f, enum wr_flight_stage of, enum wr_flight_stage next)
{
    if (f->over || f->stage != of)
        WR_COUNT(late_answers);
    else
        drive(f, next);
}

static void end_flight(struct wr_flight *f)
{
    drive(f, WR_FLIGHT_DONE);
}

void wr_flight_unref(struct wr_flight *f)
{
    if (dropped(f))
        wr_flight_memory_free(f);
}

/* --- how a flight is started --- */

/* Starts a flight that has just been listed, with its first waiter. */
static void begin_listed(struct wr_flight *f, struct wr_waiter *a, bool admitted)
{
    WR_COUNT(flights);
    wr_flight_guard(f);
    wr_flight_seat_leader(f, a, admitted);
    wr_flight_release(f);
    drive(f, f->order.look_first ? WR_FLIGHT_LOOK : WR_FLIGHT_GATE);
}

void wr_flight_board(struct wr_waiter *a, const struct wr_flight_order *order, bool admitted)
{
    struct wr_flights *table = order->worker_policy->worker->shared->flights;
    struct wr_flight *f = NULL;
    wr_waiter_init(a, order);
    for (;;) {
        if (wr_flights_join(table, order, a, admitted)) {
            WR_COUNT(collapsed);
            if (f) /* another worker has listed a flight first */
                end_flight(f);
            return;
        }
        if (f == NULL)
            f = flight_new(order, WR_MODE_SHARED);
        if (wr_flights_list(table, f))
            break;
    }
    begin_listed(f, a, admitted);
}

void wr_flight_solo(struct wr_waiter *a, const struct wr_flight_order *order, bool admitted)
{
    wr_waiter_init(a, order);
    struct wr_flight *f = flight_new(order, WR_MODE_SOLO);
    WR_CHECK(wr_flights_list(order->worker_policy->worker->shared->flights, f));
    begin_listed(f, a, admitted);
}

void wr_flight_alone(struct wr_waiter *a, const struct wr_flight_order *order)
{
    bool of_use = order->stale || order->rules->post_for_get; /* may its answer matter to other requests? */
    wr_waiter_init(a, order);
    struct wr_flight *f = flight_new(order, of_use ? WR_MODE_ALONE : WR_MODE_PASSING);
    wr_flight_seat_leader(f, a, true);
    drive(f, WR_FLIGHT_ASK);
}

/* Has a refresh just landed? Then a request that still saw the stale response needn't fetch it once more. */
static bool refreshed_already(const struct wr_flight_order *order)
{
    struct wr_memory *memory = order->worker_policy->worker->shared->memory;
    struct wr_object *held = memory && order->stale ? wr_memory_peek(memory, order->key.hash) : NULL;
    bool newer = held && held->meta.kind == WR_OBJECT_RESPONSE &&
                 wr_time_before(order->stale->meta.request_time, held->meta.request_time);
    wr_object_unref(held);
    return newer;
}

void wr_flight_background(const struct wr_flight_order *order)
{
    struct wr_flights *table = order->worker_policy->worker->shared->flights;
    if (finishing(order->worker_policy->worker) || wr_budget_state() == WR_BUDGET_SPENT ||
        wr_flights_join(table, order, NULL, false))
        return;
    struct wr_flight *f = flight_new(order, WR_MODE_BACKGROUND);
    f->result.found = order->stale ? wr_object_ref(order->stale) : NULL; /* nobody else uses it yet */
    f->admitted = 1; /* the request that was served stale had been admitted */
    if (!wr_flights_list(table, f) || refreshed_already(order)) {
        end_flight(f);
        return;
    }
    WR_COUNT(refreshes);
    drive(f, order->look_first ? WR_FLIGHT_LOOK : WR_FLIGHT_LOCK);
}

void wr_flights_drain(struct wr_worker *worker)
{
    struct wr_flight *f, *next;
    for (f = TAILQ_FIRST(&worker->flight_pool->list); f; f = next) {
        next = TAILQ_NEXT(f, worker_entry);
        if (!wr_flight_is_wanted(f))
            end_flight(f);
    }
}

void wr_flights_cut(struct wr_worker *worker)
{
    struct wr_flight *f;
    while ((f = TAILQ_FIRST(&worker->flight_pool->list)) != NULL)
        end_flight(f);
}
