/* Has what Redis holds been purged? Mostly that is known here; else Redis is asked for the generations that aren't. */
#include "flight/flight_priv.h"

static void finish(struct wr_flight *f, struct wr_object *object, bool good)
{
    void (*known)(struct wr_flight *, struct wr_object *) = f->verified;
    f->verifying = NULL;
    if (!good)
        wr_object_unref(object);
    known(f, good ? object : NULL);
}

static enum wr_gens_state compare(struct wr_flight *f, struct wr_object *object)
{
    object->checked = f->look_sent;
    const struct wr_worker *worker = f->tenure->worker;
    return wr_gens_compare(worker->shared->gens, object, wr_worker_horizon(worker), &object->checked);
}

static void on_learnt(struct wr_gens_ask *ask)
{
    struct wr_flight *f = WR_CONTAINER(ask, struct wr_flight, gens_ask);
    f->redis_late |= ask->late;
    finish(f, f->verifying, compare(f, f->verifying) <= WR_GENS_SOFT);
}

void wr_flight_verify(struct wr_flight *f, struct wr_object *object,
                      void (*known)(struct wr_flight *f, struct wr_object *object))
{
    struct wr_worker *worker = f->tenure->worker;
    f->verified = known;
    if (object == NULL) {
        known(f, NULL);
        return;
    }
    enum wr_gens_state state = compare(f, object);
    f->verifying = object;
    f->gens_ask.done = on_learnt;
    if (state != WR_GENS_UNKNOWN ||
        !wr_gens_learn(worker->shared->gens, worker->link, object, WR_SPAN_S(0), (struct wr_time){ 0 }, &f->gens_ask))
        finish(f, object, state <= WR_GENS_SOFT);
}

void wr_flight_verify_cancel(struct wr_flight *f)
{
    if (f->verifying == NULL)
        return;
    wr_gens_cancel(&f->gens_ask);
    wr_object_unref(f->verifying);
    f->verifying = NULL;
}
