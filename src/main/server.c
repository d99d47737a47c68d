/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon: the main loop, its start and its end. It also passes on what Redis, signals and the admin
 * listener say. */
#include "config.h"

#include "main/server.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "admin/admin.h"
#include "base/rand.h"
#include "cache/cache_status.h"
#include "flight/flight.h"
#include "log/log.h"
#include "main/changes.h"
#include "main/load.h"
#include "main/systemd.h"
#include "main/workers.h"
#include "net/budget.h"
#include "purge/feed.h"
#include "purge/purger.h"
#include "redis/evictions.h"
#include "redis/keys.h"
#include "redis/node.h"
#include "stats/stats.h"
#include "store/passes.h"

#define PURGES_SHOWN 100    /* by /purges, at most */
#define LOCAL_LIMITS 262144 /* quotas that are remembered in this process */

struct server {
    struct wr_loop loop; /* the main loop */
    struct wr_policy *policy;
    struct wr_policy *first; /* the policy it started with, for what takes effect at a restart only */
    struct wr_shared shared;
    struct wr_workers *workers;
    struct wr_listener **listeners;
    size_t listener_count;
    struct wr_admin *admin;
    struct wr_link *link; /* the main loop's own, for heartbeats, purges and checks; NULL: no Redis */
    struct wr_redis_store *redis_store;
    struct wr_node *node;
    struct wr_feed *feed;
    struct wr_evictions *evictions;
    char node_name[128], link_name[128]; /* its names among the nodes, and in Redis's list of clients */
    struct wr_buf purges_key;            /* the key of the journal */
    LIST_HEAD(, purge) purges;           /* purges that the admin listener waits for */
    struct event *signals[4];
    struct wr_timer tick, drain, opening;
    struct wr_mono started;
    bool ready, stopping;
};

/* --- what changed in Redis --- */

struct check {
    struct wr_redis_store_check ask;
    struct server *server;
    struct wr_object *object;
};

static void on_checked(struct wr_redis_store_check *ask, bool same)
{
    struct check *c = WR_CONTAINER(ask, struct check, ask);
    if (!same)
        wr_memory_drop_if(c->server->shared.memory, c->object);
    wr_object_unref(c->object);
    free(c);
}

/* Handles an invalidation of a key that this process has stored. Mostly it is the echo of its own write, so
 * Redis is asked which version it holds before the copy is thrown away. That is one small question for each
 * stored response, instead of reading the response back. */
static void check_own(struct server *s, struct wr_object *object)
{
    struct check *c = calloc(1, sizeof *c);
    WR_CHECK(c != NULL);
    c->server = s;
    c->object = object;
    c->ask.done = on_checked;
    if (wr_redis_store_compare(s->redis_store, &c->ask, object) != WR_OK)
        on_checked(&c->ask, false);
}

static void on_key(struct server *s, struct wr_slice key)
{
    struct wr_hash hash;
    if (wr_slice_eq(key, wr_buf_slice(&s->purges_key)))
        wr_feed_heard(s->feed, false);
    if (!wr_keys_cache_hash(&s->policy->redis, key, &hash))
        return;
    wr_passes_end(s->shared.passes, hash);
    if (s->shared.memory == NULL)
        return;
    struct wr_object *object = wr_memory_peek(s->shared.memory, hash);
    if (object && object->own)
        check_own(s, object);
    else {
        wr_memory_drop(s->shared.memory, hash);
        wr_object_unref(object);
    }
}

/* Handles what the subscriber hears. When it hears again after a break, older copies aren't trusted, but they
 * stay: each worker asks Redis for them as soon as it can. The journal is read first, so that what was purged
 * meanwhile is gone before it could be validated. */
static void on_change(void *ctx, enum wr_subscriber_event event, struct wr_slice key)
{
    struct server *s = ctx;
    switch (event) {
    case WR_SUBSCRIBER_KEY:
        on_key(s, key);
        return;
    case WR_SUBSCRIBER_FLUSH:
        if (s->shared.memory)
            wr_memory_clear(s->shared.memory);
        break;
    case WR_SUBSCRIBER_BACK:
        break;
    }
    wr_purger_disturbed(s->shared.purger);
    wr_feed_heard(s->feed, true);
}

/* Whether other nodes' purges are to name this node while it is silent. */
static void tell_serves_away(struct server *s)
{
    if (s->node)
        wr_node_set_serves_away(s->node, s->policy->memory && s->policy->redis.away == WR_REDIS_AWAY_SERVE);
}

