/* SPDX-License-Identifier: BSD-2-Clause */
/* A reply from Redis, read without knowing hiredis. Borrowed: valid until the callback that brought it
 * returns. */
#pragma once

#include "base/bytes.h"

struct wr_reply; /* a redisReply; only redis/ looks inside */

enum wr_reply_kind {
    WR_REPLY_NIL,
    WR_REPLY_STATUS,
    WR_REPLY_ERROR,
    WR_REPLY_INTEGER,
    WR_REPLY_STRING,
    WR_REPLY_ARRAY,
};

/* Read a reply. A NULL reply reads as NIL. Any reply is safe to read: a value that it hasn't got reads as
 * NIL, 0 or an empty slice. */
enum wr_reply_kind wr_reply_kind(const struct wr_reply *r);
struct wr_slice wr_reply_slice(const struct wr_reply *r); /* STRING, STATUS, ERROR; at == NULL otherwise */
int64_t wr_reply_int(const struct wr_reply *r);           /* INTEGER, or a STRING of digits; 0 otherwise */
/* Is it an ERROR reply whose text begins with this code ("LOADING")? */
bool wr_reply_is_error(const struct wr_reply *r, const char *code);
size_t wr_reply_count(const struct wr_reply *r); /* ARRAY */
const struct wr_reply *wr_reply_at(const struct wr_reply *r, size_t i);
