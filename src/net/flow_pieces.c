/* SPDX-License-Identifier: BSD-2-Clause */
/* Holds a body in pieces of memory. Decides how much a flow may hold, by what memory in flight there is, and
 * frees what all readers have passed. */
#include "net/flow_priv.h"

#include <stdlib.h>

#define SCARCE_PIECE (16 * 1024) /* bytes of a piece while the memory in flight is scarce */

/* --- what is charged --- */

void wr_flow_recharge(struct wr_flow *f)
{
    size_t held = f->bytes > f->reserved ? f->bytes : f->reserved;
    wr_charge_set(&f->charge, f->stores > 0 ? 0 : held);
}

/* Bytes in the flow's own allocation cost nothing more. One piece is kept as long as there is memory: a small
 * page that isn't stored would be requested again. */
bool wr_flow_may_be_kept(struct wr_flow *f)
{
    if (f->expected == UINT64_MAX || f->expected <= WR_FLOW_INLINE_MOST)
        return true;
    if (f->expected <= WR_FLOW_PIECE)
        return wr_budget_state() != WR_BUDGET_SPENT;
    if (f->expected > SIZE_MAX / 2 || !wr_charge_reserve(&f->charge, f->bytes + (size_t) f->expected))
        return false;
    f->reserved = f->charge.bytes;
    return true;
}

void wr_flow_make_windowed(struct wr_flow *f)
{
    f->keep = false;
    f->reserved = 0;
    wr_flow_recharge(f);
    if (f->outgrown)
        wr_note_post(f->outgrown);
}

/* --- pieces are added --- */

static struct wr_flow_piece *new_piece(struct wr_flow *f)
{
    if (f->inline_room > 0) {
        struct wr_flow_piece *first = (struct wr_flow_piece *) (void *) f->inline_piece;
        *first = (struct wr_flow_piece){ .at = f->length, .cap = f->inline_room };
        f->inline_room = 0;
        return first;
    }
    const size_t most = f->keep || wr_budget_state() == WR_BUDGET_EASY ? WR_FLOW_PIECE : SCARCE_PIECE;
    uint64_t left = f->expected == UINT64_MAX ? most : f->expected - f->length;
    size_t cap = left < most ? (size_t) left : most;
    if (f->expected == UINT64_MAX && f->length == 0)
        cap = 8 * 1024; /* most bodies of unknown length are small */
    if (cap == 0)
        cap = 1024; /* more than was announced; the caller notices that */
    struct wr_flow_piece *p = malloc(sizeof *p + cap);
    WR_CHECK(p != NULL);
    p->at = f->length;
    p->len = 0;
    p->cap = cap;
    return p;
}

/* A body of unknown length has grown while the memory in flight is scarce: it isn't kept any more. */
static bool grows_too_large(const struct wr_flow *f)
{
    return f->keep && f->reserved == 0 && f->expected == UINT64_MAX && f->length >= WR_FLOW_PIECE &&
           wr_budget_state() != WR_BUDGET_EASY;
}

static struct wr_flow_piece *add_piece(struct wr_flow *f)
{
    if (grows_too_large(f))
        wr_flow_make_windowed(f);
    struct wr_flow_piece *p = new_piece(f);
    if (f->count == f->room) {
        size_t room = f->room * 2;
        struct wr_flow_piece **grown = malloc(room * sizeof *grown);
        WR_CHECK(grown != NULL);
        memcpy(grown, f->pieces, f->count * sizeof *grown);
        if (f->pieces != f->one) {
            free(f->pieces);
            f->bytes -= f->room * sizeof *grown;
        }
        f->pieces = grown;
        f->room = room;
        f->bytes += room * sizeof *grown;
    }
    f->pieces[f->count++] = p;
    f->bytes += sizeof *p + p->cap;
    wr_flow_recharge(f);
    return p;
}

