/* SPDX-License-Identifier: BSD-2-Clause */
/* The counters are summed over threads, and written as Prometheus text, JSON and columns. */
#include "config.h"

#include "test.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "stats/export.h"
#include "stats/process.h"

static void *count(void *arg)
{
    (void) arg;
    wr_stats_join();
    for (int i = 0; i < 100000; i++)
        WR_COUNT(requests);
    WR_COUNT_N(bytes_sent, 1000);
    WR_GAUGE_UP(connections_open);
    return NULL;
}

static void threads_are_summed(void **state)
{
    pthread_t threads[3];
    (void) state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count, NULL), 0);
    wr_stats_sum(WR_STAT_requests); /* while they count */
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(wr_stats_sum(WR_STAT_requests), 300000);
    assert_int_equal(wr_stats_sum(WR_STAT_bytes_sent), 3000);
    assert_int_equal(wr_stats_sum(WR_STAT_connections_open), 3);
}

static char *text_of(void (*write)(struct wr_buf *))
{
    struct wr_buf out = { 0 };
    write(&out);
    wr_buf_add_char(&out, '\0');
    return out.at;
}

static size_t occurrences(const char *text, const char *what)
{
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, what)) != NULL; at++)
        n++;
    return n;
}

/* Returns the number after "name " or "name{labels} " at the start of a line. */
static double value_of(const char *text, const char *sample)
{
    char start[160];
    snprintf(start, sizeof start, "\n%s ", sample);
    const char *at = strstr(text, start);
    if (at == NULL)
        fail_msg("no %s", sample);
    return strtod(at + strlen(start), NULL);
}

static void durations_fill_the_buckets(void **state)
{
    (void) state;
    const int64_t us[] = { 0, 1000, 1001, 30000, 1000001, 5000000 };
    for (size_t i = 0; i < sizeof us / sizeof us[0]; i++)
        wr_stats_observe(WR_STAT_request_1ms, (struct wr_span){ us[i] });
    char *text = text_of(wr_stats_metrics);
    assert_true(value_of(text, "weir_request_duration_seconds_bucket{le=\"0.001\"}") == 2);
    assert_true(value_of(text, "weir_request_duration_seconds_bucket{le=\"0.005\"}") == 3);
    assert_true(value_of(text, "weir_request_duration_seconds_bucket{le=\"0.025\"}") == 3);
    assert_true(value_of(text, "weir_request_duration_seconds_bucket{le=\"0.1\"}") == 4);
    assert_true(value_of(text, "weir_request_duration_seconds_bucket{le=\"1\"}") == 4);
    assert_true(value_of(text, "weir_request_duration_seconds_bucket{le=\"+Inf\"}") == 6);
    assert_true(value_of(text, "weir_request_duration_seconds_count") == 6);
    assert_true(value_of(text, "weir_request_duration_seconds_sum") > 6.03);
    assert_true(value_of(text, "weir_request_duration_seconds_sum") < 6.04);
    assert_int_equal(occurrences(text, "# TYPE weir_request_duration_seconds histogram\n"), 1);
    free(text);
}

/* Every metric is written, and its HELP and TYPE once, before it. */
static void exposition_is_complete(void **state)
{
    char *text = text_of(wr_stats_metrics), line[400];
    (void) state;
    for (size_t i = 0; i < WR_STAT_COUNT; i++) {
        const struct wr_stat_info *row = wr_stats_info((enum wr_stat) i);
        size_t len = strlen(row->metric);
        bool bucket = len > 7 && strcmp(row->metric + len - 7, "_bucket") == 0;
        bool sum = len > 12 && strcmp(row->metric + len - 12, "_seconds_sum") == 0;
        snprintf(line, sizeof line, row->labels[0] ? "\n%s{%s} " : "\n%s%s ", row->metric, row->labels);
        const char *sample = strstr(text, line);
        assert_int_equal(occurrences(text, line), 1);
        if (sum)
            continue;
        snprintf(line, sizeof line, "# TYPE %.*s ", (int) (bucket ? len - 7 : len), row->metric);
        const char *type = strstr(text, line);
        assert_int_equal(occurrences(text, line), 1);
        assert_true(type < sample);
        snprintf(line, sizeof line, "# HELP %.*s ", (int) (bucket ? len - 7 : len), row->metric);
        assert_int_equal(occurrences(text, line), 1);
        assert_true(strstr(text, line) < type);
    }
    assert_int_equal(occurrences(text, "# TYPE weir_connections gauge\n"), 1);
    assert_int_equal(occurrences(text, "# TYPE weir_requests_total counter\n"), 1);
    assert_true(text[strlen(text) - 1] == '\n');
    free(text);
}

