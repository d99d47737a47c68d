/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the content of a large response from Redis piece by piece, into a flow that is already being read. If
 * the content isn't to be kept (it is too large, or only a part is wanted), the fill goes no faster than the
 * slowest reader, and leaves out pieces that no reader wants. */
#include "store/redis_store_priv.h"

#include <stdlib.h>

#define IDLE_MOST WR_SPAN_S(120) /* if no reader takes anything for so long, the fill ends */
/* How soon a fill ends once nobody holds the flow any more (the answer was a 304, or to HEAD). */
#define IDLE_LOOK WR_SPAN_S(1)
/* The first pause before a piece that hasn't come yet is asked for again; each further pause is twice as
 * long. */
#define LATER_FIRST WR_SPAN_MS(10)
#define LATER_MOST WR_SPAN_MS(200)

struct wr_redis_store_fill {
    TAILQ_ENTRY(wr_redis_store_fill) entry;
    struct wr_redis_store *redis_store;
    struct wr_flow *flow; /* the fill is its producer */
    struct wr_note room;  /* the flow has room again */
    struct wr_call call;
    struct wr_redis_store_turn turn; /* to read the next piece */
    size_t next;                     /* the piece to be read next */
    size_t known; /* number of pieces whose checksums are known; while the response is arriving: of those that
                     have come */
    struct wr_timer later; /* set while the next piece hasn't come yet */
    struct wr_span pause;
    struct wr_slice host; /* lies in texts, as do the record's checksums */
    struct wr_hash hash;
    struct wr_record record;
    struct wr_timer idle; /* set while the flow has no room, which may be for ever */
    struct wr_mono idle_since;
    bool ended; /* the flow has been ended */
    char texts[];
};

static void ask_next_piece(struct wr_redis_store_fill *f);
static void on_fill_turn(struct wr_redis_store_turn *turn);

static void end_fill(struct wr_redis_store_fill *f, enum wr_err err)
{
    f->ended = true;
    wr_flow_producer(f->flow, NULL);
    wr_flow_end(f->flow, err, wr_slice(NULL, 0));
    wr_redis_store_fill_free(f);
}

static void wait_for_room(struct wr_redis_store_fill *f)
{
    struct wr_span look = wr_flow_hurry(f->flow, f->redis_store->loop->mono);
    wr_timer_set(&f->idle, look.us > 0 ? look : IDLE_LOOK);
}

static void on_fill_idle(struct wr_timer *timer)
{
    struct wr_redis_store_fill *f = WR_CONTAINER(timer, struct wr_redis_store_fill, idle);
    if (wr_flow_abandoned(f->flow))
        end_fill(f, WR_ERR_CANCELLED);
    else if (wr_time_since(f->redis_store->loop->mono, f->idle_since).us >= IDLE_MOST.us)
        end_fill(f, WR_ERR_TIMEOUT);
    else
        wait_for_room(f);
}

static void on_room(struct wr_note *note)
{
    struct wr_redis_store_fill *f = WR_CONTAINER(note, struct wr_redis_store_fill, room);
    wr_flow_hurry(f->flow, f->redis_store->loop->mono);
    ask_next_piece(f);
}

static void on_later(struct wr_timer *timer)
{
    struct wr_redis_store_fill *f = WR_CONTAINER(timer, struct wr_redis_store_fill, later);
    if (wr_flow_abandoned(f->flow))
        end_fill(f, WR_ERR_CANCELLED);
    else
        ask_next_piece(f);
}

/* Takes over the checksums of the pieces that have come. */
static void know(struct wr_redis_store_fill *f, struct wr_slice sums)
{
    size_t count = sums.len / 4;
    if (count <= f->known || count > f->record.chunk_count)
        return;
    memcpy(f->texts, sums.at, 4 * count);
    f->known = count;
    f->pause = LATER_FIRST;
}

