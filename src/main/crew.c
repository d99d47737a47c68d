/* SPDX-License-Identifier: BSD-2-Clause */
#include "main/crew.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "flight/flight.h"
#include "log/log.h"
#include "stats/stats.h"
#include "txn/batch.h"
#include "txn/txn.h"

#define OPEN_POLL_MS 5
#define OPEN_ANYWAY_MS 500

struct member {
    struct wr_worker worker; /* first: wr_worker's idle() gets back to us */
    struct wr_crew *crew;
    pthread_t thread;
    bool started;
    struct wr_accept *accepts;
    struct wr_timer tick;
    struct wr_note orders;
    struct wr_timer open;    /* accepts once Redis is near, or after OPEN_ANYWAY_MS */
    unsigned open_tries;
    pthread_mutex_t lock;
    struct wr_policy *adopt; /* behind lock: a reference */
    bool drain, cut;         /* behind lock */
    bool draining;
};

struct wr_crew {
    struct member *members;
    unsigned count;
    struct wr_loop **loops;
    struct wr_listener **listeners;
    size_t listener_count;
    struct wr_note ended; /* on the main loop */
    unsigned running;     /* atomic */
    unsigned serving;     /* atomic: how many accept */
    void (*gone)(void *ctx);
    void *ctx;
};

/* --- on the worker's thread --- */

static void on_accepted(struct wr_accept *a, const struct wr_accepted *conn)
{
    struct wr_worker *w = WR_CONTAINER(a->loop, struct wr_worker, loop);
    struct wr_peer peer = { .local = conn->local, .port = conn->port };
    memcpy(peer.addr, conn->addr, sizeof peer.addr);
    const struct wr_policy *p = w->tenure->policy;
    bool from_balancer = conn->local || wr_cidr_has(p->trusted, p->trusted_count, conn->addr);
    wr_conn_new(w, conn->fd, &peer, conn->proxy_protocol && from_balancer);
}

/* The first requests shall share with the fleet like all others: so wait for Redis, but not for long. Connections wait
 * in the listener's queue meanwhile. */
static void on_open(struct wr_timer *timer)
{
    struct member *m = WR_CONTAINER(timer, struct member, open);
    if (m->draining)
        return;
    const struct wr_herald *herald = m->worker.shared->herald;
    bool near = m->worker.link == NULL || (wr_link_ready(m->worker.link) && wr_herald_hears(herald));
    if (!near && m->open_tries++ < OPEN_ANYWAY_MS / OPEN_POLL_MS) {
        wr_timer_set(&m->open, WR_SPAN_MS(OPEN_POLL_MS));
        return;
    }
    for (size_t i = 0; i < m->crew->listener_count; i++)
        wr_accept_start(&m->accepts[i], m->crew->listeners[i], &m->worker.loop, on_accepted);
    __atomic_add_fetch(&m->crew->serving, 1, __ATOMIC_RELEASE);
}

static void on_tick(struct wr_timer *timer)
{
    struct member *m = WR_CONTAINER(timer, struct member, tick);
    wr_timer_set(&m->tick, WR_SPAN_S(1));
    wr_near_sweep(m->worker.near);
    if (m->worker.shared->access)
        wr_access_flush(m->worker.shared->access);
}

static void adopt(struct member *m, struct wr_policy *policy)
{
    struct wr_tenure *old = m->worker.tenure;
    if (m->worker.shelf)
        wr_shelf_adopt(m->worker.shelf, policy);
    m->worker.tenure = wr_tenure_new(&m->worker, policy);
    wr_policy_unref(policy);
    wr_tenure_unref(old);
}

static void on_orders(struct wr_note *note)
{
    struct member *m = WR_CONTAINER(note, struct member, orders);
    pthread_mutex_lock(&m->lock);
    struct wr_policy *policy = m->adopt;
    bool drain = m->drain && !m->draining, cut = m->cut;
    m->adopt = NULL;
    pthread_mutex_unlock(&m->lock);
    if (policy)
        adopt(m, policy);
    if (drain) {
        m->draining = true;
        for (size_t i = 0; i < m->crew->listener_count; i++)
            wr_accept_leave(&m->accepts[i], m->crew->listeners[i], m->worker.loop.index);
        wr_conns_drain(&m->worker);
    }
    if (cut) {
        wr_conns_cut(&m->worker);
        wr_flights_cut(&m->worker);
    }
}

static void on_idle(struct wr_worker *worker)
{
    struct member *m = (struct member *) worker;
    if (m->draining)
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
    if (__atomic_sub_fetch(&m->crew->running, 1, __ATOMIC_ACQ_REL) == 0)
        wr_note_post(&m->crew->ended);
    return NULL;
}

/* --- on the main thread --- */

static void on_ended(struct wr_note *note)
{
    struct wr_crew *crew = WR_CONTAINER(note, struct wr_crew, ended);
    crew->gone(crew->ctx);
}

