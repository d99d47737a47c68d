/* SPDX-License-Identifier: BSD-2-Clause */
/* redis: the link against a real redis-server that pauses, hangs, dies and comes back. */
#include "server.h"

#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/rand.h"
#include "net/names.h"
#include "redis/link.h"
#include "stats/stats.h"

static struct test_redis server;
static struct wr_policy policy;
static struct wr_loop loop;
static struct wr_link *link_;
static struct wr_names *names; /* NULL: the address is a literal one */

static struct wr_slice str(const char *s)
{
    return wr_slice_str(s);
}

#define ARGV(...)       \
    (struct wr_slice[]) \
    {                   \
        __VA_ARGS__     \
    }

/* A call that remembers how it ended. */
struct asked {
    struct wr_call call;
    int ended;
    enum wr_err err;
    enum wr_reply_kind kind;
    int64_t number;
    char text[64];
    size_t len;
};

static void on_done(struct wr_call *call, enum wr_err err, const struct wr_reply *reply)
{
    struct asked *a = (struct asked *) call;
    struct wr_slice s = wr_reply_slice(reply);
    a->ended++;
    a->err = err;
    a->kind = wr_reply_kind(reply);
    a->number = wr_reply_int(reply);
    a->len = s.len;
    snprintf(a->text, sizeof a->text, "%.*s", WR_SLICE_ARG(s));
}

#define ASKED ((struct asked){ .call.done = on_done })

static enum wr_err ask(struct asked *a, struct wr_span timeout, size_t argc, const struct wr_slice *argv)
{
    *a = ASKED;
    return wr_link_send(link_, &a->call, timeout, argc, argv);
}

static void ask_and_wait(struct asked *a, size_t argc, const struct wr_slice *argv)
{
    assert_int_equal(ask(a, WR_SPAN_S(5), argc, argv), WR_OK);
    assert_int_equal(a->ended, 0);
    turn_until(&loop, a->ended);
}

static void connect_link(void)
{
    link_ = wr_link_new(&loop, &policy, names, "weir:edge:0");
    turn_until(&loop, wr_link_ready(link_));
}

static int set_up(void **state)
{
    (void) state;
    server_set_up(&server, &policy, &loop, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void) state;
    wr_link_free(link_);
    link_ = NULL;
    server_tear_down(&server, &policy, &loop);
    return 0;
}

static void calls_are_refused_until_connected_then_answered_in_order(void **state)
{
    (void) state;
    struct asked early, a[100];
    link_ = wr_link_new(&loop, &policy, NULL, "weir:edge 0");
    assert_int_equal(ask(&early, WR_SPAN_S(1), 1, ARGV(str("PING"))), WR_ERR_REDIS_AWAY);
    turn_until(&loop, wr_link_ready(link_));
    for (int i = 0; i < 100; i++)
        assert_int_equal(ask(&a[i], WR_SPAN_S(5), 2, ARGV(str("INCR"), str("n"))), WR_OK);
    turn_until(&loop, a[99].ended);
    for (int i = 0; i < 100; i++)
        assert_true(a[i].ended == 1 && a[i].err == WR_OK && a[i].number == i + 1);
    assert_int_equal(early.ended, 0);
    redisReply *r = server_ask(&server, "CLIENT LIST");
    assert_non_null(strstr(r->str, "name=weir:edge_0"));
    freeReplyObject(r);
}

static void one_turn_is_one_write(void **state)
{
    (void) state;
    connect_link();
    struct asked a[200], warm;
    ask_and_wait(&warm, 1, ARGV(str("PING")));
    long long before = server_info(&server, "total_reads_processed");
    for (int i = 0; i < 200; i++)
        assert_int_equal(ask(&a[i], WR_SPAN_S(5), 1, ARGV(str("PING"))), WR_OK);
    turn_until(&loop, a[199].ended);
    long long reads = server_info(&server, "total_reads_processed") - before;
    assert_in_range(reads, 2, 3); /* ours, the two INFOs' */
}

