/* Purges on the main loop: into Redis, into the journal, then the other nodes' word. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "flight/purger_priv.h"
#include "redis/keys.h"
#include "redis/node.h"
#include "stats/stats.h"

#define POLL_FIRST_MS 1
#define POLL_MOST_MS 20

/* One node's entry that is asked for. */
struct asked_node {
    struct wr_call call;
    struct wr_purge_job *job;
    struct wr_buf key;
    bool told;
};

struct wr_purge_job {
    TAILQ_ENTRY(wr_purge_job) entry;
    struct wr_purger *purger;
    struct wr_purge_wait *wait; /* behind the purger's lock; NULL: nobody waits */
    struct wr_arena arena;
    struct wr_purge purge;      /* its texts are in the arena */
    struct wr_slice who;
    enum wr_err err;
    unsigned open;              /* questions under way: the purge's and the journal's */
    struct wr_call purge_call, journal_call, nodes_call;
    unsigned purge_open;        /* the shelf's, which aren't calls of ours */
    struct wr_journal_id id;
    struct wr_time deadline;    /* monotonic: for the nodes' word */
    struct wr_timer timer;
    unsigned poll_ms;
    struct asked_node *nodes;
    size_t node_count, nodes_open;
    unsigned told, live;        /* others than this node */
};

/* One who wants to see the journal. */
struct wr_purge_list {
    TAILQ_ENTRY(wr_purge_list) entry;
    struct wr_purger *purger;
    struct wr_call call;
    struct wr_note note; /* answers what needs no question */
    enum wr_err err;
    void (*each)(void *ctx, const struct wr_purge_entry *e);
    void (*done)(void *ctx, enum wr_err err);
    void *ctx;
};

/* Without Redis. */
struct wr_purge_recent {
    struct wr_time at;
    char *who, *name;
    enum wr_scope scope;
    bool soft;
};

/* --- the end of a purge --- */

static void forget_nodes(struct wr_purge_job *job)
{
    for (size_t i = 0; i < job->node_count; i++) {
        wr_call_cancel(&job->nodes[i].call);
        wr_buf_fini(&job->nodes[i].key);
    }
    free(job->nodes);
    job->nodes = NULL;
    job->node_count = job->nodes_open = 0;
}

static void job_free(struct wr_purge_job *job)
{
    forget_nodes(job);
    wr_call_cancel(&job->purge_call);
    wr_call_cancel(&job->journal_call);
    wr_call_cancel(&job->nodes_call);
    wr_timer_fini(&job->timer);
    wr_arena_fini(&job->arena);
    free(job);
}

static void finish(struct wr_purge_job *job)
{
    struct wr_purger *p = job->purger;
    pthread_mutex_lock(&p->lock);
    struct wr_purge_wait *w = job->wait;
    if (w) {
        w->result = (struct wr_purge_result){ job->err, job->told + 1, job->live + 1 };
        w->job = NULL;
        wr_note_post(&w->note);
    }
    pthread_mutex_unlock(&p->lock);
    TAILQ_REMOVE(&p->jobs, job, entry);
    job_free(job);
}

/* --- the nodes' word --- */

static void poll_nodes(struct wr_purge_job *job);

static void poll_again(struct wr_purge_job *job)
{
    struct wr_span left = wr_time_since(job->deadline, job->purger->loop->mono);
    if (left.us <= 0) {
        finish(job);
        return;
    }
    struct wr_span in = WR_SPAN_MS(job->poll_ms);
    job->poll_ms = job->poll_ms * 2 < POLL_MOST_MS ? job->poll_ms * 2 : POLL_MOST_MS;
    wr_timer_set(&job->timer, left.us < in.us ? left : in);
}

static void count_nodes(struct wr_purge_job *job)
{
    job->told = 0;
    job->live = (unsigned) job->node_count;
    for (size_t i = 0; i < job->node_count; i++)
        job->told += job->nodes[i].told;
    forget_nodes(job);
    if (job->told == job->live)
        finish(job);
    else
        poll_again(job);
}

static void on_node(struct wr_call *call, enum wr_err err, const struct wr_reply *reply)
{
    struct asked_node *n = WR_CONTAINER(call, struct asked_node, call);
    struct wr_journal_id at;
    n->told = err == WR_OK && wr_reply_kind(reply) == WR_REPLY_STRING && wr_journal_id_parse(wr_reply_slice(reply), &at) &&
              !wr_journal_id_before(at, n->job->id);
    if (--n->job->nodes_open == 0)
        count_nodes(n->job);
}

