/* Paths as routes compare them: what an origin may take for the same path must not slip past a route, its limits or its
 * `cache: off` by being written differently. */
#include <string.h>

#include "http/octets.h"
#include "policy/policy.h"

static int hex_value(char c)
{
    return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

static bool is_plain(struct wr_slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] == '%' || (s.at[i] == '/' && i + 1 < s.len && (s.at[i + 1] == '/' || s.at[i + 1] == '.')))
            return false;
    return true;
}

/* %2F too: many origins decode it. to: room for s.len octets. Returns how many it took. */
static size_t decode(char *to, struct wr_slice s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        bool encoded = s.at[i] == '%' && i + 2 < s.len && wr_octet_is(s.at[i + 1], WR_OC_HEX) &&
                       wr_octet_is(s.at[i + 2], WR_OC_HEX);
        to[n++] = encoded ? (char) (hex_value(s.at[i + 1]) * 16 + hex_value(s.at[i + 2])) : s.at[i];
        i += encoded ? 2 : 0;
    }
    return n;
}

/* Dot segments (RFC 3986 5.2.4) and empty ones go. In place; at[0] is a slash. Returns how many octets are left. */
static size_t resolve(char *at, size_t len)
{
    size_t out = 0;
    for (size_t i = 0; i < len;) {
        size_t start = ++i;
        while (i < len && at[i] != '/')
            i++;
        struct wr_slice segment = wr_slice(at + start, i - start);
        bool up = wr_slice_eq(segment, WR_SLICE("..")), dropped = up || segment.len == 0 || wr_slice_eq(segment, WR_SLICE("."));
        while (up && out > 0 && at[--out] != '/')
            ;
        if (!dropped || i == len)
            at[out++] = '/';
        if (!dropped) {
            memmove(at + out, segment.at, segment.len);
            out += segment.len;
        }
    }
    return out;
}

struct wr_slice wr_policy_path(struct wr_slice path, struct wr_arena *arena)
{
    if (is_plain(path) || path.at[0] != '/')
        return path;
    char *at = wr_arena_alloc(arena, path.len);
    size_t len = decode(at, path);
    return wr_slice(at, resolve(at, len));
}
