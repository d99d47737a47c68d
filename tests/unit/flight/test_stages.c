/* SPDX-License-Identifier: BSD-2-Clause */
/* Every order in which answers can come to a flight. Each WAIT of each stage gets each of its answers, in
 * every possible order, also after the flight has gone on or ended. In each run no invariant may break, only
 * the present stage may have open questions, and each waiter must get exactly one verdict.
 *
 * A run is a list of choices. The first tests take all lists of a length; the last one draws long lists by
 * seed. */
#include "test.h"

#include <hiredis.h>
#include <stdlib.h>

#include "http/parse.h"
#include "purge/purges_priv.h"
#include "stats/stats.h"
#include "store/passes.h"
#include "outside.h"

#define POLICY                                      \
    "listen: 127.0.0.1:8080\n"                      \
    "origins: { a: { servers: 127.0.0.1:9000 } }\n" \
    "redis: { url: redis://127.0.0.1:1 }\n"         \
    "routes: [{ match: {}, origin: a, cache: { ttl: 60s, jitter: 0%, grace: 0s, lock_timeout: 10m } }]\n"
#define LONGEST 64

/* --- the choices of a run --- */

static struct {
    unsigned taken[LONGEST], of[LONGEST];
    size_t at, length; /* length: how many choices are given */
    bool random;
} run;

static unsigned choose(unsigned count)
{
    unsigned i = run.random ? (unsigned) rand() % count : run.at < run.length ? run.taken[run.at] : 0;
    run.taken[run.at] = i;
    run.of[run.at++] = count;
    return i;
}

/* Goes on to the next list of the same length or shorter. Returns false after the last one. */
static bool next_run(void)
{
    size_t n = run.at;
    while (n > 0 && run.taken[n - 1] + 1 == run.of[n - 1])
        n--;
    if (n == 0)
        return false;
    run.taken[n - 1]++;
    run.length = n;
    return true;
}

/* --- what surrounds the flight in a run --- */

static struct world {
    struct wr_worker worker;
    struct wr_shared shared;
    struct wr_policy *policy;
    struct wr_arena arena;
    struct wr_head request;
    struct wr_request_rules rules;
    struct wr_flight_order order;
    struct wr_flight *flight; /* the test's reference, so that it can look at the flight */
    struct wr_waiter waiters[2];
    unsigned verdicts[2];
    bool left, joined, purged;
} w;

static void on_result(struct wr_waiter *a)
{
    struct wr_flight_result result;
    size_t i = (size_t) (a - w.waiters);
    wr_waiter_result(a, &result);
    w.verdicts[i] |= result.verdict == WR_VERDICT_NONE ? 0 : 1u << result.verdict;
    wr_flight_result_fini(&result);
}

static void parse_request(const char *text)
{
    static struct wr_field fields[WR_MAX_FIELDS];
    const struct wr_parse_limits limits = { 8192, 65536 };
    struct wr_parse p = { 0 };
    assert_int_equal(wr_parse_request(&p, text, strlen(text), &limits, fields, &w.request), WR_PARSE_DONE);
}

static const struct wr_head *response(const char *text)
{
    static struct wr_field fields[WR_MAX_FIELDS];
    static struct wr_head head;
    struct wr_parse p = { 0 };
    assert_int_equal(wr_parse_response(&p, text, strlen(text), 65536, WR_METHOD_GET, fields, &head),
                     WR_PARSE_DONE);
    return &head;
}

