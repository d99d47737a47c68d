/* SPDX-License-Identifier: BSD-2-Clause */
/* Flows: one producer and several readers, each on a thread and loop of its own, under the rules of flow.h.
 */
#include "test.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "base/rand.h"
#include "net/flow.h"

#define READERS 3

/* Returns the byte at an offset. It depends on the offset, so a byte at a wrong place is noticed. */
static char byte_at(uint64_t offset)
{
    return (char) ((offset * 2654435761u) >> 13);
}

/* --- a reader with a thread of its own --- */

struct consumer {
    struct wr_loop loop;
    struct wr_flow_reader reader;
    pthread_t thread;
    struct wr_flow *flow; /* the thread opens it */
    uint64_t from;
    uint64_t leave_after; /* closes after this many bytes; UINT64_MAX: reads to the end */
    uint64_t right;       /* how many bytes were as expected */
    bool wrong, refused;
    enum wr_flow_state end;
    unsigned *opened;       /* atomic: how many readers have opened the flow */
    const unsigned *pauses; /* atomic: the reader begins when the producer has paused; NULL: at once */
};

static void stop_reading(struct consumer *c, enum wr_flow_state end)
{
    c->end = end;
    wr_flow_reader_close(&c->reader);
    wr_loop_stop(&c->loop);
}

static void check(struct consumer *c, const struct iovec *iov, int count)
{
    uint64_t at = c->reader.at;
    for (int i = 0; i < count; i++)
        for (size_t k = 0; k < iov[i].iov_len; k++, at++)
            if (((const char *) iov[i].iov_base)[k] != byte_at(at))
                c->wrong = true;
    c->right += at - c->reader.at;
}

static void consume(struct wr_flow_reader *reader)
{
    struct consumer *c = WR_CONTAINER(reader, struct consumer, reader);
    enum wr_flow_state state;
    struct iovec iov[4];
    int n;
    while ((n = wr_flow_reader_peek(reader, iov, 4, 1 + wr_rand_below(100000), &state)) > 0) {
        uint64_t before = c->right;
        check(c, iov, n);
        wr_flow_reader_advance(reader, c->right - before);
        if (c->right >= c->leave_after) {
            stop_reading(c, state);
            return;
        }
    }
    if (state != WR_FLOW_ARRIVING)
        stop_reading(c, state);
}

static void *run_consumer(void *arg)
{
    struct consumer *c = arg;
    assert_int_equal(wr_loop_init(&c->loop, 0), 0);
    c->refused = !wr_flow_reader_open(&c->reader, c->flow, &c->loop, c->from, consume);
    __atomic_add_fetch(c->opened, 1, __ATOMIC_RELEASE);
    while (c->pauses != NULL && __atomic_load_n(c->pauses, __ATOMIC_ACQUIRE) == 0)
        sched_yield();
    if (!c->refused) {
        wr_note_post(&c->reader.note); /* wakes the reader once, to begin */
        wr_loop_run(&c->loop);
    }
    wr_loop_fini(&c->loop);
    return NULL;
}

static void start(struct consumer *c)
{
    assert_int_equal(pthread_create(&c->thread, NULL, run_consumer, c), 0);
}

static void start_consumer(struct consumer *c, struct wr_flow *f, uint64_t from, uint64_t leave_after,
                           unsigned *opened)
{
    *c = (struct consumer){ .flow = f, .from = from, .leave_after = leave_after, .opened = opened };
    start(c);
}

/* --- the producer, on the test's thread --- */

struct producer {
    struct wr_loop loop;
    struct wr_note room;
    struct wr_flow *flow;
    uint64_t length, at;
    enum wr_err end;
    unsigned pauses; /* atomic */
};

static void produce(struct producer *p)
{
    size_t room;
    while (p->at < p->length && (room = wr_flow_room(p->flow)) > 0) {
        size_t len;
        char *at = wr_flow_reserve(p->flow, &len);
        len = (size_t) (1 + wr_rand_below(len));
        if (len > room)
            len = room;
        if (len > p->length - p->at)
            len = (size_t) (p->length - p->at);
        for (size_t i = 0; i < len; i++)
            at[i] = byte_at(p->at + i);
        wr_flow_commit(p->flow, len);
        p->at += len;
    }
    if (p->at < p->length) {
        __atomic_add_fetch(&p->pauses, 1, __ATOMIC_RELEASE);
        return;
    }
    wr_flow_producer(p->flow, NULL);
    wr_flow_end(p->flow, p->end, WR_SLICE("X-Sum: 1\r\n"));
    wr_loop_stop(&p->loop);
}

