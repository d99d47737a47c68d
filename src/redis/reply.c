/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads hiredis's replies safely: a value that isn't there reads as NIL, 0 or empty. */
#include "redis/reply.h"

#include <hiredis.h>

static const redisReply *inside(const struct wr_reply *r)
{
    return (const redisReply *) (const void *) r;
}

enum wr_reply_kind wr_reply_kind(const struct wr_reply *r)
{
    if (r == NULL)
        return WR_REPLY_NIL;
    switch (inside(r)->type) {
    case REDIS_REPLY_STATUS:
        return WR_REPLY_STATUS;
    case REDIS_REPLY_ERROR:
        return WR_REPLY_ERROR;
    case REDIS_REPLY_INTEGER:
        return WR_REPLY_INTEGER;
    case REDIS_REPLY_STRING:
        return WR_REPLY_STRING;
    case REDIS_REPLY_ARRAY:
        return WR_REPLY_ARRAY;
    default: /* NIL, and what only RESP3 has: nobody here asked for it */
        return WR_REPLY_NIL;
    }
}

struct wr_slice wr_reply_slice(const struct wr_reply *r)
{
    enum wr_reply_kind kind = wr_reply_kind(r);
    if (kind != WR_REPLY_STRING && kind != WR_REPLY_STATUS && kind != WR_REPLY_ERROR)
        return wr_slice(NULL, 0);
    return wr_slice(inside(r)->str, (size_t) inside(r)->len);
}

int64_t wr_reply_int(const struct wr_reply *r)
{
    enum wr_reply_kind kind = wr_reply_kind(r);
    if (kind == WR_REPLY_INTEGER)
        return inside(r)->integer;
    if (kind != WR_REPLY_STRING)
        return 0;
    struct wr_slice digits = wr_reply_slice(r);
    bool negative = digits.len > 0 && digits.at[0] == '-';
    uint64_t n;
    if (negative)
        digits = wr_slice_from(digits, 1);
    if (!wr_slice_u64(digits, INT64_MAX, &n))
        return 0;
    return negative ? -(int64_t) n : (int64_t) n;
}

bool wr_reply_is_error(const struct wr_reply *r, const char *code)
{
    return wr_reply_kind(r) == WR_REPLY_ERROR && wr_slice_starts(wr_reply_slice(r), wr_slice_str(code));
}

size_t wr_reply_count(const struct wr_reply *r)
{
    return wr_reply_kind(r) == WR_REPLY_ARRAY ? inside(r)->elements : 0;
}

const struct wr_reply *wr_reply_at(const struct wr_reply *r, size_t i)
{
    if (i >= wr_reply_count(r))
        return NULL;
    return (const struct wr_reply *) (const void *) inside(r)->element[i];
}
