/* SPDX-License-Identifier: BSD-2-Clause */
/* txn/batch: first all members read what has arrived, then parked transactions go on, then staged answers are
 * sent, in order. */
#include "test.h"

#include <event2/event.h>

#include "txn/batch.h"

struct batch_client {
    struct wr_batch_member member;
    struct wr_batch_parking parking;
    char name;
    bool parks, takes_nothing;
};

static struct wr_shared shared;
static struct wr_worker worker = { .shared = &shared };
static struct wr_batch *batch;
static struct batch_client ones[3];
static struct wr_buf said;

static void say(char what, char who)
{
    wr_buf_add_char(&said, what);
    wr_buf_add_char(&said, who);
}

static void stage(struct batch_client *o, const char *text)
{
    const struct iovec iov = { (void *) (uintptr_t) text, strlen(text) };
    assert_true(wr_batch_stage(batch, &o->member, &iov, 1, iov.iov_len));
}

static void on_go_on(struct wr_batch_parking *p)
{
    struct batch_client *o = WR_CONTAINER(p, struct batch_client, parking);
    say('p', o->name);
    stage(o, "late");
}

static void on_look(struct wr_batch_member *m)
{
    struct batch_client *o = WR_CONTAINER(m, struct batch_client, member);
    say('l', o->name);
    if (!o->parks || !wr_batch_park(batch, &o->parking))
        stage(o, "now");
}

static bool on_send(struct wr_batch_member *m, struct wr_slice bytes)
{
    struct batch_client *o = WR_CONTAINER(m, struct batch_client, member);
    say('s', o->name);
    wr_buf_add_slice(&said, bytes);
    return !o->takes_nothing;
}

static int begin(void **state)
{
    (void) state;
    assert_int_equal(wr_loop_init(&worker.loop, 0), 0);
    shared.memory = wr_memory_new(1 << 20, 1 << 16);
    batch = wr_batch_new(&worker);
    for (int i = 0; i < 3; i++)
        ones[i] = (struct batch_client){ .member = { .look = on_look, .send = on_send },
                                         .parking = { .go_on = on_go_on },
                                         .name = (char) ('a' + i) };
    return 0;
}

static int end(void **state)
{
    (void) state;
    wr_batch_free(batch);
    wr_memory_free(shared.memory);
    wr_loop_fini(&worker.loop);
    wr_buf_fini(&said);
    return 0;
}

static void turn(const char *expected)
{
    event_base_loop(worker.loop.base, EVLOOP_NONBLOCK);
    wr_buf_add_char(&said, '\0');
    assert_string_equal(said.at, expected);
    wr_buf_clear(&said);
}

static void the_parked_go_on_when_all_have_looked(void **state)
{
    (void) state;
    ones[0].parks = true;
    for (int i = 0; i < 3; i++)
        wr_batch_add(batch, &ones[i].member);
    wr_batch_add(batch, &ones[0].member); /* twice: it looks only once */
    turn("lalblcpasbnowscnowsalate");
}

static void alone_nobody_parks(void **state)
{
    (void) state;
    ones[0].parks = true;
    wr_batch_add(batch, &ones[0].member);
    turn("lasanow");
}

static void who_has_ended_is_left_out(void **state)
{
    (void) state;
    wr_batch_add(batch, &ones[0].member);
    wr_batch_add(batch, &ones[1].member);
    wr_batch_remove(batch, &ones[0].member);
    turn("lbsbnow");
}

static void what_is_too_large_is_not_staged(void **state)
{
    static char large[8 * 1024 + 1];
    const struct iovec iov = { large, sizeof large };
    (void) state;
    assert_false(wr_batch_stage(batch, &ones[0].member, &iov, 1, sizeof large));
    turn("");
}

static void behind_what_the_socket_has_not_taken_nothing_is_staged(void **state)
{
    static char most[8 * 1024];
    const struct iovec iov = { most, sizeof most };
    (void) state;
    ones[0].takes_nothing = true;
    for (int i = 0; i < 8; i++)
        assert_true(wr_batch_stage(batch, &ones[0].member, &iov, 1, sizeof most));
    assert_false(wr_batch_stage(batch, &ones[0].member, &iov, 1, sizeof most));
    assert_int_equal(said.len, 2 + 8 * sizeof most);
    wr_buf_clear(&said);
    turn("");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_parked_go_on_when_all_have_looked, begin, end),
        cmocka_unit_test_setup_teardown(alone_nobody_parks, begin, end),
        cmocka_unit_test_setup_teardown(who_has_ended_is_left_out, begin, end),
        cmocka_unit_test_setup_teardown(what_is_too_large_is_not_staged, begin, end),
        cmocka_unit_test_setup_teardown(behind_what_the_socket_has_not_taken_nothing_is_staged, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