static void on_room(struct wr_note *note)
{
    produce(WR_CONTAINER(note, struct producer, room));
}

static void run_producer(struct producer *p, struct wr_flow *f, uint64_t length, enum wr_err end)
{
    p->flow = f; /* the other fields are zero; a reader may already read `pauses` */
    p->length = length;
    p->end = end;
    assert_int_equal(wr_loop_init(&p->loop, 1), 0);
    wr_note_init(&p->room, &p->loop, on_room);
    wr_flow_producer(f, &p->room);
    wr_note_post(&p->room);
    wr_loop_run(&p->loop);
    wr_note_fini(&p->room);
    wr_loop_fini(&p->loop);
}

static void wait_opened(unsigned *opened, unsigned count)
{
    while (__atomic_load_n(opened, __ATOMIC_ACQUIRE) < count)
        sched_yield();
}

static void join_all(struct consumer *c, size_t count)
{
    for (size_t i = 0; i < count; i++)
        pthread_join(c[i].thread, NULL);
}

/* --- the cases --- */

/* The body is many times as large as the window. All readers get all of it, and the flow never holds more
 * than the window. One reader doesn't begin until the producer has had to pause. */
static void windowed_flow_is_bounded_and_whole(void **state)
{
    const uint64_t length = 8 * 1024 * 1024 + 12345;
    struct wr_flow *f = wr_flow_new(UINT64_MAX, false, 0);
    static struct consumer c[READERS];
    static struct producer p;
    unsigned opened = 0;
    (void) state;
    c[0] = (struct consumer){ .flow = f, .leave_after = UINT64_MAX, .opened = &opened, .pauses = &p.pauses };
    start(&c[0]);
    for (size_t i = 1; i < READERS; i++)
        start_consumer(&c[i], f, 0, UINT64_MAX, &opened);
    wait_opened(&opened, READERS);
    run_producer(&p, f, length, WR_OK);
    join_all(c, READERS);
    assert_true(p.pauses > 0);
    for (size_t i = 0; i < READERS; i++) {
        assert_false(c[i].wrong || c[i].refused);
        assert_int_equal(c[i].right, length);
        assert_int_equal(c[i].end, WR_FLOW_WHOLE);
    }
    assert_int_equal(wr_flow_length(f), length);
    assert_true(wr_flow_bytes(f) < 2 * WR_FLOW_WINDOW);
    wr_flow_unref(f);
}

/* Readers that leave in the middle hold up neither the producer nor the others. */
static void readers_that_leave_hold_nothing_up(void **state)
{
    const uint64_t length = 4 * 1024 * 1024;
    struct wr_flow *f = wr_flow_new(UINT64_MAX, false, 0);
    static struct consumer c[READERS];
    static struct producer p;
    unsigned opened = 0;
    (void) state;
    start_consumer(&c[0], f, 0, 1, &opened);
    start_consumer(&c[1], f, 0, 300000, &opened);
    start_consumer(&c[2], f, 0, UINT64_MAX, &opened);
    wait_opened(&opened, READERS);
    run_producer(&p, f, length, WR_OK);
    join_all(c, READERS);
    assert_false(c[0].wrong || c[1].wrong || c[2].wrong);
    assert_int_equal(c[2].right, length);
    wr_flow_unref(f);
}

/* When all readers have left, the producer is woken and told that there is room. So it can check whether
 * anybody still reads. */
static void producer_learns_that_all_have_left(void **state)
{
    struct wr_flow *f = wr_flow_new(UINT64_MAX, false, 0);
    static struct consumer c[1];
    static struct producer p;
    unsigned opened = 0;
    (void) state;
    start_consumer(&c[0], f, 0, WR_FLOW_WINDOW / 2, &opened);
    wait_opened(&opened, 1);
    run_producer(&p, f, 3 * WR_FLOW_WINDOW, WR_OK);
    join_all(c, 1);
    assert_int_equal(p.at, 3 * WR_FLOW_WINDOW);
    wr_flow_unref(f);
}

