/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs the workers: makes them, starts their threads, and gives them orders (a new policy, drain, cut).
 * Orders are set under a member's lock, and a note wakes its loop. */
#include "main/workers.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "flight/flight.h"
#include "log/log.h"
#include "net/budget.h"
#include "stats/stats.h"
#include "txn/batch.h"
#include "txn/txn.h"

#define OPEN_POLL_MS 5
#define OPEN_ANYWAY_MS 500 /* accepts then, even if Redis hasn't answered */

/* How the workers end. */
struct orders {
    bool drain;   /* end when nothing is left ... */
    bool accepts; /* ... and accept until then */
    bool stays;   /* don't end: the process stays */
    bool cut;     /* end all that is left */
};

struct member {
    struct wr_worker worker; /* the first field, so that on_worker_idle() finds the member */
    struct wr_workers *workers;
    pthread_t thread;
    bool started;
    struct wr_accept *accepts;
    struct wr_timer tick;
    struct wr_note orders;
    struct wr_timer open; /* accepts once Redis has answered, or after OPEN_ANYWAY_MS */
    unsigned open_tries;
    pthread_mutex_t lock;
    struct wr_policy *adopt; /* under lock: a reference to the next policy, or NULL */
    struct orders given;     /* under lock */
    bool draining, stays;
    bool leaving, left; /* it stops accepting; it has */
};

struct wr_workers {
    struct member *members;
    unsigned count;
    struct wr_loop **loops;
    struct wr_listener **listeners;
    size_t listener_count;
    struct wr_note ended; /* on the main loop: all threads have ended */
    unsigned running;     /* atomic: how many threads run */
    unsigned serving;     /* atomic: how many workers accept */
    void (*gone)(void *ctx);
    void *ctx;
};

/* --- on the worker's thread --- */

static void on_accepted(struct wr_accept *a, const struct wr_accepted *conn)
{
    struct wr_worker *w = WR_CONTAINER(a->loop, struct wr_worker, loop);
    struct wr_conn_peer peer = { .local = conn->local, .port = conn->port };
    memcpy(peer.addr, conn->addr, sizeof peer.addr);
    const struct wr_policy *p = w->worker_policy->policy;
    bool from_balancer = conn->local || wr_cidr_has(p->trusted, p->trusted_count, conn->addr);
    wr_conn_new(w, conn->fd, conn->listen, &peer, conn->listen->proxy_protocol && from_balancer);
}

/* Starts accepting. It waits for Redis, but not for long, so that the first requests share with the fleet
 * like all others. Connections wait in the listener's queue meanwhile. */
static void on_open(struct wr_timer *timer)
{
    struct member *m = WR_CONTAINER(timer, struct member, open);
    if (m->draining)
        return;
    const struct wr_subscriber *subscriber = m->worker.shared->subscriber;
    bool ready = m->worker.link == NULL || (wr_link_ready(m->worker.link) && wr_subscriber_hears(subscriber));
    if (!ready && m->open_tries++ < OPEN_ANYWAY_MS / OPEN_POLL_MS) {
        wr_timer_set(&m->open, WR_SPAN_MS(OPEN_POLL_MS));
        return;
    }
    for (size_t i = 0; i < m->workers->listener_count; i++)
        wr_accept_start(&m->accepts[i], m->workers->listeners[i], &m->worker.loop, on_accepted);
    __atomic_add_fetch(&m->workers->serving, 1, __ATOMIC_RELEASE);
}

static void on_worker_tick(struct wr_timer *timer)
{
    struct member *m = WR_CONTAINER(timer, struct member, tick);
    wr_timer_set(&m->tick, WR_SPAN_S(1));
    wr_hot_sweep(m->worker.hot);
    if (m->worker.shared->access)
        wr_access_flush(m->worker.shared->access);
}

static void adopt(struct member *m, struct wr_policy *policy)
{
    struct wr_worker_policy *old = m->worker.worker_policy;
    if (m->worker.redis_store)
        wr_redis_store_adopt(m->worker.redis_store, policy);
    m->worker.worker_policy = wr_worker_policy_new(&m->worker, policy);
    wr_policy_unref(policy);
    wr_worker_policy_unref(old);
}