static void on_nodes(void *ctx, unsigned nodes)
{
    struct server *s = ctx;
    wr_local_limits_nodes(s->shared.local, nodes);
}

static void on_node(void *ctx, struct wr_slice name)
{
    struct server *s = ctx;
    wr_purger_saw(s->shared.purger, name);
}

static void on_forgotten(void *ctx)
{
    struct server *s = ctx;
    wr_purger_disturbed(s->shared.purger);
}

/* --- stopping --- */

static void workers_gone(void *ctx)
{
    struct server *s = ctx;
    wr_loop_stop(&s->loop);
}

static void stop_server(struct server *s)
{
    if (s->stopping)
        return;
    s->stopping = true;
    wr_info("stopping: finishing open requests");
    wr_systemd_notify("STOPPING=1\nSTATUS=finishing open requests");
    __atomic_store_n(&s->shared.draining, true, __ATOMIC_RELAXED);
    wr_timer_set(&s->drain, s->policy->drain_timeout);
    wr_workers_drain(s->workers);
}

static void on_drain_over(struct wr_timer *timer)
{
    struct server *s = WR_CONTAINER(timer, struct server, drain);
    wr_warn("drain_timeout is over: closing the remaining connections");
    wr_workers_cut(s->workers);
}

/* --- reloading --- */

static bool reload(struct server *s, struct wr_buf *errors)
{
    struct wr_mono now = wr_time_monotonic();
    wr_systemd_notify("RELOADING=1\nMONOTONIC_USEC=%lld", (long long) now.us);
    struct wr_policy *new = wr_load(s->policy->file, errors);
    if (new) {
        wr_changes_tell(s->first, new);
        wr_policy_hold(new, s->first);
        if (s->shared.memory)
            wr_memory_resize(s->shared.memory, new->memory_size, new->memory_max_object);
        wr_budget_set(new->memory_in_flight);
        wr_log_level(new->log_level);
        wr_backends_watch(s->shared.backends, &s->loop, new);
        wr_workers_adopt(s->workers, new);
        wr_policy_unref(s->policy);
        s->policy = new;
        tell_serves_away(s);
        WR_COUNT(reloads);
        wr_info("reloaded %s", new->file);
    } else {
        WR_COUNT(reloads_refused);
        struct wr_slice rest = wr_buf_slice(errors), line;
        while ((line = wr_slice_cut(&rest, '\n')).at)
            if (line.len)
                wr_error("%.*s", WR_SLICE_ARG(line));
        wr_error("reload refused: the policy in force stays");
    }
    wr_systemd_notify("READY=1\nSTATUS=%s",
                      new ? "serving" : "serving; the last reload was refused: its mistakes are in the log");
    return new != NULL;
}

static void on_signal(evutil_socket_t number, short what, void *arg)
{
    struct server *s = arg;
    (void) what;
    wr_loop_tick(&s->loop);
    if (number == SIGHUP) {
        struct wr_buf errors = { 0 };
        reload(s, &errors);
        wr_buf_fini(&errors);
    } else if (number == SIGUSR1) {
        if (s->shared.access)
            wr_access_reopen(s->shared.access);
    } else {
        stop_server(s);
    }
}

/* --- once a second --- */

static void on_main_tick(struct wr_timer *timer)
{
    struct server *s = WR_CONTAINER(timer, struct server, tick);
    wr_timer_set(&s->tick, WR_SPAN_S(1));
    if (s->shared.memory)
        wr_memory_sweep(s->shared.memory, s->loop.mono);
    if (s->shared.access)
        wr_access_flush(s->shared.access);
    if (wr_workers_alive(s->workers, s->loop.mono, WR_SPAN_S(10)))
        wr_systemd_notify("WATCHDOG=1");
}

/* --- what the admin listener asks for --- */

/* What is asked for by one name; several purges, where several routes may have served a URL. */
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

static bool admin_purge(void *ctx, const char *what, struct wr_slice name, bool soft,
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
            wr_purger_purge(s->shared.purger, &purges[i], "admin", &s->loop, &p->each[i].wait);
        }
    }
    wr_arena_fini(&arena);
    return count > 0;
}

static void end_purges(struct server *s)
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

static bool admin_reload(void *ctx, struct wr_buf *errors)
{
    return reload(ctx, errors);
}

static void admin_drain(void *ctx)
{
    stop_server(ctx);
}

