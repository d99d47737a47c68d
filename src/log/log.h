/* SPDX-License-Identifier: BSD-2-Clause */
/* The error log: lines to stderr with the priorities that journald knows ("<3>weir: ...").
 *
 * Lines are short and rare: one per change of state, not per request. While the writer thread runs, no
 * thread waits for stderr. Thread: any. */
#pragma once

#include <stdint.h>

#include "base/words.h"

enum wr_log_priority {
#define X(ID, word, prefix) WR_LOG_P_##ID,
#include "log/priorities.def"
#undef X
};
extern const struct wr_words wr_words_log_priority;

/* From now on, writes lines of this priority and more urgent ones. */
void wr_log_level(enum wr_log_priority least);
/* Are lines of this priority written? */
bool wr_log_on(enum wr_log_priority priority);
/* Writes one line. fmt has no newline at its end. Control characters become '?'. A line over 2 KB is cut
 * off. */
void wr_log(enum wr_log_priority priority, const char *fmt, ...) WR_PRINTF(2, 3);

/* Writes each line of a text that isn't empty. */
void wr_log_lines(enum wr_log_priority priority, struct wr_slice text);

/* Starts the writer thread, and ends it. wr_log_stop() waits at most 2 s for stderr to take the remaining
 * lines. Thread: main, while no other thread runs. */
void wr_log_start(void);
void wr_log_stop(void);
/* Returns how many lines were dropped since wr_log_start(), because nobody read stderr or it refused them. */
uint64_t wr_log_dropped(void);

#define wr_error(...) wr_log(WR_LOG_P_ERROR, __VA_ARGS__)
#define wr_warn(...) wr_log(WR_LOG_P_WARN, __VA_ARGS__)
#define wr_info(...) wr_log(WR_LOG_P_INFO, __VA_ARGS__)
#define wr_debug(...)                            \
    do {                                         \
        if (wr_log_on(WR_LOG_P_DEBUG))           \
            wr_log(WR_LOG_P_DEBUG, __VA_ARGS__); \
    } while (0)
