/* SPDX-License-Identifier: BSD-2-Clause */
#include "log/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

static _Atomic int least_urgent = WR_LOG_P_INFO;

void wr_log_level(enum wr_log_priority least)
{
    atomic_store_explicit(&least_urgent, least, memory_order_relaxed);
}

bool wr_log_on(enum wr_log_priority priority)
{
    return (int) priority <= atomic_load_explicit(&least_urgent, memory_order_relaxed);
}

void wr_log(enum wr_log_priority priority, const char *fmt, ...)
{
    static const char *const prefixes[] = {
#define X(ID, word, prefix) [WR_LOG_P_##ID] = prefix "weir: ",
#include "log/priorities.def"
#undef X
    };
    char line[2048];
    if (!wr_log_on(priority))
        return;
    int at = snprintf(line, sizeof line, "%s", prefixes[priority]);
    va_list ap;
    va_start(ap, fmt);
    int need = vsnprintf(line + at, sizeof line - (size_t) at - 1, fmt, ap);
    va_end(ap);
    size_t len = (size_t) at + (need > 0 ? (size_t) need : 0);
    if (len > sizeof line - 2)
        len = sizeof line - 2;
    for (size_t i = (size_t) at; i < len; i++)
        if ((unsigned char) line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    line[len++] = '\n';
    ssize_t ignored = write(STDERR_FILENO, line, len); /* one write: lines of two threads don't mix */
    (void) ignored;
}
