/* Reading generations from Redis: what one object needs, and, on the main loop, what has changed.
 *
 * An answer may be overtaken by the news that it is old, for that comes over another connection: such a question is asked
 * once more, and if even that is overtaken the value is good for a stamp only. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cache/generations_priv.h"
#include "redis/keys.h"

#define REFRESH_PATIENCE WR_SPAN_S(1)

/* One key that is asked for. */
struct wr_gens_question {
    struct wr_call call;
    struct wr_gens *gens;
    struct wr_link *link;
    struct wr_gens_ask *ask;
    struct wr_buf key;
    bool prefixes;
    bool again;
    struct wr_span keep;
    struct wr_time sent;
};

/* --- one question --- */

static bool ask_redis(struct wr_gens_question *q);

/* Of a purge it is known how long ago it was, by Redis's own clock; the last digit says whether it was one. */
static struct wr_time when_purged(struct wr_generation value, uint64_t clock, struct wr_time received)
{
    bool purge = value.soft != value.hard || value.hard % 10 != 0;
    if (!purge || value.soft == UINT64_MAX)
        return (struct wr_time){ 0 };
    int64_t ago = clock > value.soft ? (int64_t) (clock - value.soft) : 0;
    return (struct wr_time){ received.us > ago ? received.us - ago : 1 };
}

static bool learn_value(struct wr_gens_question *q, const struct wr_reply *reply, struct wr_time received, bool suspect)
{
    struct wr_gens_news news = { .value = WR_GENERATION_MISSING, .checked = q->sent };
    uint64_t clock;
    if (wr_reply_count(reply) != 2 || !wr_slice_u64(wr_reply_slice(wr_reply_at(reply, 1)), INT64_MAX, &clock))
        return false;
    struct wr_slice text = wr_reply_slice(wr_reply_at(reply, 0));
    if (text.at && !wr_generation_parse(text, &news.value))
        news.value = WR_GENERATION_MISSING;
    news.purged = when_purged(news.value, clock, received);
    wr_gens_set(q->gens, wr_buf_slice(&q->key), &news, suspect);
    return true;
}

struct list {
    const struct wr_reply *reply;
    uint64_t clock;
    struct wr_time received;
};

static bool prefix_of(const void *ctx, size_t i, struct wr_slice *prefix, struct wr_gens_news *news)
{
    const struct list *l = ctx;
    *prefix = wr_reply_slice(wr_reply_at(l->reply, 1 + 2 * i));
    *news = (struct wr_gens_news){ 0 };
    if (prefix->at == NULL || !wr_generation_parse(wr_reply_slice(wr_reply_at(l->reply, 2 + 2 * i)), &news->value))
        return false;
    news->purged = when_purged(news->value, l->clock, l->received);
    return true;
}

static bool learn_prefixes(struct wr_gens_question *q, const struct wr_reply *reply, struct wr_time received, bool suspect)
{
    struct list l = { .reply = reply, .received = received };
    size_t count = wr_reply_count(reply);
    if (count < 3 || !wr_slice_u64(wr_reply_slice(wr_reply_at(reply, 0)), INT64_MAX, &l.clock))
        return false;
    if (wr_prefixes_learn(&q->gens->prefixes, (count - 1) / 2, prefix_of, &l, q->sent))
        wr_gens_turn(q->gens);
    if (suspect) {
        wr_prefixes_forget(&q->gens->prefixes);
        wr_gens_turn(q->gens);
    }
    return true;
}

/* true: answered for good. */
static bool learn(struct wr_gens_question *q, enum wr_err err, const struct wr_reply *reply)
{
    bool overtaken = q->gens->herald && wr_herald_changed_since(q->gens->herald, wr_buf_slice(&q->key), q->sent);
    struct wr_time received = wr_time_monotonic();
    if (err != WR_OK)
        return true;
    bool ok = q->prefixes ? learn_prefixes(q, reply, received, overtaken) : learn_value(q, reply, received, overtaken);
    if (!ok || !overtaken || q->again)
        return true;
    q->again = true;
    return !ask_redis(q);
}

static void forget(struct wr_gens *g, struct wr_slice key, bool prefixes)
{
    if (prefixes) {
        wr_prefixes_forget(&g->prefixes);
        wr_gens_turn(g);
    } else {
        wr_gens_forget(g, key);
    }
}