struct wr_flow_piece *wr_flow_piece_with_room(struct wr_flow *f)
{
    struct wr_flow_piece *last = f->count ? f->pieces[f->count - 1] : NULL;
    return last == NULL || last->len == last->cap ? add_piece(f) : last;
}

/* --- pieces are freed --- */

static void free_piece(struct wr_flow *f, struct wr_flow_piece *p)
{
    if (p != (struct wr_flow_piece *) (void *) f->inline_piece)
        free(p);
}

/* May the producer be filling the rest of this piece right now, between reserve and commit? */
static bool being_filled(const struct wr_flow *f, size_t i)
{
    return i + 1 == f->count && f->state == WR_FLOW_ARRIVING && f->pieces[i]->len < f->pieces[i]->cap;
}

void wr_flow_drop_passed(struct wr_flow *f)
{
    if (f->keep || f->held || !f->begun || f->holds > 0)
        return;
    uint64_t slowest = f->length;
    struct wr_flow_reader *r;
    TAILQ_FOREACH(r, &f->readers, entry)
        if (r->at < slowest)
            slowest = r->at;
    size_t n = 0;
    while (n < f->count && f->start + f->pieces[n]->len <= slowest && !being_filled(f, n)) {
        f->start += f->pieces[n]->len;
        f->bytes -= sizeof(struct wr_flow_piece) + f->pieces[n]->cap;
        free_piece(f, f->pieces[n]);
        n++;
    }
    if (n > 0) {
        memmove(f->pieces, f->pieces + n, (f->count - n) * sizeof *f->pieces);
        f->count -= n;
        wr_flow_recharge(f);
    }
}

void wr_flow_drop_all(struct wr_flow *f)
{
    for (size_t i = 0; i < f->count; i++) {
        f->bytes -= sizeof(struct wr_flow_piece) + f->pieces[i]->cap;
        free_piece(f, f->pieces[i]);
    }
    f->count = 0;
}

/* --- how much it may hold --- */

/* Returns the bytes that fit into memory which the flow has already. If it has none: one piece, so that each
 * body goes on as it is read, however little memory there is. */
static size_t room_held(const struct wr_flow *f)
{
    const struct wr_flow_piece *last = f->count ? f->pieces[f->count - 1] : NULL;
    return last ? last->cap - last->len : SCARCE_PIECE;
}

uint64_t wr_flow_window(enum wr_budget_state state)
{
    return state == WR_BUDGET_EASY ? WR_FLOW_WINDOW : state == WR_BUDGET_TIGHT ? WR_FLOW_PIECE : SCARCE_PIECE;
}

size_t wr_flow_room_now(const struct wr_flow *f)
{
    if (f->keep)
        return SIZE_MAX;
    const enum wr_budget_state state = wr_budget_state();
    if (state == WR_BUDGET_SPENT)
        return room_held(f);
    uint64_t held = f->length - f->start, window = wr_flow_window(state);
    return held >= window ? 0 : (size_t) (window - held);
}

/* --- where a byte lies --- */

/* Returns the index of the piece that holds the byte at `at`, or the number of pieces. Searches by halves: a
 * reader of a long body would otherwise pass all that it has read at each write. */
static size_t piece_at(const struct wr_flow *f, uint64_t at)
{
    size_t low = 0, high = f->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct wr_flow_piece *p = f->pieces[middle];
        if (p->at + p->len <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int wr_flow_peek(const struct wr_flow *f, uint64_t at, struct iovec *iov, int max, uint64_t limit)
{
    int n = 0;
    for (size_t i = piece_at(f, at); i < f->count && n < max && limit > 0; i++) {
        struct wr_flow_piece *p = f->pieces[i];
        size_t skip = (size_t) (at - p->at), len = p->len - skip;
        if (len > limit)
            len = (size_t) limit;
        if (len == 0) /* the last piece, still empty */
            break;
        iov[n++] = (struct iovec){ p->bytes + skip, len };
        limit -= len;
        at += len;
    }
    return n;
}
