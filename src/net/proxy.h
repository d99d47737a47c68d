/* The PROXY protocol's header, version 1 (text) and 2 (binary), that a load balancer puts before the client's octets
 * (haproxy.org, proxy-protocol.txt). Pure. Thread: any. */
#pragma once

#include "base/bytes.h"

enum wr_proxy_status { WR_PROXY_MORE, WR_PROXY_DONE, WR_PROXY_BAD };

/* DONE: *length octets are the header; addr (16 octets, IPv4 mapped) and port are the client's, or left alone with LOCAL,
 * UNKNOWN and Unix sockets. */
enum wr_proxy_status wr_proxy_parse(struct wr_slice in, bool *local, unsigned char addr[16], uint16_t *port, size_t *length);
