/* SPDX-License-Identifier: BSD-2-Clause */
/* The TLS of one pipe: the authorities it trusts, the certificate it shows, and the state of the current
 * connection. Built in two ways: tls.c with hiredis_ssl and OpenSSL, tls_none.c without.
 *
 * hiredis_ssl takes a connected context and an SSL object made here, because its own way of making one
 * checks a certificate's chain but not its name. After that hiredis reads and writes as before. The driver
 * must know when a write waits for something to be read (the handshake does), and when bytes wait inside
 * OpenSSL, where no socket reports them. Thread: the pipe's loop's owner. */
#pragma once

#include "redis/tls.h"

struct redisContext;
struct wr_tls;

/* Reads the files. Returns NULL and appends the reason to *why on failure. policy: borrowed for good. */
struct wr_tls *wr_tls_new(const struct wr_policy_redis *policy, struct wr_buf *why);
void wr_tls_free(struct wr_tls *tls);
/* Begins TLS on a context whose socket has just been connected. The handshake continues with reads and
 * writes. Returns false if it has failed already: see wr_tls_why() or ctx->errstr. */
bool wr_tls_begin(struct wr_tls *tls, struct redisContext *ctx) WR_MUST_USE;
/* The context is about to be freed. Harmless without a begin. */
void wr_tls_end(struct wr_tls *tls);
/* Call before hiredis reads or writes: OpenSSL takes a stale error of another connection on this thread for
 * one of this. */
void wr_tls_forget_errors(void);
/* Does the operation that stopped last wait for the socket to be readable? To be writable? */
bool wr_tls_wants_read(const struct wr_tls *tls);
bool wr_tls_wants_write(const struct wr_tls *tls);
/* Are there bytes that have been taken from the socket and not been read? */
bool wr_tls_holds_more(const struct wr_tls *tls);
/* Returns why beginning, reading or writing has just failed, if TLS is the reason; otherwise the empty
 * slice. Static memory. */
struct wr_slice wr_tls_why(const struct wr_tls *tls);
