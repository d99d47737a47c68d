/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes the arguments of the limit script and reads its reply. */
#include "limit/shared.h"

#include "redis/keys.h"

#define ARGS_PER_LIMIT 5 /* see limit.lua */

/* Returns the bytes after `start`. */
static struct wr_slice bytes_from(const struct wr_buf *b, size_t start)
{
    return wr_slice_from(wr_buf_slice(b), start);
}

enum wr_err wr_shared_limits_ask(struct wr_link *link, struct wr_call *call,
                                 const struct wr_policy_redis *redis, size_t count,
                                 const struct wr_limit_policy *const *limits,
                                 const struct wr_slice *identities)
{
    char digits[WR_MAX_ROUTE_LIMITS * 3 * 20]; /* of an int64_t at most 20: it never grows */
    struct wr_buf text = { .at = digits, .cap = sizeof digits }, names[WR_MAX_ROUTE_LIMITS] = { 0 };
    struct wr_slice keys[WR_MAX_ROUTE_LIMITS] = { 0 },
                    args[1 + WR_MAX_ROUTE_LIMITS * ARGS_PER_LIMIT] = { WR_SLICE("1") };
    size_t n = 1;
    for (size_t i = 0; i < count; i++) {
        struct wr_limit_rule rule = wr_limit_rule_of(limits[i], 1);
        const int64_t numbers[] = { rule.count, rule.window_us, rule.burst };
        args[n++] = wr_slice_str(wr_words_text(&wr_words_algorithm, rule.algorithm));
        args[n++] = limits[i]->observe ? WR_SLICE("1") : WR_SLICE("0");
        for (int k = 0; k < 3; k++) {
            size_t start = text.len;
            wr_buf_add_number(&text, numbers[k]);
            args[n++] = bytes_from(&text, start);
        }
        wr_keys_limit(&names[i], redis, wr_slice_str(limits[i]->name), identities[i]);
        keys[i] = wr_buf_slice(&names[i]);
    }
    enum wr_err err = wr_link_script(link, call, redis->timeout, WR_SCRIPT_LIMIT, count, keys, n, args);
    for (size_t i = 0; i < count; i++)
        wr_buf_fini(&names[i]);
    return err;
}

bool wr_shared_limits_read(const struct wr_reply *reply, size_t count, struct wr_limit_decision *out)
{
    if (wr_reply_kind(reply) != WR_REPLY_ARRAY || wr_reply_count(reply) != count * 4)
        return false;
    for (size_t i = 0; i < count; i++) {
        int64_t numbers[4];
        for (size_t k = 0; k < 4; k++) {
            const struct wr_reply *number = wr_reply_at(reply, i * 4 + k);
            numbers[k] = wr_reply_int(number);
            if (wr_reply_kind(number) != WR_REPLY_INTEGER || numbers[k] < 0)
                return false;
        }
        out[i] = (struct wr_limit_decision){ numbers[0] == 1, numbers[1], numbers[2], numbers[3] };
    }
    return true;
}
