/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests that a policy holds: requests, and what must come of each. main/policy_tests.c runs them.
 *
 * Immutable, in the policy's arena. Thread: any. */
#pragma once

#include "base/time.h"
#include "base/words.h"

/* What a test may expect. */
enum wr_expect {
#define EXPECT(ID, word) WR_EXPECT_##ID,
#include "policy/words.def"
};
extern const struct wr_words wr_words_expect;

struct wr_test_place {
    const char *file;
    int line, column;
};

struct wr_expectation {
    enum wr_expect what;
    struct wr_slice name; /* HEADER: of the field */
    struct wr_slice
        *values; /* as they are written; LIMITS: one for each; HEADER: patterns, any of which may match */
    size_t count;
    struct wr_span span;                               /* TTL: a duration, ... */
    enum { WR_TTL_SPAN, WR_TTL_NONE, WR_TTL_OFF } ttl; /* ... or one of these words */
    bool absent;                                       /* HEADER: the policy keeps the field off the answer */
    struct wr_test_place place;
};

struct wr_policy_test {
    struct wr_slice method, url;
    struct wr_slice fields; /* of the request: lines with CR LF */
    unsigned char client[16];
    struct wr_expectation *expectations;
    size_t expectation_count;
    struct wr_test_place place; /* of the request */
};
