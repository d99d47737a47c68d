/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes the pieces of a large response while it arrives, so that other nodes can read it before it is whole.
 * A script checks the fetch lock before the response becomes visible. */
#include "store/redis_store_priv.h"

#include <stdlib.h>

#include "store/crc32c.h"

#define BEAT WR_SPAN_MS(250) /* how long a node that comes later waits for a sign of life */

/* Further actions of tell_keep(), besides giving a new time to live. */
#define ENDED WR_SPAN_MS(0)
#define AS_IT_IS WR_SPAN_MS(-1)

struct wr_redis_store_arrival {
    struct wr_deferred_free deferred;
    TAILQ_ENTRY(wr_redis_store_arrival) entry; /* in the store's list, once it has been let go */
    struct wr_redis_store *redis_store;
    struct wr_object *object;
    struct wr_buf name, sums_name, token;
    struct wr_span ttl, keep;
    void (*alive)(void *ctx); /* NULL: no other node finds the response any more */
    void (*lost)(void *ctx);
    void *ctx;
    void (*finished)(void *heir, bool whole); /* a put waits until all pieces are written; or NULL */
    void *heir;
    struct wr_call call;
    struct wr_redis_store_turn turn; /* to write the next piece */
    struct wr_timer beat;
    struct wr_flow_reader reader;
    uint64_t chunk;
    size_t chunk_count;
    size_t begun, next; /* pieces sent to Redis, and pieces that Redis has confirmed */
    uint32_t *sums;
    char *piece; /* room in which a piece is put together; NULL: Redis hasn't agreed yet */
    size_t filled;
    struct wr_charge charge;
    bool handed_over; /* the put of the whole response owns the pieces */
    bool let_go;      /* the store owns the arrival */
    bool stopped;     /* as far as the arrival decides it, nothing of the response is in Redis any more */
};

static void tell_keep(struct wr_redis_store_arrival *a, struct wr_span hash, struct wr_span sums)
{
    const struct wr_slice keys[] = { wr_buf_slice(&a->name), wr_buf_slice(&a->sums_name) };
    char ms[2][24];
    const struct wr_slice args[] = { wr_buf_slice(&a->token), wr_redis_store_decimal(ms[0], wr_span_ms(hash)),
                                     wr_redis_store_decimal(ms[1], wr_span_ms(sums)) };
    wr_link_tell_script(a->redis_store->link, WR_SCRIPT_ARRIVING_KEEP, 2, keys, 3, args);
}

static void free_arrival(struct wr_deferred_free *deferred)
{
    struct wr_redis_store_arrival *a = WR_CONTAINER(deferred, struct wr_redis_store_arrival, deferred);
    wr_object_unref(a->object);
    free(a);
}

static void arrival_free(struct wr_redis_store_arrival *a)
{
    if (a->let_go)
        TAILQ_REMOVE(&a->redis_store->arrivals, a, entry);
    wr_call_cancel(&a->call);
    wr_redis_store_turn_end(a->redis_store, &a->turn);
    wr_flow_reader_close(&a->reader);
    wr_timer_fini(&a->beat);
    wr_buf_fini(&a->name);
    wr_buf_fini(&a->sums_name);
    wr_buf_fini(&a->token);
    free(a->sums);
    free(a->piece);
    wr_charge_set(&a->charge, 0);
    wr_loop_defer_free(a->redis_store->loop, &a->deferred, free_arrival); /* its reader may be on the stack */
}

static void tell_heir(struct wr_redis_store_arrival *a, bool whole)
{
    void (*finished)(void *heir, bool whole) = a->finished;
    a->finished = NULL;
    if (finished)
        finished(a->heir, whole);
}

/* Takes the response back, so that readers on other nodes don't wait for pieces that will not come. */
static void give_up_arrival(struct wr_redis_store_arrival *a)
{
    const struct wr_object *o = a->object;
    if (a->stopped)
        return;
    a->stopped = true;
    wr_call_cancel(&a->call);
    wr_redis_store_turn_end(a->redis_store, &a->turn);
    wr_timer_clear(&a->beat);
    wr_flow_reader_close(&a->reader);
    tell_keep(a, ENDED, a->handed_over ? AS_IT_IS : ENDED);
    if (a->begun > 0 && !a->handed_over)
        (void) wr_redis_store_ask_pieces(a->redis_store, NULL, WR_SLICE("UNLINK"), o->host, o->hash,
                                         o->meta.version, a->begun);
    tell_heir(a, false);
}