/* A kept flow has readers that open it while it arrives and after it is whole, each at any offset. */
static void kept_flow_can_be_read_from_anywhere(void **state)
{
    const uint64_t length = 3 * 1024 * 1024 + 7;
    struct wr_flow *f = wr_flow_new(length, true, UINT64_MAX);
    static struct consumer c[READERS];
    static struct producer p;
    unsigned opened = 0;
    (void) state;
    start_consumer(&c[0], f, 0, UINT64_MAX, &opened);
    start_consumer(&c[1], f, 1000, UINT64_MAX, &opened);
    run_producer(&p, f, length, WR_OK);
    assert_int_equal(p.pauses, 0);
    start_consumer(&c[2], f, length - 1, UINT64_MAX, &opened);
    join_all(c, READERS);
    assert_false(c[0].wrong || c[1].wrong || c[2].wrong);
    assert_int_equal(c[0].right, length);
    assert_int_equal(c[1].right, length - 1000);
    assert_int_equal(c[2].right, 1);
    assert_true(wr_flow_kept(f));
    assert_true(wr_slice_eq(wr_flow_trailers(f), WR_SLICE("X-Sum: 1\r\n")));
    assert_true(wr_flow_bytes(f) < length + 64 * 1024);
    wr_flow_unref(f);
}

/* A broken flow gives its bytes and then the error, to readers that are open and to later ones. */
static void broken_flow_tells_everybody(void **state)
{
    struct wr_flow *f = wr_flow_new(UINT64_MAX, true, UINT64_MAX);
    static struct consumer c[READERS];
    static struct producer p;
    unsigned opened = 0;
    (void) state;
    for (size_t i = 0; i + 1 < READERS; i++)
        start_consumer(&c[i], f, 0, UINT64_MAX, &opened);
    wait_opened(&opened, READERS - 1);
    run_producer(&p, f, 100000, WR_ERR_ORIGIN_CLOSED);
    start_consumer(&c[READERS - 1], f, 0, UINT64_MAX, &opened);
    join_all(c, READERS);
    for (size_t i = 0; i < READERS; i++) {
        assert_false(c[i].wrong);
        assert_int_equal(c[i].right, 100000);
        assert_int_equal(c[i].end, WR_FLOW_BROKEN);
    }
    assert_int_equal(wr_flow_err(f), WR_ERR_ORIGIN_CLOSED);
    assert_int_equal(wr_flow_trailers(f).len, 0);
    wr_flow_unref(f);
}

/* A kept flow that outgrows the stores goes on as a windowed one. Later readers can't read its beginning. */
static void too_large_to_keep_becomes_windowed(void **state)
{
    const uint64_t length = 4 * 1024 * 1024;
    struct wr_flow *f = wr_flow_new(UINT64_MAX, true, 512 * 1024);
    static struct consumer c[2];
    static struct producer p;
    unsigned opened = 0;
    (void) state;
    start_consumer(&c[0], f, 0, UINT64_MAX, &opened);
    wait_opened(&opened, 1);
    run_producer(&p, f, length, WR_OK);
    start_consumer(&c[1], f, 0, UINT64_MAX, &opened);
    join_all(c, 2);
    assert_false(c[0].wrong);
    assert_int_equal(c[0].right, length);
    assert_true(c[1].refused);
    assert_false(wr_flow_kept(f));
    assert_true(wr_flow_bytes(f) < 1024 * 1024);
    wr_flow_unref(f);
}

/* --- without threads --- */

static void empty_flow_is_whole(void **state)
{
    struct wr_flow *f = wr_flow_of(WR_SLICE(""));
    struct wr_loop loop;
    struct wr_flow_reader r;
    struct iovec iov;
    enum wr_flow_state end;
    (void) state;
    assert_int_equal(wr_loop_init(&loop, 0), 0);
    assert_true(wr_flow_reader_open(&r, f, &loop, 0, consume));
    assert_int_equal(wr_flow_reader_peek(&r, &iov, 1, UINT64_MAX, &end), 0);
    assert_int_equal(end, WR_FLOW_WHOLE);
    wr_flow_reader_close(&r);
    wr_flow_reader_close(&r);
    wr_loop_fini(&loop);
    wr_flow_unref(f);
}

