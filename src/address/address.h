/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses as a policy writes them. Thread: any. */
#pragma once

#include "base/arena.h"
#include "base/bytes.h"

enum wr_address_kind { WR_ADDRESS_IP, WR_ADDRESS_NAME, WR_ADDRESS_UNIX, WR_ADDRESS_SYSTEMD };

struct wr_address {
    enum wr_address_kind kind;
    char *text; /* as written, for messages */
    char *host; /* literal address, host name, path of the socket, or systemd's name of it */
    uint16_t port;
};

/* "192.0.2.1:80", "[2001:db8::1]:80", "name:80", "unix:/path", "systemd:NAME". NULL, or a reason (static
 * text). What *out points to lives in the arena. */
const char *wr_address_parse(struct wr_slice s, struct wr_arena *arena, struct wr_address *out) WR_MUST_USE;
/* Host (without brackets an IPv6 address is none) and port on their own. NULL or a reason. */
const char *wr_address_set(struct wr_slice host, struct wr_slice port, struct wr_arena *arena,
                           struct wr_address *out) WR_MUST_USE;
/* The path of a Unix socket. NULL or a reason. */
const char *wr_address_set_unix(struct wr_slice path, struct wr_arena *arena,
                                struct wr_address *out) WR_MUST_USE;
