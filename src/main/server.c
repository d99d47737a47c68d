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

#include "base/rand.h"
#include "cache/cache_status.h"
#include "flight/flight.h"
#include "log/log.h"
#include "main/descriptors.h"
#include "main/server_priv.h"
#include "main/systemd.h"
#include "net/budget.h"
#include "net/passed.h"
#include "redis/keys.h"
#include "stats/stats.h"
#include "store/passes.h"

#define LOCAL_LIMITS 262144 /* quotas that are remembered in this process */

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

/* --- its end --- */

static void workers_gone(void *ctx)
{
    struct server *s = ctx;
    wr_loop_stop(&s->loop);
}

/* --- signals --- */

static void on_signal(evutil_socket_t number, short what, void *arg)
{
    struct server *s = arg;
    (void) what;
    wr_loop_tick(&s->loop);
    if (number == SIGHUP) {
        struct wr_buf errors = { 0 };
        wr_server_reload(s, "HUP", &errors);
        wr_buf_fini(&errors);
    } else if (number == SIGUSR1) {
        if (s->shared.access)
            wr_access_reopen(s->shared.access);
    } else {
        wr_drain_ask(&s->drain, number == SIGINT ? WR_DRAIN_BY_INT : WR_DRAIN_BY_TERM, s->policy);
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

/* --- how it starts --- */

/* Opens one listener. Returns false after it has logged why it can't. */
static bool open_listener(struct server *s, const struct wr_listen *listen)
{
    struct wr_buf why = { 0 };
    struct wr_listener *l = wr_listener_open(listen, s->policy->workers, &why);
    if (l == NULL)
        wr_error("%.*s", WR_SLICE_ARG(wr_buf_slice(&why)));
    wr_buf_fini(&why);
    s->listeners = realloc(s->listeners, (s->listener_count + 1) * sizeof *s->listeners);
    WR_CHECK(s->listeners != NULL);
    if (l)
        s->listeners[s->listener_count++] = l;
    return l != NULL;
}

/* systemd may pass several sockets under one name. All of them are served. */
static bool open_listeners(struct server *s)
{
    const struct wr_policy *p = s->policy;
    for (size_t i = 0; i < p->listen_count; i++) {
        const struct wr_listen *listen = &p->listens[i];
        if (!open_listener(s, listen))
            return false;
        while (listen->address.kind == WR_ADDRESS_SYSTEMD && wr_passed_left(listen->address.host) > 0)
            if (!open_listener(s, listen))
                return false;
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
    s->link = wr_link_new(&s->loop, s->policy, s->names, name);
    s->redis_store = wr_redis_store_new(&s->loop, s->policy, s->link);
    s->node = wr_node_new(&s->loop, s->policy, s->link, s->node_name,
                          &(struct wr_node_listener){ on_nodes, on_node, on_forgotten, s });
    wr_server_tell_serves_away(s);
    snprintf(name, sizeof name, "weir:%s:subscriber", s->link_name);
    s->shared.subscriber = wr_subscriber_new(&s->loop, s->policy, s->names, name, on_change, s);
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
    struct wr_admin_host host;
    struct wr_buf why = { 0 };
    wr_server_admin_host(s, &host);
    s->admin = wr_admin_new(&s->loop, s->policy, &host, &why);
    if (s->admin == NULL)
        wr_error("%.*s", WR_SLICE_ARG(wr_buf_slice(&why)));
    wr_buf_fini(&why);
    return s->admin != NULL;
}

/* Warns of what the policy allows though it is dangerous, and of sockets of systemd's that no listener takes:
 * connections to them would wait in vain. */
static void warn_of_dangers(const struct server *s)
{
    struct wr_remarks found = { 0 };
    struct wr_buf warnings = { 0 }, left = { 0 };
    wr_policy_warnings(s->policy, &found);
    wr_remarks_print(&found, WR_SEVERITY_WARNING, &warnings);
    wr_log_lines(WR_LOG_P_WARN, wr_buf_slice(&warnings));
    wr_passed_list_left(&left);
    if (left.len)
        wr_warn("systemd has passed sockets that no listener takes: %.*s. A listener takes them by address: "
                "systemd:NAME",
                WR_SLICE_ARG(wr_buf_slice(&left)));
    wr_remarks_fini(&found);
    wr_buf_fini(&warnings);
    wr_buf_fini(&left);
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
    if (wr_shared_life(&s->shared) != WR_LIFE_STARTING)
        return;
    bool counted = s->link == NULL || !wr_link_ready(s->link) || wr_node_counted(s->node);
    if (counted && wr_workers_serving(s->workers)) {
        __atomic_store_n(&s->shared.life, WR_LIFE_SERVING, __ATOMIC_RELAXED);
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
    wr_budget_set(p->memory_in_flight);
    s->shared.clients_most = wr_descriptors_divide(p);
    wr_descriptors_compare(p, s->shared.clients_most);
    s->names = wr_names_new(&s->loop);
    wr_names_configure(s->names, p->dns_servers, p->dns_stale);
    s->shared.backends = wr_backends_new(s->names);
}

/* --- how it ends: in reverse --- */

static void close_all(struct server *s)
{
    if (s->admin)
        wr_admin_free(s->admin);
    wr_server_end_purges(s);
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
    wr_names_free(s->names);
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
    wr_drain_fini(&s->drain);
    if (s->shared.access)
        wr_access_free(s->shared.access);
    wr_loop_fini(&s->loop);
    for (int minor = 0; minor < 2; minor++)
        free((char *) (uintptr_t) s->shared.via[minor].at);
    free((char *) (uintptr_t) s->shared.name.at);
    wr_buf_fini(&s->pending);
    wr_switches_fini(&s->switches);
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
    s.reloaded = (struct wr_admin_reload){ .ok = true, .at = s.loop.now };
    name_node(&s);
    fill_shared(&s);
    watch_signals(&s);
    wr_timer_init(&s.tick, &s.loop, on_main_tick);
    wr_timer_init(&s.opening, &s.loop, on_opening);
    wr_drain_init(&s.drain, &s.loop, &s.shared);
    bool ok = open_access(&s) && open_listeners(&s);
    if (ok) {
        open_redis(&s);
        open_purger(&s);
        wr_backends_watch(s.shared.backends, &s.loop, policy);
        s.workers = wr_workers_new(&s.shared, policy, s.link_name, s.listeners, s.listener_count, &s.loop,
                                   workers_gone, &s);
        s.drain.workers = s.workers;
        ok = open_admin(&s);
    }
    if (ok) {
        warn_of_dangers(&s);
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