static void ask_nodes(struct wr_purge_job *job, const struct wr_reply *names)
{
    struct wr_purger *p = job->purger;
    job->nodes = calloc(wr_reply_count(names) + 1, sizeof *job->nodes);
    WR_CHECK(job->nodes != NULL);
    for (size_t i = 0; i < wr_reply_count(names); i++) {
        struct wr_slice name = wr_reply_slice(wr_reply_at(names, i));
        if (name.at == NULL || wr_slice_eq(name, wr_slice_str(p->node)))
            continue;
        struct asked_node *n = &job->nodes[job->node_count++];
        n->job = job;
        n->call.done = on_node;
        wr_keys_node(&n->key, &p->policy->redis, name);
        const struct wr_slice argv[] = { WR_SLICE("HGET"), wr_buf_slice(&n->key), WR_SLICE("purges") };
        if (wr_link_send(p->link, &n->call, WR_PURGE_PATIENCE, 3, argv) == WR_OK)
            job->nodes_open++;
    }
    if (job->nodes_open == 0)
        count_nodes(job);
}

static void on_names(struct wr_call *call, enum wr_err err, const struct wr_reply *reply)
{
    struct wr_purge_job *job = WR_CONTAINER(call, struct wr_purge_job, nodes_call);
    if (err == WR_OK && wr_reply_kind(reply) == WR_REPLY_ARRAY)
        ask_nodes(job, reply);
    else
        poll_again(job);
}

static void poll_nodes(struct wr_purge_job *job)
{
    struct wr_purger *p = job->purger;
    const struct wr_slice argv[] = { WR_SLICE("ZRANGE"), wr_buf_slice(&p->nodes_key), WR_SLICE("0"), WR_SLICE("-1") };
    job->nodes_call = (struct wr_call){ .done = on_names };
    if (wr_link_send(p->link, &job->nodes_call, WR_PURGE_PATIENCE, 4, argv) != WR_OK)
        poll_again(job);
}

static void on_timer(struct wr_timer *timer)
{
    struct wr_purge_job *job = WR_CONTAINER(timer, struct wr_purge_job, timer);
    if (wr_time_before(job->purger->loop->mono, job->deadline))
        poll_nodes(job);
    else
        finish(job);
}

/* --- into Redis --- */

/* Both answers are here. What was learnt between the wish and Redis's taking it may be old. */
static void one_answered(struct wr_purge_job *job, enum wr_err err)
{
    struct wr_purger *p = job->purger;
    if (err != WR_OK)
        job->err = err;
    if (--job->open > 0)
        return;
    if (job->err != WR_OK) {
        finish(job);
        return;
    }
    if (job->purge.scope != WR_SCOPE_URL)
        wr_gens_purge(p->shared->gens, job->purge.scope, job->purge.name, job->purge.soft);
    job->deadline = wr_time_add(p->loop->mono, p->policy->redis.max_staleness);
    job->poll_ms = POLL_FIRST_MS;
    poll_nodes(job);
}

static enum wr_err err_of(enum wr_err err, const struct wr_reply *reply)
{
    return err == WR_OK && wr_reply_kind(reply) == WR_REPLY_ERROR ? WR_ERR_REDIS_ERROR : err;
}

static void on_purged(struct wr_call *call, enum wr_err err, const struct wr_reply *reply)
{
    one_answered(WR_CONTAINER(call, struct wr_purge_job, purge_call), err_of(err, reply));
}

static void on_url_purged(void *ctx, enum wr_err err)
{
    struct wr_purge_job *job = ctx;
    job->purge_open--;
    one_answered(job, err);
}

static void on_journal(struct wr_call *call, enum wr_err err, const struct wr_reply *reply)
{
    struct wr_purge_job *job = WR_CONTAINER(call, struct wr_purge_job, journal_call);
    err = err_of(err, reply);
    if (err == WR_OK && !wr_journal_id_parse(wr_reply_slice(reply), &job->id))
        err = WR_ERR_REDIS_ERROR;
    one_answered(job, err);
}