static bool admin_ready(void *ctx)
{
    const struct server *s = ctx;
    return s->ready && !s->stopping;
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
    add(arg, "state", s->stopping ? "draining" : "serving");
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

/* --- how it starts --- */

static bool open_listeners(struct server *s)
{
    const struct wr_policy *p = s->policy;
    struct wr_buf why = { 0 };
    s->listeners = calloc(p->listen_count, sizeof *s->listeners);
    WR_CHECK(s->listeners != NULL);
    for (; s->listener_count < p->listen_count; s->listener_count++) {
        struct wr_listener *l = wr_listener_open(&p->listens[s->listener_count], p->workers, &why);
        if (l == NULL) {
            wr_error("%.*s", WR_SLICE_ARG(wr_buf_slice(&why)));
            wr_buf_fini(&why);
            return false;
        }
        s->listeners[s->listener_count] = l;
    }
    return true;
}

static bool open_access(struct server *s)
{
    const struct wr_policy *p = s->policy;
    const char *why = NULL;
    if (p->access_format == WR_ACCESS_OFF)
        return true;
    s->shared.access = wr_access_new(p->access_format, p->access_file, &why);
    if (s->shared.access == NULL)
        wr_error("cannot open the access log %s: %s", p->access_file, why);
    return s->shared.access != NULL;
}

static void open_redis(struct server *s)
{
    if (!s->policy->redis.enabled)
        return;
    char name[160];
    snprintf(name, sizeof name, "weir:%s:main", s->link_name);
    s->link = wr_link_new(&s->loop, s->policy, name);
    s->redis_store = wr_redis_store_new(&s->loop, s->policy, s->link);
    s->node = wr_node_new(&s->loop, s->policy, s->link, s->node_name,
                          &(struct wr_node_listener){ on_nodes, on_node, on_forgotten, s });
    tell_serves_away(s);
    snprintf(name, sizeof name, "weir:%s:subscriber", s->link_name);
    s->shared.subscriber = wr_subscriber_new(&s->loop, s->policy, name, on_change, s);
    wr_purges_share(s->shared.purges, &s->policy->redis, s->shared.subscriber, s->node_name);
    wr_keys_purges(&s->purges_key, &s->policy->redis);
    s->feed = wr_feed_new(&s->loop, s->policy, s->shared.purges, s->link);
    s->evictions = wr_evictions_new(&s->loop, s->policy, s->link);
}

static void open_purger(struct server *s)
{
    s->shared.purger = wr_purger_new(&s->loop, s->policy, s->shared.purges, s->link, s->redis_store,
                                     s->node_name);
}

static bool open_admin(struct server *s)
{
    if (!s->policy->has_admin)
        return true;
    const struct wr_admin_host host = { s,
                                        admin_purge,
                                        admin_purges,
                                        admin_reload,
                                        admin_drain,
                                        admin_ready,
                                        admin_status,
                                        wr_workers_loops(s->workers),
                                        s->policy->workers,
                                        s->shared.access };
    struct wr_buf why = { 0 };
    s->admin = wr_admin_new(&s->loop, s->policy, &host, &why);
    if (s->admin == NULL)
        wr_error("%.*s", WR_SLICE_ARG(wr_buf_slice(&why)));
    wr_buf_fini(&why);
    return s->admin != NULL;
}

static void watch_signals(struct server *s)
{
    static const int numbers[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1 };
    signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < 4; i++) {
        signal(numbers[i],
               SIG_IGN); /* event_free() restores this: a second TERM must not end the process early */
        s->signals[i] = evsignal_new(s->loop.base, numbers[i], on_signal, s);
        WR_CHECK(s->signals[i] != NULL && event_add(s->signals[i], NULL) == 0);
    }
}

/* Makes names that no other node has. Several daemons may run on one host, and containers may have the same
 * host name and the same process number. */
static void name_node(struct server *s)
{
    snprintf(s->link_name, sizeof s->link_name, "%.80s-%ld", s->policy->server_name, (long) getpid());
    snprintf(s->node_name, sizeof s->node_name, "%.100s.%08llx", s->link_name,
             (unsigned long long) (wr_rand_u64() >> 32));
}

static void say_ready(struct server *s)
{
    for (size_t i = 0; i < s->policy->listen_count; i++)
        wr_info("serving on %s with %u workers", s->policy->listens[i].address.text, s->policy->workers);
    wr_systemd_notify("READY=1\nSTATUS=serving\nMAINPID=%ld", (long) getpid());
}

/* The daemon says that it is ready when every worker accepts and the fleet knows of this node. */
static void on_opening(struct wr_timer *timer)
{
    struct server *s = WR_CONTAINER(timer, struct server, opening);
    if (s->stopping)
        return;
    bool counted = s->link == NULL || !wr_link_ready(s->link) || wr_node_counted(s->node);
    if (counted && wr_workers_serving(s->workers)) {
        s->ready = true;
        say_ready(s);
    } else {
        wr_timer_set(&s->opening, WR_SPAN_MS(5));
    }
}

