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

/* --- watching --- */

static struct wr_loop loop;
static struct wr_names *names;

struct watcher {
    struct wr_name_watch watch;
    uint16_t port;
    unsigned changes;
    enum wr_name_state state;
    struct wr_addresses *found;
};

static void look(struct watcher *w)
{
    free(w->found);
    w->state = wr_names_read(&w->watch, w->port, &w->found);
}

static void on_changed(struct wr_name_watch *watch)
{
    struct watcher *w = WR_CONTAINER(watch, struct watcher, watch);
    w->changes++;
    look(w);
}

static void watch(struct watcher *w, const char *host, uint16_t port)
{
    *w = (struct watcher){ .port = port };
    wr_loop_tick(&loop);
    wr_names_watch(names, &w->watch, host, &loop, on_changed);
    look(w);
}

static void unwatch(struct watcher *w)
{
    wr_names_unwatch(&w->watch);
    wr_names_unwatch(&w->watch);
    free(w->found);
}

static bool (*until)(void);
static struct watcher one, two;

static void on_look(struct wr_timer *t)
{
    if (until())
        wr_loop_stop(&loop);
    else
        wr_timer_set(t, WR_SPAN_MS(2));
}

static void on_overdue(struct wr_timer *t)
{
    (void) t;
    wr_loop_stop(&loop);
}

static void run(bool (*condition)(void))
{
    struct wr_timer look_again, guard;
    until = condition;
    wr_timer_init(&look_again, &loop, on_look);
    wr_timer_init(&guard, &loop, on_overdue);
    wr_timer_set(&look_again, WR_SPAN_MS(0));
    wr_timer_set(&guard, WR_SPAN_S(30));
    wr_loop_run(&loop);
    wr_timer_fini(&look_again);
    wr_timer_fini(&guard);
    assert_true(condition());
}

static void begin(void)
{
    assert_int_equal(wr_loop_init(&loop, 0), 0);
    names = wr_names_new(&loop);
    wr_names_configure(names, dns.address, WR_SPAN_S(3600));
}

static void end(void)
{
    wr_names_free(names);
    wr_loop_fini(&loop);
    say_so(&dns.silent, false);
    say_so(&dns.failing, false);
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

static bool all_three(void)
{
    return one.found && one.found->count == 3;
}

static bool known(void)
{
    return one.state == WR_NAME_KNOWN;
}

static void whoever_watches_shares_one_question(void **state)
{
    (void) state;
    begin();
    unsigned before = asked_a();
    watch(&one, "both.test", 80);
    watch(&two, "BOTH.test", 81);
    assert_int_equal(one.state, WR_NAME_ASKED);
    assert_null(one.found);
    run(all_three);
    look(&two);
    assert_int_equal(asked_a() - before, 1);
    assert_in_range(one.changes, 1, 2); /* once for each family, unless both came at once */
    assert_string_equal(text(&one.found->list[0]), "192.0.2.1/80");
    assert_string_equal(text(&one.found->list[1]), "192.0.2.2/80");
    assert_string_equal(text(&one.found->list[2]), "2001:db8::6/80");
    assert_string_equal(text(&two.found->list[0]), "192.0.2.1/81");
    unwatch(&two);
    watch(&two, "both.test", 90); /* known at once, and still so after a reload */
    assert_int_equal(two.state, WR_NAME_KNOWN);
    wr_names_configure(names, dns.address, WR_SPAN_S(3600));
    look(&two);
    assert_int_equal(two.found->count, 3);
    assert_string_equal(text(&two.found->list[0]), "192.0.2.1/90");
    unwatch(&one);
    unwatch(&two);
    end();
}

static void one_family_does_not_wait_for_the_other(void **state)
{
    (void) state;
    begin();
    watch(&one, "slow6.test", 80);
    run(known);
    assert_int_equal(one.found->count, 1);
    watch(&two, "six.test", 1);
    unwatch(&two);
    unwatch(&one);
    end(); /* while the other question is still open */
}

static bool is_20(void)
{
    return one.found && strcmp(text(&one.found->list[0]), "192.0.2.20/80") == 0;
}

static unsigned asked_before;

static bool asked_twice_more(void)
{
    return asked_a() >= asked_before + 2;
}

static void a_name_is_asked_again_in_time(void **state)
{
    (void) state;
    begin();
    watch(&one, "moving.test", 80);
    run(known);
    assert_string_equal(text(&one.found->list[0]), "192.0.2.10/80");
    __atomic_store_n(&dns.last, 20, __ATOMIC_RELAXED);
    run(is_20);
    /* the name server fails: the old answer is kept, and it is asked again */
    say_so(&dns.failing, true);
    asked_before = asked_a();
    run(asked_twice_more);
    assert_true(known() && is_20());
    assert_int_equal(one.changes, 2);
    unwatch(&one);
    end();
}

static bool none(void)
{
    return one.state == WR_NAME_NONE;
}

static void what_does_not_exist_is_remembered(void **state)
{
    (void) state;
    begin();
    watch(&one, "nowhere.test", 80);
    run(none);
    assert_null(one.found);
    unsigned before = asked_a();
    watch(&two, "nowhere.test", 80);
    assert_int_equal(two.state, WR_NAME_NONE);
    assert_int_equal(asked_a(), before);
    unwatch(&one);
    unwatch(&two);
    end();
}

static bool unanswered(void)
{
    return one.state == WR_NAME_UNANSWERED;
}

static void a_silent_server_is_waited_for_only_so_long(void **state)
{
    (void) state;
    say_so(&dns.silent, true);
    begin();
    watch(&one, "v4.test", 80);
    watch(&two, "v4.test", 80);
    unwatch(&two);
    asked_before = asked_a();
    run(unanswered);
    assert_int_equal(two.changes, 0);
    assert_true(asked_twice_more()); /* a datagram may have been lost */
    unwatch(&one);
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
    begin();
    wr_names_hosts(names, path);
    wr_names_hosts(names, "/nonexistent/hosts");
    unlink(path);
    unsigned before = asked_a();
    static const struct {
        const char *host, *first;
        size_t count;
    } rows[] = { { "v4.test", "192.0.2.77/80", 1 },
                 { "OTHER", "192.0.2.77/80", 2 },
                 { "api.localhost", "127.0.0.1/80", 2 } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        watch(&one, rows[i].host, 80);
        assert_int_equal(one.state, WR_NAME_KNOWN);
        assert_int_equal(one.found->count, rows[i].count);
        assert_string_equal(text(&one.found->list[0]), rows[i].first);
        unwatch(&one);
    }
    assert_int_equal(asked_a(), before);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(literals_need_no_look_up),
        cmocka_unit_test(whoever_watches_shares_one_question),
        cmocka_unit_test(one_family_does_not_wait_for_the_other),
        cmocka_unit_test(a_name_is_asked_again_in_time),
        cmocka_unit_test(what_does_not_exist_is_remembered),
        cmocka_unit_test(a_silent_server_is_waited_for_only_so_long),
        cmocka_unit_test(hosts_files_and_localhost_go_first),
    };
    return cmocka_run_group_tests(tests, start_dns, stop_dns);
}