struct wr_redis_store_fill *wr_redis_store_fill_new(struct wr_redis_store *s, struct wr_slice host,
                                                    struct wr_hash hash, const struct wr_record *record,
                                                    bool part)
{
    size_t sums_len = 4 * record->chunk_count;
    struct wr_redis_store_fill *f = calloc(1, sizeof *f + host.len + sums_len);
    WR_CHECK(f != NULL);
    f->redis_store = s;
    f->turn.come = on_fill_turn;
    f->hash = hash;
    f->pause = LATER_FIRST;
    f->record = *record;
    f->record.like = (struct wr_object){ .meta = record->like.meta };
    f->record.sums = wr_slice(f->texts, sums_len);
    know(f, record->sums);
    if (host.len)
        memcpy(f->texts + sums_len, host.at, host.len);
    f->host = wr_slice(f->texts + sums_len, host.len);
    uint64_t length = record->like.meta.length;
    bool keep = !part && s->policy->memory && length <= s->policy->memory_max_object;
    f->flow = wr_flow_new(length, keep, UINT64_MAX);
    wr_note_init(&f->room, s->loop, on_room);
    wr_timer_init(&f->idle, s->loop, on_fill_idle);
    wr_timer_init(&f->later, s->loop, on_later);
    TAILQ_INSERT_TAIL(&s->fills, f, entry);
    return f;
}

struct wr_flow *wr_redis_store_fill_flow(const struct wr_redis_store_fill *f)
{
    return f->flow;
}

size_t wr_redis_store_fill_count(const struct wr_redis_store_fill *f)
{
    return f->record.chunk_count;
}

enum wr_err wr_redis_store_fill_ask(struct wr_redis_store_fill *f, struct wr_call *call)
{
    return wr_redis_store_ask_pieces(f->redis_store, call, WR_SLICE("EXISTS"), f->host, f->hash,
                                     f->record.like.meta.version, f->record.chunk_count);
}

/* --- what is arriving --- */

/* The node that fetches the response renews the time to live of the checksums. If they are gone, no more
 * pieces come. They outlive what names the pieces, so neither a purge nor another put cuts off a reader of
 * this response. */
static void on_arriving_head(struct wr_call *call, enum wr_err err, const struct wr_reply *reply)
{
    struct wr_redis_store_fill *f = WR_CONTAINER(call, struct wr_redis_store_fill, call);
    if (err == WR_OK && wr_reply_kind(reply) != WR_REPLY_STRING)
        err = WR_ERR_CANCELLED;
    if (err != WR_OK) {
        end_fill(f, err);
        return;
    }
    know(f, wr_reply_slice(reply));
    if (f->next < f->known) {
        ask_next_piece(f);
        return;
    }
    wr_timer_set(&f->later, f->pause);
    f->pause.us = f->pause.us * 2 < LATER_MOST.us ? f->pause.us * 2 : LATER_MOST.us;
}

static void ask_what_has_come(struct wr_redis_store_fill *f)
{
    struct wr_redis_store *s = f->redis_store;
    struct wr_buf name = { 0 };
    wr_keys_sums(&name, &s->policy->redis, f->host, f->hash, f->record.like.meta.version);
    f->call = (struct wr_call){ .done = on_arriving_head };
    enum wr_err err = wr_link_send(s->link, &f->call, wr_redis_store_patience(s), 2,
                                   (struct wr_slice[]){ WR_SLICE("GET"), wr_buf_slice(&name) });
    wr_buf_fini(&name);
    if (err != WR_OK)
        end_fill(f, err);
}

/* Drops what is damaged, so that the next look-up finds nothing rather than this. While the response is
 * arriving, another one may already be stored under the same key. Only the checksums are certain to be its
 * own. When they are gone, the node that fetches it takes back the rest. */