/* verified: the journal hasn't been read yet, so what is found has to be verified by another question. */
static void world_begin(bool verified)
{
    const struct wr_route *route = &w.policy->routes[0];
    outside = (struct outside){ .link_ready = true };
    w.shared.subscriber = (struct wr_subscriber *) &outside;
    w.shared.passes = wr_passes_new();
    w.shared.purges = wr_purges_new(true);
    wr_purges_share(w.shared.purges, &w.policy->redis, w.shared.subscriber, "test");
    if (!verified)
        wr_purges_restart(w.shared.purges, (struct wr_instant){ 1 }, w.worker.loop.mono);
    wr_purges_on_heard(w.shared.purges, wr_flights_heard, &w.shared);
    w.shared.memory = wr_memory_new(1 << 20, 1 << 16);
    w.shared.via[0] = w.shared.via[1] = WR_SLICE("1.1 test");
    w.worker.shared = &w.shared;
    w.worker.link = (struct wr_link *) &outside;
    w.worker.redis_store = (struct wr_redis_store *) &outside;
    w.worker.flight_pool = wr_flight_pool_new();
    w.worker.worker_policy = wr_worker_policy_new(&w.worker, w.policy);
    parse_request("GET /x HTTP/1.1\r\nHost: example.com\r\n\r\n");
    wr_rules_request(&route->cache, &w.request, &w.rules);
    struct wr_key key = wr_key_build(&route->cache, &w.request, &w.arena);
    w.order = (struct wr_flight_order){ .worker_policy = w.worker.worker_policy,
                                        .route = route,
                                        .request = &w.request,
                                        .rules = &w.rules,
                                        .key = key,
                                        .primary = key,
                                        .request_id = WR_SLICE("1") };
    for (size_t i = 0; i < 2; i++)
        w.waiters[i] = (struct wr_waiter){ .notify = on_result };
}

static void settle(void)
{
    event_base_loop(w.worker.loop.base, EVLOOP_NONBLOCK);
}

static void world_end(void)
{
    wr_flights_cut(&w.worker);
    settle();
    assert_null(outside.read);
    assert_null(outside.subscription);
    assert_null(outside.exchange);
    assert_int_equal(outside.call_count, 0);
    while (outside.put_count > 0) /* the only answer that a flight can't cancel */
        outside_answer_put(0, WR_OK);
    for (size_t i = 0; i < 2; i++) {
        if (w.waiters[i].flight) {
            assert_int_not_equal(w.verdicts[i], 0);
            assert_int_equal(w.verdicts[i] & (w.verdicts[i] - 1), 0);
        }
        wr_waiter_leave(&w.waiters[i]);
    }
    wr_flight_unref(w.flight);
    settle();
    wr_flight_pool_free(w.worker.flight_pool);
    wr_worker_policy_unref(w.worker.worker_policy);
    wr_purges_free(w.shared.purges);
    wr_passes_free(w.shared.passes);
    wr_memory_free(w.shared.memory);
    wr_arena_reset(&w.arena);
    w.left = w.joined = w.purged = false;
    w.verdicts[0] = w.verdicts[1] = 0;
}

/* --- what can happen next --- */

struct event {
    void (*happen)(size_t arg);
    size_t arg;
};
static struct event events[256];
static size_t event_count;

static void may(void (*happen)(size_t), size_t arg)
{
    events[event_count++] = (struct event){ happen, arg };
}

static void each(void (*happen)(size_t), size_t count)
{
    for (size_t i = 0; i < count; i++)
        may(happen, i);
}

#define ANSWERS 6

static void call_says(size_t arg)
{
    redisReply ok = { .type = REDIS_REPLY_STATUS, .str = (char[]){ "OK" }, .len = 2 },
               nil = { .type = REDIS_REPLY_NIL },
               error = { .type = REDIS_REPLY_ERROR, .str = (char[]){ "ERR no" }, .len = 6 };
    redisReply since = { .type = REDIS_REPLY_STRING, .str = (char[]){ "0-1" }, .len = 3 },
               there = { .type = REDIS_REPLY_INTEGER, .integer = 1 }, none = { .type = REDIS_REPLY_ARRAY },
               *parts[] = { &since, &there, &since, &none },
               journal = { .type = REDIS_REPLY_ARRAY, .elements = 4, .element = parts };
    const redisReply *replies[] = { &ok, &nil, &error, &journal };
    size_t kind = arg % ANSWERS;
    if (kind < ANSWERS - 2)
        outside_answer_call(arg / ANSWERS, WR_OK, (const struct wr_reply *) replies[kind]);
    else
        outside_answer_call(arg / ANSWERS, kind == ANSWERS - 2 ? WR_ERR_TIMEOUT : WR_ERR_REDIS_AWAY, NULL);
}

static struct wr_flow *coming; /* the flow of what was found in pieces */

