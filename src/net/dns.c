/* SPDX-License-Identifier: BSD-2-Clause */
/* c-ares driven by a loop: it says which sockets it waits for and when it wants to be called. */
#include "net/dns_priv.h"

#include <ares.h>
#include <event2/event.h>
#include <pthread.h>
#include <stdlib.h>

#include "log/log.h"
#include "stats/stats.h"

/* A name server that hasn't answered for so long is asked again, or the next one is. c-ares doubles the time
 * after each round: one server is asked after 0, 0.5, 1.5 and 3.5 s, and given up after 7.5 s. */
#define FIRST_PATIENCE_MS 500
#define ROUNDS 4

/* A socket of c-ares. */
struct dns_socket {
    struct wr_dns *dns;
    struct event *event;
    ares_socket_t fd;
    LIST_ENTRY(dns_socket) entry;
};

struct wr_dns {
    struct wr_loop *loop;
    ares_channel channel;
    struct wr_timer timer; /* when c-ares wants to be called, at the latest */
    LIST_HEAD(, dns_socket) sockets;
};

/* --- the loop --- */

static void set_timer(struct wr_dns *dns)
{
    struct timeval left;
    if (ares_timeout(dns->channel, NULL, &left))
        wr_timer_set(&dns->timer, (struct wr_span){ left.tv_sec * WR_US_PER_S + left.tv_usec });
    else
        wr_timer_clear(&dns->timer);
}

static void on_dns_event(evutil_socket_t fd, short what, void *arg)
{
    struct wr_dns *dns = arg;
    wr_loop_tick(dns->loop);
    ares_process_fd(dns->channel, what & EV_READ ? fd : ARES_SOCKET_BAD,
                    what & EV_WRITE ? fd : ARES_SOCKET_BAD);
    set_timer(dns);
}

static void on_dns_timer(struct wr_timer *t)
{
    struct wr_dns *dns = WR_CONTAINER(t, struct wr_dns, timer);
    ares_process_fd(dns->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    set_timer(dns);
}

static struct dns_socket *socket_of(struct wr_dns *dns, ares_socket_t fd)
{
    struct dns_socket *s;
    LIST_FOREACH(s, &dns->sockets, entry)
        if (s->fd == fd)
            break;
    return s;
}

/* c-ares waits for other events of a socket than before; for none: it is about to close it. */
static void on_socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
    struct wr_dns *dns = arg;
    struct dns_socket *s = socket_of(dns, fd);
    if (s)
        event_free(s->event);
    if (!readable && !writable) {
        if (s)
            LIST_REMOVE(s, entry);
        free(s);
        return;
    }
    if (s == NULL) {
        s = calloc(1, sizeof *s);
        WR_CHECK(s != NULL);
        s->dns = dns;
        s->fd = fd;
        LIST_INSERT_HEAD(&dns->sockets, s, entry);
    }
    short what = (short) ((readable ? EV_READ : 0) | (writable ? EV_WRITE : 0) | EV_PERSIST);
    s->event = event_new(dns->loop->base, fd, what, on_dns_event, dns);
    WR_CHECK(s->event != NULL && event_add(s->event, NULL) == 0);
}

/* --- questions --- */

static int shortest(int a, int b)
{
    return b < a ? b : a;
}

static void found(struct wr_dns_question *q, const struct ares_addrinfo *info)
{
    struct wr_sockaddr list[WR_MAX_ADDRESSES];
    size_t count = 0, all = 0;
    int ttl = INT32_MAX;
    for (const struct ares_addrinfo_cname *c = info->cnames; c; c = c->next)
        ttl = shortest(ttl, c->ttl);
    for (const struct ares_addrinfo_node *node = info->nodes; node; node = node->ai_next) {
        ttl = shortest(ttl, node->ai_ttl);
        if (node->ai_family != q->family || all++ >= WR_MAX_ADDRESSES)
            continue;
        list[count] = (struct wr_sockaddr){ .len = node->ai_addrlen };
        memcpy(&list[count++].at, node->ai_addr, node->ai_addrlen);
    }
    if (all > count)
        wr_warn("%s has %zu addresses: only %d of them are used", info->name ? info->name : "a name", all,
                WR_MAX_ADDRESSES);
    q->done(q, count ? WR_DNS_FOUND : WR_DNS_NONE, list, count, ttl);
}

static void on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
    struct wr_dns_question *q = arg;
    (void) timeouts;
    q->open = false;
    if (status == ARES_EDESTRUCTION)
        return;
    if (status == ARES_SUCCESS && info != NULL) {
        found(q, info);
    } else if (status == ARES_ENODATA || status == ARES_ENOTFOUND || status == ARES_EBADNAME) {
        q->done(q, WR_DNS_NONE, NULL, 0, 0);
    } else {
        WR_COUNT(dns_failures);
        wr_debug("name servers: %s", ares_strerror(status));
        q->done(q, WR_DNS_FAILED, NULL, 0, 0);
    }
    ares_freeaddrinfo(info);
}

void wr_dns_ask(struct wr_dns *dns, struct wr_dns_question *q, const char *host)
{
    const struct ares_addrinfo_hints hints = {
        .ai_flags = ARES_AI_NOSORT, /* sorting would open a socket for each address */
        .ai_family = q->family,
        .ai_socktype = SOCK_STREAM,
    };
    WR_COUNT(dns_questions);
    q->open = true;
    ares_getaddrinfo(dns->channel, host, NULL, &hints, on_answer, q);
    set_timer(dns);
}

/* --- life --- */

static void start_library(void)
{
    WR_CHECK(ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS);
}

struct wr_dns *wr_dns_new(struct wr_loop *loop, const char *servers)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    WR_CHECK(pthread_once(&once, start_library) == 0);
    struct wr_dns *dns = calloc(1, sizeof *dns);
    WR_CHECK(dns != NULL);
    dns->loop = loop;
    LIST_INIT(&dns->sockets);
    wr_timer_init(&dns->timer, loop, on_dns_timer);
    struct ares_options options = { .timeout = FIRST_PATIENCE_MS,
                                    .tries = ROUNDS,
                                    .lookups = (char[]){ "b" }, /* hosts files are read by names.c */
                                    .sock_state_cb = on_socket_state,
                                    .sock_state_cb_data = dns };
    WR_CHECK(ares_init_options(&dns->channel, &options,
                               ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
                                   ARES_OPT_SOCK_STATE_CB) == ARES_SUCCESS);
    if (servers && ares_set_servers_ports_csv(dns->channel, servers) != ARES_SUCCESS)
        wr_error("not addresses of name servers: %s", servers);
    return dns;
}

void wr_dns_free(struct wr_dns *dns)
{
    if (dns == NULL)
        return;
    ares_destroy(dns->channel); /* closes its sockets, which ends their events */
    wr_timer_fini(&dns->timer);
    free(dns);
}
