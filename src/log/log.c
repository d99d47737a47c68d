/* SPDX-License-Identifier: BSD-2-Clause */
/* Formats lines of the error log. While the writer thread runs, it writes them; otherwise they go straight
 * to stderr. */
#include "log/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log/writer.h"

#define LINE_ROOM 2048
#define LINES_WAITING 512 /* 1 MB; more lines are dropped */

static _Atomic int least_urgent = WR_LOG_P_INFO;
static struct wr_log_writer *writer; /* NULL: no other threads run, so lines are written at once */
static _Atomic uint64_t dropped_said;

void wr_log_level(enum wr_log_priority least)
{
    atomic_store_explicit(&least_urgent, least, memory_order_relaxed);
}

bool wr_log_on(enum wr_log_priority priority)
{
    return (int) priority <= atomic_load_explicit(&least_urgent, memory_order_relaxed);
}

void wr_log_start(void)
{
    const char *why;
    writer = wr_log_writer_new(NULL, NULL, LINES_WAITING, &why); /* stderr is open: this never fails */
}

void wr_log_stop(void)
{
    wr_log_writer_end(writer);
    wr_log_writer_free(writer);
    writer = NULL;
}

uint64_t wr_log_dropped(void)
{
    return writer ? wr_log_writer_dropped(writer) : 0;
}

/* Returns false if the line was dropped. */
static bool write_line(const char *line, size_t len)
{
    if (writer == NULL)
        return write(STDERR_FILENO, line, len) >= 0;
    struct wr_log_batch *b = wr_log_writer_batch(writer, LINE_ROOM);
    memcpy(b->bytes, line, len);
    b->len = len;
    b->lines = 1;
    bool taken = wr_log_writer_take(writer, b);
    if (!taken)
        free(b);
    return taken;
}

static size_t put_line(char line[static LINE_ROOM], enum wr_log_priority priority, const char *fmt,
                       va_list ap)
{
    static const char *const prefixes[] = {
#define X(ID, word, prefix) [WR_LOG_P_##ID] = prefix "weir: ",
#include "log/priorities.def"
#undef X
    };
    int at = snprintf(line, LINE_ROOM, "%s", prefixes[priority]);
    int need = vsnprintf(line + at, LINE_ROOM - (size_t) at - 1, fmt, ap);
    size_t len = (size_t) at + (need > 0 ? (size_t) need : 0);
    if (len > LINE_ROOM - 2)
        len = LINE_ROOM - 2;
    for (size_t i = (size_t) at; i < len; i++)
        if ((unsigned char) line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    line[len++] = '\n';
    return len;
}

/* Returns false if the line was dropped. A line that the level leaves out counts as written. */
static bool log_line(enum wr_log_priority priority, const char *fmt, va_list ap)
{
    char line[LINE_ROOM];
    return !wr_log_on(priority) || write_line(line, put_line(line, priority, fmt, ap));
}

static WR_PRINTF(1, 2) bool warned(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    bool well = log_line(WR_LOG_P_WARN, fmt, ap);
    va_end(ap);
    return well;
}

/* Once there is room again, logs how many lines have been dropped since the last such line. */
static void say_dropped(void)
{
    uint64_t dropped = wr_log_dropped(), said = atomic_load_explicit(&dropped_said, memory_order_relaxed);
    if (dropped <= said || !atomic_compare_exchange_strong(&dropped_said, &said, dropped))
        return;
    if (!warned("%llu lines of this log were dropped because nobody read it",
                (unsigned long long) (dropped - said)))
        atomic_fetch_sub(&dropped_said, dropped - said);
}

void wr_log(enum wr_log_priority priority, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    bool well = log_line(priority, fmt, ap);
    va_end(ap);
    if (well)
        say_dropped();
}

void wr_log_lines(enum wr_log_priority priority, struct wr_slice text)
{
    struct wr_slice rest = text, line;
    while ((line = wr_slice_cut(&rest, '\n')).at)
        if (line.len)
            wr_log(priority, "%.*s", WR_SLICE_ARG(line));
}
