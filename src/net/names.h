/* SPDX-License-Identifier: BSD-2-Clause */
/* Resolves host names to addresses without blocking a loop, and again when their TTL ends.
 *
 * Answers come from /etc/hosts first (read when this is made), then from the name servers of resolv.conf,
 * which are asked for A and AAAA through libevent's evdns. getaddrinfo() on a thread was not taken: it
 * doesn't tell the TTL, so it would be called too often or too late; it can't be cancelled; and one dead
 * name server would hold a thread per name. The price: no nsswitch modules (mDNS, LDAP), and an answer too
 * long for UDP is a failure.
 *
 * Each name has one question under way at a time, however many wait for it. "It doesn't exist" is
 * remembered too. An answer whose TTL has ended is still used while no name server can be reached. One per
 * loop. Thread: the loop's owner. */
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

/* A question. Embedded in the asker; zeroed except for done. */
struct wr_name_query {
    /* OK: *found has the addresses (borrowed until it returns). NO_ADDRESS: there is no such name, or it
     * has no address. TIMEOUT: no name server gave a useful answer. found is NULL then. */
    void (*done)(struct wr_name_query *q, enum wr_err err, const struct wr_addresses *found);
    struct wr_name *name; /* NULL: not waiting */
    uint16_t port;
    TAILQ_ENTRY(wr_name_query) entry;
};

/* Makes a resolver, which reads resolv.conf and /etc/hosts. name_servers: NULL for resolv.conf, or
 * "127.0.0.1:5353" (tests). The caller owns it. */
struct wr_names *wr_names_new(struct wr_loop *loop, const char *name_servers);
/* Adds the names of a file in the format of hosts(5). These names are never asked of a name server. A file
 * that can't be read adds nothing. */
void wr_names_hosts(struct wr_names *n, const char *file);
/* Frees the resolver. No question may be waiting. */
void wr_names_free(struct wr_names *n);
/* Returns true and *out if a fresh answer is in memory, or `host` is a literal address; out->count is 0 if
 * the name is known to have none. Otherwise returns false, and done() is called once, never before this has
 * returned. */
bool wr_names_lookup(struct wr_names *n, struct wr_name_query *q, const char *host, uint16_t port,
                     struct wr_addresses *out) WR_MUST_USE;
/* Cancels: done() will not be called. Harmless when not waiting. */
void wr_names_cancel(struct wr_name_query *q);
/* Reads a literal address ("127.0.0.1", "::1", "[::1]") or the path of a Unix socket ("/run/app.sock"),
 * which need no look-up. Returns false if host is neither. Thread: any. */
bool wr_address_literal(const char *host, uint16_t port, struct wr_sockaddr *out);
