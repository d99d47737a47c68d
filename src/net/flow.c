/* SPDX-License-Identifier: BSD-2-Clause */
/* A flow's life, and its producer: what it appends, and what it should fetch next. */
#include "net/flow_priv.h"

#include <stdlib.h>

static struct wr_flow *flow_new(uint64_t expected)
{
    size_t inline_room = expected <= WR_FLOW_INLINE_MOST ? (size_t) expected : 0;
    struct wr_flow *f = malloc(sizeof *f + (inline_room ? sizeof(struct wr_flow_piece) + inline_room : 0));
    WR_CHECK(f != NULL);
    memset(f, 0, sizeof *f);
    f->refs = 1;
    f->inline_room = inline_room;
    f->expected = expected;
    f->most = UINT64_MAX;
    f->pieces = f->one;
    f->room = 1;
    f->bytes = sizeof *f;
    TAILQ_INIT(&f->readers);
    WR_CHECK(pthread_mutex_init(&f->lock, NULL) == 0);
    wr_flow_recharge(f);
    return f;
}

struct wr_flow *wr_flow_new(uint64_t expected, bool keep, uint64_t most)
{
    struct wr_flow *f = flow_new(expected);
    f->most = most;
    f->keep = keep && wr_flow_may_be_kept(f);
    return f;
}

/* The bytes are in memory already, so they are kept whatever the budget says. */
struct wr_flow *wr_flow_of(struct wr_slice bytes)
{
    struct wr_flow *f = flow_new(bytes.len);
    f->keep = true;
    wr_flow_append(f, bytes);
    wr_flow_end(f, WR_OK, wr_slice(NULL, 0));
    return f;
}

struct wr_flow *wr_flow_ref(struct wr_flow *f)
{
    __atomic_add_fetch(&f->refs, 1, __ATOMIC_RELAXED);
    return f;
}