/* Called from inside. Frees the arrival if it has been let go, because then nobody else does. */
static void stop_arrival(struct wr_redis_store_arrival *a)
{
    bool awaited = a->finished != NULL; /* the put has ended with it, and maybe its owner */
    give_up_arrival(a);
    if (a->let_go)
        arrival_free(a);
    else if (!awaited)
        a->lost(a->ctx);
}

static void live_on(struct wr_redis_store_arrival *a)
{
    struct wr_span third = { a->ttl.us / 3 };
    wr_timer_set(&a->beat, third.us < BEAT.us ? third : BEAT);
    if (a->alive)
        a->alive(a->ctx);
}

static void on_beat(struct wr_timer *timer)
{
    struct wr_redis_store_arrival *a = WR_CONTAINER(timer, struct wr_redis_store_arrival, beat);
    tell_keep(a, a->ttl, a->ttl);
    live_on(a);
}

/* --- piece by piece --- */

static void write_next(struct wr_redis_store_arrival *a);

enum granted { REFUSED, GRANTED, FOR_READERS_ONLY }; /* what the scripts reply */

static enum granted granted(enum wr_err err, const struct wr_reply *reply)
{
    return err == WR_OK && wr_reply_kind(reply) == WR_REPLY_INTEGER ? (enum granted) wr_reply_int(reply)
                                                                    : REFUSED;
}

/* While memory is scarce, the flow frees what is in Redis and has been read. */
static void spare_memory(struct wr_redis_store_arrival *a)
{
    if (a->reader.flow && wr_budget_state() != WR_BUDGET_EASY)
        wr_flow_stop_keeping(a->object->flow);
}

static void on_piece_written(struct wr_call *call, enum wr_err err, const struct wr_reply *reply)
{
    struct wr_redis_store_arrival *a = WR_CONTAINER(call, struct wr_redis_store_arrival, call);
    wr_redis_store_turn_end(a->redis_store, &a->turn);
    switch (granted(err, reply)) {
    case REFUSED:
        stop_arrival(a);
        return;
    case FOR_READERS_ONLY:
        a->alive = NULL;
        break;
    case GRANTED:
        break;
    }
    a->next++;
    spare_memory(a);
    write_next(a);
}

static size_t length_of_piece(const struct wr_redis_store_arrival *a)
{
    uint64_t left = a->object->meta.length - a->chunk * a->begun;
    return (size_t) (left < a->chunk ? left : a->chunk);
}

/* Takes what has come of the next piece out of the flow. Returns the flow's state at that moment. */
static enum wr_flow_state gather(struct wr_redis_store_arrival *a, size_t len)
{
    enum wr_flow_state state = WR_FLOW_ARRIVING;
    while (a->filled < len) {
        struct iovec iov[16];
        size_t before = a->filled;
        int n = wr_flow_reader_peek(&a->reader, iov, 16, len - a->filled, &state);
        for (int i = 0; i < n; i++) {
            memcpy(a->piece + a->filled, iov[i].iov_base, iov[i].iov_len);
            a->filled += iov[i].iov_len;
        }
        if (n == 0)
            break;
        wr_flow_reader_advance(&a->reader, a->filled - before);
    }
    return state;
}

static enum wr_err write_piece(struct wr_redis_store_arrival *a, struct wr_slice piece)
{
    const struct wr_object *o = a->object;
    struct wr_buf name = { 0 }, sum = { 0 };
    char ttl[24];
    a->sums[a->begun] = wr_crc32c(0, piece);
    wr_record_add_sum(&sum, a->sums[a->begun]);
    wr_keys_chunk(&name, &a->redis_store->policy->redis, o->host, o->hash, o->meta.version, a->begun);
    a->begun++;
    a->filled = 0;
    const struct wr_slice keys[] = { wr_buf_slice(&a->sums_name), wr_buf_slice(&name),
                                     wr_buf_slice(&a->name) };
    const struct wr_slice args[] = {
        wr_buf_slice(&a->token), wr_redis_store_decimal(ttl, wr_span_ms(wr_redis_store_piece_life(a->keep))),
        piece, wr_buf_slice(&sum)
    };
    a->call = (struct wr_call){ .done = on_piece_written };
    enum wr_err err = wr_link_script(a->redis_store->link, &a->call, wr_redis_store_patience(a->redis_store),
                                     WR_SCRIPT_ARRIVING_PIECE, 3, keys, 4, args);
    wr_buf_fini(&name);
    wr_buf_fini(&sum);
    return err;
}

