/* SPDX-License-Identifier: BSD-2-Clause */
/* The PROXY protocol's header, version 1 (text) and 2 (binary), that a load balancer puts before the client's
 * octets (haproxy.org, proxy-protocol.txt). Pure. Thread: any. */
#pragma once

#include "base/bytes.h"

enum wr_proxy_status { WR_PROXY_MORE, WR_PROXY_DONE, WR_PROXY_BAD };

/* Whose octets come after it. */
enum wr_proxy_who {
    WR_PROXY_CLIENT,   /* of the client that it names */
    WR_PROXY_UNKNOWN,  /* of a client that the balancer has no address of (UNKNOWN, UNSPEC, Unix sockets) */
    WR_PROXY_BALANCER, /* of the balancer itself, such as a health check (LOCAL) */
};

struct wr_proxy {
    enum wr_proxy_who who;
    unsigned char addr[16]; /* CLIENT: IPv4 mapped */
    uint16_t port;          /* CLIENT */
    bool secure;            /* the client spoke TLS to the balancer, as version 2 can say */
    size_t length;          /* octets of the header */
};

/* DONE: *out is filled. Never looks beyond in's end; BAD as soon as it can't become a header any more. */
enum wr_proxy_status wr_proxy_parse(struct wr_slice in, struct wr_proxy *out);
