/* SPDX-License-Identifier: BSD-2-Clause */
/* Stores a body in pieces, wakes producer and readers, and frees what all readers have passed. Decides
 * which readers are too slow for the others. */
#include "net/flow.h"

#include <stdlib.h>

struct piece {
    uint64_t at; /* offset of its first byte in the flow */
    size_t len, cap;
    char octets[];
};

#define SCARCE_PIECE (16 * 1024) /* bytes of a piece while the memory in flight is scarce */

#define HURRY_AFTER WR_SPAN_S(1) /* a reader is too slow if others have waited for it so long ... */
#define HURRY_SHARE 10           /* ... and for this share (1/n) of the time */
#define HURRY_LOOK WR_SPAN_MS(100)

#define INLINE_MOST \
    (16 * 1024) /* a body known to be at most so long lies in the same allocation as its flow */

struct wr_flow {
    unsigned refs;
    unsigned state; /* enum wr_flow_state; written under the lock, read by anyone */
    bool keep;
    bool held;    /* was WHOLE before any of it was freed, and short: stays complete to its end, and is read
                   * without the lock */
    bool begun;   /* a reader has begun: before that a windowed flow frees nothing */
    bool starved; /* the producer has seen no room, or a reader nothing to read: wake it */
    enum wr_err err;
    uint64_t start;        /* offset of pieces[0]: everything before it has been freed */
    uint64_t length;       /* offset after the last octet */
    struct piece **pieces; /* every piece but the last is full unless trimmed by end */
    size_t count;
    struct piece *one[1]; /* most flows have one piece */
    /* readers of a WHOLE flow use only the members above: one cache line */
    size_t room, bytes;
    size_t reserved;         /* charged from the beginning for a body that is kept whole */
    struct wr_charge charge; /* what counts as memory in flight: nothing while a store counts it */
    unsigned stores;         /* stores that count this flow as theirs */
    struct wr_note *outgrown;
    uint64_t expected, most;
    size_t inline_room; /* bytes after the struct that will become the first piece */
    pthread_mutex_t lock;
    struct wr_note *producer;
    unsigned holds;               /* readers that are about to begin: while there are any, nothing is freed */
    struct wr_mono paced_since;   /* start of the readers' held_up counts; 0: not yet */
    struct wr_mono held_up_since; /* since when readers that have read all wait for others; 0: none does */
    struct wr_buf trailers;
    TAILQ_HEAD(, wr_flow_reader) readers;
    _Alignas(struct piece) char inline_piece[];
};

/* Called after each change of what the flow holds. Under the lock, or before others know the flow. */
static void recharge(struct wr_flow *f)
{
    size_t held = f->bytes > f->reserved ? f->bytes : f->reserved;
    wr_charge_set(&f->charge, f->stores > 0 ? 0 : held);
}

/* May a body of known length be kept whole? What lies in the flow's own allocation costs nothing more. One
 * piece is kept as long as there is memory, because a small page that isn't stored is asked for again. */
static bool reserve(struct wr_flow *f)
{
    if (f->expected == UINT64_MAX || f->expected <= INLINE_MOST)
        return true;
    if (f->expected <= WR_FLOW_PIECE)
        return wr_budget_state() != WR_BUDGET_SPENT;
    if (f->expected > SIZE_MAX / 2 || !wr_charge_reserve(&f->charge, f->bytes + (size_t) f->expected))
        return false;
    f->reserved = f->charge.bytes;
    return true;
}

static struct wr_flow *flow_new(uint64_t expected)
{
    size_t inline_room = expected <= INLINE_MOST ? (size_t) expected : 0;
    struct wr_flow *f = malloc(sizeof *f + (inline_room ? sizeof(struct piece) + inline_room : 0));
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
    recharge(f);
    return f;
}

struct wr_flow *wr_flow_new(uint64_t expected, bool keep, uint64_t most)
{
    struct wr_flow *f = flow_new(expected);
    f->most = most;
    f->keep = keep && reserve(f);
    return f;
}

