/* SPDX-License-Identifier: BSD-2-Clause */
/* Questions to name servers, through c-ares, driven by a loop. It asks again when a datagram is lost, goes on
 * to the next server, takes truncated answers over TCP, and follows CNAME and the search list of resolv.conf.
 * It remembers nothing: that is names.c's part. Thread: the loop's owner. */
#pragma once

#include "net/names.h"

struct wr_dns;

enum wr_dns_result {
    WR_DNS_FOUND,
    WR_DNS_NONE,  /* there is no such name, or it has no address of this family */
    WR_DNS_FAILED /* no name server has given a useful answer */
};

/* A question for the addresses of one family. Embedded in the asker; zeroed except for `done` and `family`.
 */
struct wr_dns_question {
    /* FOUND: the addresses (borrowed until it returns; without port) and the shortest TTL in seconds. */
    void (*done)(struct wr_dns_question *q, enum wr_dns_result result, const struct wr_sockaddr *list,
                 size_t count, int ttl);
    int family; /* AF_INET or AF_INET6 */
    bool open;
};

/* servers: as for wr_names_configure(). A list that c-ares can't read is logged, and resolv.conf is used. The
 * caller owns the result. */
struct wr_dns *wr_dns_new(struct wr_loop *loop, const char *servers);
/* Ends all open questions without calling `done`. NULL is fine. */
void wr_dns_free(struct wr_dns *dns);
/* Asks. `done` is called once, perhaps before this returns. */
void wr_dns_ask(struct wr_dns *dns, struct wr_dns_question *q, const char *host);