static bool ask_redis(struct wr_gens_question *q)
{
    char need[24];
    struct wr_span keep = q->keep;
    enum wr_script script = q->prefixes ? WR_SCRIPT_PREFIXES_LEARN : WR_SCRIPT_GENERATION_LEARN;
    if ((keep.us > 0 || q->prefixes) && keep.us < WR_GENS_KEPT.us)
        keep = WR_GENS_KEPT;
    int len = snprintf(need, sizeof need, "%" PRId64, wr_span_ms(keep));
    struct wr_slice key = wr_buf_slice(&q->key), arg = wr_slice(need, (size_t) len);
    /* settled after all that was put into the table is looked at: the clock of the loop is that of its last event */
    q->sent = wr_time_monotonic();
    struct wr_span patience = q->ask ? q->gens->redis.timeout : REFRESH_PATIENCE;
    return wr_link_script(q->link, &q->call, patience, script, 1, &key, 1, &arg) == WR_OK;
}

/* --- what an object needs --- */

static void question_ended(struct wr_gens_ask *ask)
{
    if (--ask->pending > 0)
        return;
    for (size_t i = 0; i < ask->count; i++)
        wr_buf_fini(&ask->questions[i].key);
    free(ask->questions);
    ask->questions = NULL;
    ask->count = 0;
    ask->done(ask);
}

static void on_answer(struct wr_call *call, enum wr_err err, const struct wr_reply *reply)
{
    struct wr_gens_question *q = WR_CONTAINER(call, struct wr_gens_question, call);
    q->ask->late |= err == WR_ERR_TIMEOUT;
    if (learn(q, err, reply))
        question_ended(q->ask);
}

struct wanted {
    struct wr_buf *keys; /* [0] may be that of the prefixes */
    size_t count, room;
    bool prefixes;
};

static void want(struct wanted *w, struct wr_slice key)
{
    if (w->count == w->room) {
        w->room = w->room ? w->room * 2 : 8;
        w->keys = realloc(w->keys, w->room * sizeof *w->keys);
        WR_CHECK(w->keys != NULL);
    }
    w->keys[w->count] = (struct wr_buf){ 0 };
    wr_buf_add_slice(&w->keys[w->count++], key);
}

static void find_wanted(struct wr_gens *g, const struct wr_object *o, struct wr_time since, struct wanted *w)
{
    struct wr_time now = wr_time_monotonic();
    struct wr_gens_walk walk;
    if (wr_prefixes_wanting(g, now, since)) {
        struct wr_buf key = { 0 };
        wr_keys_prefixes(&key, &g->redis);
        want(w, wr_buf_slice(&key));
        wr_buf_fini(&key);
        w->prefixes = true;
    }
    wr_gens_walk_begin(&walk, g, o);
    while (wr_gens_walk_next(&walk))
        if (wr_gens_wanting(g, wr_buf_slice(&walk.key), now, since))
            want(w, wr_buf_slice(&walk.key));
    wr_gens_walk_end(&walk);
}

bool wr_gens_learn(struct wr_gens *g, struct wr_link *link, const struct wr_object *o, struct wr_span keep,
                   struct wr_time stamp_since, struct wr_gens_ask *ask)
{
    struct wanted w = { 0 };
    WR_CHECK(ask->pending == 0 && ask->done != NULL);
    if (!g->shared || link == NULL || !wr_link_ready(link))
        return false;
    find_wanted(g, o, stamp_since, &w);
    ask->gens = g;
    ask->late = false;
    ask->count = w.count;
    ask->questions = calloc(w.count + 1, sizeof *ask->questions);
    WR_CHECK(ask->questions != NULL);
    for (size_t i = 0; i < w.count; i++) {
        struct wr_gens_question *q = &ask->questions[i];
        *q = (struct wr_gens_question){ .call = { .done = on_answer }, .gens = g, .link = link, .ask = ask, .key = w.keys[i],
                                        .prefixes = i == 0 && w.prefixes, .keep = keep };
        ask->pending += ask_redis(q);
    }
    free(w.keys);
    if (ask->pending == 0)
        wr_gens_cancel(ask);
    return ask->pending > 0;
}

