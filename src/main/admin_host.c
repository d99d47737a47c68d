/* SPDX-License-Identifier: BSD-2-Clause */
/* Does for the admin listeners what they are asked for. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "log/log.h"
#include "main/server_priv.h"
#include "net/budget.h"

#define PURGES_SHOWN 100 /* by /purges, at most */

/* --- purges --- */

/* A purge by one name; several purges, where several routes may have served a URL. */
struct purge {
    void (*done)(void *arg, const struct wr_purge_result *result);
    void *arg;
    size_t count, open;
    struct wr_purge_result worst; /* of the purge that fewest nodes have heard of */
    struct one_purge {
        struct wr_purge_wait wait;
        struct purge *all;
    } each[WR_MAX_URL_PURGES];
    LIST_ENTRY(purge) entry;
};

static bool is_worse(const struct wr_purge_result *a, const struct wr_purge_result *b)
{
    return b->err == WR_OK && (a->err != WR_OK || a->confirmed < b->confirmed);
}

static void on_purge_waited(struct wr_purge_wait *wait)
{
    struct purge *p = WR_CONTAINER(wait, struct one_purge, wait)->all;
    if (p->open-- == p->count || is_worse(&wait->result, &p->worst))
        p->worst = wait->result;
    if (p->open > 0) {
        p->worst.silent = NULL; /* it is freed when this returns */
        return;
    }
    LIST_REMOVE(p, entry);
    p->done(p->arg, &p->worst);
    free(p);
}

static bool admin_purge(void *ctx, const char *who, const char *what, struct wr_slice name, bool soft,
                        void (*done)(void *, const struct wr_purge_result *), void *arg, const char **why)
{
    struct server *s = ctx;
    struct wr_arena arena = { 0 };
    struct wr_purge purges[WR_MAX_URL_PURGES] = { { .soft = soft } };
    enum wr_scope scope;
    size_t count = wr_scope_of(wr_slice_str(what), &scope)
                       ? wr_purge_read(s->policy, scope, name, &arena, purges, why)
                       : 0;
    if (count > 0) {
        struct purge *p = calloc(1, sizeof *p);
        WR_CHECK(p != NULL);
        p->done = done;
        p->arg = arg;
        p->count = p->open = count;
        LIST_INSERT_HEAD(&s->purges, p, entry);
        for (size_t i = 0; i < count; i++) {
            purges[i].soft = soft;
            p->each[i].all = p;
            p->each[i].wait.done = on_purge_waited;
            wr_purger_purge(s->shared.purger, &purges[i], who, &s->loop, &p->each[i].wait);
        }
    }
    wr_arena_fini(&arena);
    return count > 0;
}

void wr_server_end_purges(struct server *s)
{
    struct purge *p;
    while ((p = LIST_FIRST(&s->purges)) != NULL) {
        LIST_REMOVE(p, entry);
        for (size_t i = 0; i < p->count; i++)
            wr_purge_wait_cancel(&p->each[i].wait);
        p->done(p->arg, &(struct wr_purge_result){ .err = WR_ERR_CANCELLED });
        free(p);
    }
}

struct listing {
    void (*each)(void *arg, const struct wr_admin_purged *purge);
    void (*done)(void *arg, enum wr_err err);
    void *arg;
};

static void on_purge_entry(void *ctx, const struct wr_purge_entry *e)
{
    const struct listing *l = ctx;
    const struct wr_admin_purged purged = { e->at, e->node, e->who, e->what, e->name, e->soft };
    l->each(l->arg, &purged);
}

static void on_purges_listed(void *ctx, enum wr_err err)
{
    struct listing *l = ctx;
    l->done(l->arg, err);
    free(l);
}

static void admin_purges(void *ctx, void (*each)(void *, const struct wr_admin_purged *),
                         void (*done)(void *, enum wr_err), void *arg)
{
    struct server *s = ctx;
    struct listing *l = malloc(sizeof *l);
    WR_CHECK(l != NULL);
    *l = (struct listing){ each, done, arg };
    wr_purger_list(s->shared.purger, PURGES_SHOWN, on_purge_entry, on_purges_listed, l);
}

static bool admin_reload(void *ctx, const char *who, struct wr_buf *errors, struct wr_buf *pending)
{
    struct server *s = ctx;
    bool reloaded = wr_server_reload(s, who, errors);
    if (reloaded)
        wr_buf_add_slice(pending, wr_buf_slice(&s->pending));
    return reloaded;
}

static struct wr_admin_reload admin_reloaded(void *ctx)
{
    const struct server *s = ctx;
    return s->reloaded;
}

