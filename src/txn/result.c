/* SPDX-License-Identifier: BSD-2-Clause */
/* Derives the access log's word, the counter and Cache-Status from a result. All of it stands in results.def.
 */
#include "txn/result.h"

static const struct {
    const char *word;
    unsigned facts;
} results[] = {
#define X(id, word, facts) [WR_RESULT_##id] = { word, facts },
#include "txn/results.def"
#undef X
};

enum wr_result wr_result_of_fetch(bool leader, bool stale, bool validated)
{
    if (stale)
        return leader ? WR_RESULT_STALE_INSTEAD : WR_RESULT_STALE_INSTEAD_COLLAPSED;
    if (validated)
        return leader ? WR_RESULT_VALIDATED : WR_RESULT_VALIDATED_COLLAPSED;
    return leader ? WR_RESULT_FETCHED : WR_RESULT_COLLAPSED;
}

enum wr_result wr_result_of_find(bool stale, bool from_redis)
{
    if (stale)
        return from_redis ? WR_RESULT_STALE_REDIS : WR_RESULT_STALE;
    return from_redis ? WR_RESULT_HIT_REDIS : WR_RESULT_HIT;
}

bool wr_result_is(enum wr_result r, enum wr_result_fact fact)
{
    return (results[r].facts & fact) != 0;
}

const char *wr_result_word(enum wr_result r, bool passed)
{
    const char *word = results[r].word;
    return word ? word : passed ? "pass" : "miss";
}

enum wr_stat wr_result_counter(enum wr_result r, bool passed)
{
    if (wr_result_is(r, WR_RF_HIT))
        return WR_STAT_hits;
    return passed ? WR_STAT_passes : WR_STAT_misses;
}

/* In whole seconds, rounded up, because Age is rounded down: so the two add up to the lifetime, and a fresh
 * response has 1 at least. */
static int64_t seconds_left(struct wr_span left)
{
    return left.us > 0 ? (left.us - 1) / WR_US_PER_S + 1 : wr_span_s(left);
}

void wr_result_tell(enum wr_result r, struct wr_span left, bool stored, struct wr_cache_status *status)
{
    status->hit = wr_result_is(r, WR_RF_FOUND);
    status->collapsed = wr_result_is(r, WR_RF_COLLAPSED);
    if (wr_result_is(r, WR_RF_REDIS))
        status->detail = WR_SLICE("REDIS");
    if (status->hit && wr_result_is(r, WR_RF_STALE) &&
        left.us > 0) { /* it is stale because of a purge, not by its age: so there is no ttl to tell */
        status->detail = WR_SLICE("SOFT_PURGED");
        return;
    }
    status->has_ttl = stored || wr_result_is(r, WR_RF_TTL);
    status->ttl = seconds_left(left);
}