static void drop_damaged(struct wr_redis_store_fill *f)
{
    struct wr_buf sums = { 0 };
    if (!f->record.arriving) {
        wr_redis_store_drop(f->redis_store, f->host, f->hash);
        return;
    }
    wr_keys_sums(&sums, &f->redis_store->policy->redis, f->host, f->hash, f->record.like.meta.version);
    wr_link_tell(f->redis_store->link, 2, (struct wr_slice[]){ WR_SLICE("UNLINK"), wr_buf_slice(&sums) });
    wr_buf_fini(&sums);
}

/* --- piece by piece --- */

static void on_piece_read(struct wr_call *call, enum wr_err err, const struct wr_reply *reply)
{
    struct wr_redis_store_fill *f = WR_CONTAINER(call, struct wr_redis_store_fill, call);
    struct wr_slice piece = wr_reply_slice(reply);
    wr_redis_store_turn_end(f->redis_store, &f->turn);
    if (err == WR_OK &&
        (wr_reply_kind(reply) != WR_REPLY_STRING || !wr_record_fits(&f->record, f->next, piece)))
        err = WR_ERR_REDIS_ERROR;
    if (err == WR_ERR_REDIS_ERROR) /* the pieces were there when the look-up counted them */
        drop_damaged(f);
    if (err != WR_OK) {
        end_fill(f, err);
        return;
    }
    wr_flow_append(f->flow, piece);
    f->next++;
    ask_next_piece(f);
}

static void ask_piece(struct wr_redis_store_fill *f)
{
    struct wr_redis_store *s = f->redis_store;
    struct wr_buf name = { 0 };
    wr_keys_chunk(&name, &s->policy->redis, f->host, f->hash, f->record.like.meta.version, f->next);
    const struct wr_slice argv[] = { WR_SLICE("GET"), wr_buf_slice(&name) };
    f->call = (struct wr_call){ .done = on_piece_read };
    enum wr_err err = wr_link_send(s->link, &f->call, wr_redis_store_patience(s), 2, argv);
    wr_buf_fini(&name);
    if (err != WR_OK)
        end_fill(f, err);
}

static void ask_next_piece(struct wr_redis_store_fill *f)
{
    if (wr_call_pending(&f->call))
        return;
    if (f->next == f->record.chunk_count) {
        end_fill(f, WR_OK);
        return;
    }
    uint64_t from;
    switch (wr_flow_wish(f->flow, f->record.chunk, &from)) {
    case WR_FLOW_WAIT:
        wr_redis_store_turn_end(f->redis_store, &f->turn);
        f->idle_since = f->redis_store->loop->mono;
        wait_for_room(f);
        return;
    case WR_FLOW_NOTHING:
        end_fill(f, WR_ERR_CANCELLED);
        return;
    case WR_FLOW_MORE:
        break;
    }
    wr_timer_clear(&f->idle);
    f->next = (size_t) (from / f->record.chunk);
    if (f->next >= f->known) {
        wr_redis_store_turn_end(f->redis_store, &f->turn);
        ask_what_has_come(f);
        return;
    }
    if (wr_redis_store_turn_take(f->redis_store, &f->turn))
        ask_piece(f);
}

/* The readers may have gone on meanwhile, or away. */
static void on_fill_turn(struct wr_redis_store_turn *turn)
{
    ask_next_piece(WR_CONTAINER(turn, struct wr_redis_store_fill, turn));
}

void wr_redis_store_fill_start(struct wr_redis_store_fill *f)
{
    wr_flow_producer(f->flow, &f->room);
    ask_next_piece(f);
}

void wr_redis_store_fill_free(struct wr_redis_store_fill *f)
{
    if (f == NULL)
        return;
    if (!f->ended) {
        end_fill(f, WR_ERR_CANCELLED);
        return;
    }
    wr_call_cancel(&f->call);
    wr_timer_fini(&f->idle);
    wr_timer_fini(&f->later);
    wr_note_fini(&f->room);
    TAILQ_REMOVE(&f->redis_store->fills, f, entry);
    wr_redis_store_turn_end(f->redis_store, &f->turn);
    wr_flow_unref(f->flow);
    free(f);
}