/* The purge before the journal: whoever hears of the entry finds it done. */
static void send_job(struct wr_purge_job *job)
{
    struct wr_purger *p = job->purger;
    enum wr_err err = WR_OK;
    if (job->purge.scope == WR_SCOPE_URL) {
        struct wr_time soft = { job->purge.soft ? p->loop->now.us : 0 };
        job->open += job->purge_open = 2;
        wr_shelf_purge(p->shelf, job->purge.host, job->purge.primary, soft, 0, on_url_purged, job);
        wr_shelf_purge(p->shelf, job->purge.host, job->purge.other, soft, 0, on_url_purged, job);
    } else {
        job->purge_call.done = on_purged;
        err = wr_purge_send(p->shared->gens, p->link, &job->purge_call, WR_PURGE_PATIENCE, &job->purge);
        job->open += err == WR_OK;
    }
    job->journal_call.done = on_journal;
    if (err == WR_OK) {
        err = wr_journal_append(p, &job->journal_call, &job->purge, (const char *) job->who.at);
        job->open += err == WR_OK;
    }
    if (err != WR_OK)
        job->err = err;
    if (job->open == 0)
        finish(job);
}

/* --- wishes --- */

static void remember_recent(struct wr_purger *p, const struct wr_purge_job *job)
{
    struct wr_purge_recent *r = &p->recent[p->recent_count++ % WR_RECENT_MOST];
    free(r->who);
    free(r->name);
    *r = (struct wr_purge_recent){ p->loop->now, wr_slice_dup(job->who), wr_slice_dup(job->purge.name), job->purge.scope, job->purge.soft };
}

static void on_wishes(struct wr_note *note)
{
    struct wr_purger *p = WR_CONTAINER(note, struct wr_purger, note);
    for (;;) {
        pthread_mutex_lock(&p->lock);
        struct wr_purge_job *job = TAILQ_FIRST(&p->wishes);
        if (job)
            TAILQ_REMOVE(&p->wishes, job, entry);
        pthread_mutex_unlock(&p->lock);
        if (job == NULL)
            return;
        TAILQ_INSERT_TAIL(&p->jobs, job, entry);
        wr_timer_init(&job->timer, p->loop, on_timer);
        if (p->link) {
            send_job(job);
        } else {
            remember_recent(p, job);
            finish(job);
        }
    }
}

static void on_wait_note(struct wr_note *note)
{
    struct wr_purge_wait *w = WR_CONTAINER(note, struct wr_purge_wait, note);
    wr_note_fini(&w->note);
    w->purger = NULL;
    w->done(w);
}

void wr_purger_purge(struct wr_purger *p, const struct wr_purge *purge, const char *who, struct wr_loop *loop,
                     struct wr_purge_wait *w)
{
    struct wr_purge_job *job = calloc(1, sizeof *job);
    WR_CHECK(job != NULL);
    WR_COUNT(purges);
    wr_purge_here(p->shared, purge);
    job->purger = p;
    job->purge = *purge;
    job->purge.name = wr_arena_copy(&job->arena, purge->name);
    job->purge.host = wr_arena_copy(&job->arena, purge->host);
    job->who = wr_arena_copy(&job->arena, wr_slice_str(who));
    if (w) {
        wr_note_init(&w->note, loop, on_wait_note);
        w->purger = p;
        w->job = job;
        job->wait = w;
    }
    pthread_mutex_lock(&p->lock);
    TAILQ_INSERT_TAIL(&p->wishes, job, entry);
    pthread_mutex_unlock(&p->lock);
    wr_note_post(&p->note);
}

void wr_purge_wait_cancel(struct wr_purge_wait *w)
{
    struct wr_purger *p = w->purger;
    if (p == NULL)
        return;
    pthread_mutex_lock(&p->lock);
    if (w->job)
        w->job->wait = NULL;
    w->job = NULL;
    pthread_mutex_unlock(&p->lock);
    wr_note_fini(&w->note);
    w->purger = NULL;
}

/* --- the journal, to be read --- */

static void list_end(struct wr_purge_list *l, enum wr_err err)
{
    TAILQ_REMOVE(&l->purger->lists, l, entry);
    wr_call_cancel(&l->call);
    wr_note_fini(&l->note);
    l->done(l->ctx, err);
    free(l);
}

static void on_list(struct wr_call *call, enum wr_err err, const struct wr_reply *reply)
{
    struct wr_purge_list *l = WR_CONTAINER(call, struct wr_purge_list, call);
    err = err_of(err, reply);
    for (size_t i = 0; err == WR_OK && i < wr_reply_count(reply); i++) {
        struct wr_journal_id id;
        struct wr_purge_entry e;
        struct wr_purge purge;
        if (wr_journal_entry(wr_reply_at(reply, i), &id, &e, &purge))
            l->each(l->ctx, &e);
    }
    list_end(l, err);
}