static void replies_of_every_kind_are_read(void **state)
{
    (void) state;
    connect_link();
    struct asked a;
    ask_and_wait(&a, 3, ARGV(str("SET"), str("k"), str("-42")));
    assert_true(a.kind == WR_REPLY_STATUS && strcmp(a.text, "OK") == 0);
    ask_and_wait(&a, 2, ARGV(str("GET"), str("k")));
    assert_true(a.kind == WR_REPLY_STRING && a.number == -42);
    ask_and_wait(&a, 2, ARGV(str("GET"), str("nothing")));
    assert_true(a.err == WR_OK && a.kind == WR_REPLY_NIL && a.len == 0);
    ask_and_wait(&a, 2, ARGV(str("LPUSH"), str("k")));
    assert_true(a.err == WR_OK && a.kind == WR_REPLY_ERROR);
    ask_and_wait(&a, 3, ARGV(str("HMGET"), str("h"), str("f")));
    assert_int_equal(a.kind, WR_REPLY_ARRAY);
}

static void large_values_go_both_ways(void **state)
{
    (void) state;
    connect_link();
    size_t len = 12u << 20;
    char *big = malloc(len);
    memset(big, 'x', len);
    struct asked put, get, after;
    assert_int_equal(ask(&put, WR_SPAN_S(60), 3, ARGV(str("SET"), str("big"), wr_slice(big, len))), WR_OK);
    assert_int_equal(ask(&get, WR_SPAN_S(60), 2, ARGV(str("GET"), str("big"))), WR_OK);
    assert_int_equal(ask(&after, WR_SPAN_S(60), 2, ARGV(str("STRLEN"), str("big"))), WR_OK);
    free(big);
    turn_until(&loop, after.ended);
    assert_true(put.err == WR_OK && get.err == WR_OK && get.len == len && after.number == (int64_t) len);
}

static void late_replies_are_swallowed_and_neighbours_live(void **state)
{
    (void) state;
    connect_link();
    struct asked late, patient, id_before, id_after;
    ask_and_wait(&id_before, 2, ARGV(str("CLIENT"), str("ID")));
    kill(server.pid, SIGSTOP);
    assert_int_equal(ask(&patient, WR_SPAN_S(10), 2, ARGV(str("ECHO"), str("patient"))), WR_OK);
    assert_int_equal(ask(&late, WR_SPAN_MS(20), 2, ARGV(str("ECHO"), str("late"))), WR_OK);
    turn_until(&loop, late.ended);
    assert_true(late.err == WR_ERR_TIMEOUT && patient.ended == 0);
    kill(server.pid, SIGCONT);
    turn_until(&loop, patient.ended);
    assert_true(patient.err == WR_OK && strcmp(patient.text, "patient") == 0);
    ask_and_wait(&id_after, 2, ARGV(str("CLIENT"), str("ID")));
    assert_int_equal(id_after.number, id_before.number);
    assert_int_equal(late.ended, 1);
}

static void a_cancelled_call_never_ends(void **state)
{
    (void) state;
    connect_link();
    struct asked gone = ASKED, next;
    wr_call_cancel(&gone.call);
    assert_int_equal(ask(&gone, WR_SPAN_MS(10), 2, ARGV(str("ECHO"), str("gone"))), WR_OK);
    assert_true(wr_call_pending(&gone.call));
    wr_call_cancel(&gone.call);
    wr_call_cancel(&gone.call);
    assert_false(wr_call_pending(&gone.call));
    ask_and_wait(&next, 2, ARGV(str("ECHO"), str("next")));
    assert_string_equal(next.text, "next");
    turn_for(&loop, WR_SPAN_MS(30));
    assert_int_equal(gone.ended, 0);
}

static void a_paused_redis_opens_the_breaker_and_a_probe_closes_it(void **state)
{
    (void) state;
    connect_link();
    struct asked a[5], refused, id_before, id_after;
    uint64_t opens = wr_stats_sum(WR_STAT_redis_breaker_opens);
    ask_and_wait(&id_before, 2, ARGV(str("CLIENT"), str("ID")));
    server_do(&server, "CLIENT PAUSE 600 ALL");
    for (int i = 0; i < 5; i++)
        assert_int_equal(ask(&a[i], WR_SPAN_MS(20 + i), 1, ARGV(str("PING"))), WR_OK);
    turn_until(&loop, a[4].ended);
    assert_false(wr_link_ready(link_));
    assert_int_equal(ask(&refused, WR_SPAN_S(1), 1, ARGV(str("PING"))), WR_ERR_REDIS_AWAY);
    assert_int_equal(wr_stats_sum(WR_STAT_redis_breaker_opens), opens + 1);
    turn_until(&loop, wr_link_ready(link_));
    ask_and_wait(&id_after, 2, ARGV(str("CLIENT"), str("ID")));
    assert_int_equal(id_after.number, id_before.number); /* the same connection */
    for (int i = 0; i < 5; i++)
        assert_true(a[i].ended == 1 && a[i].err == WR_ERR_TIMEOUT);
}

