/* SPDX-License-Identifier: BSD-2-Clause */
/* How a request was answered: one value, of which the access log's word, the counters and Cache-Status are
 * made by one table (results.def). Pure. Thread: any. */
#pragma once

#include "cache/cache_status.h"
#include "stats/stats.h"

enum wr_result {
#define X(id, word, facts) WR_RESULT_##id,
#include "txn/results.def"
#undef X
    WR_RESULT_COUNT
};

enum wr_result_fact {
    WR_RF_HIT = 1,        /* counts as a hit: what was stored is the answer */
    WR_RF_FOUND = 2,      /* Cache-Status: hit. The origin hasn't been asked */
    WR_RF_STALE = 4,      /* what was stored is known to be stale */
    WR_RF_TTL = 8,        /* Cache-Status: ttl */
    WR_RF_COLLAPSED = 16, /* Cache-Status: collapsed. The origin was asked with another's request */
    WR_RF_REDIS = 32,     /* Cache-Status: detail=REDIS. Its content comes from there */
    WR_RF_OWN = 64, /* the origin was asked with this very request: fields that are meant for one client are
                       for this one */
    WR_RF_STORED = 128, /* its content was stored before: what hasn't come yet comes out of Redis */
};

/* Of what a flight has brought. leader: it asked with this very request; stale: the origin failed, and
 * something stored answers instead; validated: the origin said 304. */
enum wr_result wr_result_of_fetch(bool leader, bool stale, bool validated);
/* Of what was found in a store. */
enum wr_result wr_result_of_find(bool stale, bool from_redis);
/* Is this one of its facts? */
bool wr_result_is(enum wr_result r, enum wr_result_fact fact);
/* The access log's word. passed: what was forwarded wasn't for the cache. Static. */
const char *wr_result_word(enum wr_result r, bool passed);
/* Which of hits, misses and passes counts it. */
enum wr_stat wr_result_counter(enum wr_result r, bool passed);
/* Fills in what Cache-Status says because of the result. left: how long the response is fresh yet. stored: a
 * store is to have it, if it isn't too large (which `status` says of itself). */
void wr_result_tell(enum wr_result r, struct wr_span left, bool stored, struct wr_cache_status *status);