static struct wr_object *found(enum wr_object_kind kind, struct wr_span lifetime, struct wr_flow *flow)
{
    struct wr_object like = { .key = w.order.key.text, .head = WR_SLICE("HTTP/1.1 200 OK\r\n") };
    like.began = wr_purges_begin(w.shared.purges);
    like.meta = (struct wr_meta){ .kind = kind,
                                  .status = 200,
                                  .lifetime = lifetime,
                                  .swr = WR_SPAN_NONE,
                                  .sie = WR_SPAN_NONE,
                                  .version = 7,
                                  .request_time = { w.worker.loop.now.us - 2 * WR_US_PER_S } };
    like.meta.response_time = like.meta.request_time;
    if (kind == WR_OBJECT_VARY)
        like.head = WR_SLICE("0123456789abcdef accept-language");
    struct wr_object *object = wr_object_new(&like, flow);
    wr_flow_unref(flow);
    return object;
}

enum { MISS, FRESH, STALE, VARY, LATE, PIECES, READINGS };

static void read_says(size_t arg)
{
    switch (arg) {
    case FRESH:
        outside_answer_read(WR_OK, found(WR_OBJECT_RESPONSE, WR_SPAN_S(60), wr_flow_of(WR_SLICE("content"))));
        break;
    case STALE:
        outside_answer_read(WR_OK, found(WR_OBJECT_RESPONSE, WR_SPAN_S(1), wr_flow_of(WR_SLICE("content"))));
        break;
    case VARY:
        outside_answer_read(WR_OK, found(WR_OBJECT_VARY, WR_SPAN_S(60), NULL));
        break;
    case PIECES:
        coming = wr_flow_new(7, true, 1 << 20);
        outside_answer_read(WR_OK, found(WR_OBJECT_RESPONSE, WR_SPAN_S(60), wr_flow_ref(coming)));
        break;
    default:
        outside_answer_read(arg == LATE ? WR_ERR_TIMEOUT : WR_OK, NULL);
    }
}

static void pieces_come(size_t broken)
{
    struct wr_flow *flow = coming;
    coming = NULL;
    if (!broken)
        wr_flow_append(flow, WR_SLICE("content"));
    wr_flow_end(flow, broken ? WR_ERR_CANCELLED : WR_OK, wr_slice(NULL, 0));
    wr_flow_unref(flow);
}

static const char *const words[] = {
#define X(id, word, then) word,
#include "flight/outcomes.def"
#undef X
    "of another version",
};
#define WORDS (sizeof words / sizeof words[0])

static void subscription_is_notified(size_t arg)
{
    outside_subscription(WR_SUBSCRIPTION_HEARD, words[arg]);
}

static void subscription_turns(size_t state)
{
    outside_subscription((enum wr_subscription_state) state, NULL);
}

static void timer_fires(size_t at_last)
{
    if (at_last)
        w.flight->lock_deadline = w.worker.loop.mono;
    wr_timer_clear(&w.flight->lock_timer);
    w.flight->lock_timer.fire(&w.flight->lock_timer);
}

static void origin_answers(size_t arg)
{
    static const char *const heads[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nCache-Control: max-age=60\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nCache-Control: private\r\n\r\n",
        "HTTP/1.1 503 No\r\nContent-Length: 7\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\n\r\n",
    };
    outside_head(response(heads[arg]));
}
#define HEADS 4

static void origin_ends(size_t broken)
{
    outside_end(broken ? WR_ERR_ORIGIN_CLOSED : WR_OK);
}

static void put_ends(size_t arg)
{
    static const enum wr_err ends[] = { WR_OK, WR_ERR_PURGED, WR_ERR_CANCELLED, WR_ERR_REDIS_AWAY };
    outside_answer_put(arg / 4, ends[arg % 4]);
}

static void leader_leaves(size_t arg)
{
    w.left = true;
    wr_waiter_leave(&w.waiters[arg]);
}

static void another_joins(size_t admitted)
{
    struct wr_note *note = &w.waiters[1].note;
    w.joined = true;
    wr_note_init(note, &w.worker.loop, w.waiters[0].note.wake);
    if (!wr_flights_join(w.shared.flights, &w.order, &w.waiters[1], admitted))
        wr_note_fini(note);
}

