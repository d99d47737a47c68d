/* SPDX-License-Identifier: BSD-2-Clause */
/* Carries out purges on the main loop: writes them into the journal, then asks for the other nodes' word. It
 * also lists the latest purges. */
#include "purge/purger.h"

#include <stdio.h>
#include <stdlib.h>

#include "purge/journal_priv.h"
#include "purge/word_priv.h"
#include "redis/keys.h"
#include "stats/stats.h"

#define RECENT_MOST 100 /* without Redis: what `weirctl purges` shows */

struct wr_purge_job {
    TAILQ_ENTRY(wr_purge_job) entry;
    struct wr_purger *purger;
    struct wr_purge_wait *wait; /* under the purger's lock; NULL: nobody waits */
    struct wr_arena arena;
    struct wr_purge purge; /* its texts are in the arena */
    struct wr_slice who;
    enum wr_err err;
    bool saying; /* the journal has been asked to take the purge */
    struct wr_instant at;
    struct wr_purge_word word;
};

/* Somebody who wants to read the journal. */
struct wr_purge_list {
    TAILQ_ENTRY(wr_purge_list) entry;
    struct wr_purger *purger;
    struct wr_call call;
    struct wr_note note; /* answers if Redis isn't asked */
    enum wr_err err;
    void (*each)(void *ctx, const struct wr_purge_entry *e);
    void (*done)(void *ctx, enum wr_err err);
    void *ctx;
    unsigned most;
};

/* A purge of a node without Redis. */
struct wr_purge_recent {
    struct wr_wall at;
    char *who, *name;
    enum wr_scope scope;
    bool soft;
};

struct wr_purger {
    struct wr_loop *loop;
    struct wr_policy *policy;
    struct wr_purges *purges;
    struct wr_link *link;
    struct wr_redis_store *redis_store;
    const char *node;
    struct wr_fleet fleet;
    pthread_mutex_t lock; /* protects `wishes` and each job's wait */
    TAILQ_HEAD(, wr_purge_job) wishes;
    struct wr_note note; /* there are wishes */
    TAILQ_HEAD(, wr_purge_job) jobs;
    TAILQ_HEAD(, wr_purge_list) lists;
    struct wr_purge_recent *recent; /* without Redis: a ring buffer */
    size_t recent_count;
};

/* --- the end of a purge --- */

static void job_free(struct wr_purge_job *job)
{
    wr_purge_word_fini(&job->word);
    wr_arena_fini(&job->arena);
    free(job);
}

static void finish_job(struct wr_purge_job *job)
{
    struct wr_purger *p = job->purger;
    pthread_mutex_lock(&p->lock);
    struct wr_purge_wait *w = job->wait;
    if (w) {
        w->silent = job->word.silent;
        job->word.silent = NULL;
        w->result = (struct wr_purge_result){ job->err, job->word.confirmed + 1, job->word.live + 1,
                                              w->silent };
        w->job = NULL;
        wr_note_post(&w->note);
    }
    pthread_mutex_unlock(&p->lock);
    TAILQ_REMOVE(&p->jobs, job, entry);
    job_free(job);
}

static void on_word(struct wr_purge_word *word)
{
    finish_job(WR_CONTAINER(word, struct wr_purge_job, word));
}

/* --- into the journal --- */

static void on_said(void *ctx, enum wr_err err, struct wr_instant at)
{
    struct wr_purge_job *job = ctx;
    job->saying = false;
    job->err = err;
    job->at = at;
    if (err == WR_OK)
        wr_purge_word_ask(&job->word, at);
    else
        finish_job(job);
}

/* Drops in Redis what is purged by its URL, as it is of no use any more. */
static void drop_from_redis(struct wr_purger *p, const struct wr_purge *purge)
{
    if (purge->scope != WR_SCOPE_URL || purge->soft)
        return;
    wr_redis_store_drop(p->redis_store, purge->host, purge->primary);
    wr_redis_store_drop(p->redis_store, purge->host, purge->other);
}

static void send_job(struct wr_purge_job *job)
{
    struct wr_purger *p = job->purger;
    job->err = wr_purges_say(p->purges, p->link, &job->purge, (const char *) job->who.at, job->at, on_said,
                             job);
    job->saying = job->err == WR_OK;
    if (job->saying)
        drop_from_redis(p, &job->purge);
    else
        finish_job(job);
}

/* --- wishes --- */

static void remember_recent(struct wr_purger *p, const struct wr_purge_job *job)
{
    struct wr_purge_recent *r = &p->recent[p->recent_count++ % RECENT_MOST];
    free(r->who);
    free(r->name);
    *r = (struct wr_purge_recent){ p->loop->now, wr_slice_dup(job->who), wr_slice_dup(job->purge.name),
                                   job->purge.scope, job->purge.soft };
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
        wr_purge_word_init(&job->word, &p->fleet, on_word);
        if (p->link) {
            send_job(job);
        } else {
            remember_recent(p, job);
            finish_job(job);
        }
    }
}

static void on_wait_note(struct wr_note *note)
{
    struct wr_purge_wait *w = WR_CONTAINER(note, struct wr_purge_wait, note);
    struct wr_silent *silent = w->silent;
    wr_note_fini(&w->note);
    w->purger = NULL;
    w->silent = NULL;
    w->done(w); /* w may have been freed in it */
    free(silent);
}

