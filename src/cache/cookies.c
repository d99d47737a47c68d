/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds a request's cookies that count for the cache, and writes those that are part of a key. It reads each
 * Cookie field as a list of pairs (RFC 6265 4.2.1). */
#include "cache/cookies.h"

#include <stdlib.h>

#include "cache/text.h"

/* A position among the cookies of all Cookie fields. Zeroed, it is before the first cookie. */
struct pairs {
    const struct wr_field *field;
    struct wr_slice rest;
};

/* Goes to the next cookie and skips empty pairs. *text: the pair; *name: the text before its '=', or the
 * whole pair. Returns false if there are no more. */
static bool next(struct pairs *p, const struct wr_head *request, struct wr_slice *text, struct wr_slice *name)
{
    for (;;) {
        while (p->rest.at == NULL) {
            p->field = wr_head_next(request, WR_F_COOKIE, p->field);
            if (p->field == NULL)
                return false;
            p->rest = p->field->value;
        }
        *text = wr_slice_trim(wr_slice_cut(&p->rest, ';'));
        struct wr_slice value = *text;
        *name = wr_slice_trim(wr_slice_cut(&value, '='));
        if (text->len > 0)
            return true;
    }
}

static bool any_matches(char *const *patterns, struct wr_slice name)
{
    for (; patterns && *patterns; patterns++)
        if (wr_slice_matches(name, wr_slice_str(*patterns), NULL))
            return true;
    return false;
}

bool wr_cookies_have(const struct wr_head *request, struct wr_slice pattern)
{
    struct pairs pairs = { 0 };
    struct wr_slice text, name;
    while (next(&pairs, request, &text, &name))
        if (wr_slice_matches(name, pattern, NULL))
            return true;
    return false;
}

static bool key_has_field(const struct wr_key_policy *key)
{
    for (char **name = key->headers; name && *name; name++)
        if (wr_field_name_matches(WR_SLICE("Cookie"), wr_slice_str(*name)))
            return true;
    return false;
}

struct wr_slice wr_cookies_counting(const struct wr_cache_policy *policy, const struct wr_head *request)
{
    struct pairs pairs = { 0 };
    struct wr_slice text, name;
    if (wr_head_get(request, WR_F_COOKIE) == NULL || policy->cookies == WR_COOKIES_IGNORE ||
        key_has_field(&policy->key))
        return wr_slice(NULL, 0);
    while (next(&pairs, request, &text, &name))
        if (!pairs.field->edited && /* else the same for all, or in the key */
            (policy->cookies == WR_COOKIES_PASS || any_matches(policy->cookie_names, name)) &&
            !any_matches(policy->key.cookies, name))
            return name;
    return wr_slice(NULL, 0);
}

bool wr_cookies_count(const struct wr_cache_policy *policy, const struct wr_head *request)
{
    return wr_cookies_counting(policy, request).at != NULL;
}

struct cookie {
    struct wr_slice name, text;
    size_t place; /* its position among those that match */
};

static int by_name(const void *a, const void *b)
{
    const struct cookie *x = a, *y = b;
    size_t len = x->name.len < y->name.len ? x->name.len : y->name.len;
    int order = memcmp(x->name.at, y->name.at, len);
    if (order == 0)
        order = (x->name.len > y->name.len) - (x->name.len < y->name.len);
    return order ? order : (x->place > y->place) - (x->place < y->place);
}

/* Gives an array of all cookies that match, in the arena, and returns their number. */
static size_t matching(const struct wr_head *request, char *const *patterns, struct wr_arena *arena,
                       struct cookie **out)
{
    struct pairs pairs = { 0 };
    struct wr_slice text, name;
    size_t count = 0, most = 0;
    while (next(&pairs, request, &text, &name))
        most += any_matches(patterns, name);
    struct cookie *found = wr_arena_alloc(arena, (most + 1) * sizeof *found);
    pairs = (struct pairs){ 0 };
    while (next(&pairs, request, &text, &name))
        if (any_matches(patterns, name)) {
            found[count] = (struct cookie){ name, text, count };
            count++;
        }
    *out = found;
    return count;
}

void wr_cookies_write(struct wr_text *out, const struct wr_head *request, char *const *patterns, bool named,
                      struct wr_arena *arena)
{
    struct cookie *cookies;
    size_t count = wr_head_get(request, WR_F_COOKIE) ? matching(request, patterns, arena, &cookies) : 0;
    if (count == 0)
        return;
    qsort(cookies, count, sizeof *cookies, by_name);
    for (size_t i = 0; i < count; i++) {
        struct wr_slice value = cookies[i].text, name = wr_slice_cut(&value, '=');
        wr_text_char(out, i == 0 ? '=' : ';'); /* no cookie can hold a ';' */
        if (named) {
            wr_text_add(out, wr_slice_trim(name));
            wr_text_char(out, '=');
        }
        wr_text_add(out, wr_slice_trim(value));
    }
}
