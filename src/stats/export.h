/* SPDX-License-Identifier: BSD-2-Clause */
/* The counters as others read them: Prometheus text (exposition format 0.0.4), JSON, aligned text. Thread:
 * any. */
#pragma once

#include "stats/stats.h"

struct wr_stat_info {
    const char *name;   /* of the table: in JSON and weirctl */
    const char *metric; /* of Prometheus; several rows with different labels share one */
    const char *labels;
    const char *help;
    bool gauge;
};

/* Static memory. */
const struct wr_stat_info *wr_stats_info(enum wr_stat stat);
/* Every metric of the table, HELP and TYPE once each. Rows of a metric "X_bucket" are a histogram X, which
 * gets its X_count; X_sum is a row of its own, counted in microseconds and shown in seconds. */
void wr_stats_metrics(struct wr_buf *out);
/* One metric that is no counter of the table. labels: "" or 'name="value"'. */
void wr_stats_metric(struct wr_buf *out, const char *type, const char *name, const char *labels,
                     const char *help, double value);
/* {"requests":12,...} */
void wr_stats_json(struct wr_buf *out);
/* A line for each row: its value, its name, its help, in columns. */
void wr_stats_text(struct wr_buf *out);
