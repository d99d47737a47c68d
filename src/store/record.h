/* SPDX-License-Identifier: BSD-2-Clause */
/* A stored response as octets, for Redis: what the fields `meta` and `head` of its hash hold.
 *
 * The record carries a version, every length, and checksums over itself, key and head, and over each piece of
 * the content. What is read is believed only when all of it fits. Its instants are on Redis's clock, which
 * all nodes know, and not on the wall clock of the node that wrote it: `ahead` says how far Redis's is ahead
 * of ours. Pure. Thread: any. */
#pragma once

#include "cache/object.h"

struct wr_record {
    struct wr_object like; /* all but hash, flow, host: slices into what was decoded; for wr_object_new() */
    uint64_t chunk;        /* octets of each piece of the content but the last */
    size_t chunk_count;    /* pieces in strings of their own; 0: the content lies in the hash */
    struct wr_slice sums;  /* of the pieces (one, if chunk_count is 0); empty while it is arriving */
    bool arriving;         /* the pieces are still to come, and their sums beside the record */
};

/* Appends the record of `o`, whose content has `length` octets. sums: of each piece, wr_crc32c(); chunk_count
 * 0: of the whole, one. NULL: the pieces are still to come. */
void wr_record_encode(struct wr_buf *out, const struct wr_object *o, uint64_t length, uint64_t chunk,
                      size_t chunk_count, const uint32_t *sums, struct wr_span ahead);
/* Appends one sum as it stands in a record. */
void wr_record_add_sum(struct wr_buf *out, uint32_t sum);
/* false: not a record of ours, of another version, or broken. *out borrows from the three. */
bool wr_record_decode(struct wr_slice key, struct wr_slice meta, struct wr_slice head, struct wr_span ahead,
                      struct wr_record *out) WR_MUST_USE;
/* Is this piece n of the content, by length and checksum? */
bool wr_record_fits(const struct wr_record *r, size_t n, struct wr_slice octets) WR_MUST_USE;
/* The version of the storing that `meta` is of, unchecked otherwise. false: not a record of ours. */
bool wr_record_version(struct wr_slice meta, uint64_t *version) WR_MUST_USE;
