/* SPDX-License-Identifier: BSD-2-Clause */
/* The record: a stored response as bytes for Redis. It is what the fields `meta` and `head` of the response's
 * HASH hold.
 *
 * The record carries a version, every length, and checksums: one over itself, key and head, and one over each
 * piece of the content. A record that is read is used only if all of them fit. Its instants are on Redis's
 * clock, which all nodes know, not on the wall clock of the node that wrote it. `ahead` says how far Redis's
 * clock is ahead of ours (wr_link_ahead()).
 *
 * Pure functions. Thread: any. */
#pragma once

#include "cache/object.h"

/* A record that was read. All slices are borrowed from what was decoded. */
struct wr_record {
    struct wr_object like; /* everything but hash, flow and host, for wr_object_new() */
    uint64_t chunk;        /* bytes of each piece of the content but the last */
    size_t chunk_count;    /* number of pieces, each in a STRING of its own; 0: the content is in the HASH */
    struct wr_slice sums;  /* the checksums of the pieces (one, if chunk_count is 0); empty while the response
                              is arriving */
    bool arriving; /* not all pieces are written yet; their checksums are in a STRING beside the record */
};

/* Appends the record of `o`. length: bytes of content. sums: wr_crc32c() of each piece; if chunk_count is 0,
 * one of the whole content; NULL: the response is arriving. */
void wr_record_encode(struct wr_buf *out, const struct wr_object *o, uint64_t length, uint64_t chunk,
                      size_t chunk_count, const uint32_t *sums, struct wr_span ahead);
/* Appends one checksum in the form it has in a record. */
void wr_record_add_sum(struct wr_buf *out, uint32_t sum);
/* Reads a record. Returns false if it is none of ours, of another version, or damaged. *out borrows from key,
 * meta and head. */
bool wr_record_decode(struct wr_slice key, struct wr_slice meta, struct wr_slice head, struct wr_span ahead,
                      struct wr_record *out) WR_MUST_USE;
/* Do these bytes have the length and checksum of piece n of the content? */
bool wr_record_fits(const struct wr_record *r, size_t n, struct wr_slice bytes) WR_MUST_USE;
/* Gives the version (meta.version) of the response that this `meta` belongs to, without checking the rest.
 * Returns false if it isn't a record of ours. */
bool wr_record_version(struct wr_slice meta, uint64_t *version) WR_MUST_USE;
