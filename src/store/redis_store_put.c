/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes stored responses to Redis and drops them, as jobs whose result no answer waits for. It also tells
 * Redis of new and used variants, and drops those that are too many. */
#include "store/redis_store_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/crc32c.h"

struct wr_redis_store_job {
    TAILQ_ENTRY(wr_redis_store_job) entry;
    struct wr_redis_store *redis_store;
    void (*ended)(void *ctx, enum wr_err err); /* may be NULL */
    void *ctx;
    struct wr_call call;
    struct wr_note note; /* reports what failed before the job could begin */
    enum wr_err err;
    /* for a write: */
    struct wr_object *object;
    struct wr_span keep;
    struct wr_flow_reader reader;
    uint64_t length, chunk;
    size_t chunk_count, next; /* next: the piece to be written next */
    uint32_t *sums;
    struct wr_redis_store_arrival *arrived; /* has handed over its pieces; or NULL */
    struct wr_redis_store_turn turn;        /* to write the next piece */
    bool waits;                             /* until `arrived` has written the pieces */
    char *piece;                            /* room in which a piece is put together */
    struct wr_charge charge;
};

static void end_job(struct wr_redis_store_job *j, enum wr_err err)
{
    wr_call_cancel(&j->call);
    wr_note_fini(&j->note);
    wr_flow_reader_close(&j->reader);
    TAILQ_REMOVE(&j->redis_store->jobs, j, entry);
    wr_redis_store_turn_end(j->redis_store, &j->turn);
    if (j->waits)
        (void) wr_redis_store_arrival_finish(j->arrived, NULL, NULL);
    if (j->ended)
        j->ended(j->ctx, err);
    wr_object_unref(j->object);
    free(j->sums);
    free(j->piece);
    wr_charge_set(&j->charge, 0);
    free(j);
}

void wr_redis_store_end_jobs(struct wr_redis_store *s)
{
    struct wr_redis_store_job *j;
    while ((j = TAILQ_FIRST(&s->jobs)) != NULL)
        end_job(j, WR_ERR_CANCELLED);
}

static void on_job_note(struct wr_note *note)
{
    struct wr_redis_store_job *j = WR_CONTAINER(note, struct wr_redis_store_job, note);
    end_job(j, j->err);
}

/* Ends the job in the next turn of the loop, because `ended` is never called before the start has returned.
 */
static void end_soon(struct wr_redis_store_job *j, enum wr_err err)
{
    j->err = err;
    wr_note_post(&j->note);
}

static struct wr_redis_store_job *job_new(struct wr_redis_store *s, void (*ended)(void *ctx, enum wr_err err),
                                          void *ctx)
{
    struct wr_redis_store_job *j = calloc(1, sizeof *j);
    WR_CHECK(j != NULL);
    j->redis_store = s;
    j->ended = ended;
    j->ctx = ctx;
    wr_note_init(&j->note, s->loop, on_job_note);
    TAILQ_INSERT_TAIL(&s->jobs, j, entry);
    return j;
}

static void on_last(struct wr_call *call, enum wr_err err, const struct wr_reply *reply)
{
    if (err == WR_OK && wr_reply_kind(reply) == WR_REPLY_ERROR)
        err = WR_ERR_REDIS_ERROR;
    end_job(WR_CONTAINER(call, struct wr_redis_store_job, call), err);
}

/* --- a write --- */

/* A reply of 0 says that the response there was fetched later. */
static void on_put(struct wr_call *call, enum wr_err err, const struct wr_reply *reply)
{
    if (err == WR_OK && wr_reply_kind(reply) == WR_REPLY_INTEGER && wr_reply_int(reply) == 0)
        end_job(WR_CONTAINER(call, struct wr_redis_store_job, call), WR_ERR_PURGED);
    else
        on_last(call, err, reply);
}

/* Writes the HASH, which makes the response visible. */
static enum wr_err write_hash(struct wr_redis_store_job *j)
{
    struct wr_slice body = j->chunk_count ? wr_slice("", 0) : wr_slice(j->piece, (size_t) j->length);
    struct wr_redis_store *s = j->redis_store;
    const struct wr_object *o = j->object;
    struct wr_buf name = { 0 }, meta = { 0 };
    char ttl[24], began[24];
    int began_len = snprintf(began, sizeof began, "%016" PRIx64, o->began.n);
    wr_keys_cache(&name, &s->policy->redis, o->host, o->hash);
    wr_record_encode(&meta, o, j->length, j->chunk, j->chunk_count, j->sums, wr_link_ahead(s->link));
    const struct wr_slice key = wr_buf_slice(&name);
    const struct wr_slice args[] = { wr_redis_store_decimal(ttl, wr_span_ms(j->keep)),
                                     o->key,
                                     wr_buf_slice(&meta),
                                     o->head,
                                     body,
                                     wr_slice(began, (size_t) began_len) };
    j->call = (struct wr_call){ .done = on_put };
    enum wr_err err = wr_link_script(s->link, &j->call, wr_redis_store_patience(s), WR_SCRIPT_CACHE_PUT, 1,
                                     &key, 6, args);
    wr_buf_fini(&name);
    wr_buf_fini(&meta);
    return err;
}