/* The bytes are in memory already, so they are kept whatever the budget says. */
struct wr_flow *wr_flow_of(struct wr_slice octets)
{
    struct wr_flow *f = flow_new(octets.len);
    f->keep = true;
    wr_flow_append(f, octets);
    wr_flow_end(f, WR_OK, wr_slice(NULL, 0));
    return f;
}

struct wr_flow *wr_flow_ref(struct wr_flow *f)
{
    __atomic_add_fetch(&f->refs, 1, __ATOMIC_RELAXED);
    return f;
}

static void free_piece(struct wr_flow *f, struct piece *p)
{
    if (p != (struct piece *) (void *) f->inline_piece)
        free(p);
}

void wr_flow_unref(struct wr_flow *f)
{
    if (f == NULL || __atomic_sub_fetch(&f->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    WR_CHECK(TAILQ_EMPTY(&f->readers));
    for (size_t i = 0; i < f->count; i++)
        free_piece(f, f->pieces[i]);
    WR_CHECK(f->stores == 0);
    wr_charge_set(&f->charge, 0);
    if (f->pieces != f->one)
        free(f->pieces);
    wr_buf_fini(&f->trailers);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

/* --- under the lock --- */

/* From now on the flow is windowed. */
static void stop_keeping(struct wr_flow *f)
{
    f->keep = false;
    f->reserved = 0;
    recharge(f);
    if (f->outgrown)
        wr_note_post(f->outgrown);
}

static struct piece *new_piece(struct wr_flow *f)
{
    if (f->inline_room > 0) {
        struct piece *first = (struct piece *) (void *) f->inline_piece;
        *first = (struct piece){ .at = f->length, .cap = f->inline_room };
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
    struct piece *p = malloc(sizeof *p + cap);
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

static struct piece *add_piece(struct wr_flow *f)
{
    if (grows_too_large(f))
        stop_keeping(f);
    struct piece *p = new_piece(f);
    if (f->count == f->room) {
        size_t room = f->room * 2;
        struct piece **grown = malloc(room * sizeof *grown);
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
    recharge(f);
    return p;
}

/* May the producer be filling the rest of this piece right now, between reserve and commit? */
static bool being_filled(const struct wr_flow *f, size_t i)
{
    return i + 1 == f->count && f->state == WR_FLOW_ARRIVING && f->pieces[i]->len < f->pieces[i]->cap;
}

/* Frees the pieces that all readers have passed (only in a windowed flow). */
static void drop_passed(struct wr_flow *f)
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
        f->bytes -= sizeof(struct piece) + f->pieces[n]->cap;
        free_piece(f, f->pieces[n]);
        n++;
    }
    if (n > 0) {
        memmove(f->pieces, f->pieces + n, (f->count - n) * sizeof *f->pieces);
        f->count -= n;
        recharge(f);
    }
}

/* Returns the bytes that fit into memory which the flow has already. If it has none: one piece, so that each
 * body goes on as it is read, however little memory there is. */
static size_t room_held(const struct wr_flow *f)
{
    const struct piece *last = f->count ? f->pieces[f->count - 1] : NULL;
    return last ? last->cap - last->len : SCARCE_PIECE;
}

/* How many bytes may a windowed flow hold now? */
static uint64_t window_now(enum wr_budget_state state)
{
    return state == WR_BUDGET_EASY ? WR_FLOW_WINDOW : state == WR_BUDGET_TIGHT ? WR_FLOW_PIECE : SCARCE_PIECE;
}

static size_t room_now(const struct wr_flow *f)
{
    if (f->keep)
        return SIZE_MAX;
    const enum wr_budget_state state = wr_budget_state();
    if (state == WR_BUDGET_SPENT)
        return room_held(f);
    uint64_t held = f->length - f->start, window = window_now(state);
    return held >= window ? 0 : (size_t) (window - held);
}

static void wake_readers(struct wr_flow *f)
{
    struct wr_flow_reader *r;
    TAILQ_FOREACH(r, &f->readers, entry)
        wr_note_post(&r->note);
}

static void wake_producer(struct wr_flow *f)
{
    if (f->producer && f->starved && (room_now(f) > 0 || TAILQ_EMPTY(&f->readers))) {
        f->starved = false;
        wr_note_post(f->producer);
    }
}

static struct piece *piece_with_room(struct wr_flow *f)
{
    struct piece *last = f->count ? f->pieces[f->count - 1] : NULL;
    return last == NULL || last->len == last->cap ? add_piece(f) : last;
}

static void filled(struct wr_flow *f, struct piece *last, size_t len)
{
    WR_CHECK(f->state == WR_FLOW_ARRIVING && last->cap - last->len >= len);
    last->len += len;
    f->length += len;
    if (f->keep && f->length > f->most)
        stop_keeping(f);
}

/* --- producer --- */

void wr_flow_producer(struct wr_flow *f, struct wr_note *note)
{
    pthread_mutex_lock(&f->lock);
    f->producer = note;
    pthread_mutex_unlock(&f->lock);
}

void wr_flow_stop_keeping(struct wr_flow *f)
{
    pthread_mutex_lock(&f->lock);
    if (f->keep && f->state == WR_FLOW_ARRIVING) {
        stop_keeping(f);
        drop_passed(f);
    }
    pthread_mutex_unlock(&f->lock);
}

void wr_flow_on_outgrown(struct wr_flow *f, struct wr_note *note)
{
    pthread_mutex_lock(&f->lock);
    f->outgrown = note;
    pthread_mutex_unlock(&f->lock);
}

size_t wr_flow_room(struct wr_flow *f)
{
    pthread_mutex_lock(&f->lock);
    drop_passed(f);
    size_t room = room_now(f);
    if (room == 0)
        f->starved = true;
    pthread_mutex_unlock(&f->lock);
    return room;
}

/* Continues the flow at `at`: no reader wants the bytes before it, nor those that the flow holds. Under the
 * lock. */
static void skip(struct wr_flow *f, uint64_t at)
{
    for (size_t i = 0; i < f->count; i++) {
        f->bytes -= sizeof(struct piece) + f->pieces[i]->cap;
        free_piece(f, f->pieces[i]);
    }
    f->count = 0;
    f->start = f->length = at;
    recharge(f);
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
    if (!f->begun || f->holds > 0 || furthest <= f->length || room_now(f) == 0)
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
        drop_passed(f);
        wish = wish_of_readers(f, grain);
    }
    if (wish == WR_FLOW_WAIT)
        f->starved = true;
    *from = f->length;
    pthread_mutex_unlock(&f->lock);
    return wish;
}

char *wr_flow_reserve(struct wr_flow *f, size_t *len)
{
    pthread_mutex_lock(&f->lock);
    struct piece *last = piece_with_room(f);
    char *at = last->octets + last->len;
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
    wake_readers(f);
    pthread_mutex_unlock(&f->lock);
}

void wr_flow_append(struct wr_flow *f, struct wr_slice octets)
{
    if (octets.len == 0)
        return;
    pthread_mutex_lock(&f->lock);
    while (octets.len > 0) {
        struct piece *last = piece_with_room(f);
        size_t len = last->cap - last->len < octets.len ? last->cap - last->len : octets.len;
        memcpy(last->octets + last->len, octets.at, len);
        filled(f, last, len);
        octets = wr_slice(octets.at + len, octets.len - len);
    }
    wake_readers(f);
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
    recharge(f);
    f->producer = f->outgrown = NULL;
    f->held = err == WR_OK && f->start == 0 && f->length <= WR_FLOW_WINDOW;
    __atomic_store_n(&f->state, err == WR_OK ? WR_FLOW_WHOLE : WR_FLOW_BROKEN, __ATOMIC_RELEASE);
    wake_readers(f);
    pthread_mutex_unlock(&f->lock);
}

/* --- who is too slow for the others --- */

static bool is_full(const struct wr_flow *f)
{
    return room_now(f) == 0;
}

static bool holds_others_up(const struct wr_flow *f)
{
    const struct wr_flow_reader *r;
    TAILQ_FOREACH(r, &f->readers, entry)
        if (r->at >= f->length && r->at < r->until && !r->behind)
            return is_full(f);
    return false;
}

/* Others have waited for `more`: adds that to each reader that lags by half the window. A reader that is
 * left behind closes on its own loop; the bytes that it is sending stay until then. */
static void count_waiting(struct wr_flow *f, struct wr_span more, struct wr_span most)
{
    const uint64_t lag = window_now(wr_budget_state()) / 2;
    struct wr_flow_reader *r;
    TAILQ_FOREACH(r, &f->readers, entry) {
        if (r->behind || r->at + lag > f->length)
            continue;
        r->held_up.us += more.us;
        if (r->held_up.us <= most.us)
            continue;
        r->behind = true;
        wr_note_post(&r->note);
    }
}

struct wr_span wr_flow_hurry(struct wr_flow *f, struct wr_mono now)
{
    pthread_mutex_lock(&f->lock);
    drop_passed(f);
    if (f->paced_since.us == 0)
        f->paced_since = now;
    if (f->held_up_since.us)
        count_waiting(
            f, wr_time_since(now, f->held_up_since),
            (struct wr_span){ HURRY_AFTER.us + wr_time_since(now, f->paced_since).us / HURRY_SHARE });
    f->held_up_since.us = holds_others_up(f) ? now.us : 0;
    struct wr_flow_reader *first = TAILQ_FIRST(&f->readers);
    bool shared = first && TAILQ_NEXT(first, entry);
    struct wr_span again = { is_full(f) && shared ? HURRY_LOOK.us : 0 };
    pthread_mutex_unlock(&f->lock);
    return again;
}

/* The last reference is the producer's own: nobody is left to take another. */
bool wr_flow_abandoned(const struct wr_flow *f)
{
    return __atomic_load_n(&f->refs, __ATOMIC_ACQUIRE) == 1;
}

/* --- readers --- */

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
    drop_passed(f);
    wake_producer(f);
    pthread_mutex_unlock(&f->lock);
}

static void on_reader_note(struct wr_note *note)
{
    struct wr_flow_reader *r = WR_CONTAINER(note, struct wr_flow_reader, note);
    r->wake(r);
}

static bool settled(const struct wr_flow *f)
{
    return __atomic_load_n(&f->state, __ATOMIC_ACQUIRE) == WR_FLOW_WHOLE && (f->held || f->keep);
}

/* Adds the reader to the list. A reader that begins ahead of what has arrived may be what the producer
 * waits for. Under the lock. */
static bool enlist(struct wr_flow *f, struct wr_flow_reader *r)
{
    bool given_up = f->state == WR_FLOW_BROKEN && f->err == WR_ERR_CANCELLED;
    if (r->at < f->start || (given_up && !f->keep))
        return false;
    TAILQ_INSERT_TAIL(&f->readers, r, entry);
    wr_flow_ref(f);
    r->listed = true;
    f->begun = true;
    drop_passed(f);
    if (f->producer && f->starved && is_full(f)) { /* so that it sees which readers wait */
        f->starved = false;
        wr_note_post(f->producer);
    }
    wake_producer(f);
    return true;
}

bool wr_flow_reader_open_part(struct wr_flow_reader *r, struct wr_flow *f, struct wr_loop *loop, uint64_t at,
                              uint64_t length, void (*wake)(struct wr_flow_reader *))
{
    r->flow = NULL;
    r->at = at;
    r->until = length < UINT64_MAX - at ? at + length : UINT64_MAX;
    r->wake = wake;
    r->listed = r->behind = false;
    r->held_up = WR_SPAN_S(0);
    wr_note_init(&r->note, loop, on_reader_note);
    if (settled(f)) {
        r->flow = f;
        return true;
    }
    bool held = true;
    pthread_mutex_lock(&f->lock);
    if (!settled(f))
        held = enlist(f, r);
    pthread_mutex_unlock(&f->lock);
    if (held)
        r->flow = f;
    return held;
}

bool wr_flow_reader_open(struct wr_flow_reader *r, struct wr_flow *f, struct wr_loop *loop, uint64_t at,
                         void (*wake)(struct wr_flow_reader *))
{
    return wr_flow_reader_open_part(r, f, loop, at, UINT64_MAX, wake);
}

/* Returns the index of the piece that holds the byte at `at`, or the number of pieces. Searches by halves: a
 * reader of a long body would otherwise pass all that it has read at each write. */
static size_t piece_at(const struct wr_flow *f, uint64_t at)
{
    size_t low = 0, high = f->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct piece *p = f->pieces[middle];
        if (p->at + p->len <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int peek(const struct wr_flow *f, uint64_t at, struct iovec *iov, int max, uint64_t limit)
{
    int n = 0;
    for (size_t i = piece_at(f, at); i < f->count && n < max && limit > 0; i++) {
        struct piece *p = f->pieces[i];
        size_t skip = (size_t) (at - p->at), len = p->len - skip;
        if (len > limit)
            len = (size_t) limit;
        if (len == 0) /* the last piece, still empty */
            break;
        iov[n++] = (struct iovec){ p->octets + skip, len };
        limit -= len;
        at += len;
    }
    return n;
}

int wr_flow_reader_peek(struct wr_flow_reader *r, struct iovec *iov, int max, uint64_t limit,
                        enum wr_flow_state *state)
{
    struct wr_flow *f = r->flow;
    if (settled(f)) {
        *state = WR_FLOW_WHOLE;
        return peek(f, r->at, iov, max, limit);
    }
    pthread_mutex_lock(&f->lock);
    int n = r->behind ? 0 : peek(f, r->at, iov, max, limit);
    *state = r->behind ? WR_FLOW_BEHIND : (enum wr_flow_state) f->state;
    pthread_mutex_unlock(&f->lock);
    return n;
}

void wr_flow_reader_advance(struct wr_flow_reader *r, uint64_t octets)
{
    struct wr_flow *f = r->flow;
    if (!r->listed) {
        r->at += octets;
        return;
    }
    pthread_mutex_lock(&f->lock);
    r->at += octets;
    WR_CHECK(r->at <= f->length);
    drop_passed(f);
    wake_producer(f);
    pthread_mutex_unlock(&f->lock);
}

void wr_flow_reader_close(struct wr_flow_reader *r)
{
    struct wr_flow *f = r->flow;
    if (f == NULL)
        return;
    r->flow = NULL;
    if (!r->listed)
        return; /* its note was never posted either */
    pthread_mutex_lock(&f->lock);
    TAILQ_REMOVE(&f->readers, r, entry);
    r->listed = false;
    drop_passed(f);
    wake_producer(f);
    pthread_mutex_unlock(&f->lock);
    wr_note_fini(&r->note);
    wr_flow_unref(f);
}

/* --- both --- */

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
    if (settled(f))
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

void wr_flow_stored(struct wr_flow *f, bool stored)
{
    pthread_mutex_lock(&f->lock);
    WR_CHECK(stored || f->stores > 0);
    f->stores += stored ? 1 : -1u;
    recharge(f);
    pthread_mutex_unlock(&f->lock);
}

struct wr_flow *wr_flow_compact(struct wr_flow *f)
{
    WR_CHECK(settled(f));
    size_t slack = f->count ? f->pieces[f->count - 1]->cap - f->pieces[f->count - 1]->len : 0;
    if (slack <= 256 || slack * 8 <= f->length || f->length > 4 * WR_FLOW_PIECE)
        return wr_flow_ref(f);
    struct wr_flow *tight = flow_new(f->length);
    tight->keep = true;
    for (size_t i = 0; i < f->count; i++)
        wr_flow_append(tight, wr_slice(f->pieces[i]->octets, f->pieces[i]->len));
    wr_flow_end(tight, WR_OK, wr_buf_slice(&f->trailers));
    return tight;
}
