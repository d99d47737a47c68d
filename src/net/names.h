/* Host names to addresses, without blocking a loop, and again when their TTL ends.
 *
 * Answers come from /etc/hosts first, then from the name servers of resolv.conf, asked through libevent's evdns, which
 * tells the TTL (getaddrinfo doesn't). One per loop. Thread: the loop's owner. */
#pragma once

#include <sys/socket.h>

#include "base/err.h"
#include "net/loop.h"

struct wr_names;

struct wr_sockaddr {
    struct sockaddr_storage at;
    socklen_t len;
};

#define WR_MAX_ADDRESSES 16

struct wr_addresses {
    struct wr_sockaddr list[WR_MAX_ADDRESSES];
    size_t count;
};

/* Embedded in the asker. */
struct wr_name_query {
    void (*done)(struct wr_name_query *q, enum wr_err err, const struct wr_addresses *found);
    struct wr_names *names;
    struct wr_name *name;
    TAILQ_ENTRY(wr_name_query) entry;
};

/* name_servers: NULL for resolv.conf, or "127.0.0.1:5353" (tests). */
struct wr_names *wr_names_new(struct wr_loop *loop, const char *name_servers);
void wr_names_free(struct wr_names *n);
/* A fresh answer is in memory (or `host` is a literal address): gives it at once and returns true. Otherwise false, and
 * done() is called once, never before this returned. A stale answer is used while a failing server is asked again. */
bool wr_names_lookup(struct wr_names *n, struct wr_name_query *q, const char *host, uint16_t port,
                     struct wr_addresses *out) WR_MUST_USE;
void wr_names_cancel(struct wr_name_query *q);
/* Literal addresses and unix socket paths need no look-up: true and *out. */
bool wr_address_literal(const char *host, uint16_t port, struct wr_sockaddr *out);
