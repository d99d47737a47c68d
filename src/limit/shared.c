#include "limit/shared.h"

#include "redis/keys.h"

static const enum wr_script script_of[] = {
    [WR_FIXED_WINDOW] = WR_SCRIPT_LIMIT_FIXED_WINDOW,
    [WR_SLIDING_WINDOW] = WR_SCRIPT_LIMIT_SLIDING_WINDOW,
    [WR_TOKEN_BUCKET] = WR_SCRIPT_LIMIT_TOKEN_BUCKET,
    [WR_GCRA] = WR_SCRIPT_LIMIT_GCRA,
};

enum wr_err wr_shared_limit_ask(struct wr_link *link, struct wr_call *call, const struct wr_policy_redis *redis,
                                const struct wr_limit_policy *limit, struct wr_slice identity)
{
    struct wr_limit_rule rule = wr_limit_rule_of(limit, 1);
    const int64_t numbers[] = { rule.count, rule.window_us, rule.burst, 1 };
    char octets[256];
    struct wr_buf text = { .at = octets, .cap = sizeof octets }, key = { 0 };
    struct wr_slice args[4];
    for (int i = 0; i < 4; i++) {
        size_t start = text.len;
        wr_buf_add_number(&text, numbers[i]); /* 20 characters at most: it never grows */
        args[i] = wr_slice(octets + start, text.len - start);
    }
    wr_keys_limit(&key, redis, wr_slice_str(limit->name), identity);
    struct wr_slice keys[] = { wr_buf_slice(&key) };
    enum wr_err err = wr_link_script(link, call, redis->timeout, script_of[limit->algorithm], 1, keys, 4, args);
    wr_buf_fini(&key);
    return err;
}

bool wr_shared_limit_read(const struct wr_reply *reply, struct wr_limit_decision *out)
{
    int64_t numbers[4];
    if (wr_reply_kind(reply) != WR_REPLY_ARRAY || wr_reply_count(reply) != 4)
        return false;
    for (size_t i = 0; i < 4; i++) {
        if (wr_reply_kind(wr_reply_at(reply, i)) != WR_REPLY_INTEGER)
            return false;
        numbers[i] = wr_reply_int(wr_reply_at(reply, i));
        if (numbers[i] < 0)
            return false;
    }
    *out = (struct wr_limit_decision){ numbers[0] == 1, numbers[1], numbers[2], numbers[3] };
    return true;
}
