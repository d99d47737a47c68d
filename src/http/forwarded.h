/* SPDX-License-Identifier: BSD-2-Clause */
/* Forwarded: what proxies before us say of the client (RFC 7239). Whether any of it may be believed is the
 * caller's question. Thread: any. */
#pragma once

#include "base/bytes.h"

/* The value of a parameter ("for", "proto", "host") in one element, without its quotes; at NULL: the element
 * has none. Borrows from the element. */
struct wr_slice wr_forwarded_param(struct wr_slice element, struct wr_slice name);