void wr_purger_purge(struct wr_purger *p, const struct wr_purge *purge, const char *who, struct wr_loop *loop,
                     struct wr_purge_wait *w)
{
    struct wr_purge_job *job = calloc(1, sizeof *job);
    WR_CHECK(job != NULL);
    WR_COUNT(purges);
    job->at = wr_purges_here(p->purges, purge);
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
    free(w->silent);
    w->silent = NULL;
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
    if (err == WR_OK && wr_reply_kind(reply) == WR_REPLY_ERROR)
        err = WR_ERR_REDIS_ERROR;
    for (size_t i = 0; err == WR_OK && l->most > 0 && i < wr_reply_count(reply); i++) {
        struct wr_instant id;
        struct wr_purge_entry e;
        struct wr_purge purge;
        if (!wr_journal_entry(wr_reply_at(reply, i), &id, &e, &purge) || purge.implied)
            continue;
        l->each(l->ctx, &e);
        l->most--;
    }
    list_end(l, err);
}

static void on_list_note(struct wr_note *note)
{
    struct wr_purge_list *l = WR_CONTAINER(note, struct wr_purge_list, note);
    struct wr_purger *p = l->purger;
    for (size_t i = p->recent_count; l->err == WR_OK && i > 0 && i + RECENT_MOST > p->recent_count; i--) {
        const struct wr_purge_recent *r = &p->recent[(i - 1) % RECENT_MOST];
        const struct wr_purge_entry e = {
            wr_redis_time_by_wall(r->at, WR_SPAN_S(0)), wr_slice_str(p->node), wr_slice_str(r->who),
            wr_slice_str(wr_scope_name(r->scope)),      wr_slice_str(r->name), r->soft
        };
        l->each(l->ctx, &e);
    }
    list_end(l, l->err);
}

void wr_purger_list(struct wr_purger *p, unsigned most,
                    void (*each)(void *ctx, const struct wr_purge_entry *e),
                    void (*done)(void *ctx, enum wr_err err), void *ctx)
{
    struct wr_purge_list *l = calloc(1, sizeof *l);
    WR_CHECK(l != NULL);
    *l = (struct wr_purge_list){
        .purger = p, .most = most, .each = each, .done = done, .ctx = ctx, .call = { .done = on_list }
    };
    wr_note_init(&l->note, p->loop, on_list_note);
    TAILQ_INSERT_TAIL(&p->lists, l, entry);
    if (p->link) {
        char count[16];
        int len = snprintf(
            count, sizeof count, "%d",
            WR_JOURNAL_PAGE); /* a page, because some of the entries were caused by unsafe methods */
        struct wr_buf key = { 0 };
        wr_keys_purges(&key, &p->policy->redis);
        const struct wr_slice argv[] = { WR_SLICE("XREVRANGE"), wr_buf_slice(&key),
                                         WR_SLICE("+"),         WR_SLICE("-"),
                                         WR_SLICE("COUNT"),     wr_slice(count, (size_t) len) };
        l->err = wr_link_send(p->link, &l->call, WR_JOURNAL_PATIENCE, 6, argv);
        wr_buf_fini(&key);
        if (l->err == WR_OK)
            return;
    }
    wr_note_post(&l->note);
}

/* --- life --- */

void wr_purger_saw(struct wr_purger *p, struct wr_slice name)
{
    wr_fleet_saw(&p->fleet, name);
}

void wr_purger_disturbed(struct wr_purger *p)
{
    wr_fleet_disturbed(&p->fleet);
}

struct wr_purger *wr_purger_new(struct wr_loop *main_loop, struct wr_policy *policy, struct wr_purges *purges,
                                struct wr_link *link, struct wr_redis_store *redis_store, const char *node)
{
    struct wr_purger *p = calloc(1, sizeof *p);
    WR_CHECK(p != NULL);
    p->loop = main_loop;
    p->policy = wr_policy_ref(policy);
    p->purges = purges;
    p->link = link;
    p->redis_store = redis_store;
    p->node = node;
    p->recent = calloc(RECENT_MOST, sizeof *p->recent);
    WR_CHECK(p->recent != NULL && pthread_mutex_init(&p->lock, NULL) == 0);
    TAILQ_INIT(&p->wishes);
    TAILQ_INIT(&p->jobs);
    TAILQ_INIT(&p->lists);
    wr_note_init(&p->note, main_loop, on_wishes);
    wr_fleet_init(&p->fleet, main_loop, policy, link, node);
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
        WR_CHECK(!job->saying); /* the link's end has ended it */
        TAILQ_REMOVE(&p->jobs, job, entry);
        job_free(job);
    }
    while ((l = TAILQ_FIRST(&p->lists)) != NULL)
        list_end(l, WR_ERR_CANCELLED);
    for (size_t i = 0; i < RECENT_MOST; i++) {
        free(p->recent[i].who);
        free(p->recent[i].name);
    }
    free(p->recent);
    wr_fleet_fini(&p->fleet);
    pthread_mutex_destroy(&p->lock);
    wr_policy_unref(p->policy);
    free(p);
}