static void all_is_purged(size_t arg)
{
    const struct wr_purge all = { .scope = WR_SCOPE_ALL };
    (void) arg;
    w.purged = true;
    wr_purges_here(w.shared.purges, &all);
}

static void link_dies(size_t arg)
{
    outside.link_ready = arg;
    while (!outside.link_ready && outside.call_count > 0)
        outside_answer_call(0, WR_ERR_REDIS_AWAY, NULL);
}

static void list_events(bool rare)
{
    struct wr_flight *f = w.flight;
    event_count = 0;
    each(call_says, outside.call_count * ANSWERS);
    if (outside.read)
        each(read_says, coming ? PIECES : READINGS);
    if (outside.subscription && outside.subscription_state != WR_SUBSCRIPTION_LISTENING)
        may(subscription_turns, WR_SUBSCRIPTION_LISTENING);
    if (outside.subscription && outside.subscription_state == WR_SUBSCRIPTION_LISTENING)
        each(subscription_is_notified, WORDS);
    if (outside.subscription && outside.subscription_state != WR_SUBSCRIPTION_DOWN)
        may(subscription_turns, WR_SUBSCRIPTION_DOWN);
    if (f->lock_timer.due.us != 0)
        each(timer_fires, f->lock_state == WR_LOCK_HELD ? 1 : 2);
    if (outside.exchange && !f->built && !f->ask_again)
        each(origin_answers, HEADS);
    if (outside.exchange)
        may(origin_ends, !f->built && !f->ask_again);
    if (outside.exchange && f->built)
        may(origin_ends, 1);
    each(put_ends, outside.put_count * 4);
    if (coming)
        each(pieces_come, 2);
    if (!rare)
        return;
    if (!w.left)
        may(leader_leaves, 0);
    if (!w.joined)
        each(another_joins, 2);
    if (!w.purged)
        may(all_is_purged, 0);
    if (outside.subscription == NULL || outside.call_count > 0)
        may(link_dies, !outside.link_ready);
}

static unsigned seen[WR_FLIGHT_DONE + 1]; /* how many runs came through each stage */

/* Checks that only the present stage has open questions. */
static void check(void)
{
    const struct wr_flight *f = w.flight;
    enum wr_flight_stage s = f->over ? WR_FLIGHT_DONE : f->stage;
    bool looks = s == WR_FLIGHT_LOOK || s == WR_FLIGHT_LOCK;
    seen[s]++;
    assert_true(f->over || s < WR_FLIGHT_WAIT);
    assert_true(outside.read == NULL || looks);
    assert_true(f->verifying == NULL || looks);
    assert_true(outside.subscription == NULL || s == WR_FLIGHT_LOCK);
    assert_true(!wr_call_pending(&f->lock_call) || s == WR_FLIGHT_LOCK);
    assert_true((outside.exchange != NULL) == (s == WR_FLIGHT_ASK));
    assert_true(f->keeper.flow == NULL || s == WR_FLIGHT_KEEP);
    bool holds = f->lock_state == WR_LOCK_HELD && !f->over;
    assert_true(f->lock_timer.due.us == 0 || s == WR_FLIGHT_LOCK || holds);
    assert_true(f->lock_state == WR_LOCK_NONE || s == WR_FLIGHT_LOCK || holds);
    /* and that something is open while the flight waits */
    bool open = outside.read || outside.call_count || outside.subscription || outside.exchange ||
                outside.put_count || coming;
    assert_true(f->over || s == WR_FLIGHT_GATE || open);
}

static void one_run(size_t length, bool look, bool verified, bool rare)
{
    world_begin(verified);
    run.at = 0;
    w.order.look_first = look;
    wr_flight_board(&w.waiters[0], &w.order, true);
    w.flight = w.waiters[0].flight;
    __atomic_add_fetch(&w.flight->refs, 1, __ATOMIC_RELAXED);
    settle();
    while (run.at < length) {
        list_events(rare);
        if (event_count == 0)
            break;
        struct event e = events[choose((unsigned) event_count)];
        e.happen(e.arg);
        settle();
        check();
    }
    world_end();
    if (coming)
        pieces_come(1);
}

