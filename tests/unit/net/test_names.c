/* SPDX-License-Identifier: BSD-2-Clause */
/* Names are resolved by a small DNS server of the test, with UDP on loopback. */
#include "test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/names.h"

/* --- the DNS server (RFC 1035): knows v4.test, both.test, six.test, slow6.test and moving.test; no other ---
 */

enum { TYPE_A = 1, TYPE_SOA = 6, TYPE_AAAA = 28 };

struct dns {
    int fd, stop[2];
    char address[32];
    pthread_t thread;
    bool silent;        /* atomic: answers nothing */
    bool failing;       /* atomic: answers SERVFAIL */
    unsigned asked_a;   /* atomic */
    unsigned char last; /* atomic: the last octet of what moving.test is now */
};

static struct dns dns;

static void say_so(bool *flag, bool value)
{
    __atomic_store_n(flag, value, __ATOMIC_RELEASE);
}

static bool so(const bool *flag)
{
    return __atomic_load_n(flag, __ATOMIC_ACQUIRE);
}

static unsigned asked_a(void)
{
    return __atomic_load_n(&dns.asked_a, __ATOMIC_ACQUIRE);
}

static size_t put_record(unsigned char *at, int type, unsigned ttl, const void *data, size_t len)
{
    unsigned char head[12] = { 0xc0,
                               12,
                               0,
                               (unsigned char) type,
                               0,
                               1,
                               0,
                               0,
                               (unsigned char) (ttl >> 8),
                               (unsigned char) ttl,
                               0,
                               (unsigned char) len };
    memcpy(at, head, sizeof head);
    memcpy(at + sizeof head, data, len);
    return sizeof head + len;
}

static size_t put_addresses(unsigned char *packet, size_t len, const char *name, int type)
{
    unsigned char v4[4] = { 192, 0, 2, 1 }, v6[16] = { 0x20, 1, 0x0d, 0xb8, [15] = 6 };
    bool moving = strcasecmp(name, "moving.test") == 0;
    if (moving)
        v4[3] = __atomic_load_n(&dns.last, __ATOMIC_RELAXED);
    if (type == TYPE_A && strcasecmp(name, "six.test") != 0) {
        len += put_record(packet + len, TYPE_A, moving ? 1 : 300, v4, sizeof v4);
        packet[7] = 1;
        v4[3]++;
        if (strcasecmp(name, "both.test") == 0) {
            len += put_record(packet + len, TYPE_A, 300, v4, sizeof v4);
            packet[7] = 2;
        }
    } else if (type == TYPE_AAAA &&
               (strcasecmp(name, "six.test") == 0 || strcasecmp(name, "both.test") == 0)) {
        len += put_record(packet + len, TYPE_AAAA, 60, v6, sizeof v6);
        packet[7] = 1;
    }
    return len;
}

/* Writes the answer over the question in `packet`. Returns its length; 0: there is no answer. */
static size_t answer(unsigned char *packet, size_t len)
{
    static const char *const known[] = { "v4.test", "both.test", "six.test", "slow6.test", "moving.test" };
    char name[256] = "";
    size_t at = 12, to = 0;
    while (at < len && packet[at] && at + packet[at] + 1 < len) {
        memcpy(name + to, packet + at + 1, packet[at]);
        to += packet[at];
        name[to++] = '.';
        at += packet[at] + 1u;
    }
    name[to ? to - 1 : 0] = '\0';
    int type = packet[at + 2];
    bool exists = false;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        exists |= strcasecmp(known[i], name) == 0;
    if (type == TYPE_A)
        __atomic_add_fetch(&dns.asked_a, 1, __ATOMIC_RELAXED);
    if (so(&dns.silent) || (type == TYPE_AAAA && strcasecmp(name, "slow6.test") == 0))
        return 0;
    packet[2] = 0x81;
    packet[3] = so(&dns.failing) ? 2 : exists ? 0 : 3;
    memset(packet + 6, 0, 6);
    return packet[3] ? at + 5 : put_addresses(packet, at + 5, name, type);
}

static void *serve(void *arg)
{
    (void) arg;
    for (;;) {
        struct pollfd p[2] = { { dns.fd, POLLIN, 0 }, { dns.stop[0], POLLIN, 0 } };
        if (poll(p, 2, -1) < 0 || p[1].revents)
            return NULL;
        unsigned char packet[512];
        struct sockaddr_in from;
        socklen_t size = sizeof from;
        ssize_t len = recvfrom(dns.fd, packet, 256, 0, (struct sockaddr *) &from, &size);
        size_t out = len > 16 ? answer(packet, (size_t) len) : 0;
        if (out)
            sendto(dns.fd, packet, out, 0, (struct sockaddr *) &from, size);
    }
}

