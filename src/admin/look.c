/* SPDX-License-Identifier: BSD-2-Clause */
/* The endpoints that only look: health, counters, and the status of the daemon. */
#include "config.h"

#include "admin/admin_priv.h"
#include "base/json.h"
#include "stats/export.h"
#include "stats/process.h"

static const char text_type[] = "text/plain; charset=utf-8";

/* --- health --- */

/* Appends a line for each loop that hangs. */
static void find_stalled(const struct wr_admin *a, struct wr_buf *out)
{
    for (size_t i = 0; i < a->host.loop_count; i++) {
        const struct wr_loop *loop = a->host.loops[i];
        struct wr_mono beat = { __atomic_load_n(&loop->beat_us, __ATOMIC_RELAXED) };
        struct wr_span since = wr_time_since(a->loop->mono, beat);
        if (since.us > WR_ADMIN_STALL.us)
            wr_buf_printf(out, "worker %u has not turned for %lld s\n", loop->index,
                          (long long) wr_span_s(since));
    }
}

void wr_admin_healthz(struct wr_admin *a, struct evhttp_request *req)
{
    struct wr_buf stalled = { 0 };
    find_stalled(a, &stalled);
    if (stalled.len == 0)
        wr_admin_text(req, 200, "ok");
    else
        wr_admin_problem(req, 503, wr_buf_slice(&stalled));
    wr_buf_fini(&stalled);
}

static void add_if_redis(void *arg, const char *name, const char *value)
{
    if (strcmp(name, "redis") == 0)
        wr_buf_printf(arg, "redis %s\n", value);
}

/* The answer tells how Redis is, but its loss takes no node out of service: all nodes would go at once. */
void wr_admin_readyz(struct wr_admin *a, struct evhttp_request *req)
{
    struct wr_buf body = { 0 };
    enum wr_life life = a->host.life(a->host.ctx);
    bool ready = life == WR_LIFE_SERVING;
    wr_buf_printf(&body, "%s\n", ready ? "ready" : wr_words_text(&wr_words_life, life));
    a->host.status(a->host.ctx, add_if_redis, &body);
    if (ready)
        wr_admin_answer(req, 200, text_type, &body);
    else
        wr_admin_problem(req, 503, wr_buf_slice(&body));
    wr_buf_fini(&body);
}

/* --- counters --- */

void wr_admin_metrics(struct wr_admin *a, struct evhttp_request *req)
{
    struct wr_buf body = { 0 };
    wr_stats_metrics(&body);
    double dropped = a->host.access ? (double) wr_access_dropped(a->host.access) : 0;
    wr_stats_metric(&body, "counter", "weir_access_dropped_total", "",
                    "Lines of the access log that could not be written", dropped);
    wr_stats_metric(&body, "counter", "weir_log_dropped_total", "",
                    "Lines of the error log that could not be written", (double) wr_log_dropped());
    wr_stats_metric(&body, "gauge", "weir_draining", "", "1 while draining or finishing",
                    a->host.life(a->host.ctx) > WR_LIFE_SERVING ? 1 : 0);
    wr_stats_metric(&body, "gauge", "weir_maintenance_routes", "",
                    "Routes in maintenance, by the policy or by weirctl maintenance",
                    (double) a->host.maintained(a->host.ctx));
    const struct wr_admin_reload reloaded = a->host.reloaded(a->host.ctx);
    wr_stats_metric(&body, "gauge", "weir_config_last_reload_successful", "",
                    "1 if the policy was good when it was read last", reloaded.ok ? 1 : 0);
    wr_stats_metric(&body, "gauge", "weir_config_last_reload_timestamp_seconds", "",
                    "When the policy was read last", (double) wr_time_s(reloaded.at));
    wr_process_metrics(&body, a->started);
    wr_stats_metric(&body, "gauge", "weir_build_info", "version=\"" PACKAGE_VERSION "\"",
                    "Always 1; the version is a label", 1);
    wr_admin_answer(req, 200, "text/plain; version=0.0.4; charset=utf-8", &body);
}

void wr_admin_stats_json(struct wr_admin *a, struct evhttp_request *req)
{
    struct wr_buf body = { 0 };
    (void) a;
    wr_stats_json(&body);
    wr_admin_answer(req, 200, "application/json", &body);
}

