/* SPDX-License-Identifier: BSD-2-Clause */
/* The driver of flights, and their waiters. It takes a flight from stage to stage, publishes its result and
 * puts waiters aboard; only drive() writes the stage. */
#include <stddef.h>
#include <stdlib.h>

#include "flight/flight_priv.h"
#include "stats/stats.h"

#define SPARE_FLIGHTS 256     /* per worker: more flights are seldom under way at once */
#define SPARE_HEAD (8 * 1024) /* bytes; a flight with a larger request head isn't kept as a spare */

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

/* --- how a flight begins --- */

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

/* Does anybody want what is still to come: a waiter, or a store? */
static bool wanted(struct wr_flight *f)
{
    if (wr_flight_has_waiter(f))
        return true;
    if (wr_flight_is_alone(f) || f->stage == WR_FLIGHT_GATE)
        return false;
    return f->built == NULL || (f->storing == WR_STORE && wr_flow_kept(f->built->flow));
}

static void on_nudge(struct wr_note *note)
{
    struct wr_flight *f = WR_CONTAINER(note, struct wr_flight, nudge);
    bool asks = f->stage == WR_FLIGHT_ASK || f->stage == WR_FLIGHT_LAND;
    if (asks && __atomic_load_n(&f->spoiled, __ATOMIC_ACQUIRE))
        wr_flight_unlock(f, WR_OUTCOME_PURGED); /* other nodes may not have it, so they needn't wait */
    if (f->stage == WR_FLIGHT_GATE && wr_flight_has_admitted(f))
        wr_flight_wake(f, WR_FLIGHT_GATE, WR_FLIGHT_GATE);
    else if (!wanted(f))
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

static struct wr_flight *memory_for(struct wr_worker *w)
{
    struct wr_flight *f = w->spare_flights;
    if (f) {
        w->spare_flights = f->next_spare;
        w->spare_flight_count--;
        f->next_spare = NULL;
        return f;
    }
    f = calloc(1, sizeof *f);
    WR_CHECK(f != NULL && pthread_mutex_init(&f->lock, NULL) == 0);
    return f;
}

static struct wr_flight *flight_new(const struct wr_flight_order *order, enum wr_flight_mode mode)
{
    struct wr_flight *f = memory_for(order->worker_policy->worker);
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
    TAILQ_INSERT_TAIL(&order->worker_policy->worker->flights, f, worker_entry);
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

static void free_memory(struct wr_flight *f)
{
    wr_arena_fini(&f->arena);
    wr_buf_fini(&f->head);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

/* Keeps the flight's memory for the next flight of this worker, or frees it. */
static void recycle(struct wr_flight *f)
{
    struct wr_worker *w = WR_CONTAINER(f->loop, struct wr_worker, loop);
    if (!WR_RECYCLES || w->spare_flight_count == SPARE_FLIGHTS || f->head.cap > SPARE_HEAD) {
        free_memory(f);
        return;
    }
    wr_arena_reset(&f->arena);
    wr_buf_clear(&f->head);
    memset(f, 0, offsetof(struct wr_flight, lock));
    f->next_spare = w->spare_flights;
    w->spare_flights = f;
    w->spare_flight_count++;
}

void wr_flights_free_spares(struct wr_worker *w)
{
    struct wr_flight *f;
    while ((f = w->spare_flights) != NULL) {
        w->spare_flights = f->next_spare;
        free_memory(f);
    }
}

static void free_flight(struct wr_deferred_free *deferred)
{
    struct wr_flight *f = WR_CONTAINER(deferred, struct wr_flight, deferred);
    if (dropped(f))
        recycle(f);
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
    TAILQ_REMOVE(&worker->flights, f, worker_entry);
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
        free_memory(f);
}

/* --- the result --- */

void wr_flight_result_fini(struct wr_flight_result *result)
{
    wr_object_unref(result->object);
    wr_object_unref(result->marker);
    wr_object_unref(result->found);
    result->object = result->marker = result->found = NULL;
}

static void note_all(struct wr_flight *f)
{
    struct wr_waiter *a;
    TAILQ_FOREACH(a, &f->waiters, entry)
        wr_note_post(&a->note);
}

static void let_go(struct wr_waiter *a)
{
    struct wr_flow *held = a->held;
    a->held = NULL;
    if (held) {
        wr_flow_let_go(held);
        wr_flow_unref(held);
    }
}

void wr_flight_hold_for(struct wr_flight *f, struct wr_waiter *a)
{
    struct wr_object *o = f->result.verdict == WR_VERDICT_OBJECT && a->admitted ? f->result.object : NULL;
    let_go(a);
    if (wr_flight_is_alone(f) || o == NULL || wr_flow_state(o->flow) != WR_FLOW_ARRIVING)
        return;
    a->held = wr_flow_ref(o->flow);
    wr_flow_hold(a->held);
}

static void hold_for_all(struct wr_flight *f)
{
    struct wr_waiter *a;
    TAILQ_FOREACH(a, &f->waiters, entry)
        wr_flight_hold_for(f, a);
}

void wr_flight_tell(struct wr_flight *f, struct wr_flight_result result)
{
    if (result.verdict != WR_VERDICT_OBJECT)
        wr_flights_unlist(f->worker_policy->worker->shared->flights, f);
    wr_flight_guard(f);
    struct wr_flight_result old = f->result;
    f->result = result;
    hold_for_all(f);
    note_all(f);
    wr_flight_release(f);
    wr_flight_result_fini(&old);
}

void wr_flight_tell_end(struct wr_flight *f, enum wr_verdict verdict, enum wr_err err)
{
    wr_flight_tell(f, (struct wr_flight_result){ .verdict = verdict, .err = err });
}

void wr_flight_tell_not_shareable(struct wr_flight *f, unsigned apart)
{
    wr_flight_tell(f, (struct wr_flight_result){ .verdict = WR_VERDICT_NOT_SHAREABLE, .apart = apart });
}

void wr_flight_tell_looked(struct wr_flight *f)
{
    wr_flight_guard(f);
    if (!f->result.looked) {
        f->result.looked = true;
        note_all(f);
    }
    wr_flight_release(f);
}

void wr_flight_tell_found(struct wr_flight *f, struct wr_object *object)
{
    wr_flight_guard(f);
    struct wr_object *old = f->result.found;
    f->result.found = wr_object_ref(object);
    note_all(f);
    wr_flight_release(f);
    wr_object_unref(old);
}

bool wr_flight_has_admitted(struct wr_flight *f)
{
    wr_flight_guard(f);
    f->redis_late |= f->limit_late;
    bool any = f->admitted > 0;
    wr_flight_release(f);
    return any;
}

bool wr_flight_has_waiter(struct wr_flight *f)
{
    wr_flight_guard(f);
    bool any = !TAILQ_EMPTY(&f->waiters);
    wr_flight_release(f);
    return any;
}

size_t wr_flight_waiter_count(struct wr_flight *f)
{
    struct wr_waiter *a;
    size_t count = 0;
    wr_flight_guard(f);
    TAILQ_FOREACH(a, &f->waiters, entry)
        count++;
    wr_flight_release(f);
    return count;
}

bool wr_flight_has_leader(struct wr_flight *f)
{
    wr_flight_guard(f);
    bool any = f->leader != NULL;
    wr_flight_release(f);
    return any;
}

/* --- waiters --- */

static void on_waiter_note(struct wr_note *note)
{
    struct wr_waiter *a = WR_CONTAINER(note, struct wr_waiter, note);
    a->notify(a);
}

static void seat_leader(struct wr_flight *f, struct wr_waiter *a, bool admitted)
{
    __atomic_add_fetch(&f->refs, 1, __ATOMIC_RELAXED);
    a->flight = f;
    a->admitted = admitted;
    a->epoch = __atomic_load_n(&f->began_epoch, __ATOMIC_ACQUIRE);
    f->admitted += admitted;
    f->leader = a;
    TAILQ_INSERT_TAIL(&f->waiters, a, entry);
}

static void init_waiter(struct wr_waiter *a, const struct wr_flight_order *order)
{
    WR_CHECK(a->flight == NULL);
    wr_note_init(&a->note, &order->worker_policy->worker->loop, on_waiter_note);
}

/* Starts a flight that has just been listed, with its first waiter. */
static void begin_listed(struct wr_flight *f, struct wr_waiter *a, bool admitted)
{
    WR_COUNT(flights);
    wr_flight_guard(f);
    seat_leader(f, a, admitted);
    wr_flight_release(f);
    drive(f, f->order.look_first ? WR_FLIGHT_LOOK : WR_FLIGHT_GATE);
}

void wr_flight_board(struct wr_waiter *a, const struct wr_flight_order *order, bool admitted)
{
    struct wr_flights *table = order->worker_policy->worker->shared->flights;
    struct wr_flight *f = NULL;
    init_waiter(a, order);
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
    init_waiter(a, order);
    struct wr_flight *f = flight_new(order, WR_MODE_SOLO);
    WR_CHECK(wr_flights_list(order->worker_policy->worker->shared->flights, f));
    begin_listed(f, a, admitted);
}

void wr_flight_alone(struct wr_waiter *a, const struct wr_flight_order *order)
{
    bool of_use = order->stale || order->rules->post_for_get; /* may its answer matter to other requests? */
    init_waiter(a, order);
    struct wr_flight *f = flight_new(order, of_use ? WR_MODE_ALONE : WR_MODE_PASSING);
    seat_leader(f, a, true);
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
    if (wr_flights_join(table, order, NULL, false))
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

void wr_waiter_admit(struct wr_waiter *a, bool redis_late)
{
    struct wr_flight *f = a->flight;
    if (f == NULL || a->admitted)
        return;
    wr_flight_guard(f);
    a->admitted = true;
    wr_flight_hold_for(f, a);
    f->admitted++;
    f->limit_late |= redis_late;
    if (!f->over)
        wr_note_post(&f->nudge);
    wr_flight_release(f);
}

void wr_waiter_result(struct wr_waiter *a, struct wr_flight_result *out)
{
    struct wr_flight *f = a->flight;
    wr_flight_guard(f);
    *out = f->result;
    out->leader = f->leader == a;
    out->after_purge = a->epoch > __atomic_load_n(&f->began_epoch, __ATOMIC_ACQUIRE);
    if (out->verdict == WR_VERDICT_PRIVATE) {
        out->verdict = out->leader ? WR_VERDICT_OBJECT : WR_VERDICT_NOT_SHAREABLE;
        if (!out->leader)
            out->object = out->marker = NULL;
    }
    if (out->object)
        wr_object_ref(out->object);
    if (out->marker)
        wr_object_ref(out->marker);
    if (out->found)
        wr_object_ref(out->found);
    wr_flight_release(f);
}

void wr_waiter_begun(struct wr_waiter *a)
{
    struct wr_flight *f = a->flight;
    if (f == NULL)
        return;
    wr_flight_guard(f);
    let_go(a);
    wr_flight_release(f);
}

void wr_waiter_leave(struct wr_waiter *a)
{
    struct wr_flight *f = a->flight;
    if (f == NULL)
        return;
    wr_flight_guard(f);
    let_go(a);
    TAILQ_REMOVE(&f->waiters, a, entry);
    if (a->admitted)
        f->admitted--;
    if (f->leader == a)
        f->leader = NULL;
    if (!f->over && TAILQ_EMPTY(&f->waiters))
        wr_note_post(&f->nudge);
    wr_flight_release(f);
    a->flight = NULL;
    wr_note_fini(&a->note);
    wr_flight_unref(f);
}

void wr_flights_cut(struct wr_worker *worker)
{
    struct wr_flight *f;
    while ((f = TAILQ_FIRST(&worker->flights)) != NULL)
        end_flight(f);
}
