/* SPDX-License-Identifier: BSD-2-Clause */
/* Reloads the policy, and tells everybody how that went: the log, systemd, /status and /metrics. */
#include "log/log.h"
#include "main/changes.h"
#include "main/descriptors.h"
#include "main/load.h"
#include "main/server_priv.h"
#include "main/systemd.h"
#include "net/budget.h"
#include "stats/stats.h"

void wr_server_tell_serves_away(struct server *s)
{
    if (s->node)
        wr_node_set_serves_away(s->node, s->policy->memory && s->policy->redis.away == WR_REDIS_AWAY_SERVE);
}

static void adopt(struct server *s, struct wr_policy *new)
{
    s->pending.len = 0;
    wr_changes_pending(s->first, new, &s->pending);
    wr_policy_hold(new, s->first);
    if (s->shared.memory)
        wr_memory_resize(s->shared.memory, new->memory_size, new->memory_max_object);
    wr_budget_set(new->memory_in_flight);
    wr_descriptors_compare(new, s->shared.clients_most);
    wr_log_level(new->log_level);
    wr_names_configure(s->names, new->dns_servers, new->dns_stale);
    wr_backends_watch(s->shared.backends, &s->loop, new);
    wr_switches_apply(&s->switches, new);
    wr_workers_adopt(s->workers, new);
    wr_policy_unref(s->policy);
    s->policy = new;
    wr_server_tell_serves_away(s);
}

static void log_result(struct server *s, const char *who, const struct wr_buf *errors)
{
    struct wr_remarks found = { 0 };
    struct wr_buf warnings = { 0 };
    wr_log_lines(WR_LOG_P_ERROR, wr_buf_slice(errors));
    if (!s->reloaded.ok) {
        wr_error("reload refused (%s): the policy in force stays", who);
        return;
    }
    wr_info("reloaded %s (%s)", s->policy->file, who);
    if (s->pending.len)
        wr_warn("restart pending: a change of %.*s takes effect at the next restart",
                WR_SLICE_ARG(wr_buf_slice(&s->pending)));
    if (s->switches.count) {
        struct wr_buf now = { 0 };
        wr_switches_describe(&s->switches, s->policy, &now);
        wr_warn("maintenance: %.*s", WR_SLICE_ARG(wr_buf_slice(&now)));
        wr_buf_fini(&now);
    }
    wr_policy_warnings(s->policy, &found);
    wr_remarks_print(&found, WR_SEVERITY_WARNING, &warnings);
    wr_log_lines(WR_LOG_P_WARN, wr_buf_slice(&warnings));
    wr_buf_fini(&warnings);
    wr_remarks_fini(&found);
}

bool wr_server_reload(struct server *s, const char *who, struct wr_buf *errors)
{
    struct wr_mono now = wr_time_monotonic();
    if (wr_drain_is_final(&s->drain)) {
        wr_buf_add_str(errors, "the process ends: it reads no policy any more\n");
        wr_log_lines(WR_LOG_P_ERROR, wr_buf_slice(errors));
        return false;
    }
    wr_systemd_notify("RELOADING=1\nMONOTONIC_USEC=%lld", (long long) now.us);
    struct wr_remarks found = { 0 };
    struct wr_policy *new = wr_load(s->policy->file, &found);
    wr_remarks_print(&found, WR_SEVERITY_ERROR, errors);
    wr_remarks_fini(&found);
    s->reloaded = (struct wr_admin_reload){ .ok = new != NULL, .at = s->loop.now };
    if (new) {
        adopt(s, new);
        WR_COUNT(reloads);
    } else {
        WR_COUNT(reloads_refused);
    }
    log_result(s, who, errors);
    struct wr_buf state = { 0 };
    wr_drain_describe(&s->drain, &state);
    wr_systemd_notify("READY=1\nSTATUS=%.*s%s%.*s", WR_SLICE_ARG(wr_buf_slice(&state)),
                      !new             ? "; the last reload was refused: its mistakes are in the log"
                      : s->pending.len ? "; restart pending: "
                                       : "",
                      new ? (int) s->pending.len : 0, new ? s->pending.at : "");
    wr_buf_fini(&state);
    return new != NULL;
}
