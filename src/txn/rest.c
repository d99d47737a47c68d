/* SPDX-License-Identifier: BSD-2-Clause */
/* Fetches the rest of a content whose flow has ended for this reader in the middle. Either the reader was too
 * slow, and the flow has left it behind; or the content came out of Redis and is no longer there: the node
 * that was fetching it died, it was purged or evicted, or Redis doesn't answer.
 *
 * Part of the content has been sent, so only the very same content may follow. Content from Redis is read
 * there again, if its version is still the same. Otherwise the origin is asked for the missing part, on
 * condition that its strong entity tag is still the one that was sent (RFC 9110 13.1.5, 14.2). If the origin
 * sends the whole content instead, with the same tag, it is read from where the first flow ended. */
#include "http/conditional.h"
#include "txn/rest_request.h"
#include "txn/txn.h"

static bool is_strong(struct wr_slice etag)
{
    return etag.at && wr_etag_equal_strong(etag, etag);
}

static bool ask_origin(struct wr_txn *t)
{
    if (t->head.method != WR_METHOD_GET || t->object->meta.status != 200 || !is_strong(t->object->etag))
        return false;
    struct wr_head ask = wr_rest_request(&t->head, t->reader.at, t->reader.until, t->object->etag, &t->arena);
    struct wr_flight_order order = wr_txn_order(t);
    order.request = &ask;
    order.stale = NULL;
    order.marker = NULL;
    order.body = NULL;
    t->waiter.notify = wr_txn_on_result;
    t->waiter.interim = NULL;
    wr_flight_alone(&t->waiter, &order);
    t->rest_last = true;
    return true;
}

/* --- reading the rest from Redis --- */

struct wr_txn_reread {
    struct wr_redis_store_read read;
    struct wr_txn *txn;
    bool done;
    struct wr_object *object;
};

static void on_reread(struct wr_redis_store_read *read, enum wr_err err, struct wr_object *object)
{
    struct wr_txn_reread *again = WR_CONTAINER(read, struct wr_txn_reread, read);
    (void) err;
    again->done = true;
    again->object = object;
    wr_txn_wake(again->txn);
}

static bool ask_redis(struct wr_txn *t)
{
    if (!wr_result_is(t->result, WR_RF_STORED) || t->worker->redis_store == NULL)
        return false;
    struct wr_txn_reread *again = wr_arena_zalloc(&t->arena, sizeof *again);
    again->txn = t;
    again->read.done = on_reread;
    again->read.early = again->read.part = true;
    if (wr_redis_store_get(t->worker->redis_store, &again->read, t->object->host, t->object->hash,
                           t->object->key) != WR_OK)
        return false;
    t->reread = again;
    return true;
}

void wr_txn_leave_rest(struct wr_txn *t)
{
    struct wr_txn_reread *again = t->reread;
    if (again == NULL)
        return;
    t->reread = NULL;
    if (!again->done)
        wr_redis_store_cancel(&again->read);
    wr_object_unref(again->object);
}

/* --- asking, and taking the answer --- */

bool wr_txn_ask_rest(struct wr_txn *t)
{
    uint64_t at = t->reader.at, until = t->reader.until;
    wr_flow_reader_close(&t->reader);
    t->reader.at = at; /* the offset where the rest begins */
    t->reader.until = until;
    wr_waiter_leave(&t->waiter);
    bool reread = t->rest != NULL; /* Redis has been asked already, and what it gave has broken off as well */
    wr_object_unref(t->rest);
    t->rest = NULL;
    t->rest_asked = !t->rest_last && ((!reread && ask_redis(t)) || ask_origin(t));
    return t->rest_asked;
}

/* Lets the reader go on at offset `at` of this object's flow. Returns WHOLE, or BROKEN if that can't be read.
 */
static enum wr_flow_state read_on_in(struct wr_txn *t, struct wr_object *o, uint64_t at,
                                     void (*wake)(struct wr_flow_reader *))
{
    uint64_t from = t->reader.at, until = t->reader.until;
    uint64_t length = until == UINT64_MAX ? UINT64_MAX : until - from;
    if (!wr_flow_reader_open_part(&t->reader, o->flow, &t->worker->loop, at, length, wake))
        return WR_FLOW_BROKEN;
    t->rest = wr_object_ref(o);
    t->rest_from = from - at;
    return WR_FLOW_WHOLE;
}

static enum wr_flow_state take_from_origin(struct wr_txn *t, void (*wake)(struct wr_flow_reader *))
{
    struct wr_flight_result fetched;
    uint64_t at;
    enum wr_flow_state result = WR_FLOW_ARRIVING;
    wr_waiter_result(&t->waiter, &fetched);
    if (fetched.verdict == WR_VERDICT_OBJECT &&
        wr_rest_begins(fetched.object, t->object->etag, t->reader.at, &t->arena, &at))
        result = read_on_in(t, fetched.object, at, wake);
    else if (fetched.verdict != WR_VERDICT_NONE)
        result = WR_FLOW_BROKEN;
    wr_flight_result_fini(&fetched);
    return result;
}

/* Takes the rest from Redis. If it isn't there any more, asks the origin. */
static enum wr_flow_state take_from_redis(struct wr_txn *t, void (*wake)(struct wr_flow_reader *))
{
    struct wr_object *o = t->reread->object;
    if (!t->reread->done)
        return WR_FLOW_ARRIVING;
    enum wr_flow_state result = WR_FLOW_BROKEN;
    if (o && o->flow && o->meta.version == t->object->meta.version)
        result = read_on_in(t, o, t->reader.at, wake);
    wr_txn_leave_rest(t);
    return result == WR_FLOW_BROKEN && ask_origin(t) ? WR_FLOW_ARRIVING : result;
}

enum wr_flow_state wr_txn_take_rest(struct wr_txn *t, void (*wake)(struct wr_flow_reader *))
{
    enum wr_flow_state result = t->reread ? take_from_redis(t, wake) : take_from_origin(t, wake);
    t->rest_asked = result == WR_FLOW_ARRIVING;
    return result;
}