static void a_hanging_redis_is_cut_and_dialled_again(void **state)
{
    (void) state;
    connect_link();
    struct asked a[5], patient, after;
    kill(server.pid, SIGSTOP);
    assert_int_equal(ask(&patient, WR_SPAN_S(20), 1, ARGV(str("PING"))), WR_OK);
    for (int i = 0; i < 5; i++)
        assert_int_equal(ask(&a[i], WR_SPAN_MS(20), 1, ARGV(str("PING"))), WR_OK);
    turn_until(&loop, patient.ended);
    assert_int_equal(patient.err, WR_ERR_REDIS_AWAY); /* the cut, after about two seconds */
    kill(server.pid, SIGCONT);
    turn_until(&loop, wr_link_ready(link_));
    ask_and_wait(&after, 2, ARGV(str("ECHO"), str("after")));
    assert_string_equal(after.text, "after");
}

static void a_killed_redis_ends_every_call_once_and_comes_back(void **state)
{
    (void) state;
    connect_link();
    struct asked a[500], after;
    uint64_t reconnects = wr_stats_sum(WR_STAT_redis_reconnects);
    kill(server.pid, SIGSTOP);
    for (int i = 0; i < 500; i++)
        assert_int_equal(ask(&a[i], WR_SPAN_S(10), 2, ARGV(str("INCR"), str("n"))), WR_OK);
    turn(&loop);
    log_capture_begin();
    server_kill(&server);
    turn_until(&loop, a[499].ended);
    for (int i = 0; i < 500; i++)
        assert_true(a[i].ended == 1 && a[i].err == WR_ERR_REDIS_AWAY);
    turn_for(&loop, WR_SPAN_MS(500)); /* several attempts in vain */
    server_start(&server);
    turn_until(&loop, wr_link_ready(link_));
    size_t lost = log_captured("closed the connection"), away = log_captured("cannot be reached");
    size_t back = log_captured("connected again");
    log_capture_end();
    assert_true(lost + away >= 1 && lost <= 1 && away <= 1 && back == 1);
    ask_and_wait(&after, 2, ARGV(str("INCR"), str("n")));
    assert_int_equal(after.number, 1);
    assert_int_equal(wr_stats_sum(WR_STAT_redis_reconnects), reconnects + 1);
}

static void client_kill_is_survived(void **state)
{
    (void) state;
    connect_link();
    struct asked a;
    for (int i = 0; i < 3; i++) {
        server_do(&server, "CLIENT KILL TYPE normal SKIPME yes");
        turn_until(&loop, !wr_link_ready(link_));
        turn_until(&loop, wr_link_ready(link_));
        ask_and_wait(&a, 1, ARGV(str("PING")));
        assert_string_equal(a.text, "PONG");
    }
}

static void the_queue_is_bounded(void **state)
{
    (void) state;
    connect_link();
    struct asked a;
    size_t accepted = 0;
    kill(server.pid, SIGSTOP);
    while (wr_link_ready(link_) && accepted < 100000) {
        wr_link_tell(link_, 1, ARGV(str("PING")));
        accepted++;
    }
    assert_in_range(accepted, 1000, 99999);
    assert_int_equal(ask(&a, WR_SPAN_S(1), 1, ARGV(str("PING"))), WR_ERR_REDIS_AWAY);
    kill(server.pid, SIGCONT);
    turn_until(&loop, wr_link_ready(link_));
}

static void run_script(struct asked *a, enum wr_script script, const char *token, const char *ms)
{
    *a = ASKED;
    assert_int_equal(wr_link_script(link_, &a->call, WR_SPAN_S(5), script, 1, ARGV(str("lock")), ms ? 2 : 1,
                                    ARGV(str(token), str(ms))),
                     WR_OK);
    turn_until(&loop, a->ended);
    assert_int_equal(a->err, WR_OK);
}

static void locks_belong_to_their_owner(void **state)
{
    (void) state;
    connect_link();
    struct asked a;
    server_do(&server, "SET lock mine PX 1000");
    run_script(&a, WR_SCRIPT_RENEW, "other", "60000");
    assert_int_equal(a.number, 0);
    run_script(&a, WR_SCRIPT_RENEW, "mine", "60000");
    assert_int_equal(a.number, 1);
    assert_true(server_int(&server, "PTTL lock") > 30000);
    run_script(&a, WR_SCRIPT_UNLOCK, "other", NULL);
    assert_int_equal(a.number, 0);
    run_script(&a, WR_SCRIPT_UNLOCK, "mine", NULL);
    assert_int_equal(a.number, 1);
    run_script(&a, WR_SCRIPT_UNLOCK, "mine", NULL);
    assert_int_equal(a.number, 0);
    assert_int_equal(server_int(&server, "EXISTS lock"), 0);
}