static enum wr_err write_next(struct wr_redis_store_job *j);

static void on_piece_put(struct wr_call *call, enum wr_err err, const struct wr_reply *reply)
{
    struct wr_redis_store_job *j = WR_CONTAINER(call, struct wr_redis_store_job, call);
    if (err == WR_OK && wr_reply_kind(reply) == WR_REPLY_ERROR)
        err = WR_ERR_REDIS_ERROR;
    wr_redis_store_turn_end(j->redis_store, &j->turn);
    if (err == WR_OK) {
        j->next++;
        err = write_next(j);
    }
    if (err != WR_OK)
        end_job(j, err);
}

static enum wr_err write_piece(struct wr_redis_store_job *j)
{
    struct wr_redis_store *s = j->redis_store;
    uint64_t left = j->length - j->chunk * j->next;
    struct wr_slice piece = wr_redis_store_read_piece(&j->reader, j->piece,
                                                      (size_t) (left < j->chunk ? left : j->chunk));
    struct wr_buf name = { 0 };
    char ttl[24];
    j->sums[j->next] = wr_crc32c(0, piece);
    wr_keys_chunk(&name, &s->policy->redis, j->object->host, j->object->hash, j->object->meta.version,
                  j->next);
    const struct wr_slice argv[] = { WR_SLICE("SET"), wr_buf_slice(&name), piece, WR_SLICE("PX"),
                                     wr_redis_store_decimal(ttl,
                                                            wr_span_ms(wr_redis_store_piece_life(j->keep))) };
    j->call = (struct wr_call){ .done = on_piece_put };
    enum wr_err err = wr_link_send(s->link, &j->call, wr_redis_store_patience(s), 5, argv);
    wr_buf_fini(&name);
    return err;
}

static void on_put_turn(struct wr_redis_store_turn *turn)
{
    struct wr_redis_store_job *j = WR_CONTAINER(turn, struct wr_redis_store_job, turn);
    enum wr_err err = write_piece(j);
    if (err != WR_OK)
        end_job(j, err);
}

static enum wr_err write_next(struct wr_redis_store_job *j)
{
    if (j->next < j->chunk_count)
        return wr_redis_store_turn_take(j->redis_store, &j->turn) ? write_piece(j) : WR_OK;
    if (j->chunk_count == 0)
        j->sums[0] = wr_crc32c(0, wr_redis_store_read_piece(&j->reader, j->piece, (size_t) j->length));
    if (j->arrived)
        wr_redis_store_arrival_whole(j->arrived, j->sums);
    return write_hash(j);
}

static void on_wake(struct wr_flow_reader *reader)
{
    (void) reader; /* a whole flow doesn't change */
}

static bool fits_redis_store(const struct wr_redis_store *s, const struct wr_object *o, struct wr_span keep,
                             const struct wr_redis_store_arrival *arrived)
{
    if (wr_span_ms(keep) <= 0 || o->head.len > WR_REDIS_STORE_VALUE_MOST)
        return false;
    if (o->flow == NULL)
        return true;
    return wr_flow_state(o->flow) == WR_FLOW_WHOLE &&
           (wr_flow_kept(o->flow) || wr_redis_store_arrival_streams(arrived)) &&
           wr_flow_length(o->flow) <= s->policy->redis.max_object;
}

/* Takes over what the arrival has written. */
static bool inherit(struct wr_redis_store_job *j, struct wr_redis_store_arrival *arrived)
{
    if (!wr_redis_store_arrival_hand_over(arrived, j->object, j->length, j->chunk, j->sums, &j->next))
        return false;
    j->arrived = arrived;
    return true;
}

static void on_arrival_finished(void *heir, bool whole)
{
    struct wr_redis_store_job *j = heir;
    j->waits = false;
    enum wr_err err = whole && inherit(j, j->arrived) ? write_next(j) : WR_ERR_REDIS_ERROR;
    if (err != WR_OK)
        end_job(j, err);
}

/* Stores a response that isn't kept in memory: the arrival alone has had all of it. */
static enum wr_err wait_for_arrival(struct wr_redis_store_job *j, struct wr_redis_store_arrival *arrived)
{
    j->arrived = arrived;
    j->waits = !wr_redis_store_arrival_finish(arrived, on_arrival_finished, j);
    if (j->waits)
        return WR_OK;
    return inherit(j, arrived) ? write_next(j) : WR_ERR_REDIS_ERROR;
}