static size_t all_runs(size_t length, bool look, bool verified, bool rare)
{
    size_t count = 0;
    run.random = false;
    run.length = 0;
    do {
        one_run(length, look, verified, rare);
        count++;
    } while (next_run());
    return count;
}

/* --- the tests --- */

/* A run takes forty times as long under ASan. So the tests try lists of choices that are one shorter, and
 * fewer seeds. */
#if !WR_RECYCLES
#define SHORTER 1
#define SEEDS 1000
#else
#define SHORTER 0
#define SEEDS 10000
#endif

static void every_order_from_the_look_on(void **state)
{
    (void) state;
    print_message("%zu runs\n", all_runs(5 - SHORTER, true, false, false));
    print_message("%zu runs\n", all_runs(3 - SHORTER, true, true, true));
}

static void every_order_from_the_lock_on(void **state)
{
    (void) state;
    print_message("%zu runs\n", all_runs(6 - SHORTER, false, false, false));
    print_message("%zu runs\n", all_runs(5 - SHORTER, false, true, false));
    print_message("%zu runs\n", all_runs(4 - SHORTER, false, false, true));
}

static void long_runs_by_seed(void **state)
{
    (void) state;
    run.random = true;
    for (unsigned seed = 1; seed <= SEEDS; seed++) {
        srand(seed);
        one_run(10 + seed % 50, seed % 2, seed % 3 == 0, seed % 4 != 0);
    }
    for (unsigned s = 0; s < WR_FLIGHT_WAIT; s++)
        assert_true(s == WR_FLIGHT_GATE ||
                    seen[s] > SEEDS / 100); /* the waiter has been admitted, so GATE is rare */
}

static void a_late_answer_is_counted_and_nothing_happens(void **state)
{
    (void) state;
    world_begin(false);
    w.order.look_first = true;
    wr_flight_board(&w.waiters[0], &w.order, true);
    w.flight = w.waiters[0].flight;
    __atomic_add_fetch(&w.flight->refs, 1, __ATOMIC_RELAXED);
    uint64_t before = wr_stats_sum(WR_STAT_late_answers);
    wr_flight_wake(w.flight, WR_FLIGHT_LOCK, WR_FLIGHT_ASK);
    assert_int_equal(w.flight->stage, WR_FLIGHT_LOOK);
    read_says(MISS);
    wr_flight_wake(w.flight, WR_FLIGHT_LOOK, WR_FLIGHT_GATE);
    assert_int_equal(w.flight->stage, WR_FLIGHT_LOCK);
    assert_int_equal(wr_stats_sum(WR_STAT_late_answers), before + 2);
    wr_flights_cut(&w.worker);
    wr_flight_wake(w.flight, WR_FLIGHT_LOCK, WR_FLIGHT_ASK);
    assert_int_equal(wr_stats_sum(WR_STAT_late_answers), before + 3);
    assert_int_equal(outside.exchanges, 0);
    world_end();
}

static int begin(void **state)
{
    struct wr_buf errors = { 0 };
    (void) state;
    assert_int_equal(wr_loop_init(&w.worker.loop, 0), 0);
    wr_loop_tick(&w.worker.loop);
    w.policy = wr_policy_parse(WR_SLICE(POLICY), "p", &errors);
    wr_buf_add_char(&errors, '\0');
    assert_string_equal(errors.at, "");
    wr_buf_fini(&errors);
    w.shared.flights =
        wr_flights_new(); /* empty after each run; creating them for each run would take most of its time */
    w.shared.local = wr_local_limits_new(1);
    return 0;
}

static int end(void **state)
{
    (void) state;
    wr_flights_free(w.shared.flights);
    wr_local_limits_free(w.shared.local);
    wr_policy_unref(w.policy);
    wr_arena_fini(&w.arena);
    wr_loop_fini(&w.worker.loop);
    return 0;
}

#define SKIPPED 77 /* automake's exit status for a skipped test */

int main(void)
{
#ifdef __SANITIZE_THREAD__
    return SKIPPED; /* there is only one thread, and the runs would take an hour under TSan */
#endif
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_late_answer_is_counted_and_nothing_happens),
        cmocka_unit_test(every_order_from_the_look_on),
        cmocka_unit_test(every_order_from_the_lock_on),
        cmocka_unit_test(long_runs_by_seed),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