static void a_forgotten_script_is_sent_again_unseen(void **state)
{
    (void) state;
    connect_link();
    struct asked a;
    run_script(&a, WR_SCRIPT_UNLOCK, "x", NULL); /* the SHAs are known now */
    server_do(&server, "SCRIPT FLUSH");
    server_do(&server, "SET lock mine");
    run_script(&a, WR_SCRIPT_UNLOCK, "mine", NULL);
    assert_true(a.kind == WR_REPLY_INTEGER && a.number == 1);

    server_do(&server, "SCRIPT FLUSH");
    server_do(&server, "SET lock mine");
    wr_link_tell_script(link_, WR_SCRIPT_UNLOCK, 1, ARGV(str("lock")), 1, ARGV(str("mine")));
    turn_until(&loop, server_int(&server, "EXISTS lock") == 0);

    server_do(&server, "SCRIPT FLUSH");
    server_do(&server, "SET lock mine");
    a = ASKED;
    assert_int_equal(wr_link_script(link_, &a.call, WR_SPAN_S(5), WR_SCRIPT_UNLOCK, 1, ARGV(str("lock")), 1,
                                    ARGV(str("mine"))),
                     WR_OK);
    wr_call_cancel(&a.call); /* the call ended before Redis replied NOSCRIPT, so it isn't repeated */
    struct asked after;
    ask_and_wait(&after, 2, ARGV(str("EXISTS"), str("lock")));
    assert_true(after.number == 1 && a.ended == 0);
}

static struct asked second;

static void free_link_when_done(struct wr_call *call, enum wr_err err, const struct wr_reply *reply)
{
    on_done(call, err, reply);
    wr_link_free(link_);
    link_ = NULL;
    assert_int_equal(second.ended, 1);
    assert_int_equal(second.err, WR_ERR_REDIS_AWAY);
}

static void a_callback_may_free_the_link(void **state)
{
    (void) state;
    connect_link();
    struct asked first = ASKED;
    first.call.done = free_link_when_done;
    assert_int_equal(wr_link_send(link_, &first.call, WR_SPAN_S(5), 1, ARGV(str("PING"))), WR_OK);
    assert_int_equal(ask(&second, WR_SPAN_S(5), 1, ARGV(str("PING"))), WR_OK);
    turn_until(&loop, first.ended);
    assert_true(first.ended == 1 && first.err == WR_OK);
    turn(&loop);
    assert_int_equal(second.ended, 1);
}

static void user_password_and_database_are_used(void **state)
{
    (void) state;
    server_do(&server, "ACL SETUSER app on >secret ~* &* +@all");
    server_do(&server, "ACL SETUSER default off");
    policy.redis.user = (char *) "app";
    policy.redis.password = (char *) "wrong";
    policy.redis.db = 3;
    log_capture_begin();
    link_ = wr_link_new(&loop, &policy, NULL, "weir:edge:0");
    turn_until(&loop, log_captured("refuses user or password") == 1);
    turn_for(&loop, WR_SPAN_MS(400)); /* refused many times, logged once */
    assert_int_equal(log_captured("refuses user or password"), 1);
    assert_false(wr_link_ready(link_));
    server_do(&server, "ACL SETUSER app >wrong");
    turn_until(&loop, wr_link_ready(link_));
    assert_int_equal(log_captured("connected again"), 1);
    log_capture_end();
    struct asked a;
    ask_and_wait(&a, 3, ARGV(str("SET"), str("k"), str("v")));
    server_do(&server, "SELECT 3");
    assert_int_equal(server_int(&server, "EXISTS k"), 1);
}

static void a_missing_password_is_logged_once(void **state)
{
    (void) state;
    server_do(&server, "CONFIG SET requirepass secret");
    log_capture_begin();
    link_ = wr_link_new(&loop, &policy, NULL, "weir:edge:0");
    turn_for(&loop, WR_SPAN_MS(400));
    assert_int_equal(log_captured("NOAUTH"), 1);
    log_capture_end();
    assert_false(wr_link_ready(link_));
}

