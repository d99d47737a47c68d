/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds fields by id or name, and ids by name, through a hash table that is built before main(). Says which
 * odd names an origin could take for a known one. */
#include "http/head.h"

#include <stddef.h>
#include <stdlib.h>

#define NAME_ROOM 40 /* room for the longest name of fields.def */

struct known_name {
    struct wr_slice usual;
    char lower[NAME_ROOM];
    char fold[NAME_ROOM]; /* 0x20 for each letter: byte | fold equals the lower-case byte for either case
                           * and nothing else */
    unsigned flags;
};

static struct known_name names[WR_F_COUNT] = {
#define X(id, name, bits) [WR_F_##id] = { .usual = WR_SLICE_INIT(name), .flags = (bits) },
#include "http/fields.def"
#undef X
};

/* An open-addressing hash table of the names in fields.def, built once before main(). */
#define SLOTS 1024
static uint8_t slots[SLOTS];
_Static_assert(WR_F_COUNT < 256, "an id fits a slot");

static unsigned name_slot_of(const char *at, size_t len)
{
    unsigned first = (unsigned char) at[0] | 0x20u, last = (unsigned char) at[len - 1] | 0x20u;
    unsigned middle = (unsigned char) at[len / 2] | 0x20u;
    return ((unsigned) len * 97 + first * 29 + middle * 7 + last * 211) % SLOTS;
}

__attribute__((constructor)) static void build_slots(void)
{
    for (unsigned id = 1; id < WR_F_COUNT; id++) {
        struct known_name *n = &names[id];
        WR_CHECK(n->usual.len > 0 && n->usual.len < NAME_ROOM);
        for (size_t i = 0; i < n->usual.len; i++) {
            n->lower[i] = wr_lower(n->usual.at[i]);
            n->fold[i] = n->lower[i] >= 'a' && n->lower[i] <= 'z' ? 0x20 : 0;
        }
        unsigned slot = name_slot_of(n->lower, n->usual.len);
        while (slots[slot])
            slot = (slot + 1) % SLOTS;
        slots[slot] = (uint8_t) id;
    }
}

static bool same_eight(const struct known_name *n, const char *at, size_t i)
{
    uint64_t bytes, fold, lower;
    memcpy(&bytes, at + i, 8);
    memcpy(&fold, n->fold + i, 8);
    memcpy(&lower, n->lower + i, 8);
    return (bytes | fold) == lower;
}

/* Compares eight bytes at a time; the last eight overlap those before them. */
static bool is_name(const struct known_name *n, const char *at, size_t len)
{
    if (n->usual.len != len)
        return false;
    for (size_t i = 0; i + 8 < len; i += 8)
        if (!same_eight(n, at, i))
            return false;
    if (len >= 8)
        return same_eight(n, at, len - 8);
    for (size_t i = 0; i < len; i++)
        if ((at[i] | n->fold[i]) != n->lower[i])
            return false;
    return true;
}

enum wr_field_id wr_field_id_of(struct wr_slice name)
{
    if (name.len == 0 || name.len >= NAME_ROOM)
        return WR_F_OTHER;
    for (unsigned slot = name_slot_of(name.at, name.len); slots[slot]; slot = (slot + 1) % SLOTS)
        if (is_name(&names[slots[slot]], name.at, name.len))
            return slots[slot];
    return WR_F_OTHER;
}

static const bool plain[256] = {
    ['-'] = true, ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true
};

bool wr_field_name_plain(struct wr_slice name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!plain[(unsigned char) name.at[i]])
            return false;
    return name.len > 0;
}

static char as_variable(char c)
{
    return plain[(unsigned char) c] ? wr_lower(c) : '-';
}

bool wr_field_name_alike(struct wr_slice a, struct wr_slice b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (as_variable(a.at[i]) != as_variable(b.at[i]))
            return false;
    return true;
}

bool wr_field_name_matches(struct wr_slice name, struct wr_slice pattern)
{
    return wr_slice_matches(name, pattern, as_variable);
}

enum wr_field_id wr_field_id_alike(struct wr_slice odd)
{
    char name[NAME_ROOM];
    if (odd.len >= sizeof name)
        return WR_F_OTHER;
    for (size_t i = 0; i < odd.len; i++)
        name[i] = as_variable(odd.at[i]);
    return wr_field_id_of(wr_slice(name, odd.len));
}

struct wr_slice wr_field_name(enum wr_field_id id)
{
    WR_CHECK(id > WR_F_OTHER && id < WR_F_COUNT);
    return names[id].usual;
}

unsigned wr_field_flags(enum wr_field_id id)
{
    WR_CHECK(id < WR_F_COUNT);
    return names[id].flags;
}

const struct wr_field *wr_head_next(const struct wr_head *h, enum wr_field_id id,
                                    const struct wr_field *after)
{
    if (!(h->known >> (id % 64) & 1))
        return NULL;
    for (const struct wr_field *f = after ? after + 1 : h->fields; f < h->fields + h->field_count; f++)
        if (f->id == id)
            return f;
    return NULL;
}

