/* SPDX-License-Identifier: BSD-2-Clause */
/* How a request was answered: one value. The access log's word, the counters and Cache-Status are made from
 * it by one table (results.def). Pure. Thread: any. */
#pragma once

#include "cache/cache_status.h"
#include "stats/stats.h"

/* How a request was answered. */
enum wr_result {
#define X(id, word, facts) WR_RESULT_##id,
#include "txn/results.def"
#undef X
    WR_RESULT_COUNT
};

/* The consequences of a result, as bits of one number. */
enum wr_result_fact {
    WR_RF_HIT = 1,        /* counts as a hit: a stored response is the answer */
    WR_RF_FOUND = 2,      /* Cache-Status: hit. The origin wasn't asked */
    WR_RF_STALE = 4,      /* the stored response is known to be stale */
    WR_RF_TTL = 8,        /* Cache-Status: ttl */
    WR_RF_COLLAPSED = 16, /* Cache-Status: collapsed. The origin was asked with another request */
    WR_RF_REDIS = 32,     /* Cache-Status: detail=REDIS. The content comes from Redis */
    WR_RF_OWN = 64, /* the origin was asked with this very request, so fields that are meant for one client
                       are sent to it */
    WR_RF_STORED = 128, /* the content was stored before: what hasn't arrived yet comes from Redis */
};

/* The result of a fetch by a flight. leader: the flight asked with this very request; stale: the origin
 * failed, and a stored response is the answer; validated: the origin said 304. */
enum wr_result wr_result_of_fetch(bool leader, bool stale, bool validated);
/* The result of finding a response in a store. */
enum wr_result wr_result_of_find(bool stale, bool from_redis);
/* Does this fact follow from the result? */
bool wr_result_is(enum wr_result r, enum wr_result_fact fact);
/* The access log's word; static memory. passed: the request was forwarded, and not for the cache. */
const char *wr_result_word(enum wr_result r, bool passed);
/* The counter for it: hits, misses or passes. */
enum wr_stat wr_result_counter(enum wr_result r, bool passed);
/* Fills in the parts of Cache-Status that follow from the result. left: how long the response is still fresh.
 * stored: a store is to have the response, if it isn't too large; status->stored says that by itself. */
void wr_result_tell(enum wr_result r, struct wr_span left, bool stored, struct wr_cache_status *status);
