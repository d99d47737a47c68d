/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the process is between its start and its end. Only the main thread writes it. */
#pragma once

#include "base/words.h"

enum wr_life {
#define X(ID, word) WR_LIFE_##ID,
#include "worker/life.def"
#undef X
};
extern const struct wr_words wr_words_life;