/* All pieces are written: they and their checksums stay for those that read them. */
static void conclude(struct wr_redis_store_arrival *a)
{
    tell_keep(a, AS_IT_IS, wr_redis_store_piece_life(a->keep));
    a->stopped = true;
    arrival_free(a);
}

/* Fills the next piece while the one before it is on its way; then sends it. */
static void write_next(struct wr_redis_store_arrival *a)
{
    if (a->piece == NULL || a->handed_over || a->stopped)
        return;
    if (a->next == a->chunk_count) {
        if (a->let_go)
            conclude(a);
        else
            tell_heir(a, true);
        return;
    }
    if (a->begun == a->chunk_count)
        return;
    size_t len = length_of_piece(a);
    enum wr_flow_state state = gather(a, len);
    if (a->filled < len) {
        if (state != WR_FLOW_ARRIVING)
            stop_arrival(a);
        return;
    }
    if (wr_call_pending(&a->call) || !wr_redis_store_turn_take(a->redis_store, &a->turn))
        return; /* on_piece_written() or on_arrival_turn() goes on */
    if (write_piece(a, wr_slice(a->piece, len)) != WR_OK)
        stop_arrival(a);
}

static void on_arrival_turn(struct wr_redis_store_turn *turn)
{
    write_next(WR_CONTAINER(turn, struct wr_redis_store_arrival, turn));
}

static void on_piece_ready(struct wr_flow_reader *reader)
{
    write_next(WR_CONTAINER(reader, struct wr_redis_store_arrival, reader));
}

/* --- visible --- */

static void on_put(struct wr_call *call, enum wr_err err, const struct wr_reply *reply)
{
    struct wr_redis_store_arrival *a = WR_CONTAINER(call, struct wr_redis_store_arrival, call);
    if (granted(err, reply) != GRANTED) {
        stop_arrival(a);
        return;
    }
    a->piece = malloc((size_t) a->chunk);
    WR_CHECK(a->piece != NULL);
    wr_charge_set(&a->charge, (size_t) a->chunk);
    live_on(a);
    write_next(a);
}

static enum wr_err put_arriving(struct wr_redis_store_arrival *a, struct wr_slice lock)
{
    struct wr_redis_store *s = a->redis_store;
    const struct wr_object *o = a->object;
    struct wr_buf meta = { 0 };
    char ttl[24];
    wr_record_encode(&meta, o, o->meta.length, a->chunk, a->chunk_count, NULL, wr_link_ahead(s->link));
    const struct wr_slice keys[] = { wr_buf_slice(&a->name), lock, wr_buf_slice(&a->sums_name) };
    const struct wr_slice args[] = { wr_buf_slice(&a->token), wr_redis_store_decimal(ttl, wr_span_ms(a->ttl)),
                                     o->key, wr_buf_slice(&meta), o->head };
    a->call = (struct wr_call){ .done = on_put };
    enum wr_err err = wr_link_script(s->link, &a->call, wr_redis_store_patience(s), WR_SCRIPT_ARRIVING_PUT, 3,
                                     keys, 5, args);
    wr_buf_fini(&meta);
    return err;
}