/* Names follow Prometheus's convention: counters end in _total, and nothing else does. */
static void names_follow_the_convention(void **state)
{
    (void) state;
    for (size_t i = 0; i < WR_STAT_COUNT; i++) {
        const struct wr_stat_info *row = wr_stats_info((enum wr_stat) i);
        size_t len = strlen(row->metric);
        bool total = len > 6 && strcmp(row->metric + len - 6, "_total") == 0;
        bool part = strstr(row->metric, "_seconds_bucket") || strstr(row->metric, "_seconds_sum");
        if (!part && total == row->gauge)
            fail_msg("%s", row->metric);
        assert_memory_equal(row->metric, "weir_", 5);
    }
}

static void gauges_are_never_below_nothing(void **state)
{
    (void) state;
    WR_GAUGE_DOWN(redis_queue);
    char *text = text_of(wr_stats_metrics);
    assert_true(value_of(text, "weir_redis_queue") == 0);
    WR_GAUGE_UP(redis_queue);
    free(text);
}

static void json_and_columns(void **state)
{
    char *json = text_of(wr_stats_json), *columns = text_of(wr_stats_text);
    (void) state;
    assert_memory_equal(json, "{\"requests\":300000,", 19);
    assert_string_equal(json + strlen(json) - 2, "}\n");
    assert_int_equal(occurrences(json, "\":"), WR_STAT_COUNT);
    assert_int_equal(occurrences(columns, "\n"), WR_STAT_COUNT);
    assert_int_equal(occurrences(columns, " 300000  Requests read from clients\n"), 1);
    free(json);
    free(columns);
}

static void single_metrics(void **state)
{
    struct wr_buf out = { 0 };
    (void) state;
    wr_stats_metric(&out, "gauge", "weir_a", "", "Help", 3000000000.0);
    wr_stats_metric(&out, "counter", "weir_b", "x=\"y\"", "Help", 0.25);
    wr_buf_add_char(&out, '\0');
    assert_string_equal(out.at, "# HELP weir_a Help\n# TYPE weir_a gauge\nweir_a 3000000000\n"
                                "# HELP weir_b Help\n# TYPE weir_b counter\nweir_b{x=\"y\"} 0.250000\n");
    wr_buf_fini(&out);
}

static void process_is_alive(void **state)
{
    struct wr_process p, more;
    (void) state;
    wr_process_read(&p);
    assert_true(p.resident > 100000 && p.files >= 3 && p.files_most >= p.files && p.threads >= 1);
    FILE *file = fopen("/dev/null", "r");
    wr_process_read(&more);
    assert_int_equal(more.files, p.files + 1);
    assert_true(more.cpu.us >= p.cpu.us);
    fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_are_summed),
        cmocka_unit_test(durations_fill_the_buckets),
        cmocka_unit_test(exposition_is_complete),
        cmocka_unit_test(names_follow_the_convention),
        cmocka_unit_test(gauges_are_never_below_nothing),
        cmocka_unit_test(json_and_columns),
        cmocka_unit_test(single_metrics),
        cmocka_unit_test(process_is_alive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
