/* SPDX-License-Identifier: BSD-2-Clause */
/* Forwarded (RFC 7239) and X-Forwarded-For: what the proxies in front of weir report about the client. The
 * caller decides whether the field is trusted. Thread: any. */
#pragma once

#include "address/cidr.h"
#include "http/head.h"

/* Returns the value of a parameter ("for", "proto", "host") of one element, without quotes. at == NULL: the
 * element has no such parameter. The slice points into the element. */
struct wr_slice wr_forwarded_param(struct wr_slice element, struct wr_slice name);
/* The same of the list's last element: what the nearest proxy reports. */
struct wr_slice wr_forwarded_nearest(struct wr_slice list, struct wr_slice name);

enum wr_forwarded_list { WR_LIST_FORWARDED, WR_LIST_X_FORWARDED_FOR };
/* Finds the client's address. *addr is the peer's address at first. Walks the list from its end as long as
 * the addresses are those of trusted proxies, and leaves in *addr the first that isn't, or the last that
 * could be read: behind "unknown", a hidden name or nonsense, nothing is believed. */
void wr_forwarded_client(struct wr_slice list, enum wr_forwarded_list kind, const struct wr_cidr *trusted,
                         size_t trusted_count, unsigned char addr[16]);
/* Makes the value of X-Forwarded-For for the next server: the list that came (empty: there is none) or else
 * `client`, then `peer`. Each may be empty. The result lies in the arena, or is one of the three. */
struct wr_slice wr_forwarded_for(struct wr_slice list, struct wr_slice client, struct wr_slice peer,
                                 struct wr_arena *arena);
/* Believes a trusted peer. Finds the client's address as wr_forwarded_client() does, in X-Forwarded-For or
 * else in Forwarded, and sets `secure` and `site` of the head to the scheme and the host that the client gave
 * to the first proxy. The texts lie in the head or in the arena. */
void wr_forwarded_believe(struct wr_head *head, const struct wr_cidr *trusted, size_t trusted_count,
                          unsigned char addr[16], struct wr_arena *arena);
