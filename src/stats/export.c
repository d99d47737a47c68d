/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes all counters in three formats. Histograms are built from their buckets' rows. */
#include "stats/export.h"

#include <inttypes.h>

static const struct wr_stat_info table[] = {
#define C(name, metric, labels, help) { #name, metric, labels, help, false },
#define G(name, metric, labels, help) { #name, metric, labels, help, true },
#include "stats/counters.def"
#undef C
#undef G
};

const struct wr_stat_info *wr_stats_info(enum wr_stat stat)
{
    return &table[stat];
}

/* Returns the value now. Threads are summed one after another, so a gauge that went up on one thread and
 * down on another may be negative for a moment; it is read as 0 then. */
static uint64_t value_of(size_t i)
{
    uint64_t value = wr_stats_sum((enum wr_stat) i);
    return table[i].gauge && (int64_t) value < 0 ? 0 : value;
}

static bool ends(const char *s, const char *end)
{
    size_t len = strlen(s), end_len = strlen(end);
    return len >= end_len && strcmp(s + len - end_len, end) == 0;
}

static bool same_metric(size_t a, size_t b)
{
    return strcmp(table[a].metric, table[b].metric) == 0;
}

static bool first_of_metric(size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (same_metric(i, j))
            return false;
    return true;
}

/* Returns the row with the sum of a histogram, or WR_STAT_COUNT. base: the histogram's name (without
 * "_bucket"). */
static size_t sum_of(const char *base, size_t base_len)
{
    size_t i = 0;
    while (i < WR_STAT_COUNT &&
           (strncmp(table[i].metric, base, base_len) != 0 || strcmp(table[i].metric + base_len, "_sum") != 0))
        i++;
    return i;
}

static void add_row(struct wr_buf *out, size_t i, uint64_t value)
{
    const struct wr_stat_info *row = &table[i];
    if (row->labels[0])
        wr_buf_printf(out, "%s{%s} %" PRIu64 "\n", row->metric, row->labels, value);
    else
        wr_buf_printf(out, "%s %" PRIu64 "\n", row->metric, value);
}

static void add_plain(struct wr_buf *out, size_t first)
{
    const struct wr_stat_info *row = &table[first];
    wr_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", row->metric, row->help, row->metric,
                  row->gauge ? "gauge" : "counter");
    for (size_t i = first; i < WR_STAT_COUNT; i++)
        if (same_metric(i, first))
            add_row(out, i, value_of(i));
}

/* Reads the buckets in the order in which they are counted, the narrowest first. None is shown with less
 * than a narrower one. */
static void add_histogram(struct wr_buf *out, size_t first)
{
    const struct wr_stat_info *row = &table[first];
    int len = (int) (strlen(row->metric) - strlen("_bucket"));
    uint64_t count = 0;
    wr_buf_printf(out, "# HELP %.*s %s\n# TYPE %.*s histogram\n", len, row->metric, row->help, len,
                  row->metric);
    for (size_t i = first; i < WR_STAT_COUNT; i++)
        if (same_metric(i, first)) {
            uint64_t value = value_of(i);
            count = value > count ? value : count;
            add_row(out, i, count);
        }
    size_t sum = sum_of(row->metric, (size_t) len);
    if (sum < WR_STAT_COUNT) {
        uint64_t us = value_of(sum);
        wr_buf_printf(out, "%s %" PRIu64 ".%06" PRIu64 "\n", table[sum].metric, us / 1000000, us % 1000000);
    }
    wr_buf_printf(out, "%.*s_count %" PRIu64 "\n", len, row->metric, count);
}

/* Is the row a histogram's sum? It is written with its histogram. */
static bool is_sum(size_t i)
{
    return ends(table[i].metric, "_seconds_sum");
}

void wr_stats_metrics(struct wr_buf *out)
{
    for (size_t i = 0; i < WR_STAT_COUNT; i++) {
        if (is_sum(i) || !first_of_metric(i))
            continue;
        if (ends(table[i].metric, "_bucket"))
            add_histogram(out, i);
        else
            add_plain(out, i);
    }
}

void wr_stats_metric(struct wr_buf *out, const char *type, const char *name, const char *labels,
                     const char *help, double value)
{
    const char *open = labels[0] ? "{" : "", *close = labels[0] ? "}" : "";
    wr_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
    if (value == (double) (int64_t) value)
        wr_buf_printf(out, "%s%s%s%s %" PRId64 "\n", name, open, labels, close, (int64_t) value);
    else
        wr_buf_printf(out, "%s%s%s%s %.6f\n", name, open, labels, close, value);
}

void wr_stats_json(struct wr_buf *out)
{
    for (size_t i = 0; i < WR_STAT_COUNT; i++)
        wr_buf_printf(out, "%c\"%s\":%" PRIu64, i ? ',' : '{', table[i].name, value_of(i));
    wr_buf_add_str(out, "}\n");
}

void wr_stats_text(struct wr_buf *out)
{
    size_t width = 0;
    for (size_t i = 0; i < WR_STAT_COUNT; i++)
        if (strlen(table[i].name) > width)
            width = strlen(table[i].name);
    for (size_t i = 0; i < WR_STAT_COUNT; i++) {
        const struct wr_stat_info *row = &table[i];
        const char *gap = row->labels[0] ? "  " : "";
        wr_buf_printf(out, "%-*s %14" PRIu64 "  %s%s%s\n", (int) width, row->name, value_of(i), row->help,
                      gap, row->labels);
    }
}
