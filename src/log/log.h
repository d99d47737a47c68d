/* SPDX-License-Identifier: BSD-2-Clause */
/* The error log: lines to stderr with the priorities journald knows ("<3>weir: ...").
 *
 * While the daemon serves, a thread of its own writes them: nobody waits for whoever reads stderr. Lines that
 * find its queue full are dropped and counted. Thread: any, unless a function says otherwise. */
#pragma once

#include <stdint.h>

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

/* From now on a thread writes, until wr_log_stop(), which waits 2 s at most for stderr to take what is left.
 * Thread: main, while no other thread runs. */
void wr_log_start(void);
void wr_log_stop(void);
/* Lines dropped since wr_log_start(): nobody read stderr, or it refused them. */
uint64_t wr_log_dropped(void);

#define wr_error(...) wr_log(WR_LOG_P_ERROR, __VA_ARGS__)
#define wr_warn(...) wr_log(WR_LOG_P_WARN, __VA_ARGS__)
#define wr_info(...) wr_log(WR_LOG_P_INFO, __VA_ARGS__)
#define wr_debug(...)                            \
    do {                                         \
        if (wr_log_on(WR_LOG_P_DEBUG))           \
            wr_log(WR_LOG_P_DEBUG, __VA_ARGS__); \
    } while (0)