static void on_list_note(struct wr_note *note)
{
    struct wr_purge_list *l = WR_CONTAINER(note, struct wr_purge_list, note);
    struct wr_purger *p = l->purger;
    for (size_t i = p->recent_count; l->err == WR_OK && i > 0 && i + WR_RECENT_MOST > p->recent_count; i--) {
        const struct wr_purge_recent *r = &p->recent[(i - 1) % WR_RECENT_MOST];
        const struct wr_purge_entry e = { r->at, wr_slice_str(p->node), wr_slice_str(r->who),
                                          wr_slice_str(wr_scope_name(r->scope)), wr_slice_str(r->name), r->soft };
        l->each(l->ctx, &e);
    }
    list_end(l, l->err);
}

void wr_purger_list(struct wr_purger *p, unsigned most, void (*each)(void *ctx, const struct wr_purge_entry *e),
                    void (*done)(void *ctx, enum wr_err err), void *ctx)
{
    struct wr_purge_list *l = calloc(1, sizeof *l);
    WR_CHECK(l != NULL);
    *l = (struct wr_purge_list){ .purger = p, .each = each, .done = done, .ctx = ctx, .call = { .done = on_list } };
    wr_note_init(&l->note, p->loop, on_list_note);
    TAILQ_INSERT_TAIL(&p->lists, l, entry);
    if (p->link) {
        char count[16];
        int len = snprintf(count, sizeof count, "%u", most);
        const struct wr_slice argv[] = { WR_SLICE("XREVRANGE"), wr_buf_slice(&p->journal.key), WR_SLICE("+"), WR_SLICE("-"),
                                         WR_SLICE("COUNT"), wr_slice(count, (size_t) len) };
        l->err = wr_link_send(p->link, &l->call, WR_PURGE_PATIENCE, 6, argv);
        if (l->err == WR_OK)
            return;
    }
    wr_note_post(&l->note);
}

/* --- life --- */

void wr_purger_heard(struct wr_purger *p, struct wr_slice key)
{
    if (key.at == NULL || wr_slice_eq(key, wr_buf_slice(&p->journal.key)))
        wr_journal_look(&p->journal, key.at == NULL);
}

struct wr_purger *wr_purger_new(struct wr_loop *main_loop, struct wr_policy *policy, struct wr_shared *shared,
                                struct wr_link *link, struct wr_shelf *shelf, const char *node)
{
    struct wr_purger *p = calloc(1, sizeof *p);
    WR_CHECK(p != NULL);
    p->loop = main_loop;
    p->policy = wr_policy_ref(policy);
    p->shared = shared;
    p->link = link;
    p->shelf = shelf;
    p->node = node;
    p->recent = calloc(WR_RECENT_MOST, sizeof *p->recent);
    WR_CHECK(p->recent != NULL && pthread_mutex_init(&p->lock, NULL) == 0);
    TAILQ_INIT(&p->wishes);
    TAILQ_INIT(&p->jobs);
    TAILQ_INIT(&p->lists);
    wr_note_init(&p->note, main_loop, on_wishes);
    if (link) {
        wr_keys_nodes(&p->nodes_key, &policy->redis);
        wr_journal_init(&p->journal, p);
    }
    return p;
}

void wr_purger_free(struct wr_purger *p)
{
    struct wr_purge_job *job;
    struct wr_purge_list *l;
    if (p == NULL)
        return;
    wr_note_fini(&p->note);
    TAILQ_CONCAT(&p->jobs, &p->wishes, entry);
    while ((job = TAILQ_FIRST(&p->jobs)) != NULL) {
        WR_CHECK(job->purge_open == 0); /* the shelf has ended its own */
        TAILQ_REMOVE(&p->jobs, job, entry);
        job_free(job);
    }
    while ((l = TAILQ_FIRST(&p->lists)) != NULL)
        list_end(l, WR_ERR_CANCELLED);
    if (p->link)
        wr_journal_fini(&p->journal);
    for (size_t i = 0; i < WR_RECENT_MOST; i++) {
        free(p->recent[i].who);
        free(p->recent[i].name);
    }
    free(p->recent);
    wr_buf_fini(&p->nodes_key);
    pthread_mutex_destroy(&p->lock);
    wr_policy_unref(p->policy);
    free(p);
}
