/* SPDX-License-Identifier: BSD-2-Clause */
/* The address of a socket: IPv4, IPv6 or Unix. Thread: any. */
#pragma once

#include <stdbool.h>
#include <sys/socket.h>

#include "base/bytes.h"

struct wr_sockaddr {
    struct sockaddr_storage at;
    socklen_t len;
};

/* Reads a literal address ("127.0.0.1", "::1", "[::1]") or the path of a Unix socket ("/run/app.sock"),
 * which need no look-up. Returns false if host is neither. */
bool wr_address_literal(const char *host, uint16_t port, struct wr_sockaddr *out);
/* Makes an address of the family's 4 or 16 bytes, without a port. */
struct wr_sockaddr wr_sockaddr_of(int family, const void *octets);
/* Sets the port. Does nothing to a Unix socket. */
void wr_sockaddr_port(struct wr_sockaddr *a, uint16_t port);
/* Orders addresses: IPv4 first, then by their bytes. Returns <0, 0 or >0, as memcmp(3) does. */
int wr_sockaddr_compare(const struct wr_sockaddr *a, const struct wr_sockaddr *b);
/* Appends "192.0.2.1:80", "[2001:db8::1]:80" or "unix:/run/app.sock". */
void wr_sockaddr_text(struct wr_buf *out, const struct wr_sockaddr *a);
