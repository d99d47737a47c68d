/* SPDX-License-Identifier: BSD-2-Clause */
/* The error log: lines to stderr with the priorities journald knows ("<3>weir: ...").
 *
 * Lines are short and rare (a change of state, not an event per request), so they are written at once.
 * Thread: any. */
#pragma once

#include "base/words.h"

enum wr_log_priority {
#define X(ID, word, prefix) WR_LOG_P_##ID,
#include "log/priorities.def"
#undef X
};
extern const struct wr_words wr_words_log_priority;

/* What is written from now on: this priority and more urgent ones. */
void wr_log_level(enum wr_log_priority least);
bool wr_log_on(enum wr_log_priority priority);
/* One line, without newline at the end. Control characters in it are escaped. */
void wr_log(enum wr_log_priority priority, const char *fmt, ...) WR_PRINTF(2, 3);

#define wr_error(...) wr_log(WR_LOG_P_ERROR, __VA_ARGS__)
#define wr_warn(...) wr_log(WR_LOG_P_WARN, __VA_ARGS__)
#define wr_info(...) wr_log(WR_LOG_P_INFO, __VA_ARGS__)
#define wr_debug(...)                            \
    do {                                         \
        if (wr_log_on(WR_LOG_P_DEBUG))           \
            wr_log(WR_LOG_P_DEBUG, __VA_ARGS__); \
    } while (0)