void wr_flow_unref(struct wr_flow *f)
{
    if (f == NULL || __atomic_sub_fetch(&f->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    WR_CHECK(TAILQ_EMPTY(&f->readers));
    WR_CHECK(f->stores == 0);
    wr_flow_drop_all(f);
    wr_charge_set(&f->charge, 0);
    if (f->pieces != f->one)
        free(f->pieces);
    wr_buf_fini(&f->trailers);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

/* --- producer --- */

void wr_flow_producer(struct wr_flow *f, struct wr_note *note)
{
    pthread_mutex_lock(&f->lock);
    f->producer = note;
    pthread_mutex_unlock(&f->lock);
}

void wr_flow_wake_producer(struct wr_flow *f)
{
    if (f->producer && f->starved && (wr_flow_room_now(f) > 0 || TAILQ_EMPTY(&f->readers))) {
        f->starved = false;
        wr_note_post(f->producer);
    }
}

void wr_flow_stop_keeping(struct wr_flow *f)
{
    pthread_mutex_lock(&f->lock);
    if (f->keep && f->state == WR_FLOW_ARRIVING) {
        wr_flow_make_windowed(f);
        wr_flow_drop_passed(f);
    }
    pthread_mutex_unlock(&f->lock);
}

void wr_flow_on_outgrown(struct wr_flow *f, struct wr_note *note)
{
    pthread_mutex_lock(&f->lock);
    f->outgrown = note;
    pthread_mutex_unlock(&f->lock);
}

void wr_flow_hold(struct wr_flow *f)
{
    pthread_mutex_lock(&f->lock);
    f->holds++;
    pthread_mutex_unlock(&f->lock);
}

void wr_flow_let_go(struct wr_flow *f)
{
    pthread_mutex_lock(&f->lock);
    WR_CHECK(f->holds > 0);
    f->holds--;
    wr_flow_drop_passed(f);
    wr_flow_wake_producer(f);
    pthread_mutex_unlock(&f->lock);
}

size_t wr_flow_room(struct wr_flow *f)
{
    pthread_mutex_lock(&f->lock);
    wr_flow_drop_passed(f);
    size_t room = wr_flow_room_now(f);
    if (room == 0)
        f->starved = true;
    pthread_mutex_unlock(&f->lock);
    return room;
}

/* Continues the flow at `at`: no reader wants the bytes before it, nor those that the flow holds. */
static void skip(struct wr_flow *f, uint64_t at)
{
    wr_flow_drop_all(f);
    f->start = f->length = at;
    wr_flow_recharge(f);
}

static enum wr_flow_wish wish_of_readers(struct wr_flow *f, uint64_t grain)
{
    uint64_t slowest = UINT64_MAX, furthest = 0;
    struct wr_flow_reader *r;
    TAILQ_FOREACH(r, &f->readers, entry) {
        if (r->at >= r->until)
            continue;
        slowest = r->at < slowest ? r->at : slowest;
        furthest = r->until > furthest ? r->until : furthest;
    }
    if (f->begun && f->holds == 0 && slowest == UINT64_MAX)
        return WR_FLOW_NOTHING;
    if (!f->begun || f->holds > 0 || furthest <= f->length || wr_flow_room_now(f) == 0)
        return WR_FLOW_WAIT;
    if (slowest / grain * grain > f->length)
        skip(f, slowest / grain * grain);
    return WR_FLOW_MORE;
}

enum wr_flow_wish wr_flow_wish(struct wr_flow *f, uint64_t grain, uint64_t *from)
{
    enum wr_flow_wish wish = WR_FLOW_MORE;
    pthread_mutex_lock(&f->lock);
    if (!f->keep) {
        wr_flow_drop_passed(f);
        wish = wish_of_readers(f, grain);
    }
    if (wish == WR_FLOW_WAIT)
        f->starved = true;
    *from = f->length;
    pthread_mutex_unlock(&f->lock);
    return wish;
}

static void filled(struct wr_flow *f, struct wr_flow_piece *last, size_t len)
{
    WR_CHECK(f->state == WR_FLOW_ARRIVING && last->cap - last->len >= len);
    last->len += len;
    f->length += len;
    if (f->keep && f->length > f->most)
        wr_flow_make_windowed(f);
}

char *wr_flow_reserve(struct wr_flow *f, size_t *len)
{
    pthread_mutex_lock(&f->lock);
    struct wr_flow_piece *last = wr_flow_piece_with_room(f);
    char *at = last->bytes + last->len;
    *len = last->cap - last->len;
    pthread_mutex_unlock(&f->lock);
    return at;
}

void wr_flow_commit(struct wr_flow *f, size_t len)
{
    if (len == 0)
        return;
    pthread_mutex_lock(&f->lock);
    WR_CHECK(f->count > 0);
    filled(f, f->pieces[f->count - 1], len);
    wr_flow_wake_readers(f);
    pthread_mutex_unlock(&f->lock);
}

void wr_flow_append(struct wr_flow *f, struct wr_slice bytes)
{
    if (bytes.len == 0)
        return;
    pthread_mutex_lock(&f->lock);
    while (bytes.len > 0) {
        struct wr_flow_piece *last = wr_flow_piece_with_room(f);
        size_t len = last->cap - last->len < bytes.len ? last->cap - last->len : bytes.len;
        memcpy(last->bytes + last->len, bytes.at, len);
        filled(f, last, len);
        bytes = wr_slice_from(bytes, len);
    }
    wr_flow_wake_readers(f);
    pthread_mutex_unlock(&f->lock);
}

void wr_flow_end(struct wr_flow *f, enum wr_err err, struct wr_slice trailers)
{
    pthread_mutex_lock(&f->lock);
    WR_CHECK(f->state == WR_FLOW_ARRIVING);
    f->err = err;
    wr_buf_add_slice(&f->trailers, trailers);
    f->bytes += f->trailers.cap;
    f->reserved = 0;
    wr_flow_recharge(f);
    f->producer = f->outgrown = NULL;
    f->held = err == WR_OK && f->start == 0 && f->length <= WR_FLOW_WINDOW;
    __atomic_store_n(&f->state, err == WR_OK ? WR_FLOW_WHOLE : WR_FLOW_BROKEN, __ATOMIC_RELEASE);
    wr_flow_wake_readers(f);
    pthread_mutex_unlock(&f->lock);
}

/* The last reference is the producer's own: nobody is left to take another. */
bool wr_flow_abandoned(const struct wr_flow *f)
{
    return __atomic_load_n(&f->refs, __ATOMIC_ACQUIRE) == 1;
}

/* --- facts --- */

enum wr_flow_state wr_flow_state(const struct wr_flow *f)
{
    return (enum wr_flow_state) __atomic_load_n(&f->state, __ATOMIC_ACQUIRE);
}

bool wr_flow_kept(const struct wr_flow *f)
{
    struct wr_flow *lockable = (struct wr_flow *) (uintptr_t) f;
    pthread_mutex_lock(&lockable->lock);
    bool kept = f->keep;
    pthread_mutex_unlock(&lockable->lock);
    return kept;
}

enum wr_err wr_flow_err(const struct wr_flow *f)
{
    return wr_flow_state(f) == WR_FLOW_BROKEN ? f->err : WR_OK;
}

uint64_t wr_flow_length(const struct wr_flow *f)
{
    struct wr_flow *lockable = (struct wr_flow *) (uintptr_t) f;
    if (wr_flow_settled(f))
        return f->length;
    pthread_mutex_lock(&lockable->lock);
    uint64_t length = f->length;
    pthread_mutex_unlock(&lockable->lock);
    return length;
}

struct wr_slice wr_flow_trailers(const struct wr_flow *f)
{
    return wr_flow_state(f) == WR_FLOW_WHOLE ? wr_buf_slice(&f->trailers) : wr_slice(NULL, 0);
}

size_t wr_flow_bytes(const struct wr_flow *f)
{
    return f->bytes;
}

/* --- stores --- */

void wr_flow_stored(struct wr_flow *f, bool stored)
{
    pthread_mutex_lock(&f->lock);
    WR_CHECK(stored || f->stores > 0);
    f->stores += stored ? 1 : -1u;
    wr_flow_recharge(f);
    pthread_mutex_unlock(&f->lock);
}

struct wr_flow *wr_flow_compact(struct wr_flow *f)
{
    WR_CHECK(wr_flow_settled(f));
    size_t slack = f->count ? f->pieces[f->count - 1]->cap - f->pieces[f->count - 1]->len : 0;
    if (slack <= 256 || slack * 8 <= f->length || f->length > 4 * WR_FLOW_PIECE)
        return wr_flow_ref(f);
    struct wr_flow *tight = flow_new(f->length);
    tight->keep = true;
    for (size_t i = 0; i < f->count; i++)
        wr_flow_append(tight, wr_slice(f->pieces[i]->bytes, f->pieces[i]->len));
    wr_flow_end(tight, WR_OK, wr_buf_slice(&f->trailers));
    return tight;
}
