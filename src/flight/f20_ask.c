/* ASK: the request goes to the origin. What comes back is f30_head.c's; the content flows by itself. */
#include "flight/flight_priv.h"
#include "flight/forward.h"

uint64_t wr_flight_max_object(const struct wr_flight *f)
{
    const struct wr_policy *p = f->tenure->policy;
    uint64_t most = f->tenure->worker->shared->memory ? p->memory_max_object : 0;
    if (p->redis.enabled && p->redis.max_object > most)
        most = p->redis.max_object;
    return most;
}

static bool idempotent(enum wr_method method)
{
    switch (method) {
    case WR_METHOD_GET:
    case WR_METHOD_HEAD:
    case WR_METHOD_PUT:
    case WR_METHOD_DELETE:
    case WR_METHOD_OPTIONS:
    case WR_METHOD_TRACE:
        return true;
    default:
        return false;
    }
}

static void on_end(struct wr_exchange *x, enum wr_err err)
{
    struct wr_flight *f = WR_CONTAINER(x, struct wr_flight, exchange);
    f->exchange_open = false;
    if (err == WR_OK) {
        wr_flight_go(f, WR_FLIGHT_LAND);
        return;
    }
    if (f->built == NULL)
        wr_flight_failed(f, err);
    wr_flight_unlock(f, "failed"); /* a broken flow tells its readers by itself */
    wr_flight_go(f, WR_FLIGHT_DONE);
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
    o->vary_values = o->client = o->forwarded_for = o->request_id = wr_slice(NULL, 0);
}

enum wr_flight_stage wr_flight_ask(struct wr_flight *f)
{
    struct wr_exchange *x = &f->exchange;
    drop_purged_stale(f);
    wr_flight_begin_anew(f);
    wr_forward_write(&f->head, &f->order, f->tenure->worker->shared->via[f->order.request->minor], !f->alone);
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
    x->idempotent = idempotent(x->method);
    x->balance_hash = f->order.key.hash.lo;
    enum wr_err err = wr_exchange_start(x, f->tenure->origins);
    if (err == WR_OK) {
        f->exchange_open = true;
        return WR_FLIGHT_WAIT;
    }
    wr_flight_failed(f, err);
    return WR_FLIGHT_DONE;
}