struct wr_redis_store_arrival *wr_redis_store_arrive(struct wr_redis_store *s, struct wr_object *object,
                                                     const struct wr_redis_store_lock *lock,
                                                     struct wr_span keep, void (*alive)(void *ctx),
                                                     void (*lost)(void *ctx), void *ctx)
{
    uint64_t length = object->meta.length, chunk = wr_redis_store_chunk(s);
    size_t count = length <= s->policy->redis.max_object ? wr_redis_store_chunk_count(length, chunk) : 0;
    if (count == 0 || object->head.len > WR_REDIS_STORE_VALUE_MOST || wr_span_ms(keep) <= 0)
        return NULL;
    struct wr_redis_store_arrival *a = calloc(1, sizeof *a);
    WR_CHECK(a != NULL);
    *a = (struct wr_redis_store_arrival){ .redis_store = s,
                                          .object = wr_object_ref(object),
                                          .ttl = lock->ttl,
                                          .keep = keep,
                                          .alive = alive,
                                          .lost = lost,
                                          .ctx = ctx,
                                          .turn = { .come = on_arrival_turn },
                                          .chunk = chunk,
                                          .chunk_count = count };
    a->sums = calloc(count, sizeof *a->sums);
    WR_CHECK(a->sums != NULL);
    wr_buf_add_slice(&a->token, lock->token);
    wr_keys_cache(&a->name, &s->policy->redis, object->host, object->hash);
    wr_keys_sums(&a->sums_name, &s->policy->redis, object->host, object->hash, object->meta.version);
    wr_timer_init(&a->beat, s->loop, on_beat);
    if (wr_flow_reader_open(&a->reader, object->flow, s->loop, 0, on_piece_ready) &&
        put_arriving(a, lock->key) == WR_OK)
        return a;
    arrival_free(a);
    return NULL;
}

bool wr_redis_store_arrival_streams(const struct wr_redis_store_arrival *a)
{
    return a && !a->stopped && a->reader.flow && !wr_flow_kept(a->object->flow);
}

bool wr_redis_store_arrival_finish(struct wr_redis_store_arrival *a, void (*finished)(void *heir, bool whole),
                                   void *heir)
{
    if (a->next == a->chunk_count)
        return true;
    a->finished = finished;
    a->heir = heir;
    return false;
}

bool wr_redis_store_arrival_hand_over(struct wr_redis_store_arrival *a, const struct wr_object *object,
                                      uint64_t length, uint64_t chunk, uint32_t *sums, size_t *written)
{
    if (a == NULL || a->stopped || a->object->meta.version != object->meta.version ||
        a->object->meta.length != length || a->chunk != chunk)
        return false;
    a->handed_over = true;
    wr_flow_reader_close(&a->reader);
    if (!wr_call_pending(&a->call))
        wr_redis_store_turn_end(a->redis_store, &a->turn);
    memcpy(sums, a->sums, a->next * sizeof *sums);
    *written = a->next;
    return true;
}

void wr_redis_store_arrival_whole(struct wr_redis_store_arrival *a, const uint32_t *sums)
{
    struct wr_buf text = { 0 };
    char ttl[24];
    if (a->stopped)
        return;
    for (size_t i = 0; i < a->chunk_count; i++)
        wr_record_add_sum(&text, sums[i]);
    wr_timer_clear(&a->beat);
    wr_link_tell(a->redis_store->link, 5,
                 (struct wr_slice[]){
                     WR_SLICE("SET"), wr_buf_slice(&a->sums_name), wr_buf_slice(&text), WR_SLICE("PX"),
                     wr_redis_store_decimal(ttl, wr_span_ms(wr_redis_store_piece_life(a->keep))) });
    wr_buf_fini(&text);
}

void wr_redis_store_arrival_let_go(struct wr_redis_store_arrival *a)
{
    if (a == NULL || a->stopped || a->handed_over || a->piece == NULL) { /* nobody can be reading it */
        wr_redis_store_arrival_free(a);
        return;
    }
    a->alive = NULL;
    a->let_go = true;
    TAILQ_INSERT_TAIL(&a->redis_store->arrivals, a, entry);
    tell_keep(a, ENDED, a->ttl);
    write_next(a);
}

void wr_redis_store_arrival_free(struct wr_redis_store_arrival *a)
{
    if (a == NULL)
        return;
    give_up_arrival(a);
    arrival_free(a);
}

void wr_redis_store_end_arrivals(struct wr_redis_store *s)
{
    struct wr_redis_store_arrival *a;
    while ((a = TAILQ_FIRST(&s->arrivals)) != NULL)
        wr_redis_store_arrival_free(a);
}