/* Stops accepting for good. */
static void leave(struct member *m)
{
    if (m->left)
        return;
    m->leaving = true;
    for (size_t i = 0; i < m->workers->listener_count; i++)
        wr_accept_leave(&m->accepts[i], m->workers->listeners[i], m->worker.loop.index);
    m->leaving = false;
    m->left = true;
}

static void on_orders(struct wr_note *note)
{
    struct member *m = WR_CONTAINER(note, struct member, orders);
    pthread_mutex_lock(&m->lock);
    struct wr_policy *policy = m->adopt;
    const struct orders given = m->given;
    m->adopt = NULL;
    pthread_mutex_unlock(&m->lock);
    if (policy)
        adopt(m, policy);
    if (!given.drain)
        return;
    bool begins = !m->draining;
    m->draining = true;
    m->stays = given.stays;
    if (!given.accepts || given.cut)
        leave(m);
    if (begins) {
        wr_flights_drain(&m->worker);
        wr_conns_drain(&m->worker);
    }
    if (given.cut) {
        wr_conns_cut(&m->worker);
        wr_flights_cut(&m->worker);
    }
    wr_worker_check_idle(&m->worker);
}

/* Nothing is left to do. Connections that waited in the queues of the listeners meanwhile are still served.
 */
static void on_worker_idle(struct wr_worker *worker)
{
    struct member *m = (struct member *) worker;
    if (!m->draining || m->stays || m->leaving)
        return;
    leave(m);
    if (worker->conn_count == 0 && worker->flight_count == 0)
        wr_loop_stop(&worker->loop);
}

static void *work(void *arg)
{
    struct member *m = arg;
    wr_stats_join();
    wr_timer_set(&m->tick, WR_SPAN_S(1));
    wr_timer_set(&m->open, WR_SPAN_MS(0));
    wr_loop_run(&m->worker.loop);
    if (m->worker.shared->access)
        wr_access_flush(m->worker.shared->access);
    wr_budget_settle();
    if (__atomic_sub_fetch(&m->workers->running, 1, __ATOMIC_ACQ_REL) == 0)
        wr_note_post(&m->workers->ended);
    return NULL;
}

/* --- on the main thread --- */

static void on_ended(struct wr_note *note)
{
    struct wr_workers *workers = WR_CONTAINER(note, struct wr_workers, ended);
    workers->gone(workers->ctx);
}

static void member_init(struct member *m, struct wr_workers *workers, unsigned index,
                        struct wr_shared *shared, struct wr_policy *policy, const char *node_name)
{
    struct wr_worker *w = &m->worker;
    m->workers = workers;
    w->shared = shared;
    w->idle = on_worker_idle;
    WR_CHECK(wr_loop_init(&w->loop, index) == 0 && pthread_mutex_init(&m->lock, NULL) == 0);
    w->conns = wr_conns_new(w);
    w->flight_pool = wr_flight_pool_new();
    w->hot = wr_hot_new();
    if (policy->redis.enabled) {
        char name[160];
        snprintf(name, sizeof name, "weir:%s:%u", node_name, index);
        w->link = wr_link_new(&w->loop, policy, wr_backends_names(shared->backends), name);
        w->redis_store = wr_redis_store_new(&w->loop, policy, w->link);
    }
    w->worker_policy = wr_worker_policy_new(w, policy);
    m->accepts = calloc(workers->listener_count, sizeof *m->accepts);
    WR_CHECK(m->accepts != NULL);
    wr_timer_init(&m->tick, &w->loop, on_worker_tick);
    wr_timer_init(&m->open, &w->loop, on_open);
    wr_note_init(&m->orders, &w->loop, on_orders);
}

