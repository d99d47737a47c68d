/* SPDX-License-Identifier: BSD-2-Clause */
/* Builds the identity of a request for a limit from the parts that the policy names. Secrets among them are
 * hashed. */
#include "base/hash.h"
#include "http/onward.h"
#include "http/parameters.h"
#include "limit/limit.h"

/* Returns the value of a part. Its name may be a pattern: the first match counts. */
static struct wr_slice part_value(const struct wr_identity_part *part, const struct wr_head *request,
                                  struct wr_arena *arena)
{
    switch (part->kind) {
    case WR_IDENTITY_HEADER: /* as the origin gets it: otherwise a client could seem to be many by a field
                              * that the origin never sees */
        return wr_onward_value(request, part->name);
    case WR_IDENTITY_COOKIE:
        return wr_cookie_value(request, part->name);
    case WR_IDENTITY_QUERY:
        return wr_query_value(request, part->name, arena);
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

/* Returns the client as text fit for a key. An address is short and has only such characters; a client
 * known by something else (a Unix socket's peer) may not. */
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
