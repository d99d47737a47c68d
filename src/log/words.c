/* SPDX-License-Identifier: BSD-2-Clause */
/* The words that the policy uses for priorities of the error log and formats of the access log. Both tables
 * are generated from the .def files. */
#include "log/access.h"
#include "log/log.h"

static const struct wr_word priorities[] = {
#define X(ID, word, prefix) [WR_LOG_P_##ID] = { .text = #word },
#include "log/priorities.def"
#undef X
};
const struct wr_words wr_words_log_priority = WR_WORDS(priorities);

static const struct wr_word formats[] = {
#define X(ID, word, write) [WR_ACCESS_##ID] = { .text = #word },
#include "log/formats.def"
#undef X
};
const struct wr_words wr_words_access_format = WR_WORDS(formats);
