/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/hash.h"
#include "base/uri.h"
#include "http/onward.h"
#include "limit/limit.h"

/* application/x-www-form-urlencoded, as origins read a query: %XX and '+'. A '%' that starts no escape stays.
 */
static struct wr_slice decode_form(struct wr_slice s, struct wr_arena *arena)
{
    char *out = wr_arena_alloc(arena, s.len);
    return wr_slice(out, wr_form_decode(out, s, NULL));
}

static struct wr_slice query_value(const struct wr_head *request, struct wr_slice name,
                                   struct wr_arena *arena)
{
    struct wr_slice rest = request->query, pair;
    while ((pair = wr_slice_cut(&rest, '&')).at != NULL) {
        struct wr_slice value = pair, key = wr_slice_cut(&value, '=');
        if (wr_slice_matches(decode_form(key, arena), name, NULL))
            return decode_form(value, arena);
    }
    return wr_slice(NULL, 0);
}

/* RFC 6265 4.2.1: cookie-pairs between "; ", a value perhaps in quotes that aren't part of it to most
 * origins. */
static struct wr_slice cookie_value(const struct wr_head *request, struct wr_slice name)
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

/* A name may be a pattern: the first that it matches counts. */
static struct wr_slice part_value(const struct wr_identity_part *part, const struct wr_head *request,
                                  struct wr_arena *arena)
{
    switch (part->kind) {
    case WR_IDENTITY_HEADER: /* as the origin knows it: what it never sees would let a client count as many */
        return wr_onward_value(request, part->name);
    case WR_IDENTITY_COOKIE:
        return cookie_value(request, part->name);
    case WR_IDENTITY_QUERY:
        return query_value(request, part->name, arena);
    case WR_IDENTITY_CLIENT:
        break;
    }
    return wr_slice(NULL, 0);
}

static struct wr_slice hashed(struct wr_slice value, struct wr_arena *arena)
{
    char hex[WR_HASH_HEX + 1];
    if (value.len == 0)
        return WR_SLICE("~");
    wr_hash_hex(wr_hash_of(value), hex);
    return wr_arena_printf(arena, "#%s", hex);
}

/* An address is short and made of these; a client known otherwise (a Unix socket's peer) may not be. */
static struct wr_slice client_text(struct wr_slice client, struct wr_arena *arena)
{
    static const char plain[] = "0123456789abcdefABCDEF.:/";
    if (client.len > 64)
        return hashed(client, arena);
    for (size_t i = 0; i < client.len; i++)
        if (client.at[i] == '\0' || strchr(plain, client.at[i]) == NULL)
            return hashed(client, arena);
    return client.len > 0 ? client : WR_SLICE("~");
}

static struct wr_slice join(struct wr_slice a, struct wr_slice b, struct wr_arena *arena)
{
    return a.len == 0 ? b : wr_arena_printf(arena, "%.*s,%.*s", WR_SLICE_ARG(a), WR_SLICE_ARG(b));
}

struct wr_slice wr_limit_identity(const struct wr_limit_policy *limit, const struct wr_head *request,
                                  struct wr_slice client, struct wr_arena *arena)
{
    struct wr_slice text = { NULL, 0 }, address = client_text(client, arena);
    bool lacking = false, has_client = false;
    for (size_t i = 0; i < limit->part_count; i++) {
        const struct wr_identity_part *part = &limit->parts[i];
        if (part->kind == WR_IDENTITY_CLIENT) {
            text = join(text, address, arena);
            has_client = true;
            continue;
        }
        struct wr_slice value = part_value(part, request, arena);
        lacking |= value.len == 0;
        text = join(text, hashed(value, arena), arena);
    }
    return (lacking || text.len == 0) && !has_client ? join(text, address, arena) : text;
}
