/* SPDX-License-Identifier: BSD-2-Clause */
/* The TLS of one pipe: whom it believes, what it shows, and the present connection's state. Built in two
 * ways: tls.c with hiredis_ssl and OpenSSL, tls_none.c without.
 *
 * hiredis_ssl takes a connected context and an SSL object made here, because its own way of making one checks
 * a certificate's chain, but not whose it is. After that hiredis reads and writes as before; who drives it
 * has to know when a write waits for something to be read (the handshake does) and when octets wait inside of
 * OpenSSL, where no socket tells of them. Thread: the pipe's loop's owner. */
#pragma once

#include "redis/tls.h"

struct redisContext;
struct wr_tls;

/* Reads the files. NULL: why is appended. policy: borrowed for good. */
struct wr_tls *wr_tls_new(const struct wr_policy_redis *policy, struct wr_buf *why);
void wr_tls_free(struct wr_tls *tls);
/* The context's socket has just been connected. The handshake goes on as it is read and written. false: it
 * has failed already, see wr_tls_why() or ctx->errstr. */
bool wr_tls_begin(struct wr_tls *tls, struct redisContext *ctx) WR_MUST_USE;
/* The context is about to be freed. Harmless without a begin. */
void wr_tls_end(struct wr_tls *tls);
/* Call before hiredis reads or writes: OpenSSL takes a stale error of another connection on this thread for
 * one of this. */
void wr_tls_forget_errors(void);
/* What stopped last waits for the socket to be readable; to be writable. */
bool wr_tls_wants_read(const struct wr_tls *tls);
bool wr_tls_wants_write(const struct wr_tls *tls);
/* Octets have been taken off the socket and not been read. */
bool wr_tls_holds_more(const struct wr_tls *tls);
/* Why beginning, reading or writing has failed just now, if TLS is to blame; static memory; empty otherwise.
 */
struct wr_slice wr_tls_why(const struct wr_tls *tls);
