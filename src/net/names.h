/* SPDX-License-Identifier: BSD-2-Clause */
/* Host names to addresses, without blocking a loop, and again when their TTL ends.
 *
 * Answers come from /etc/hosts first (read when this is made), then from the name servers of resolv.conf,
 * asked for A and AAAA through libevent's evdns. Why not getaddrinfo() on a thread: it doesn't tell the TTL,
 * so it would be asked too often or too late; it can't be cancelled; and one dead name server would hold a
 * thread per name. What that costs: no nsswitch modules (mDNS, LDAP), and an answer too long for UDP is a
 * failure. Each name is asked for once at a time, however many wait. "It doesn't exist" is remembered as
 * well. An answer whose TTL has ended is still used while no name server can be reached. One per loop.
 * Thread: the loop's owner. */
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
    struct wr_sockaddr list[WR_MAX_ADDRESSES]; /* IPv4 first */
    size_t count;
    struct wr_mono fresh_until; /* monotonic: ask again from then on */
};

/* Embedded in the asker; zeroed but for done. */
struct wr_name_query {
    /* OK and *found (borrowed until it returns), or NO_ADDRESS (there is no such name, or it has no address)
     * or TIMEOUT (no name server answered, or none usefully), and found NULL. */
    void (*done)(struct wr_name_query *q, enum wr_err err, const struct wr_addresses *found);
    struct wr_name *name; /* NULL: not waiting */
    uint16_t port;
    TAILQ_ENTRY(wr_name_query) entry;
};

/* name_servers: NULL for resolv.conf, or "127.0.0.1:5353" (tests). Reads resolv.conf and /etc/hosts. */
struct wr_names *wr_names_new(struct wr_loop *loop, const char *name_servers);
/* Adds what a file in the format of hosts(5) says; what it says of a name goes before any name server. A file
 * that can't be read says nothing. */
void wr_names_hosts(struct wr_names *n, const char *file);
/* Nobody may be waiting any more. */
void wr_names_free(struct wr_names *n);
/* A fresh answer is in memory (or `host` is a literal address): gives it at once and returns true; out->count
 * is 0 if it is known that there is none. Otherwise false, and done() is called once, never before this
 * returned. */
bool wr_names_lookup(struct wr_names *n, struct wr_name_query *q, const char *host, uint16_t port,
                     struct wr_addresses *out) WR_MUST_USE;
/* done() will not be called. Harmless when not waiting. */
void wr_names_cancel(struct wr_name_query *q);
/* Literal addresses ("127.0.0.1", "::1", "[::1]") and paths of unix sockets ("/run/app.sock") need no
 * look-up: true and *out. Thread: any. */
bool wr_address_literal(const char *host, uint16_t port, struct wr_sockaddr *out);
