/* ASK: the request goes to the origin. What comes back is f30_head.c's; the content flows by itself. */
#include "flight/flight_priv.h"
#include "flight/forward.h"

uint64_t wr_flight_max_object(const struct wr_flight *f)
{
    const struct wr_worker *w = f->tenure->worker;
    uint64_t memory = w->shared->memory ? wr_memory_most(w->shared->memory, 0) : 0;
    uint64_t shelf = w->shelf ? wr_shelf_most(w->shelf, 0) : 0;
    return shelf > memory ? shelf : memory;
}

/* Of the URL as it came: the same for every method and variant, whether the route caches or not. */
static uint64_t balance_hash(struct wr_flight *f)
{
    const struct wr_head *r = f->order.request;
    if (f->order.route->origin->balance != WR_BALANCE_HASH)
        return 0;
    struct wr_slice host = wr_policy_host(r->host, &f->arena);
    struct wr_slice url = wr_arena_printf(&f->arena, "%.*s%.*s?%.*s", WR_SLICE_ARG(host), WR_SLICE_ARG(r->path),
                                          WR_SLICE_ARG(r->query));
    return wr_hash_of(url).lo;
}

static void on_end(struct wr_exchange *x, enum wr_err err)
{
    struct wr_flight *f = WR_CONTAINER(x, struct wr_flight, exchange);
    f->exchange_open = false;
    if (err == WR_OK) {
        enum wr_flight_stage next = f->ask_again ? WR_FLIGHT_ASK : WR_FLIGHT_LAND;
        f->ask_again = false;
        wr_flight_wake(f, WR_FLIGHT_ASK, next);
        return;
    }
    if (f->built == NULL)
        wr_flight_failed(f, err);
    wr_flight_unlock(f, WR_OUTCOME_FAILED); /* a broken flow tells its readers by itself */
    wr_flight_wake(f, WR_FLIGHT_ASK, WR_FLIGHT_DONE);
}

/* What has been purged is not brought back by a 304. */
static void drop_purged_stale(struct wr_flight *f)
{
    struct wr_object *stale = f->order.stale;
    if (stale == NULL || wr_gens_check(f->tenure->worker->shared->gens, stale, f->loop->mono) != WR_GENS_GONE)
        return;
    wr_object_unref(stale);
    f->order.stale = NULL;
}

/* What was borrowed ends with the call that started the flight: from here on only what is copied by value is there. */
static void forget_request(struct wr_flight *f)
{
    struct wr_flight_order *o = &f->order;
    f->request = (struct wr_head){ .method = o->request->method, .minor = o->request->minor };
    o->request = &f->request;
    o->key = (struct wr_key){ .hash = o->key.hash };
    o->primary = (struct wr_key){ .hash = o->primary.hash };
    o->vary_values = o->request_id = o->forwarded_for = wr_slice(NULL, 0);
}

enum wr_flight_stage wr_flight_ask(struct wr_flight *f)
{
    struct wr_exchange *x = &f->exchange;
    drop_purged_stale(f);
    if (f->tenure->worker->link)
        wr_link_learn_clock(f->tenure->worker->link); /* for when it lands */
    wr_flight_begin_anew(f);
    wr_buf_clear(&f->head);
    wr_forward_write(&f->head, &f->order, f->tenure->worker->shared->via[f->order.request->minor], !f->alone);
    x->balance_hash = balance_hash(f);
    if (f->brief)
        forget_request(f);
    x->on_interim = wr_flight_on_interim;
    x->on_head = wr_flight_on_head;
    x->on_end = on_end;
    x->origin = f->order.route->origin;
    x->method = f->alone ? f->request.method : WR_METHOD_GET;
    x->head = wr_buf_slice(&f->head);
    x->request = f->order.body;
    x->request_chunked = f->order.body_chunked;
    x->idempotent = wr_method_is_idempotent(x->method);
    enum wr_err err = wr_exchange_start(x, f->tenure->origins);
    if (err == WR_OK) {
        f->exchange_open = true;
        return WR_FLIGHT_WAIT;
    }
    wr_flight_failed(f, err);
    return WR_FLIGHT_DONE;
}

void wr_flight_ask_leave(struct wr_flight *f)
{
    if (f->exchange_open)
        wr_exchange_cancel(&f->exchange);
    f->exchange_open = false;
}