static void compact_copy_is_tight_and_equal(void **state)
{
    struct wr_flow *f = wr_flow_new(UINT64_MAX, true, UINT64_MAX);
    (void) state;
    for (uint64_t i = 0; i < 1000; i++) {
        char c = byte_at(i);
        wr_flow_append(f, wr_slice(&c, 1));
    }
    wr_flow_end(f, WR_OK, WR_SLICE("A: b\r\n"));
    struct wr_flow *tight = wr_flow_compact(f);
    assert_ptr_not_equal(tight, f);
    assert_int_equal(wr_flow_length(tight), 1000);
    assert_true(wr_flow_bytes(tight) < wr_flow_bytes(f));
    assert_true(wr_slice_eq(wr_flow_trailers(tight), WR_SLICE("A: b\r\n")));
    struct wr_flow *again = wr_flow_compact(tight);
    assert_ptr_equal(again, tight);
    wr_flow_unref(again);
    wr_flow_unref(tight);
    wr_flow_unref(f);
}

static void no_wake(struct wr_flow_reader *reader)
{
    (void) reader;
}

static unsigned room_notes;

static void on_room_note(struct wr_note *note)
{
    (void) note;
    room_notes++;
}

/* Pieces of 100 bytes. The producer leaves out the pieces that end before all readers' positions, and those
 * after the last reader's end. */
static void a_producer_can_ask_what_is_wanted(void **state)
{
    (void) state;
    struct wr_loop loop;
    struct wr_note note;
    struct wr_flow_reader ahead, further, behind;
    struct iovec iov[4];
    enum wr_flow_state flow_state;
    uint64_t from;
    char piece[100];
    assert_int_equal(wr_loop_init(&loop, 0), 0);
    struct wr_flow *f = wr_flow_new(10000, false, UINT64_MAX);
    wr_note_init(&note, &loop, on_room_note);
    wr_flow_producer(f, &note);
    room_notes = 0;
    assert_int_equal(wr_flow_wish(f, 100, &from), WR_FLOW_WAIT); /* nobody reads */
    assert_true(wr_flow_reader_open_part(&ahead, f, &loop, 450, 100, no_wake));
    assert_true(wr_flow_reader_open_part(&further, f, &loop, 530, 40, no_wake));
    event_base_loop(loop.base, EVLOOP_NONBLOCK);
    assert_int_equal(room_notes, 1); /* now somebody does */
    assert_int_equal(wr_flow_wish(f, 100, &from), WR_FLOW_MORE);
    assert_int_equal(from, 400);
    assert_false(wr_flow_reader_open(&behind, f, &loop, 399, no_wake));
    for (int i = 0; i < 2; i++) {
        for (int k = 0; k < 100; k++)
            piece[k] = byte_at(400 + (uint64_t) i * 100 + (uint64_t) k);
        wr_flow_append(f, wr_slice(piece, sizeof piece));
    }
    assert_int_equal(wr_flow_reader_peek(&ahead, iov, 4, 1, &flow_state), 1);
    assert_int_equal(*(char *) iov[0].iov_base, byte_at(450));
    assert_int_equal(wr_flow_wish(f, 100, &from), WR_FLOW_WAIT); /* up to 570, and these bytes are there */
    wr_flow_reader_close(&ahead);
    wr_flow_reader_advance(&further, 40);
    assert_int_equal(wr_flow_wish(f, 100, &from), WR_FLOW_NOTHING);
    wr_flow_end(f, WR_ERR_CANCELLED, wr_slice(NULL, 0));
    assert_false(wr_flow_reader_open(&behind, f, &loop, 500, no_wake));
    assert_false(wr_flow_abandoned(f));
    wr_flow_reader_close(&further);
    assert_true(wr_flow_abandoned(f));
    wr_note_fini(&note);
    wr_flow_unref(f);
    wr_loop_fini(&loop);
}

static enum wr_flow_state state_of(struct wr_flow_reader *r)
{
    enum wr_flow_state state;
    struct iovec iov[8];
    wr_flow_reader_peek(r, iov, 8, UINT64_MAX, &state);
    return state;
}

/* The other readers wait a second for a slow reader, and a tenth of the time besides. A reader that is alone
 * isn't left behind. */