static void admin_drain(void *ctx, const char *who, struct wr_buf *now)
{
    struct server *s = ctx;
    wr_info("drain asked for (%s)", who);
    wr_drain_ask(&s->drain, WR_DRAIN_BY_ADMIN, s->policy);
    wr_drain_describe(&s->drain, now);
}

static bool admin_undrain(void *ctx, const char *who, struct wr_buf *now)
{
    struct server *s = ctx;
    wr_info("undrain asked for (%s)", who);
    bool undone = wr_drain_undo(&s->drain);
    wr_drain_describe(&s->drain, now);
    return undone;
}

static bool admin_maintain(void *ctx, const char *who, enum wr_switch_scope scope, struct wr_slice name,
                           bool on, struct wr_buf *now)
{
    struct server *s = ctx;
    if (!wr_switches_set(&s->switches, s->policy, scope, name, on, now))
        return false;
    wr_switches_describe(&s->switches, s->policy, now);
    wr_warn("maintenance: %.*s (%s)", WR_SLICE_ARG(wr_buf_slice(now)), who);
    return true;
}

static size_t admin_maintained(void *ctx)
{
    const struct server *s = ctx;
    return wr_maintained_routes(s->policy);
}

static enum wr_life admin_life(void *ctx)
{
    const struct server *s = ctx;
    return wr_shared_life(&s->shared);
}

static void add_reload(const struct server *s, void (*add)(void *arg, const char *name, const char *value),
                       void *arg)
{
    time_t at = (time_t) wr_time_s(s->reloaded.at);
    struct tm tm;
    char text[32];
    gmtime_r(&at, &tm);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    add(arg, "policy_read", text);
    if (!s->reloaded.ok)
        add(arg, "last_reload", "refused: its mistakes are in the log, and the policy before it is in force");
    if (s->pending.len) {
        wr_buf_reserve(&((struct server *) (uintptr_t) s)->pending, 1)[0] = '\0';
        add(arg, "restart_pending", s->pending.at);
    }
}

static void add_maintenance(const struct server *s,
                            void (*add)(void *arg, const char *name, const char *value), void *arg)
{
    struct wr_buf text = { 0 };
    wr_switches_describe(&s->switches, s->policy, &text);
    wr_buf_add_char(&text, '\0');
    add(arg, "maintenance", text.at);
    wr_buf_fini(&text);
}

static void admin_status(void *ctx, void (*add)(void *arg, const char *name, const char *value), void *arg)
{
    struct server *s = ctx;
    char text[128];
    add(arg, "server_name", s->policy->server_name);
    add(arg, "version", PACKAGE_VERSION);
    snprintf(text, sizeof text, "%ld", (long) getpid());
    add(arg, "pid", text);
    snprintf(text, sizeof text, "%lld", (long long) wr_span_s(wr_time_since(s->loop.mono, s->started)));
    add(arg, "uptime_seconds", text);
    snprintf(text, sizeof text, "%u", s->policy->workers);
    add(arg, "workers", text);
    add(arg, "policy", s->policy->file);
    add_reload(s, add, arg);
    add(arg, "state", wr_words_text(&wr_words_life, wr_shared_life(&s->shared)));
    add_maintenance(s, add, arg);
    add(arg, "redis", s->link == NULL ? "none" : wr_link_ready(s->link) ? "up" : "away");
    if (s->shared.memory) {
        snprintf(text, sizeof text, "%llu", (unsigned long long) wr_memory_bytes(s->shared.memory));
        add(arg, "memory_bytes", text);
        snprintf(text, sizeof text, "%llu", (unsigned long long) wr_memory_count(s->shared.memory));
        add(arg, "memory_objects", text);
    }
    snprintf(text, sizeof text, "%llu of %llu", (unsigned long long) wr_budget_used(),
             (unsigned long long) wr_budget_most());
    add(arg, "memory_in_flight", text);
}

void wr_server_admin_host(struct server *s, struct wr_admin_host *host)
{
    *host = (struct wr_admin_host){
        .ctx = s,
        .purge = admin_purge,
        .purges = admin_purges,
        .reload = admin_reload,
        .reloaded = admin_reloaded,
        .drain = admin_drain,
        .undrain = admin_undrain,
        .maintain = admin_maintain,
        .maintained = admin_maintained,
        .life = admin_life,
        .status = admin_status,
        .loops = wr_workers_loops(s->workers),
        .loop_count = s->policy->workers,
        .access = s->shared.access,
        .backends = s->shared.backends,
    };
}
