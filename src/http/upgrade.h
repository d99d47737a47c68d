/* SPDX-License-Identifier: BSD-2-Clause */
/* Upgrade: which protocol a request asks to switch to, and whether a 101 agrees (RFC 9110 7.8; WebSocket: RFC
 * 6455 4). No I/O. Thread: any. */
#pragma once

#include "http/head.h"

#define WR_UPGRADE_NAME 31   /* bytes of a protocol's name, at most */
#define WR_UPGRADE_ACCEPT 28 /* bytes of Sec-WebSocket-Accept: a SHA-1 in base64 */

/* What was asked for. Owns its bytes, so it outlives the request. */
struct wr_upgrade {
    char protocol[WR_UPGRADE_NAME + 1]; /* as the client wrote it; "": nothing */
    char accept[WR_UPGRADE_ACCEPT + 1]; /* the Sec-WebSocket-Accept of a right answer; "": not a WebSocket */
};

/* Does the request ask for one of these protocols, in a way that can be passed on? It has to be a GET of
 * HTTP/1.1 without content, whose Connection names upgrade and whose Upgrade names one protocol. A WebSocket
 * needs version 13 and a key of 16 bytes. protocols: NULL ends the list, and is an empty one; letters compare
 * in any case. Returns false and leaves *out alone if not: then the request is one without Upgrade. */
bool wr_upgrade_asked(const struct wr_head *request, char *const *protocols, struct wr_upgrade *out);
/* Does the 101 switch to what was asked for? */
bool wr_upgrade_agreed(const struct wr_upgrade *asked, const struct wr_head *response);
