/* SPDX-License-Identifier: BSD-2-Clause */
/* Vary: which request fields choose among variants, and their values in one canonical form (RFC 9111 4.1). It
 * compares lists of field names and writes the values for keys. */
#include "cache/key.h"

#include <stdlib.h>

#include "cache/cookies.h"
#include "cache/text.h"
#include "http/chars.h"
#include "http/onward.h"

/* Items of one list. Further items of a value are ignored; a Vary that names more fields matches nothing. */
#define MAX_ITEMS 64

/* --- the names --- */

static int by_bytes(const void *a, const void *b)
{
    const struct wr_slice *x = a, *y = b;
    int order = memcmp(x->at, y->at, x->len < y->len ? x->len : y->len);
    return order ? order : (x->len > y->len) - (x->len < y->len);
}

static struct wr_slice lower(struct wr_slice s, struct wr_arena *arena)
{
    char *at = wr_arena_alloc(arena, s.len + 1);
    wr_lower_copy(at, s);
    return wr_slice(at, s.len);
}

bool wr_vary_any(const struct wr_head *response)
{
    struct wr_list list;
    struct wr_slice item;
    const struct wr_field *f = NULL;
    size_t count = 0;
    while ((f = wr_head_next(response, WR_F_VARY, f)) != NULL)
        for (list = wr_list(f->value); wr_list_next(&list, &item);)
            if (wr_slice_eq(item, WR_SLICE("*")) || !wr_chars_all(item, WR_CHAR_TOKEN) ||
                ++count > MAX_ITEMS || wr_onward_differs(wr_field_id_of(item)))
                return true;
    return false;
}

struct wr_slice wr_vary_names(const struct wr_head *response, struct wr_arena *arena)
{
    struct wr_list list;
    struct wr_slice names[MAX_ITEMS], item;
    size_t count = 0, len = 0;
    const struct wr_field *f = NULL;
    if (wr_vary_any(response))
        return WR_SLICE("*");
    while ((f = wr_head_next(response, WR_F_VARY, f)) != NULL)
        for (list = wr_list(f->value); wr_list_next(&list, &item);) {
            names[count++] = lower(item, arena);
            len += item.len + 1;
        }
    if (count == 0)
        return wr_slice(NULL, 0);
    qsort(names, count, sizeof *names, by_bytes);
    char *at = wr_arena_alloc(arena, len), *to = at;
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && wr_slice_eq(names[i], names[i - 1]))
            continue;
        if (to > at)
            *to++ = ',';
        memcpy(to, names[i].at, names[i].len);
        to += names[i].len;
    }
    return wr_slice(at, (size_t) (to - at));
}

bool wr_vary_covers(struct wr_slice marked, struct wr_slice names)
{
    struct wr_slice name, one;
    while (names.len > 0 && (name = wr_slice_cut(&names, ',')).at != NULL) {
        struct wr_slice rest = marked;
        bool found = false;
        while (!found && rest.len > 0 && (one = wr_slice_cut(&rest, ',')).at != NULL)
            found = wr_slice_eq(one, name);
        if (!found)
            return false;
    }
    return true;
}

/* Takes the first name off two sorted lists: off both if they have it in common. at NULL: both are empty. */
static struct wr_slice next_name(struct wr_slice *a, struct wr_slice *b)
{
    struct wr_slice rest_a = *a, rest_b = *b;
    struct wr_slice x = rest_a.len ? wr_slice_cut(&rest_a, ',') : wr_slice(NULL, 0);
    struct wr_slice y = rest_b.len ? wr_slice_cut(&rest_b, ',') : wr_slice(NULL, 0);
    int order = x.at == NULL ? 1 : y.at == NULL ? -1 : by_bytes(&x, &y);
    if (order <= 0 && x.at)
        *a = rest_a;
    if (order >= 0 && y.at)
        *b = rest_b;
    return order <= 0 ? x : y;
}

struct wr_slice wr_vary_union(struct wr_slice a, struct wr_slice b, struct wr_arena *arena)
{
    struct wr_text out = { .arena = arena };
    struct wr_slice name;
    bool first = true;
    while ((name = next_name(&a, &b)).at != NULL) {
        if (!first)
            wr_text_char(&out, ',');
        wr_text_add(&out, name);
        first = false;
    }
    return wr_text_slice(&out);
}

bool wr_vary_fits(const struct wr_cache_policy *policy, struct wr_slice values, const struct wr_head *request,
                  struct wr_arena *arena)
{
    struct wr_slice line;
    while (values.len > 0 && (line = wr_slice_cut(&values, '\n')).at != NULL) {
        struct wr_slice rest = line, name = wr_slice_cut(&rest, '=');
        struct wr_text have = { .arena = arena };
        if (line.len == 0)
            continue;
        wr_text_add(&have, name);
        wr_vary_value(&have, policy, request, name, arena);
        if (!wr_slice_eq(wr_text_slice(&have), line))
            return false;
    }
    return true;
}