static void a_replica_is_logged_once_and_recovers(void **state)
{
    (void) state;
    connect_link();
    struct asked a;
    log_capture_begin();
    server_do(&server, "REPLICAOF 127.0.0.1 1");
    for (int i = 0; i < 20; i++) {
        turn_until(&loop, wr_link_ready(link_));
        ask_and_wait(&a, 3, ARGV(str("SET"), str("k"), str("v")));
        assert_true(a.err == WR_OK && a.kind == WR_REPLY_ERROR);
    }
    assert_int_equal(log_captured("read-only replica"), 1);
    log_capture_end();
    server_do(&server, "REPLICAOF NO ONE");
    turn_until(&loop, wr_link_ready(link_));
    ask_and_wait(&a, 3, ARGV(str("SET"), str("k"), str("v")));
    assert_int_equal(a.kind, WR_REPLY_STATUS);
}

static void a_loading_redis_is_waited_for(void **state)
{
    (void) state;
    server_do(&server, "EVAL %s 0", "for i = 1, 2000 do redis.call('SET', 'key' .. i, i) end");
    server_do(&server, "SAVE");
    server_kill(&server);
    server.args[0] = "--key-load-delay";
    server.args[1] = "300"; /* microseconds: 0.6 s in all */
    server.args[2] = "--loading-process-events-interval-bytes";
    server.args[3] = "1024";
    log_capture_begin();
    link_ = wr_link_new(&loop, &policy, NULL, "weir:edge:0");
    server_spawn(&server);
    turn_until(&loop, wr_link_ready(link_));
    size_t logged = log_captured("is loading its data");
    log_capture_end();
    assert_int_equal(logged, 1);
    struct asked a;
    ask_and_wait(&a, 1, ARGV(str("DBSIZE")));
    assert_int_equal(a.number, 2000);
}

static uint16_t free_port(void)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *) &at, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *) &at, &len), 0);
    close(fd);
    return ntohs(at.sin_port);
}

static void link_over_tcp(enum wr_address_kind kind, const char *host, uint16_t port)
{
    struct asked a;
    policy.redis.address = (struct wr_address){ kind, (char *) host, (char *) host, port };
    connect_link();
    ask_and_wait(&a, 2, ARGV(str("ECHO"), str(host)));
    assert_string_equal(a.text, host);
    wr_link_free(link_);
    link_ = NULL;
    turn(&loop);
}

static void addresses_and_names_are_dialled(void **state)
{
    (void) state;
    uint16_t port = free_port();
    char nobody[32]; /* where no name server is */
    snprintf(nobody, sizeof nobody, "127.0.0.1:%d", (int) free_port());
    names = wr_names_new(&loop);
    wr_names_configure(names, nobody, WR_SPAN_S(0));
    server_do(&server, "CONFIG SET port %d", (int) port);
    link_over_tcp(WR_ADDRESS_IP, "127.0.0.1", port);
    link_over_tcp(WR_ADDRESS_NAME, "localhost", port);
    policy.redis.address.host = (char *) "no-such-host.invalid";
    log_capture_begin();
    link_ = wr_link_new(&loop, &policy, names, "weir:edge:0");
    turn_until(&loop, log_captured("no name server answers for its name") == 1);
    log_capture_end();
    assert_false(wr_link_ready(link_));
    wr_link_free(link_);
    link_ = NULL;
    wr_names_free(names);
    names = NULL;
}

/* A peer that greets correctly and then sends replies that nobody asked for. No real Redis does this. */
static void wrong_peer_says(const char *nonsense)
{
    char path[96];
    snprintf(path, sizeof path, "%s/wrong.sock", server.dir);
    unlink(path);
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *) &at, sizeof at), 0);
    assert_int_equal(listen(listener, 8), 0);
    struct wr_policy other;
    policy_for(&other, path);
    link_ = wr_link_new(&loop, &other, NULL, "weir:edge:0");
    turn_for(&loop, WR_SPAN_MS(20));
    int peer = accept(listener, NULL, NULL);
    assert_true(write(peer, "+OK\r\n+PONG\r\n", 12) == 12);
    turn_until(&loop, wr_link_ready(link_));
    struct asked a;
    assert_int_equal(ask(&a, WR_SPAN_S(15), 1, ARGV(str("PING"))), WR_OK);
    /* The replies to TIME, to each SCRIPT LOAD and to the test's PING are open. */
    for (int i = 0; i < WR_SCRIPT_COUNT + 2; i++)
        assert_true(write(peer, "$-1\r\n", 5) == 5);
    assert_int_equal(write(peer, nonsense, strlen(nonsense)), strlen(nonsense));
    turn_until(&loop, !wr_link_ready(link_));
    assert_true(a.ended == 1 && a.err == WR_OK);
    wr_link_free(link_);
    link_ = NULL;
    turn(&loop);
    close(peer);
    close(listener);
    assert_int_equal(other.refs, 1);
}

