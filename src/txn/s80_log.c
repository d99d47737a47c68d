/* SPDX-License-Identifier: BSD-2-Clause */
/* LOG: counts the request and writes a line to the access log. Then the connection goes on. */
#include "stats/stats.h"
#include "txn/txn.h"

static bool may_cache(const struct wr_txn *t)
{
    return t->route && t->route->cache.enabled;
}

/* Did the request pass the cache by? That is known beforehand, or it fetched for itself and nothing was
 * stored. */
static bool passed(const struct wr_txn *t)
{
    return !may_cache(t) || t->fetch == WR_FETCH_ALONE || (t->fetch == WR_FETCH_APART && !t->stored);
}

static const char *cache_word(const struct wr_txn *t)
{
    if (t->head.method == WR_METHOD_PURGE)
        return "purge";
    return may_cache(t) ? wr_result_word(t->result, passed(t)) : "off";
}

/* The access log's word for the error. weir's own response with status 200 is no error. */
static const char *error_word(const struct wr_txn *t)
{
    const struct wr_err_info *info = wr_err_info(t->err);
    return t->err == WR_OK || info->status == 200 ? NULL : info->name;
}

static void count(const struct wr_txn *t)
{
    if (t->head.method != WR_METHOD_PURGE)
        wr_stats_add(wr_result_counter(t->result, passed(t)), 1);
    switch (t->status / 100) {
    case 2:
        WR_COUNT(status_2xx);
        break;
    case 3:
        WR_COUNT(status_3xx);
        break;
    case 4:
        WR_COUNT(status_4xx);
        break;
    case 0: /* no answer was sent */
    case 1:
        break;
    default: /* an origin's status above 599 counts as a server error (RFC 9110 15) */
        WR_COUNT(status_5xx);
        break;
    }
}

static struct wr_slice value_of(const struct wr_txn *t, enum wr_field_id id)
{
    const struct wr_head *came = wr_txn_came(t);
    const struct wr_field *f = came->field_count ? wr_head_get(came, id) : NULL;
    return f ? f->value : wr_slice(NULL, 0);
}

static void write_line(struct wr_txn *t, struct wr_span total)
{
    const struct wr_access_line line = {
        .started = t->started,
        .client = wr_txn_client(t),
        .method = t->head.method_text,
        .target = t->head.target,
        .host = t->head.host,
        .referer = value_of(t, WR_F_REFERER),
        .user_agent = value_of(t, WR_F_USER_AGENT),
        .request_id = wr_txn_request_id(t),
        .route = t->route ? t->route->label : wr_slice(NULL, 0),
        .minor = t->head.minor,
        .status = t->head_done ? t->status : 0,
        .sent = t->sent,
        .received = t->received,
        .cache = cache_word(t),
        .server = t->server,
        .error = error_word(t),
        .total = total,
        .first = t->first,
    };
    wr_access_write(t->worker->shared->access, &line);
}

enum wr_txn_stage wr_txn_log_enter(struct wr_txn *t)
{
    count(t);
    wr_loop_tick(&t->worker->loop); /* the next transaction of the batch begins at this time */
    struct wr_span total = wr_time_since(t->worker->loop.mono, t->started_mono);
    wr_stats_observe(WR_STAT_request_1ms, total);
    if (t->worker->shared->access)
        write_line(t, total);
    if (t->body_open)
        t->close = true; /* the rest of its body must not be read as a request */
    return WR_TXN_DONE;
}

enum wr_txn_stage wr_txn_log_resume(struct wr_txn *t)
{
    (void) t;
    return WR_TXN_DONE;
}