static enum wr_err start_write(struct wr_redis_store_job *j, struct wr_redis_store_arrival *arrived)
{
    struct wr_object *o = j->object;
    j->turn.come = on_put_turn;
    j->chunk = wr_redis_store_chunk(j->redis_store);
    j->length = o->flow ? wr_flow_length(o->flow) : 0;
    j->chunk_count = wr_redis_store_chunk_count(j->length, j->chunk);
    j->sums = calloc(j->chunk_count + 1, sizeof *j->sums);
    WR_CHECK(j->sums != NULL);
    if (o->flow && !wr_flow_kept(o->flow))
        return wait_for_arrival(j, arrived);
    size_t room = (size_t) (j->length < j->chunk ? j->length : j->chunk) + 1;
    j->piece = malloc(room);
    WR_CHECK(j->piece != NULL);
    wr_charge_set(&j->charge, room);
    (void) inherit(j, arrived);
    if (o->flow)
        WR_CHECK(wr_flow_reader_open(&j->reader, o->flow, j->redis_store->loop, j->chunk * j->next, on_wake));
    return write_next(j);
}

void wr_redis_store_put(struct wr_redis_store *s, struct wr_object *object, struct wr_span keep,
                        struct wr_redis_store_arrival *arrived, void (*written)(void *ctx, enum wr_err err),
                        void *ctx)
{
    struct wr_redis_store_job *j = job_new(s, written, ctx);
    j->keep = keep;
    j->object = wr_object_ref(object);
    enum wr_err err = WR_ERR_CANCELLED;
    if (fits_redis_store(s, object, keep, arrived))
        err = wr_link_ready(s->link) ? start_write(j, arrived) : WR_ERR_REDIS_AWAY;
    if (err != WR_OK)
        end_soon(j, err);
}

/* --- dropping --- */

void wr_redis_store_drop(struct wr_redis_store *s, struct wr_slice host, struct wr_hash hash)
{
    struct wr_buf name = { 0 };
    wr_keys_cache(&name, &s->policy->redis, host, hash);
    wr_link_tell(s->link, 2, (struct wr_slice[]){ WR_SLICE("UNLINK"), wr_buf_slice(&name) });
    wr_buf_fini(&name);
}

/* --- the bound of variants --- */

static void on_gone(struct wr_call *call, enum wr_err err, const struct wr_reply *reply)
{
    struct wr_redis_store_job *j = WR_CONTAINER(call, struct wr_redis_store_job, call);
    struct wr_hash hash;
    for (size_t i = 0; err == WR_OK && i < wr_reply_count(reply); i++) {
        struct wr_slice name = wr_reply_slice(wr_reply_at(reply, i));
        if (name.at && wr_keys_cache_hash(&j->redis_store->policy->redis, name, &hash))
            wr_link_tell(j->redis_store->link, 2, (struct wr_slice[]){ WR_SLICE("UNLINK"), name });
    }
    end_job(j, err);
}

static void tell_variant(struct wr_redis_store *s, const struct wr_object *marker,
                         const struct wr_object *variant, struct wr_slice bytes, struct wr_span keep,
                         const struct wr_variants_bound *most)
{
    struct wr_buf list = { 0 }, name = { 0 };
    char count[24], all[24], ttl[24];
    wr_keys_variants(&list, &s->policy->redis, marker->hash);
    wr_keys_cache(&name, &s->policy->redis, variant->host, variant->hash);
    const struct wr_slice keys[] = { wr_buf_slice(&list) };
    const struct wr_slice args[] = { wr_buf_slice(&name), bytes, wr_redis_store_decimal(count, most->count),
                                     wr_redis_store_decimal(all, (int64_t) most->bytes),
                                     wr_redis_store_decimal(ttl, wr_span_ms(keep)) };
    struct wr_redis_store_job *j = job_new(s, NULL, NULL);
    j->call = (struct wr_call){ .done = on_gone };
    enum wr_err err = wr_link_script(s->link, &j->call, wr_redis_store_patience(s), WR_SCRIPT_VARIANTS, 1,
                                     keys, 5, args);
    wr_buf_fini(&list);
    wr_buf_fini(&name);
    if (err != WR_OK)
        end_job(j, err);
}

void wr_redis_store_add_variant(struct wr_redis_store *s, const struct wr_object *marker,
                                const struct wr_object *variant, struct wr_span keep,
                                const struct wr_variants_bound *most)
{
    char bytes[24];
    uint64_t length = variant->flow ? wr_flow_length(variant->flow) : 0;
    tell_variant(s, marker, variant, wr_redis_store_decimal(bytes, (int64_t) (length + variant->bytes)), keep,
                 most);
}

void wr_redis_store_use_variant(struct wr_redis_store *s, const struct wr_object *marker,
                                const struct wr_object *variant)
{
    tell_variant(s, marker, variant, wr_slice("", 0), WR_SPAN_S(0), &(struct wr_variants_bound){ 0, 0 });
}