static void nonsense_from_the_peer_ends_the_connection_only(void **state)
{
    (void) state;
    wrong_peer_says("HTTP/1.1 400 Bad Request\r\n\r\n");
    wrong_peer_says("+unasked\r\n");
    wrong_peer_says("-ERR unasked\r\n");
    wrong_peer_says("*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n");
    wrong_peer_says("*1\r\n:x\r\n");
    wrong_peer_says("$99999999999999999999\r\n");
}

/* Calls of any deadline, some cancelled, while Redis pauses and connections die: each accepted one ends
 * exactly once. */
static void every_accepted_call_ends_exactly_once_whatever_happens(void **state)
{
    (void) state;
    enum { COUNT = 4000 };
    struct asked *a = calloc(COUNT, sizeof *a);
    char *fate = calloc(COUNT, 1); /* 'r' refused, 'a' accepted, 'c' cancelled */
    connect_link();
    for (int i = 0; i < COUNT; i++) {
        struct wr_span timeout = { i == 0 ? WR_SPAN_S(60).us : (int64_t) wr_rand_below(100000) };
        char expect[16];
        snprintf(expect, sizeof expect, "%d", i);
        fate[i] = ask(&a[i], timeout, 2, ARGV(str("ECHO"), str(expect))) == WR_OK ? 'a' : 'r';
        if (i % 7 == 0 && i >= 20 && fate[i - 20] == 'a' && a[i - 20].ended == 0) {
            wr_call_cancel(&a[i - 20].call);
            fate[i - 20] = 'c';
        }
        if (i == 299)
            turn_until(&loop, a[0].ended); /* one at least is answered before the first failure */
        if (i % 600 == 300)
            server_do(&server, "CLIENT KILL TYPE normal SKIPME yes");
        if (i % 800 == 700)
            kill(server.pid, SIGSTOP);
        if (i % 800 == 720)
            kill(server.pid, SIGCONT);
        if (i % 9 == 0)
            turn(&loop);
    }
    turn_for(&loop, WR_SPAN_MS(300));
    int refused = 0, answered = 0, failed = 0;
    for (int i = 0; i < COUNT; i++) {
        char expect[16];
        snprintf(expect, sizeof expect, "%d", i);
        assert_int_equal(a[i].ended, fate[i] == 'a');
        if (fate[i] == 'a' && a[i].err == WR_OK)
            assert_string_equal(a[i].text, expect);
        refused += fate[i] == 'r';
        answered += fate[i] == 'a' && a[i].err == WR_OK;
        failed += fate[i] == 'a' && a[i].err != WR_OK;
    }
    assert_true(answered > 0 && failed + refused > 0);
    free(fate);
    free(a);
}

#define LINK_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LINK_TEST(calls_are_refused_until_connected_then_answered_in_order),
        LINK_TEST(one_turn_is_one_write),
        LINK_TEST(replies_of_every_kind_are_read),
        LINK_TEST(large_values_go_both_ways),
        LINK_TEST(late_replies_are_swallowed_and_neighbours_live),
        LINK_TEST(a_cancelled_call_never_ends),
        LINK_TEST(a_paused_redis_opens_the_breaker_and_a_probe_closes_it),
        LINK_TEST(a_hanging_redis_is_cut_and_dialled_again),
        LINK_TEST(a_killed_redis_ends_every_call_once_and_comes_back),
        LINK_TEST(client_kill_is_survived),
        LINK_TEST(the_queue_is_bounded),
        LINK_TEST(locks_belong_to_their_owner),
        LINK_TEST(a_forgotten_script_is_sent_again_unseen),
        LINK_TEST(a_callback_may_free_the_link),
        LINK_TEST(user_password_and_database_are_used),
        LINK_TEST(a_missing_password_is_logged_once),
        LINK_TEST(a_replica_is_logged_once_and_recovers),
        LINK_TEST(a_loading_redis_is_waited_for),
        LINK_TEST(addresses_and_names_are_dialled),
        LINK_TEST(nonsense_from_the_peer_ends_the_connection_only),
        LINK_TEST(every_accepted_call_ends_exactly_once_whatever_happens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