static void fill_shared(struct server *s)
{
    const struct wr_policy *p = s->policy;
    for (int minor = 0; minor < 2; minor++) {
        char *via = malloc(strlen(p->server_name) + 5);
        WR_CHECK(via != NULL);
        sprintf(via, "1.%d %s", minor, p->server_name);
        s->shared.via[minor] = wr_slice_str(via);
    }
    struct wr_buf name = { 0 };
    wr_cache_status_name(&name, wr_slice_str(p->server_name));
    s->shared.name = wr_buf_slice(&name);
    s->shared.memory = p->memory ? wr_memory_new(p->memory_size, p->memory_max_object) : NULL;
    s->shared.passes = wr_passes_new();
    s->shared.purges = wr_purges_new(p->redis.enabled);
    s->shared.flights = wr_flights_new();
    wr_purges_on_heard(s->shared.purges, wr_flights_heard, &s->shared);
    s->shared.local = wr_local_limits_new(LOCAL_LIMITS);
    s->shared.backends = wr_backends_new();
    wr_budget_set(p->memory_in_flight);
}

/* --- how it ends: in reverse --- */

static void close_all(struct server *s)
{
    if (s->admin)
        wr_admin_free(s->admin);
    end_purges(s);
    if (s->workers)
        wr_workers_free(s->workers);
    if (s->shared.subscriber)
        wr_subscriber_free(s->shared.subscriber);
    if (s->node)
        wr_node_free(s->node);
    if (s->redis_store)
        wr_redis_store_free(s->redis_store);
    wr_feed_free(s->feed);
    wr_evictions_free(s->evictions);
    if (s->link)
        wr_link_free(s->link);
    wr_purger_free(s->shared.purger);
    wr_purges_free(s->shared.purges);
    wr_passes_free(s->shared.passes);
    wr_buf_fini(&s->purges_key);
    wr_backends_free(s->shared.backends);
    wr_local_limits_free(s->shared.local);
    wr_flights_free(s->shared.flights);
    if (s->shared.memory)
        wr_memory_free(s->shared.memory);
    for (size_t i = 0; i < s->listener_count; i++)
        wr_listener_close(s->listeners[i]);
    free(s->listeners);
    for (int i = 0; i < 4; i++)
        if (s->signals[i])
            event_free(s->signals[i]);
    wr_timer_fini(&s->tick);
    wr_timer_fini(&s->opening);
    wr_timer_fini(&s->drain);
    if (s->shared.access)
        wr_access_free(s->shared.access);
    wr_loop_fini(&s->loop);
    for (int minor = 0; minor < 2; minor++)
        free((char *) (uintptr_t) s->shared.via[minor].at);
    free((char *) (uintptr_t) s->shared.name.at);
    wr_policy_unref(s->policy);
    wr_policy_unref(s->first);
}

int wr_server_run(struct wr_policy *policy)
{
    struct server s = { .policy = policy, .first = wr_policy_ref(policy) };
    wr_log_level(policy->log_level);
    wr_stats_join();
    wr_log_start();
    if (wr_loop_init(&s.loop, WR_LOOP_MAIN) < 0) {
        wr_error("cannot make an event loop: %s", strerror(errno));
        wr_policy_unref(policy);
        wr_policy_unref(policy);
        wr_log_stop();
        return 1;
    }
    s.started = s.loop.mono;
    name_node(&s);
    fill_shared(&s);
    watch_signals(&s);
    wr_timer_init(&s.tick, &s.loop, on_main_tick);
    wr_timer_init(&s.opening, &s.loop, on_opening);
    wr_timer_init(&s.drain, &s.loop, on_drain_over);
    bool ok = open_access(&s) && open_listeners(&s);
    if (ok) {
        open_redis(&s);
        open_purger(&s);
        wr_backends_watch(s.shared.backends, &s.loop, policy);
        s.workers = wr_workers_new(&s.shared, policy, s.link_name, s.listeners, s.listener_count, &s.loop,
                                   workers_gone, &s);
        ok = open_admin(&s);
    }
    if (ok) {
        wr_workers_start(s.workers);
        wr_timer_set(&s.tick, WR_SPAN_S(1));
        wr_timer_set(&s.opening, WR_SPAN_MS(0));
        wr_loop_run(&s.loop);
        wr_info("stopped");
    }
    close_all(&s);
    wr_log_stop();
    return ok ? 0 : 1;
}