const struct wr_field *wr_head_named(const struct wr_head *h, struct wr_slice name,
                                     const struct wr_field *after)
{
    enum wr_field_id id = wr_field_id_of(name);
    if (id != WR_F_OTHER)
        return wr_head_next(h, id, after);
    for (const struct wr_field *f = after ? after + 1 : h->fields; f < h->fields + h->field_count; f++)
        if (f->id == WR_F_OTHER && wr_slice_eq_nocase(f->name, name))
            return f;
    return NULL;
}

static int order_of_names(struct wr_slice a, struct wr_slice b)
{
    for (size_t i = 0; i < a.len && i < b.len; i++) {
        int order = as_variable(a.at[i]) - as_variable(b.at[i]);
        if (order)
            return order;
    }
    return (a.len > b.len) - (a.len < b.len);
}

/* Names that are alike stand together; among them those that differ only in case; among these in the order of
 * the head. */
static int by_name(const void *a, const void *b)
{
    const struct wr_field *const *x = a, *const *y = b;
    int order = order_of_names((*x)->name, (*y)->name);
    for (size_t i = 0; order == 0 && i < (*x)->name.len; i++)
        order = wr_lower((*x)->name.at[i]) - wr_lower((*y)->name.at[i]);
    return order ? order : (*x > *y) - (*x < *y);
}

void wr_head_sort(const struct wr_head *h, struct wr_sorted_fields *out)
{
    out->count = h->field_count;
    for (size_t i = 0; i < h->field_count; i++)
        out->of[i] = &h->fields[i];
    if (out->count > 1)
        qsort(out->of, out->count, sizeof *out->of, by_name);
}

struct wr_field *const *wr_sorted_find(const struct wr_sorted_fields *sorted, struct wr_slice name,
                                       size_t *count)
{
    size_t low = 0, high = sorted->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (order_of_names(sorted->of[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (high = low; high < sorted->count && wr_field_name_alike(sorted->of[high]->name, name);)
        high++;
    *count = high - low;
    return sorted->of + low;
}

bool wr_head_max_forwards(const struct wr_head *h, uint64_t *left)
{
    bool limited = h->method == WR_METHOD_OPTIONS || h->method == WR_METHOD_TRACE;
    const struct wr_field *f = limited ? wr_head_get(h, WR_F_MAX_FORWARDS) : NULL;
    return f && wr_slice_u64(f->value, UINT64_MAX, left);
}

/* An element is a protocol, white space, a name, and perhaps a comment. A comma in a comment makes two
 * elements of it, neither of which counts unless it is made to look like one. */
static bool via_names(struct wr_slice element, struct wr_slice proxy)
{
    wr_slice_cut(&element, ' '); /* the protocol */
    element = wr_slice_trim(element);
    return wr_slice_eq_nocase(wr_slice_trim(wr_slice_cut(&element, ' ')), proxy);
}

unsigned wr_head_via_count(const struct wr_head *h, struct wr_slice proxy)
{
    unsigned count = 0;
    for (const struct wr_field *f = wr_head_get(h, WR_F_VIA); f; f = wr_head_next(h, WR_F_VIA, f))
        for (struct wr_slice rest = f->value; rest.len > 0;)
            count += via_names(wr_slice_trim(wr_slice_cut(&rest, ',')), proxy);
    return count;
}

bool wr_method_is_idempotent(enum wr_method method)
{
    switch (method) {
    case WR_METHOD_GET:
    case WR_METHOD_HEAD:
    case WR_METHOD_PUT:
    case WR_METHOD_DELETE:
    case WR_METHOD_OPTIONS:
    case WR_METHOD_TRACE:
        return true;
    default:
        return false;
    }
}

struct wr_slice wr_head_joined(const struct wr_head *h, enum wr_field_id id, struct wr_arena *arena)
{
    const struct wr_field *first = wr_head_get(h, id), *f;
    if (first == NULL)
        return wr_slice(NULL, 0);
    if (wr_head_next(h, id, first) == NULL)
        return first->value;
    size_t len = 0;
    for (f = first; f; f = wr_head_next(h, id, f))
        len += f->value.len + 2;
    char *at = wr_arena_alloc(arena, len), *to = at;
    for (f = first; f; f = wr_head_next(h, id, f)) {
        memcpy(to, f->value.at, f->value.len);
        memcpy(to + f->value.len, ", ", 2);
        to += f->value.len + 2;
    }
    return wr_slice(at, len - 2);
}

static void copy_slice(struct wr_slice *s, struct wr_arena *arena)
{
    if (s->at)
        *s = wr_arena_copy(arena, *s);
}

void wr_head_copy(struct wr_head *to, const struct wr_head *from, struct wr_arena *arena)
{
    *to = *from;
    to->fields = wr_arena_alloc(arena, from->field_count * sizeof *to->fields);
    for (size_t i = 0; i < from->field_count; i++) {
        to->fields[i] = from->fields[i];
        copy_slice(&to->fields[i].name, arena);
        copy_slice(&to->fields[i].value, arena);
    }
    copy_slice(&to->method_text, arena);
    copy_slice(&to->target, arena);
    copy_slice(&to->host, arena);
    copy_slice(&to->site, arena);
    copy_slice(&to->path, arena);
    copy_slice(&to->query, arena);
    copy_slice(&to->path_sent, arena);
    copy_slice(&to->query_sent, arena);
    copy_slice(&to->host_sent, arena);
    copy_slice(&to->keyed, arena);
    copy_slice(&to->reason, arena);
}
