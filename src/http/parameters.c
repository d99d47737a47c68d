/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds cookies and query parameters by name. */
#include "http/parameters.h"

#include "base/uri.h"

/* Decodes application/x-www-form-urlencoded as origins read a query: %XX and '+'. A '%' that begins no
 * escape stays. */
static struct wr_slice decode_form(struct wr_slice s, struct wr_arena *arena)
{
    char *out = wr_arena_alloc(arena, s.len);
    return wr_slice(out, wr_form_decode(out, s, NULL));
}

struct wr_slice wr_query_value(const struct wr_head *request, struct wr_slice name, struct wr_arena *arena)
{
    struct wr_slice rest = request->query, pair;
    while ((pair = wr_slice_cut(&rest, '&')).at != NULL) {
        struct wr_slice value = pair, key = wr_slice_cut(&value, '=');
        if (wr_slice_matches(decode_form(key, arena), name, NULL))
            return decode_form(value, arena);
    }
    return wr_slice(NULL, 0);
}

/* Returns the value of a cookie (RFC 6265 4.2.1: pairs between "; "). Quotes around a value are dropped,
 * because to most origins they aren't part of it. */
struct wr_slice wr_cookie_value(const struct wr_head *request, struct wr_slice name)
{
    const struct wr_field *field = NULL;
    while ((field = wr_head_named(request, WR_SLICE("Cookie"), field)) != NULL) {
        struct wr_slice rest = field->value, pair;
        while ((pair = wr_slice_cut(&rest, ';')).at != NULL) {
            struct wr_slice value = pair, key = wr_slice_trim(wr_slice_cut(&value, '='));
            if (!wr_slice_matches(key, name, NULL))
                continue;
            return wr_slice_unquote(value);
        }
    }
    return wr_slice(NULL, 0);
}