static void who_holds_others_up_is_left_behind(void **state)
{
    (void) state;
    static char bytes[WR_FLOW_WINDOW];
    struct wr_loop loop;
    struct wr_note note;
    struct wr_flow_reader fast, slow;
    struct wr_mono at = { WR_SPAN_S(1000).us };
    assert_int_equal(wr_loop_init(&loop, 0), 0);
    struct wr_flow *f = wr_flow_new(UINT64_MAX, false, 0);
    wr_note_init(&note, &loop, on_room_note);
    wr_flow_producer(f, &note);
    room_notes = 0;
    assert_true(wr_flow_reader_open(&slow, f, &loop, 0, no_wake));
    wr_flow_append(f, wr_slice(bytes, sizeof bytes));
    assert_int_equal(wr_flow_room(f), 0);
    assert_int_equal(wr_flow_hurry(f, at).us, 0);
    assert_int_equal(wr_flow_hurry(f, wr_time_add(at, WR_SPAN_S(600))).us, 0);
    assert_true(wr_flow_reader_open(&fast, f, &loop, 0, no_wake));
    event_base_loop(loop.base, EVLOOP_NONBLOCK);
    assert_int_equal(room_notes, 1); /* so that the producer checks which reader makes others wait */
    at = wr_time_add(at, WR_SPAN_S(600));
    assert_true(wr_flow_hurry(f, at).us > 0); /* there are two readers, and neither waits yet */
    at = wr_time_add(at, WR_SPAN_S(5));
    wr_flow_reader_advance(&fast, sizeof bytes);
    assert_true(wr_flow_hurry(f, at).us > 0);
    at = wr_time_add(at, WR_SPAN_S(61)); /* that is less than a second and a tenth of 666 s */
    wr_flow_hurry(f, at);
    assert_int_equal(state_of(&slow), WR_FLOW_ARRIVING);
    at = wr_time_add(at, WR_SPAN_S(10));
    wr_flow_hurry(f, at);
    assert_int_equal(state_of(&slow), WR_FLOW_BEHIND);
    assert_int_equal(state_of(&fast), WR_FLOW_ARRIVING);
    assert_int_equal(wr_flow_room(f), 0); /* the bytes that the reader is sending stay until it closes */
    wr_flow_reader_close(&slow);
    assert_true(wr_flow_room(f) > 0);
    wr_flow_end(f, WR_OK, wr_slice(NULL, 0));
    wr_flow_reader_close(&fast);
    wr_note_fini(&note);
    wr_flow_unref(f);
    wr_loop_fini(&loop);
}

/* A reader that holds a flow can begin at its front, however far the other readers have read. */
static void who_is_about_to_begin_finds_the_front(void **state)
{
    (void) state;
    static char bytes[WR_FLOW_WINDOW];
    struct wr_loop loop;
    struct wr_flow_reader first, second;
    assert_int_equal(wr_loop_init(&loop, 0), 0);
    struct wr_flow *f = wr_flow_new(UINT64_MAX, true, 1024); /* it outgrows the size that is kept */
    wr_flow_hold(f);
    wr_flow_hold(f);
    assert_true(wr_flow_reader_open(&first, f, &loop, 0, no_wake));
    wr_flow_let_go(f);
    wr_flow_append(f, wr_slice(bytes, sizeof bytes));
    wr_flow_reader_advance(&first, sizeof bytes);
    assert_int_equal(wr_flow_room(f), 0);
    assert_true(wr_flow_reader_open(&second, f, &loop, 0, no_wake));
    wr_flow_let_go(f);
    assert_int_equal(wr_flow_room(f), 0);
    wr_flow_reader_advance(&second, sizeof bytes);
    assert_true(wr_flow_room(f) > 0);
    wr_flow_end(f, WR_OK, wr_slice(NULL, 0));
    wr_flow_reader_close(&first);
    wr_flow_reader_close(&second);
    wr_flow_unref(f);
    wr_loop_fini(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windowed_flow_is_bounded_and_whole),
        cmocka_unit_test(readers_that_leave_hold_nothing_up),
        cmocka_unit_test(producer_learns_that_all_have_left),
        cmocka_unit_test(kept_flow_can_be_read_from_anywhere),
        cmocka_unit_test(broken_flow_tells_everybody),
        cmocka_unit_test(too_large_to_keep_becomes_windowed),
        cmocka_unit_test(empty_flow_is_whole),
        cmocka_unit_test(a_producer_can_ask_what_is_wanted),
        cmocka_unit_test(compact_copy_is_tight_and_equal),
        cmocka_unit_test(who_holds_others_up_is_left_behind),
        cmocka_unit_test(who_is_about_to_begin_finds_the_front),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