void wr_gens_cancel(struct wr_gens_ask *ask)
{
    for (size_t i = 0; i < ask->count; i++) {
        wr_call_cancel(&ask->questions[i].call);
        wr_buf_fini(&ask->questions[i].key);
    }
    free(ask->questions);
    ask->questions = NULL;
    ask->count = ask->pending = 0;
}

/* --- what has changed --- */

struct wr_gens_refresh {
    LIST_ENTRY(wr_gens_refresh) entry;
    bool changed; /* what is known is known to be old */
    struct wr_gens_question question;
};

static void refresh_free(struct wr_gens_refresh *r)
{
    wr_call_cancel(&r->question.call);
    wr_buf_fini(&r->question.key);
    LIST_REMOVE(r, entry);
    free(r);
}

static void on_refreshed(struct wr_call *call, enum wr_err err, const struct wr_reply *reply)
{
    struct wr_gens_question *q = WR_CONTAINER(call, struct wr_gens_question, call);
    struct wr_gens *g = q->gens;
    if (!learn(q, err, reply))
        return;
    struct wr_gens_refresh *r = WR_CONTAINER(q, struct wr_gens_refresh, question);
    if (err != WR_OK && r->changed)
        forget(g, wr_buf_slice(&q->key), q->prefixes);
    refresh_free(r);
    if (--g->unsettled == 0 && g->settled)
        g->settled(g->settled_ctx);
}

static void refresh(struct wr_gens *g, struct wr_link *link, struct wr_slice key, bool prefixes, bool changed)
{
    struct wr_gens_refresh *r = calloc(1, sizeof *r);
    struct wr_span keep = changed || prefixes ? WR_SPAN_S(0) : WR_GENS_KEPT;
    WR_CHECK(r != NULL);
    r->changed = changed;
    r->question = (struct wr_gens_question){ .call = { .done = on_refreshed }, .gens = g, .link = link, .prefixes = prefixes,
                                             .keep = keep };
    wr_buf_add_slice(&r->question.key, key);
    LIST_INSERT_HEAD(&g->refreshes, r, entry);
    if (ask_redis(&r->question)) {
        g->unsettled++;
        return;
    }
    if (changed)
        forget(g, key, prefixes);
    refresh_free(r);
}

static bool is_prefixes(const struct wr_gens *g, struct wr_slice key)
{
    struct wr_buf name = { 0 };
    wr_keys_prefixes(&name, &g->redis);
    bool same = wr_slice_eq(wr_buf_slice(&name), key);
    wr_buf_fini(&name);
    return same;
}

void wr_gens_changed(struct wr_gens *g, struct wr_link *link, struct wr_slice key)
{
    if (key.at == NULL)
        wr_gens_forget_all(g);
    else if (is_prefixes(g, key))
        refresh(g, link, key, true, true);
    else if (wr_gens_knows(g, key))
        refresh(g, link, key, false, true);
}

void wr_gens_warm(struct wr_gens *g, struct wr_link *link)
{
    struct wr_buf prefixes = { 0 }, all = { 0 };
    wr_keys_prefixes(&prefixes, &g->redis);
    wr_gens_key(g, WR_SCOPE_ALL, wr_slice("", 0), &all);
    refresh(g, link, wr_buf_slice(&prefixes), true, false);
    refresh(g, link, wr_buf_slice(&all), false, false);
    wr_buf_fini(&prefixes);
    wr_buf_fini(&all);
}

size_t wr_gens_unsettled(const struct wr_gens *g)
{
    return g->unsettled;
}

void wr_gens_on_settled(struct wr_gens *g, void (*settled)(void *ctx), void *ctx)
{
    g->settled = settled;
    g->settled_ctx = ctx;
}

void wr_gens_free(struct wr_gens *g)
{
    struct wr_gens_refresh *r;
    while ((r = LIST_FIRST(&g->refreshes)) != NULL)
        refresh_free(r);
    wr_gens_forget_all(g);
    wr_prefixes_fini(&g->prefixes);
    for (size_t i = 0; i < WR_GENS_SHARDS; i++) {
        free(g->shards[i].chains);
        pthread_mutex_destroy(&g->shards[i].lock);
    }
    free(g);
}
