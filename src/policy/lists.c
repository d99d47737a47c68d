/* SPDX-License-Identifier: BSD-2-Clause */
/* The words of words.def and algorithms.def by the values of their enums. */
#include "policy/policy.h"

static const struct wr_word odd_names[] = {
#define ODD_NAMES(ID, word) [WR_ODD_NAMES_##ID] = { .text = #word },
#include "policy/words.def"
};
const struct wr_words wr_words_odd_names = WR_WORDS(odd_names);

static const struct wr_word client_abort[] = {
#define CLIENT_ABORT(ID, word, about) [WR_CLIENT_ABORT_##ID] = { #word, about },
#include "policy/words.def"
};
const struct wr_words wr_words_client_abort = WR_WORDS(client_abort);

static const struct wr_word drain_order[] = {
#define DRAIN_ORDER(ID, word, about) [WR_DRAIN_ORDER_##ID] = { #word, about },
#include "policy/words.def"
};
const struct wr_words wr_words_drain_order = WR_WORDS(drain_order);

static const struct wr_word rights[] = {
#define RIGHT(ID, word, about) [WR_RIGHT_##ID] = { #word, about },
#include "policy/words.def"
};
const struct wr_words wr_words_admin_rights = WR_WORDS(rights);

static const struct wr_word on_failure[] = {
#define ON_FAILURE(ID, word, about) [WR_ON_FAILURE_##ID] = { #word, about },
#include "policy/words.def"
};
const struct wr_words wr_words_on_failure = WR_WORDS(on_failure);

static const struct wr_word redis_away[] = {
#define REDIS_AWAY(ID, word, about) [WR_REDIS_AWAY_##ID] = { #word, about },
#include "policy/words.def"
};
const struct wr_words wr_words_redis_away = WR_WORDS(redis_away);

static const struct wr_word balance[] = {
#define BALANCE(ID, word, about) [WR_BALANCE_##ID] = { #word, about },
#include "policy/words.def"
};
const struct wr_words wr_words_balance = WR_WORDS(balance);

static const struct wr_word algorithms[] = {
#define ALGORITHM(ID, word, has_burst, about) [WR_##ID] = { #word, about },
#include "policy/algorithms.def"
};
const struct wr_words wr_words_algorithm = WR_WORDS(algorithms);

static const struct wr_word limit_mode[] = {
#define LIMIT_MODE(ID, word, about) [WR_LIMIT_MODE_##ID] = { #word, about },
#include "policy/words.def"
};
const struct wr_words wr_words_limit_mode = WR_WORDS(limit_mode);

static const struct wr_word identity[] = {
#define IDENTITY(ID, word) [WR_IDENTITY_##ID] = { .text = #word },
#include "policy/words.def"
};
const struct wr_words wr_words_identity = WR_WORDS(identity);

static const struct wr_word cached_method[] = {
#define CACHED_METHOD(ID) [WR_CACHED_METHOD_##ID] = { .text = #ID },
#include "policy/words.def"
};
const struct wr_words wr_words_cached_method = WR_WORDS(cached_method);

static const struct wr_word bypass[] = {
#define BYPASS(ID, word) [WR_BYPASS_##ID] = { .text = #word },
#include "policy/words.def"
};
const struct wr_words wr_words_bypass = WR_WORDS(bypass);

static const struct wr_word cookies[] = {
#define COOKIES(ID, word) [WR_COOKIES_##ID] = { .text = #word },
#include "policy/words.def"
};
const struct wr_words wr_words_cookies = WR_WORDS(cookies);

static const struct wr_word set_cookie[] = {
#define SET_COOKIE(ID, word) [WR_SET_COOKIE_##ID] = { .text = #word },
#include "policy/words.def"
};
const struct wr_words wr_words_set_cookie = WR_WORDS(set_cookie);

static const struct wr_word scheme[] = {
#define SCHEME(ID, word) [WR_SCHEME_##ID] = { .text = #word },
#include "policy/words.def"
};
const struct wr_words wr_words_scheme = WR_WORDS(scheme);

static const struct wr_word expect[] = {
#define EXPECT(ID, word) [WR_EXPECT_##ID] = { .text = #word },
#include "policy/words.def"
};
const struct wr_words wr_words_expect = WR_WORDS(expect);

static const struct wr_word template[] = {
#define TEMPLATE(ID, word) [WR_TEMPLATE_##ID] = { .text = #word },
#include "policy/words.def"
};
const struct wr_words wr_words_template = WR_WORDS(template);

bool wr_algorithm_has_burst(enum wr_algorithm algorithm)
{
    static const bool has[] = {
#define ALGORITHM(ID, word, has_burst, about) [WR_##ID] = has_burst,
#include "policy/algorithms.def"
    };
    return has[algorithm];
}
