/* Vary: which request fields choose among variants, and their values in one canonical text (RFC 9111 4.1). */
#include "cache/key.h"

#include <stdlib.h>

#include "cache/cookies.h"
#include "cache/text.h"
#include "http/octets.h"
#include "http/onward.h"

#define MAX_ITEMS 64 /* of one list value that is put in order; longer ones are compared as they are */

/* --- the names --- */

static int by_octets(const void *a, const void *b)
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
    struct wr_slice rest, item;
    const struct wr_field *f = NULL;
    size_t count = 0;
    while ((f = wr_head_next(response, WR_F_VARY, f)) != NULL)
        for (rest = f->value; wr_list_next(&rest, &item);)
            if (wr_slice_eq(item, WR_SLICE("*")) || !wr_octets_all(item, WR_OC_TOKEN) || ++count > MAX_ITEMS ||
                wr_onward_differs(wr_field_id_of(item)))
                return true;
    return false;
}

struct wr_slice wr_vary_names(const struct wr_head *response, struct wr_arena *arena)
{
    struct wr_slice names[MAX_ITEMS], rest, item;
    size_t count = 0, len = 0;
    const struct wr_field *f = NULL;
    if (wr_vary_any(response))
        return WR_SLICE("*");
    while ((f = wr_head_next(response, WR_F_VARY, f)) != NULL)
        for (rest = f->value; wr_list_next(&rest, &item);) {
            names[count++] = lower(item, arena);
            len += item.len + 1;
        }
    if (count == 0)
        return wr_slice(NULL, 0);
    qsort(names, count, sizeof *names, by_octets);
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

/* --- the values --- */

struct choice {
    struct wr_slice text; /* lower case */
    unsigned weight;      /* thousandths */
};

/* RFC 9110 12.4.2. What isn't a weight gives false: then the value is left as it is. */
static bool weight_of(struct wr_slice s, unsigned *out)
{
    if (s.len == 0 || s.len > 5 || (s.at[0] != '0' && s.at[0] != '1') || (s.len > 1 && s.at[1] != '.'))
        return false;
    unsigned weight = s.at[0] == '1' ? 1000 : 0, unit = 100;
    for (size_t i = 2; i < s.len; i++, unit /= 10) {
        if (!wr_octet_is(s.at[i], WR_OC_DIGIT))
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
    if (!wr_octets_all(text, WR_OC_TOKEN))
        return false;
    out->text = lower(text, arena);
    if (rest.at == NULL || rest.len == 0)
        return true;
    rest = wr_slice_trim(rest);
    return rest.len > 2 && wr_lower(rest.at[0]) == 'q' && rest.at[1] == '=' &&
           weight_of(wr_slice(rest.at + 2, rest.len - 2), &out->weight);
}

static int by_text(const void *a, const void *b)
{
    const struct choice *x = a, *y = b;
    return by_octets(&x->text, &y->text);
}

/* The list in an order that doesn't depend on how the client wrote it. Position carries no meaning where
 * weights do (RFC 9110 12.5.3, 12.5.4). Returns how many, or 0 when the value isn't such a list. */
static size_t choices_of(struct wr_slice value, struct wr_arena *arena, struct choice *out)
{
    struct wr_slice item;
    size_t count = 0;
    while (wr_list_next(&value, &item)) {
        if (count == MAX_ITEMS || !choice_of(item, arena, &out[count]))
            return 0;
        count++;
    }
    qsort(out, count, sizeof *out, by_text);
    return count;
}

/* Codings: only whether one is accepted counts, not how much (which to prefer among accepted ones is the
 * server's to say, and every client that would get this variant takes it). */
static void write_codings(struct wr_text *out, const struct choice *choices, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct wr_slice text = choices[i].text;
        if (wr_slice_eq(text, WR_SLICE("x-gzip"))) /* RFC 9110 8.4.1.3 */
            text = WR_SLICE("gzip");
        if (i > 0)
            wr_text_char(out, ',');
        wr_text_add(out, text);
        if (choices[i].weight == 0)
            wr_text_add(out, WR_SLICE(";q=0"));
    }
}

static void write_languages(struct wr_text *out, const struct choice *choices, size_t count,
                            struct wr_arena *arena)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            wr_text_char(out, ',');
        wr_text_add(out, choices[i].text);
        if (choices[i].weight < 1000)
            wr_text_add(out, wr_arena_printf(arena, ";q=0.%03u", choices[i].weight));
    }
}

/* Any other field: no white space around commas outside of quoted strings, nothing else. */
static void write_plain(struct wr_text *out, struct wr_slice value)
{
    struct wr_slice item;
    bool first = true;
    while (wr_list_next(&value, &item)) {
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
    size_t count =
        id == WR_F_ACCEPT_ENCODING || id == WR_F_ACCEPT_LANGUAGE ? choices_of(value, arena, choices) : 0;
    if (count == 0)
        write_plain(out, value);
    else if (id == WR_F_ACCEPT_ENCODING)
        write_codings(out, choices, count);
    else
        write_languages(out, choices, count, arena);
}
