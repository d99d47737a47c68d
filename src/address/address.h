/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses as the policy writes them. Thread: any. */
#pragma once

#include "base/arena.h"
#include "base/bytes.h"

enum wr_address_kind { WR_ADDRESS_IP, WR_ADDRESS_NAME, WR_ADDRESS_UNIX, WR_ADDRESS_SYSTEMD };

struct wr_address {
    enum wr_address_kind kind;
    char *text; /* as written, for messages */
    char *host; /* address literal, host name, path of the socket, or the socket's name in systemd */
    uint16_t port;
};

/* Parses "192.0.2.1:80", "[2001:db8::1]:80", "name:80", "unix:/path" or "systemd:NAME". Returns NULL, or
 * the reason for the error (static text). *out points into the arena. */
const char *wr_address_parse(struct wr_slice s, struct wr_arena *arena, struct wr_address *out) WR_MUST_USE;
/* Sets *out from a host and a port. An IPv6 address must stand in brackets. Returns NULL, or the reason for
 * the error (static text). out->host lies in the arena. */
const char *wr_address_set(struct wr_slice host, struct wr_slice port, struct wr_arena *arena,
                           struct wr_address *out) WR_MUST_USE;
/* Sets *out from the path of a Unix socket. Returns NULL, or the reason for the error (static text).
 * out->host lies in the arena. */
const char *wr_address_set_unix(struct wr_slice path, struct wr_arena *arena,
                                struct wr_address *out) WR_MUST_USE;
