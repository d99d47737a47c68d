#include "http/tags.h"

#include "http/octets.h"
#include "http/structured.h"

struct set {
    struct wr_slice *tags;
    size_t max, *count;
    bool overflown;
};

static void add(struct set *set, struct wr_slice tag)
{
    if (tag.len == 0)
        return;
    for (size_t i = 0; i < *set->count; i++)
        if (wr_slice_eq(set->tags[i], tag))
            return;
    if (*set->count == set->max)
        set->overflown = true;
    else
        set->tags[(*set->count)++] = tag;
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

static void add_strings(struct set *set, struct wr_slice value, struct wr_arena *arena)
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
            add(set, unescape(m.text, arena));
}

static void add_separated(struct set *set, struct wr_slice value, char separator)
{
    struct wr_slice tag;
    while ((tag = wr_slice_cut(&value, separator)).at)
        add(set, wr_slice_trim(tag));
}

bool wr_tags_add(const struct wr_head *h, enum wr_field_id id, struct wr_arena *arena, struct wr_slice *tags,
                 size_t max, size_t *count)
{
    struct set set = { tags, max, count, false };
    const struct wr_field *f = NULL;
    while ((f = wr_head_next(h, id, f))) {
        if (id == WR_F_CACHE_TAG)
            add_separated(&set, f->value, ',');
        else if (id == WR_F_SURROGATE_KEY)
            add_separated(&set, f->value, ' ');
        else
            add_strings(&set, f->value, arena);
    }
    return !set.overflown;
}