struct wr_workers *wr_workers_new(struct wr_shared *shared, struct wr_policy *policy, const char *node_name,
                                  struct wr_listener **listeners, size_t listener_count,
                                  struct wr_loop *main_loop, void (*gone)(void *ctx), void *ctx)
{
    struct wr_workers *workers = calloc(1, sizeof *workers);
    WR_CHECK(workers != NULL);
    workers->count = policy->workers;
    workers->listeners = listeners;
    workers->listener_count = listener_count;
    workers->gone = gone;
    workers->ctx = ctx;
    workers->members = calloc(workers->count, sizeof *workers->members);
    workers->loops = calloc(workers->count, sizeof *workers->loops);
    WR_CHECK(workers->members != NULL && workers->loops != NULL);
    wr_note_init(&workers->ended, main_loop, on_ended);
    for (unsigned i = 0; i < workers->count; i++) {
        member_init(&workers->members[i], workers, i, shared, policy, node_name);
        workers->loops[i] = &workers->members[i].worker.loop;
    }
    return workers;
}

/* The workers start with all signals blocked: signals are the main thread's. */
void wr_workers_start(struct wr_workers *workers)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    workers->running = workers->count;
    for (unsigned i = 0; i < workers->count; i++) {
        struct member *m = &workers->members[i];
        WR_CHECK(pthread_create(&m->thread, NULL, work, m) == 0);
        m->started = true;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void wr_workers_adopt(struct wr_workers *workers, struct wr_policy *policy)
{
    for (unsigned i = 0; i < workers->count; i++) {
        struct member *m = &workers->members[i];
        pthread_mutex_lock(&m->lock);
        struct wr_policy *unseen = m->adopt;
        m->adopt = wr_policy_ref(policy);
        pthread_mutex_unlock(&m->lock);
        wr_policy_unref(unseen);
        wr_note_post(&m->orders);
    }
}

static void order(struct wr_workers *workers, struct orders given)
{
    for (unsigned i = 0; i < workers->count; i++) {
        struct member *m = &workers->members[i];
        pthread_mutex_lock(&m->lock);
        m->given = given;
        pthread_mutex_unlock(&m->lock);
        wr_note_post(&m->orders);
    }
}

void wr_workers_drain(struct wr_workers *workers, bool accepts, bool stays)
{
    order(workers, (struct orders){ .drain = true, .accepts = accepts, .stays = stays });
}

void wr_workers_cut(struct wr_workers *workers, bool stays)
{
    order(workers, (struct orders){ .drain = true, .stays = stays, .cut = true });
}

bool wr_workers_serving(const struct wr_workers *workers)
{
    return __atomic_load_n(&workers->serving, __ATOMIC_ACQUIRE) == workers->count;
}

bool wr_workers_alive(const struct wr_workers *workers, struct wr_mono now, struct wr_span within)
{
    for (unsigned i = 0; i < workers->count; i++) {
        int64_t beat = __atomic_load_n(&workers->loops[i]->beat_us, __ATOMIC_RELAXED);
        if (now.us - beat > within.us)
            return false;
    }
    return true;
}

struct wr_loop **wr_workers_loops(struct wr_workers *workers)
{
    return workers->loops;
}

static void member_fini(struct member *m)
{
    struct wr_worker *w = &m->worker;
    if (m->started)
        pthread_join(m->thread, NULL);
    wr_timer_fini(&m->tick);
    wr_timer_fini(&m->open);
    for (size_t i = 0; i < m->workers->listener_count; i++)
        wr_accept_stop(&m->accepts[i]);
    free(m->accepts);
    wr_note_fini(&m->orders);
    wr_batch_free(w->conns->batch);
    wr_hot_free(w->hot);
    wr_policy_unref(m->adopt);
    wr_worker_policy_unref(w->worker_policy);
    if (w->redis_store)
        wr_redis_store_free(w->redis_store);
    if (w->link)
        wr_link_free(w->link);
    wr_loop_fini(&w->loop);
    wr_conns_free(w->conns);
    wr_flight_pool_free(w->flight_pool);
    pthread_mutex_destroy(&m->lock);
}

void wr_workers_free(struct wr_workers *workers)
{
    for (unsigned i = 0; i < workers->count; i++)
        member_fini(&workers->members[i]);
    wr_note_fini(&workers->ended);
    free(workers->members);
    free(workers->loops);
    free(workers);
}
