/* SPDX-License-Identifier: BSD-2-Clause */
/* Collects the tags of a response from three fields. A hash table keeps each tag once. */
#include "http/tags.h"

#include "base/hash.h"
#include "http/structured.h"

#define ROOM 32 /* room of a new set */

/* Returns the slot that holds this tag, or the free slot for it. */
static uint32_t *find_slot(const struct wr_tags *tags, struct wr_slice tag)
{
    size_t count = 2 * tags->room, at = wr_hash_place(wr_hash_of(tag)) % count;
    while (tags->slots[at] && !wr_slice_eq(tags->of[tags->slots[at] - 1], tag))
        at = (at + 1) % count;
    return &tags->slots[at];
}

static void grow(struct wr_tags *tags)
{
    struct wr_slice *old = tags->of;
    tags->room = tags->room ? tags->room * 2 : ROOM;
    tags->of = wr_arena_alloc(tags->arena, tags->room * sizeof *tags->of);
    tags->slots = wr_arena_zalloc(tags->arena, 2 * tags->room * sizeof *tags->slots);
    for (size_t i = 0; i < tags->count; i++) {
        tags->of[i] = old[i];
        *find_slot(tags, old[i]) = (uint32_t) i + 1;
    }
}

static void add_tag(struct wr_tags *tags, struct wr_slice tag)
{
    if (tag.len == 0)
        return;
    if (tags->count == tags->room)
        grow(tags);
    uint32_t *slot = find_slot(tags, tag);
    if (*slot)
        return;
    tags->of[tags->count++] = tag;
    *slot = (uint32_t) tags->count;
}

static struct wr_slice unescape(struct wr_slice s, struct wr_arena *arena)
{
    if (s.len == 0 || !memchr(s.at, '\\', s.len))
        return s;
    char *at = wr_arena_alloc(arena, s.len);
    size_t len = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] == '\\')
            i++;
        at[len++] = s.at[i];
    }
    return wr_slice(at, len);
}

static void add_strings(struct wr_tags *tags, struct wr_slice value)
{
    struct wr_sf_member m;
    enum wr_sf_status status;
    struct wr_sf_reader r = { .rest = value };
    while ((status = wr_sf_list_next(&r, &m)) == WR_SF_MEMBER)
        ;
    if (status == WR_SF_INVALID)
        return;
    r = (struct wr_sf_reader){ .rest = value };
    while (wr_sf_list_next(&r, &m) == WR_SF_MEMBER)
        if (m.type == WR_SF_STRING)
            add_tag(tags, unescape(m.text, tags->arena));
}

static void add_separated(struct wr_tags *tags, struct wr_slice value, char separator)
{
    struct wr_slice tag;
    while ((tag = wr_slice_cut(&value, separator)).at)
        add_tag(tags, wr_slice_trim(tag));
}

void wr_tags_add(struct wr_tags *tags, const struct wr_head *h, enum wr_field_id id)
{
    const struct wr_field *f = NULL;
    while ((f = wr_head_next(h, id, f))) {
        if (id == WR_F_CACHE_TAG)
            add_separated(tags, f->value, ',');
        else if (id == WR_F_SURROGATE_KEY)
            add_separated(tags, f->value, ' ');
        else
            add_strings(tags, f->value);
    }
}