/* --- the values --- */

/* One item of a list with weights. */
struct choice {
    struct wr_slice text; /* lower case */
    unsigned weight;      /* thousandths */
};

/* Reads a weight (RFC 9110 12.4.2). Returns false if it isn't one; then the item is ignored. */
static bool weight_of(struct wr_slice s, unsigned *out)
{
    if (s.len == 0 || s.len > 5 || (s.at[0] != '0' && s.at[0] != '1') || (s.len > 1 && s.at[1] != '.'))
        return false;
    unsigned weight = s.at[0] == '1' ? 1000 : 0, unit = 100;
    for (size_t i = 2; i < s.len; i++, unit /= 10) {
        if (!wr_char_is(s.at[i], WR_CHAR_DIGIT))
            return false;
        weight += (unsigned) (s.at[i] - '0') * unit;
    }
    *out = weight;
    return weight <= 1000;
}

static bool choice_of(struct wr_slice item, struct wr_arena *arena, struct choice *out)
{
    struct wr_slice rest = item;
    struct wr_slice text = wr_slice_trim(wr_slice_cut(&rest, ';'));
    out->weight = 1000;
    if (!wr_chars_all(text, WR_CHAR_TOKEN))
        return false;
    out->text = lower(text, arena);
    if (rest.at == NULL || rest.len == 0)
        return true;
    rest = wr_slice_trim(rest);
    return rest.len > 2 && wr_lower(rest.at[0]) == 'q' && rest.at[1] == '=' &&
           weight_of(wr_slice_from(rest, 2), &out->weight);
}

static int by_text(const void *a, const void *b)
{
    const struct choice *x = a, *y = b;
    int order = by_bytes(&x->text, &y->text);
    return order ? order : (x->weight < y->weight) - (x->weight > y->weight);
}

/* Reads a list into an order that doesn't depend on how the client wrote it: position has no meaning where
 * there are weights (RFC 9110 12.5.3, 12.5.4). Malformed items are ignored; otherwise nonsense would make a
 * variant of its own. Returns the number of items. */
static size_t choices_of(struct wr_slice value, struct wr_arena *arena, struct choice *out)
{
    struct wr_list list = wr_list(value);
    struct wr_slice item;
    size_t count = 0;
    while (count < MAX_ITEMS && wr_list_next(&list, &item))
        count += choice_of(item, arena, &out[count]);
    qsort(out, count, sizeof *out, by_text);
    return count;
}

enum coding {
    CODING_BR = 1,
    CODING_DCB = 2,
    CODING_DCZ = 4,
    CODING_DEFLATE = 8,
    CODING_GZIP = 16,
    CODING_ZSTD = 32,
    CODING_ANY = 64,           /* the item * */
    CODING_NOT_IDENTITY = 128, /* identity is refused: the content must be coded */
};
static const struct {
    const char *name;
    enum coding bit;
} codings[] = { { "*", CODING_ANY },
                { "br", CODING_BR },
                { "dcb", CODING_DCB },
                { "dcz", CODING_DCZ },
                { "deflate", CODING_DEFLATE },
                { "gzip", CODING_GZIP },
                { "identity;q=0", CODING_NOT_IDENTITY },
                { "zstd", CODING_ZSTD } };
#define CODINGS (sizeof codings / sizeof codings[0])

/* Returns the coding's bit; 0: it is none that any client sends. */
static unsigned coding_of(struct wr_slice name)
{
    if (wr_slice_eq_nocase(name, WR_SLICE("x-gzip"))) /* RFC 9110 8.4.1.3 */
        return CODING_GZIP;
    for (size_t i = 0; i < CODINGS; i++)
        if (wr_slice_eq_nocase(name, wr_slice_str(codings[i].name)))
            return codings[i].bit;
    return 0;
}

/* Returns the set of accepted codings. Unknown names don't count. A client that accepts gzip needs no
 * deflate. */
static unsigned accepted(const struct choice *choices, size_t count)
{
    unsigned set = 0, refused = 0;
    bool identity = false;
    for (size_t i = 0; i < count; i++) {
        unsigned bit = coding_of(choices[i].text);
        bool plain = wr_slice_eq(choices[i].text, WR_SLICE("identity"));
        if (choices[i].weight > 0)
            set |= bit;
        else
            refused |= plain ? CODING_NOT_IDENTITY : bit;
        identity |= plain && choices[i].weight > 0;
    }
    if ((refused & CODING_NOT_IDENTITY) || ((refused & CODING_ANY) && !identity))
        set |= CODING_NOT_IDENTITY; /* identity is refused by name or by * (RFC 9110 12.5.3) */
    if (set & CODING_GZIP)
        set &= ~(unsigned) CODING_DEFLATE;
    return set;
}

