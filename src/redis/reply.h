/* SPDX-License-Identifier: BSD-2-Clause */
/* A reply from Redis, read without knowing hiredis. Borrowed: holds until the callback that brought it
 * returns. */
#pragma once

#include "base/bytes.h"

struct wr_reply; /* a redisReply in disguise: only redis/ looks inside */

enum wr_reply_kind {
    WR_REPLY_NIL,
    WR_REPLY_STATUS,
    WR_REPLY_ERROR,
    WR_REPLY_INTEGER,
    WR_REPLY_STRING,
    WR_REPLY_ARRAY,
};

/* A NULL reply reads as NIL. Anything a peer sends is handled: asking for what isn't there gives NIL, 0 or an
 * empty slice. */
enum wr_reply_kind wr_reply_kind(const struct wr_reply *r);
struct wr_slice wr_reply_slice(const struct wr_reply *r); /* STRING, STATUS, ERROR; at == NULL otherwise */
int64_t wr_reply_int(const struct wr_reply *r);           /* INTEGER, or a STRING of digits; 0 otherwise */
/* Whether an ERROR reply's text begins with this code ("LOADING"). Any other reply: false. */
bool wr_reply_is_error(const struct wr_reply *r, const char *code);
size_t wr_reply_count(const struct wr_reply *r); /* ARRAY */
const struct wr_reply *wr_reply_at(const struct wr_reply *r, size_t i);