static int start_dns(void **state)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof at;
    (void) state;
    dns = (struct dns){ .fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), .last = 10 };
    if (bind(dns.fd, (struct sockaddr *) &at, len) || getsockname(dns.fd, (struct sockaddr *) &at, &len) ||
        pipe(dns.stop))
        return -1;
    snprintf(dns.address, sizeof dns.address, "127.0.0.1:%u", ntohs(at.sin_port));
    return pthread_create(&dns.thread, NULL, serve, NULL);
}

static int stop_dns(void **state)
{
    (void) state;
    if (write(dns.stop[1], "x", 1) != 1)
        return -1;
    pthread_join(dns.thread, NULL);
    close(dns.fd);
    close(dns.stop[0]);
    close(dns.stop[1]);
    return 0;
}

/* --- asking --- */

static struct wr_loop loop;
static struct wr_names *names;

struct name_asker {
    struct wr_name_query query;
    unsigned done;
    enum wr_err err;
    struct wr_addresses found;
};

static unsigned waiting;

static void on_done(struct wr_name_query *q, enum wr_err err, const struct wr_addresses *found)
{
    struct name_asker *a = WR_CONTAINER(q, struct name_asker, query);
    a->done++;
    a->err = err;
    if (found)
        a->found = *found;
    if (--waiting == 0)
        wr_loop_stop(&loop);
}

/* true: at once. */
static bool ask(struct name_asker *a, const char *host, uint16_t port)
{
    *a = (struct name_asker){ .query.done = on_done };
    wr_loop_tick(&loop);
    bool now = wr_names_lookup(names, &a->query, host, port, &a->found);
    waiting += !now;
    return now;
}

static void on_overdue(struct wr_timer *t)
{
    (void) t;
    wr_loop_stop(&loop);
}

static void run(void)
{
    struct wr_timer t;
    wr_timer_init(&t, &loop, on_overdue);
    wr_timer_set(&t, WR_SPAN_S(30));
    if (waiting)
        wr_loop_run(&loop);
    wr_timer_fini(&t);
    assert_int_equal(waiting, 0);
}

static void begin(const char *servers)
{
    assert_int_equal(wr_loop_init(&loop, 0), 0);
    names = wr_names_new(&loop, servers);
}

static void end(void)
{
    wr_names_free(names);
    wr_loop_fini(&loop);
    say_so(&dns.silent, false);
    say_so(&dns.failing, false);
}

/* Makes what is known stale, as if its TTL had ended. */
static void pass_time(struct wr_span d)
{
    usleep((useconds_t) d.us);
    wr_loop_tick(&loop);
}

static const char *text(const struct wr_sockaddr *a)
{
    static char out[80], host[INET6_ADDRSTRLEN];
    const struct sockaddr_in *v4 = (const struct sockaddr_in *) &a->at;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *) &a->at;
    bool four = a->at.ss_family == AF_INET;
    inet_ntop(a->at.ss_family, four ? (const void *) &v4->sin_addr : (const void *) &v6->sin6_addr, host,
              sizeof host);
    snprintf(out, sizeof out, "%s/%u", host, ntohs(four ? v4->sin_port : v6->sin6_port));
    return out;
}

static void literals_need_no_look_up(void **state)
{
    (void) state;
    struct wr_sockaddr a;
    assert_true(wr_address_literal("192.0.2.7", 80, &a));
    assert_string_equal(text(&a), "192.0.2.7/80");
    assert_true(wr_address_literal("[2001:db8::1]", 81, &a));
    assert_string_equal(text(&a), "2001:db8::1/81");
    assert_true(wr_address_literal("::1", 82, &a));
    assert_string_equal(text(&a), "::1/82");
    assert_true(wr_address_literal("/run/app.sock", 0, &a));
    assert_string_equal(((struct sockaddr_un *) &a.at)->sun_path, "/run/app.sock");
    assert_false(wr_address_literal("example.com", 80, &a));
    assert_false(wr_address_literal("1.2.3", 80, &a));
    assert_false(wr_address_literal("[::1", 80, &a));
    char longer[200] = "/";
    memset(longer + 1, 'x', sizeof longer - 2);
    longer[sizeof longer - 1] = '\0';
    assert_false(wr_address_literal(longer, 0, &a));
}

static void answers_come_once_and_stay_fresh(void **state)
{
    (void) state;
    struct name_asker a, b, c;
    begin(dns.address);
    unsigned before = asked_a();
    assert_false(ask(&a, "both.test", 80));
    assert_false(ask(&b, "BOTH.test", 81)); /* one question for both */
    assert_int_equal(a.done, 0);
    run();
    assert_int_equal(asked_a() - before, 1);
    assert_int_equal(a.done, 1);
    assert_int_equal(a.err, WR_OK);
    assert_int_equal(a.found.count, 3);
    assert_string_equal(text(&a.found.list[0]), "192.0.2.1/80");
    assert_string_equal(text(&a.found.list[1]), "192.0.2.2/80");
    assert_string_equal(text(&a.found.list[2]), "2001:db8::6/80");
    assert_string_equal(text(&b.found.list[0]), "192.0.2.1/81");
    assert_true(ask(&c, "both.test", 90)); /* from memory */
    assert_int_equal(c.found.count, 3);
    assert_string_equal(text(&c.found.list[0]), "192.0.2.1/90");
    int64_t left = wr_span_s(wr_time_since(c.found.fresh_until, loop.mono)); /* the shorter of 300 and 60 */
    assert_in_range(left, 50, 60);
    assert_false(ask(&a, "six.test", 1));
    run();
    assert_int_equal(a.found.count, 1);
    assert_string_equal(text(&a.found.list[0]), "2001:db8::6/1");
    end();
}