static void member_init(struct member *m, struct wr_crew *crew, unsigned index, struct wr_shared *shared,
                        struct wr_policy *policy, const char *node_name)
{
    struct wr_worker *w = &m->worker;
    m->crew = crew;
    w->shared = shared;
    w->idle = on_idle;
    TAILQ_INIT(&w->conns);
    TAILQ_INIT(&w->flights);
    WR_CHECK(wr_loop_init(&w->loop, index) == 0 && pthread_mutex_init(&m->lock, NULL) == 0);
    w->batch = wr_batch_new(w);
    w->near = wr_near_new();
    if (policy->redis.enabled) {
        char name[160];
        snprintf(name, sizeof name, "weir:%s:%u", node_name, index);
        w->link = wr_link_new(&w->loop, policy, name);
        w->shelf = wr_shelf_new(&w->loop, policy, w->link);
    }
    w->tenure = wr_tenure_new(w, policy);
    m->accepts = calloc(crew->listener_count, sizeof *m->accepts);
    WR_CHECK(m->accepts != NULL);
    wr_timer_init(&m->tick, &w->loop, on_tick);
    wr_timer_init(&m->open, &w->loop, on_open);
    wr_note_init(&m->orders, &w->loop, on_orders);
}

struct wr_crew *wr_crew_new(struct wr_shared *shared, struct wr_policy *policy, const char *node_name,
                            struct wr_listener **listeners, size_t listener_count, struct wr_loop *main_loop,
                            void (*gone)(void *ctx), void *ctx)
{
    struct wr_crew *crew = calloc(1, sizeof *crew);
    WR_CHECK(crew != NULL);
    crew->count = policy->workers;
    crew->listeners = listeners;
    crew->listener_count = listener_count;
    crew->gone = gone;
    crew->ctx = ctx;
    crew->members = calloc(crew->count, sizeof *crew->members);
    crew->loops = calloc(crew->count, sizeof *crew->loops);
    WR_CHECK(crew->members != NULL && crew->loops != NULL);
    wr_note_init(&crew->ended, main_loop, on_ended);
    for (unsigned i = 0; i < crew->count; i++) {
        member_init(&crew->members[i], crew, i, shared, policy, node_name);
        crew->loops[i] = &crew->members[i].worker.loop;
    }
    return crew;
}

/* Signals are the main thread's: the workers start with all of them blocked. */
void wr_crew_start(struct wr_crew *crew)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    crew->running = crew->count;
    for (unsigned i = 0; i < crew->count; i++) {
        struct member *m = &crew->members[i];
        WR_CHECK(pthread_create(&m->thread, NULL, work, m) == 0);
        m->started = true;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void wr_crew_adopt(struct wr_crew *crew, struct wr_policy *policy)
{
    for (unsigned i = 0; i < crew->count; i++) {
        struct member *m = &crew->members[i];
        pthread_mutex_lock(&m->lock);
        struct wr_policy *unseen = m->adopt;
        m->adopt = wr_policy_ref(policy);
        pthread_mutex_unlock(&m->lock);
        wr_policy_unref(unseen);
        wr_note_post(&m->orders);
    }
}

static void order(struct wr_crew *crew, bool cut)
{
    for (unsigned i = 0; i < crew->count; i++) {
        struct member *m = &crew->members[i];
        pthread_mutex_lock(&m->lock);
        m->drain = true;
        m->cut = cut;
        pthread_mutex_unlock(&m->lock);
        wr_note_post(&m->orders);
    }
}

void wr_crew_drain(struct wr_crew *crew)
{
    order(crew, false);
}

void wr_crew_cut(struct wr_crew *crew)
{
    order(crew, true);
}

bool wr_crew_serving(const struct wr_crew *crew)
{
    return __atomic_load_n(&crew->serving, __ATOMIC_ACQUIRE) == crew->count;
}

bool wr_crew_alive(const struct wr_crew *crew, struct wr_mono now, struct wr_span within)
{
    for (unsigned i = 0; i < crew->count; i++) {
        int64_t beat = __atomic_load_n(&crew->loops[i]->beat_us, __ATOMIC_RELAXED);
        if (now.us - beat > within.us)
            return false;
    }
    return true;
}

struct wr_loop **wr_crew_loops(struct wr_crew *crew)
{
    return crew->loops;
}

static void free_spares(struct wr_worker *w)
{
    while (w->spare_txns) {
        struct wr_txn *t = w->spare_txns;
        w->spare_txns = t->next_spare;
        wr_txn_free_spare(t);
    }
    wr_flights_free_spares(w);
    while (w->spare_buffers) {
        char *buffer = w->spare_buffers;
        memcpy(&w->spare_buffers, buffer, sizeof w->spare_buffers);
        free(buffer);
    }
}

static void member_fini(struct member *m)
{
    struct wr_worker *w = &m->worker;
    if (m->started)
        pthread_join(m->thread, NULL);
    wr_timer_fini(&m->tick);
    wr_timer_fini(&m->open);
    for (size_t i = 0; i < m->crew->listener_count; i++)
        wr_accept_stop(&m->accepts[i]);
    free(m->accepts);
    wr_note_fini(&m->orders);
    wr_batch_free(w->batch);
    wr_near_free(w->near);
    wr_policy_unref(m->adopt);
    wr_tenure_unref(w->tenure);
    if (w->shelf)
        wr_shelf_free(w->shelf);
    if (w->link)
        wr_link_free(w->link);
    wr_loop_fini(&w->loop);
    free_spares(w);
    pthread_mutex_destroy(&m->lock);
}

void wr_crew_free(struct wr_crew *crew)
{
    for (unsigned i = 0; i < crew->count; i++)
        member_fini(&crew->members[i]);
    wr_note_fini(&crew->ended);
    free(crew->members);
    free(crew->loops);
    free(crew);
}
