/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes the counters as Prometheus text (exposition format 0.0.4), JSON or aligned text. Thread: any. */
#pragma once

#include "stats/stats.h"

struct wr_stat_info {
    const char *name;   /* name in counters.def: for JSON and weirctl */
    const char *metric; /* Prometheus's name; rows with different labels share it */
    const char *labels;
    const char *help;
    bool gauge;
};

/* Returns the row of a counter, in static memory. */
const struct wr_stat_info *wr_stats_info(enum wr_stat stat);
/* Appends every metric of the table, each with HELP and TYPE once. Rows of a metric "X_bucket" make the
 * histogram X, which gets an X_count. X_sum is a row of its own: counted in microseconds, shown in
 * seconds. */
void wr_stats_metrics(struct wr_buf *out);
/* Appends one metric that is not in the table. type: "gauge" or "counter". labels: "" or 'name="value"'. */
void wr_stats_metric(struct wr_buf *out, const char *type, const char *name, const char *labels,
                     const char *help, double value);
/* Appends all counters as one JSON object: {"requests":12,...} */
void wr_stats_json(struct wr_buf *out);
/* Appends a line for each row: name, value, help and labels, in columns. */
void wr_stats_text(struct wr_buf *out);
