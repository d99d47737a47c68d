/* SPDX-License-Identifier: BSD-2-Clause */
/* Notifies the waiters of a flight, and implements their calls: they board, are admitted, read the result and
 * leave. The lock of the flight protects all of it, because waiters may be on any worker. */
#include "flight/flight_priv.h"

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

void wr_flight_seat_leader(struct wr_flight *f, struct wr_waiter *a, bool admitted)
{
    __atomic_add_fetch(&f->refs, 1, __ATOMIC_RELAXED);
    a->flight = f;
    a->admitted = admitted;
    a->epoch = __atomic_load_n(&f->began_epoch, __ATOMIC_ACQUIRE);
    f->admitted += admitted;
    f->leader = a;
    TAILQ_INSERT_TAIL(&f->waiters, a, entry);
}

void wr_waiter_init(struct wr_waiter *a, const struct wr_flight_order *order)
{
    WR_CHECK(a->flight == NULL);
    wr_note_init(&a->note, &order->worker_policy->worker->loop, on_waiter_note);
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
