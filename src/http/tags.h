/* The tags of a response: Cache-Groups (RFC 9875), Cache-Tag and Surrogate-Key, three spellings of one thing.
 * Thread: any. */
#pragma once

#include "http/head.h"

/* Adds the tags that the field `id` (CACHE_GROUPS, CACHE_GROUP_INVALIDATION: a structured list of strings,
 * where anything else is passed over and a malformed list is no list; CACHE_TAG: commas; SURROGATE_KEY:
 * spaces) names to tags[*count..max), each once. false: there are more than fit, and whoever stores the
 * response could not purge it by those. The slices point into the head, or into the arena where an escape had
 * to be taken out. */
bool wr_tags_add(const struct wr_head *h, enum wr_field_id id, struct wr_arena *arena, struct wr_slice *tags,
                 size_t max, size_t *count) WR_MUST_USE;