void wr_admin_stats(struct wr_admin *a, struct evhttp_request *req)
{
    struct wr_buf body = { 0 };
    if (wr_admin_wants_json(req)) {
        wr_admin_stats_json(a, req);
        return;
    }
    wr_stats_text(&body);
    wr_admin_answer(req, 200, text_type, &body);
}

/* --- status --- */

#define NAME_WIDTH 16

static bool ends(const char *s, const char *end)
{
    size_t len = strlen(s), end_len = strlen(end);
    return len > end_len && strcmp(s + len - end_len, end) == 0;
}

static void add_size(struct wr_buf *out, uint64_t bytes)
{
    static const char *const units[] = { "B", "KB", "MB", "GB", "TB" };
    double size = (double) bytes;
    size_t i = 0;
    for (; size >= 1024 && i < 4; i++)
        size /= 1024;
    wr_buf_printf(out, i ? "%.1f %s" : "%.0f %s", size, units[i]);
}

/* Writes the two largest units of an age. */
static void add_age(struct wr_buf *out, uint64_t seconds)
{
    static const struct {
        uint64_t seconds;
        const char *name;
    } units[] = { { 86400, "d" }, { 3600, "h" }, { 60, "min" }, { 1, "s" } };
    size_t i = 0;
    while (i < 3 && seconds < units[i].seconds)
        i++;
    wr_buf_printf(out, "%llu %s", (unsigned long long) (seconds / units[i].seconds), units[i].name);
    if (i < 3)
        wr_buf_printf(out, " %llu %s",
                      (unsigned long long) (seconds % units[i].seconds / units[i + 1].seconds),
                      units[i + 1].name);
}

/* Writes a fact for a person: words without underscores, sizes and ages in units. */
static void add_line(void *arg, const char *name, const char *value)
{
    struct wr_buf *out = arg;
    uint64_t number = 0;
    bool counted = wr_slice_u64(wr_slice_str(value), INT64_MAX, &number);
    bool size = counted && ends(name, "_bytes"), age = counted && ends(name, "_seconds");
    int len = (int) strlen(name) - (size ? 6 : age ? 8 : 0);
    for (int i = 0; i < len; i++)
        wr_buf_add_char(out, name[i] == '_' ? ' ' : name[i]);
    wr_buf_printf(out, "%*s ", len < NAME_WIDTH ? NAME_WIDTH - len : 0, "");
    if (size)
        add_size(out, number);
    else if (age)
        add_age(out, number);
    else
        wr_buf_add_str(out, value);
    wr_buf_add_char(out, '\n');
}

static void add_member(void *arg, const char *name, const char *value)
{
    struct wr_buf *out = arg;
    uint64_t number;
    wr_buf_add_char(out, out->len ? ',' : '{');
    wr_json_string(out, wr_slice_str(name));
    wr_buf_add_char(out, ':');
    if (wr_slice_u64(wr_slice_str(value), INT64_MAX, &number))
        wr_buf_printf(out, "%llu", (unsigned long long) number);
    else
        wr_json_string(out, wr_slice_str(value));
}

/* Adds the process's own facts after the host's. */
static void add_process(void (*add)(void *, const char *, const char *), struct wr_buf *out)
{
    struct wr_process p;
    char text[32];
    wr_process_read(&p);
    snprintf(text, sizeof text, "%llu", (unsigned long long) p.resident);
    add(out, "resident_bytes", text);
    snprintf(text, sizeof text, "%llu", (unsigned long long) p.files);
    add(out, "open_files", text);
}

void wr_admin_status_json(struct wr_admin *a, struct evhttp_request *req)
{
    struct wr_buf body = { 0 };
    a->host.status(a->host.ctx, add_member, &body);
    add_process(add_member, &body);
    wr_buf_add_str(&body, "}\n");
    wr_admin_answer(req, 200, "application/json", &body);
}

void wr_admin_status(struct wr_admin *a, struct evhttp_request *req)
{
    struct wr_buf body = { 0 };
    if (wr_admin_wants_json(req)) {
        wr_admin_status_json(a, req);
        return;
    }
    a->host.status(a->host.ctx, add_line, &body);
    add_process(add_line, &body);
    wr_admin_answer(req, 200, text_type, &body);
}
