/* SPDX-License-Identifier: BSD-2-Clause */
/* The header of the PROXY protocol, version 1 (text) and 2 (binary), which a load balancer sends before the
 * client's bytes (haproxy.org, proxy-protocol.txt). Pure. Thread: any. */
#pragma once

#include "base/bytes.h"

enum wr_proxy_status { WR_PROXY_MORE, WR_PROXY_DONE, WR_PROXY_BAD };

/* The sender of the bytes after the header. */
enum wr_proxy_who {
    WR_PROXY_CLIENT,   /* the client that the header names */
    WR_PROXY_UNKNOWN,  /* a client without a known address (UNKNOWN, UNSPEC, Unix sockets) */
    WR_PROXY_BALANCER, /* the balancer itself, such as a health check (LOCAL) */
};

struct wr_proxy {
    enum wr_proxy_who who;
    unsigned char addr[16]; /* CLIENT: IPv4 mapped */
    uint16_t port;          /* CLIENT */
    bool secure;            /* the client used TLS to the balancer (version 2 only) */
    size_t length;          /* length of the header in bytes */
};

/* Parses the header at the front of `in`. DONE: *out is filled. BAD is returned as soon as the bytes can't
 * become a header. Never reads beyond the end of `in`. */
enum wr_proxy_status wr_proxy_parse(struct wr_slice in, struct wr_proxy *out);