/* Writes the names of the codings. Their weights are left out, because only whether a coding is accepted
 * counts: the server prefers one of them, and every client that gets the variant accepts it. */
static void write_codings(struct wr_text *out, unsigned set)
{
    bool first = true;
    for (size_t i = 0; i < CODINGS; i++) {
        if (!(set & codings[i].bit))
            continue;
        if (!first)
            wr_text_char(out, ',');
        wr_text_add(out, wr_slice_str(codings[i].name));
        first = false;
    }
}

static bool is_letter(char c)
{
    return wr_lower(c) >= 'a' && wr_lower(c) <= 'z';
}

/* Is it a language range (RFC 4647 2.1)? Its subtags have 1 to 8 letters, and from the second on also digits.
 */
static bool is_language(struct wr_slice s)
{
    struct wr_slice tag;
    if (wr_slice_eq(s, WR_SLICE("*")))
        return true;
    if (s.len == 0 || s.len > 35)
        return false;
    for (bool first = true; (tag = wr_slice_cut(&s, '-')).at != NULL; first = false) {
        if (tag.len == 0 || tag.len > 8)
            return false;
        for (size_t i = 0; i < tag.len; i++)
            if (!is_letter(tag.at[i]) && (first || !wr_char_is(tag.at[i], WR_CHAR_DIGIT)))
                return false;
    }
    return true;
}

static void write_languages(struct wr_text *out, const struct choice *choices, size_t count,
                            struct wr_arena *arena)
{
    bool first = true;
    for (size_t i = 0; i < count; i++) {
        if (!is_language(choices[i].text) || (i > 0 && wr_slice_eq(choices[i].text, choices[i - 1].text)))
            continue;
        if (!first)
            wr_text_char(out, ',');
        first = false;
        wr_text_add(out, choices[i].text);
        if (choices[i].weight < 1000)
            wr_text_add(out, wr_arena_printf(arena, ";q=0.%03u", choices[i].weight));
    }
}

/* Writes any other value, without white space around the commas outside of quoted strings. */
static void write_plain(struct wr_text *out, struct wr_slice value)
{
    struct wr_list list = wr_list(value);
    struct wr_slice item;
    bool first = true;
    while (wr_list_next(&list, &item)) {
        if (!first)
            wr_text_char(out, ',');
        wr_text_add(out, item);
        first = false;
    }
}

void wr_vary_value(struct wr_text *out, const struct wr_cache_policy *policy, const struct wr_head *request,
                   struct wr_slice name, struct wr_arena *arena)
{
    enum wr_field_id id = wr_field_id_of(name);
    if (id == WR_F_COOKIE && policy->cookies != WR_COOKIES_PASS) {
        wr_cookies_write(out, request, policy->cookie_names, true, arena);
        return;
    }
    struct wr_text joined = { .arena = arena };
    struct wr_slice ours;
    if (wr_onward_ours(request, id, &ours)) {
        wr_text_char(out, '=');
        wr_text_add(out, ours);
        return;
    }
    const struct wr_field *f = wr_onward_next(request, id, name, true, NULL);
    if (f == NULL)
        return;
    wr_text_char(out, '=');
    for (; f; f = wr_onward_next(request, id, name, true, f)) {
        wr_text_add(&joined, f->value);
        wr_text_char(&joined, ',');
    }
    struct wr_slice value = wr_text_slice(&joined);
    struct choice choices[MAX_ITEMS];
    if (id == WR_F_ACCEPT_ENCODING)
        write_codings(out, accepted(choices, choices_of(value, arena, choices)));
    else if (id == WR_F_ACCEPT_LANGUAGE)
        write_languages(out, choices, choices_of(value, arena, choices), arena);
    else
        write_plain(out, value);
}

bool wr_vary_tells_coding(const struct wr_cache_policy *policy, const struct wr_head *request,
                          const struct wr_head *response, struct wr_arena *arena)
{
    const struct wr_field *f = wr_head_get(response, WR_F_CONTENT_ENCODING);
    struct wr_slice names = wr_vary_names(response, arena), coding;
    struct wr_list list;
    struct wr_text form = { .arena = arena };
    struct choice choices[MAX_ITEMS];
    if (f == NULL || !wr_vary_covers(names, WR_SLICE("accept-encoding")))
        return true;
    wr_vary_value(&form, policy, request, WR_SLICE("Accept-Encoding"), arena);
    struct wr_slice value = wr_text_slice(&form);
    size_t count = value.len > 1 ? choices_of(wr_slice_from(value, 1), arena, choices) : 0;
    unsigned set = accepted(choices, count);
    for (; f; f = wr_head_next(response, WR_F_CONTENT_ENCODING, f))
        for (list = wr_list(f->value); wr_list_next(&list, &coding);)
            if (!wr_slice_eq_nocase(coding, WR_SLICE("identity")) && !(set & CODING_ANY) &&
                !(set & coding_of(coding)))
                return false;
    return true;
}