static void one_family_does_not_wait_for_the_other_for_long(void **state)
{
    (void) state;
    struct name_asker a;
    begin(dns.address);
    assert_false(ask(&a, "slow6.test", 80));
    run();
    assert_int_equal(a.err, WR_OK);
    assert_int_equal(a.found.count, 1);
    end(); /* while the other question is still open */
}

static void a_name_is_asked_again_when_its_time_is_over(void **state)
{
    (void) state;
    struct name_asker a;
    begin(dns.address);
    assert_false(ask(&a, "moving.test", 80));
    run();
    assert_string_equal(text(&a.found.list[0]), "192.0.2.10/80");
    __atomic_store_n(&dns.last, 20, __ATOMIC_RELAXED);
    assert_true(ask(&a, "moving.test", 80));
    assert_string_equal(text(&a.found.list[0]), "192.0.2.10/80");
    pass_time(WR_SPAN_MS(1050));
    assert_false(ask(&a, "moving.test", 80));
    run();
    assert_string_equal(text(&a.found.list[0]), "192.0.2.20/80");
    /* the name server fails: the old answer is used, and it isn't asked each time */
    say_so(&dns.failing, true);
    pass_time(WR_SPAN_MS(1050));
    assert_false(ask(&a, "moving.test", 80));
    run();
    assert_int_equal(a.err, WR_OK);
    assert_string_equal(text(&a.found.list[0]), "192.0.2.20/80");
    assert_true(ask(&a, "moving.test", 80));
    assert_string_equal(text(&a.found.list[0]), "192.0.2.20/80");
    end();
}

static void what_does_not_exist_is_remembered(void **state)
{
    (void) state;
    struct name_asker a;
    begin(dns.address);
    assert_false(ask(&a, "nowhere.test", 80));
    run();
    assert_int_equal(a.err, WR_ERR_NO_ADDRESS);
    unsigned before = asked_a();
    assert_true(ask(&a, "nowhere.test", 80));
    assert_int_equal(a.found.count, 0);
    assert_int_equal(asked_a(), before);
    end();
}

static void a_silent_server_is_waited_for_only_so_long(void **state)
{
    (void) state;
    struct name_asker a, gone;
    say_so(&dns.silent, true);
    begin(dns.address);
    assert_false(ask(&a, "v4.test", 80));
    assert_false(ask(&gone, "v4.test", 80));
    wr_names_cancel(&gone.query);
    wr_names_cancel(&gone.query);
    waiting--;
    run();
    assert_int_equal(a.err, WR_ERR_TIMEOUT);
    assert_int_equal(gone.done, 0);
    end();
}

static void hosts_files_and_localhost_go_first(void **state)
{
    (void) state;
    char path[] = "/tmp/weir-hosts-XXXXXX";
    static const char hosts[] =
        "# comment\n192.0.2.77  v4.test other # more\n2001:db8::77\tother\nnonsense here\n\n";
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, hosts, sizeof hosts - 1) == (ssize_t) sizeof hosts - 1);
    close(fd);
    struct name_asker a;
    begin(dns.address);
    wr_names_hosts(names, path);
    wr_names_hosts(names, "/nonexistent/hosts");
    unlink(path);
    unsigned before = asked_a();
    assert_true(ask(&a, "v4.test", 80));
    assert_string_equal(text(&a.found.list[0]), "192.0.2.77/80");
    assert_true(ask(&a, "OTHER", 80));
    assert_int_equal(a.found.count, 2);
    assert_true(ask(&a, "localhost", 80));
    assert_true(a.found.count >= 1);
    assert_true(ask(&a, "api.localhost", 80));
    assert_int_equal(a.found.count, 2);
    assert_string_equal(text(&a.found.list[0]), "127.0.0.1/80");
    assert_true(ask(&a, "192.0.2.5", 80));
    assert_int_equal(asked_a(), before);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(literals_need_no_look_up),
        cmocka_unit_test(answers_come_once_and_stay_fresh),
        cmocka_unit_test(one_family_does_not_wait_for_the_other_for_long),
        cmocka_unit_test(a_name_is_asked_again_when_its_time_is_over),
        cmocka_unit_test(what_does_not_exist_is_remembered),
        cmocka_unit_test(a_silent_server_is_waited_for_only_so_long),
        cmocka_unit_test(hosts_files_and_localhost_go_first),
    };
    return cmocka_run_group_tests(tests, start_dns, stop_dns);
}
