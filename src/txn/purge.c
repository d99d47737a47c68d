/* SPDX-License-Identifier: BSD-2-Clause */
/* PURGE: a method that weir answers itself and never passes to the origin. Clients that the policy does not
 * name in purge_from get 403.
 *
 *   PURGE /path                                      that URL, with all its variants
 *   PURGE /path*                                     all URLs that begin so
 *   PURGE / with Surrogate-Key, Cache-Tag or Cache-Groups   all responses with one of these tags, of any host
 *   ... with Soft-Purge: 1 or Fastly-Soft-Purge: 1   makes them stale instead of removing them
 *
 * The answer is sent when the fleet has heard of the purge. */
#include "http/tags.h"
#include "purge/purger.h"
#include "txn/txn.h"

#define MAX_TAGS 64 /* in one request */

struct wr_txn_purges {
    struct wr_txn *txn;
    size_t count, open;
    unsigned confirmed, live; /* of the one that fewest nodes have heard of */
    struct wr_slice silent;   /* of that one: sentences about the silent nodes, each after "; " */
    enum wr_err err;
    struct awaited_purge {
        struct wr_purge_wait wait;
        struct wr_txn_purges *all;
    } each[];
};

static struct wr_slice tell_silent(struct wr_arena *arena, const struct wr_silent *silent)
{
    struct wr_buf text = { 0 };
    for (size_t i = 0; silent && i < silent->count; i++) {
        wr_buf_add_str(&text, "; ");
        wr_silent_tell(&text, &silent->of[i]);
    }
    struct wr_slice copy = wr_arena_copy(arena, wr_buf_slice(&text));
    wr_buf_fini(&text);
    return copy;
}

static void on_done(struct wr_purge_wait *w)
{
    struct wr_txn_purges *p = WR_CONTAINER(w, struct awaited_purge, wait)->all;
    const struct wr_purge_result *r = &w->result;
    if (r->err != WR_OK)
        p->err = r->err;
    if (p->live == 0 || r->confirmed < p->confirmed) {
        p->confirmed = r->confirmed;
        p->live = r->live;
        p->silent = tell_silent(&p->txn->arena, r->silent);
    }
    if (--p->open == 0)
        wr_txn_wake(p->txn);
}

static struct wr_txn_purges *make(struct wr_txn *t, size_t count)
{
    struct wr_txn_purges *p = wr_arena_zalloc(&t->arena, sizeof *p + count * sizeof p->each[0]);
    p->txn = t;
    p->count = p->open = count;
    for (size_t i = 0; i < count; i++) {
        p->each[i].all = p;
        p->each[i].wait.done = on_done;
    }
    t->purges = p;
    return p;
}

static void start_purge(struct wr_txn *t, size_t index, const struct wr_purge *purge)
{
    struct wr_slice who = wr_arena_printf(&t->arena, "PURGE from %.*s", WR_SLICE_ARG(wr_txn_client(t)));
    wr_purger_purge(t->worker->shared->purger, purge, who.at, &t->worker->loop, &t->purges->each[index].wait);
}

static bool asks_softly(const struct wr_txn *t)
{
    static const struct wr_slice names[] = { WR_SLICE_INIT("Soft-Purge"),
                                             WR_SLICE_INIT("Fastly-Soft-Purge") };
    for (size_t i = 0; i < 2; i++) {
        const struct wr_field *f = wr_head_named(&t->head, names[i], NULL);
        if (f && wr_slice_eq(f->value, WR_SLICE("1")))
            return true;
    }
    return false;
}

static enum wr_txn_stage purge_tags(struct wr_txn *t, const struct wr_slice *tags, size_t count)
{
    struct wr_purge purge = { .scope = WR_SCOPE_TAG, .soft = asks_softly(t) };
    make(t, count);
    for (size_t i = 0; i < count; i++) {
        purge.name = tags[i];
        start_purge(t, i, &purge);
    }
    return WR_TXN_WAIT;
}

/* Purges all that begins with the target without its "*". Keys begin with host and path; all else in a key
 * comes after those. */
static enum wr_txn_stage purge_prefix(struct wr_txn *t, const struct wr_key *key)
{
    struct wr_slice rest = key->text, text = wr_slice_cut(&rest, '\n');
    struct wr_purge purge = { .scope = WR_SCOPE_PREFIX, .soft = asks_softly(t) };
    if (key->host.len == 0)
        text = wr_arena_printf(&t->arena, "%.*s%.*s", WR_SLICE_ARG(t->host), WR_SLICE_ARG(text));
    purge.name = wr_slice(text.at, text.len - 1);
    make(t, 1);
    start_purge(t, 0, &purge);
    return WR_TXN_WAIT;
}

static enum wr_txn_stage purge_target(struct wr_txn *t)
{
    struct wr_head get = t->head;
    bool prefix = get.path.len > 0 && get.path.at[get.path.len - 1] == '*' && get.query.at == NULL;
    get.method = WR_METHOD_GET;
    get.method_text = WR_SLICE("GET");
    const struct wr_route *route = wr_policy_route(t->worker_policy->policy, t->host,
                                                   wr_policy_path(get.path, &t->arena), get.method_text);
    if (route == NULL)
        return wr_txn_refuse(t, WR_ERR_NO_ROUTE, NULL);
    if (prefix) {
        struct wr_key key = wr_key_build(&route->cache, &get, &t->arena);
        return purge_prefix(t, &key);
    }
    struct wr_purge purges[WR_MAX_URL_PURGES];
    size_t count = wr_purges_of_url(t->worker_policy->policy, t->host, &get, &t->arena, purges);
    if (count == 0) { /* nothing is stored; the nodes are told all the same */
        purges[0] = (struct wr_purge){ .name = WR_SLICE("") };
        wr_purge_of(&route->cache, &get, &t->arena, &purges[0]);
        count = 1;
    }
    make(t, count);
    for (size_t i = 0; i < count; i++) {
        purges[i].soft = asks_softly(t);
        if (purges[i].scope == WR_SCOPE_URL)
            purges[i].name = wr_arena_printf(&t->arena, "http://%.*s%.*s%s%.*s", WR_SLICE_ARG(t->head.host),
                                             WR_SLICE_ARG(get.path), get.query.at ? "?" : "",
                                             WR_SLICE_ARG(get.query));
        start_purge(t, i, &purges[i]);
    }
    return WR_TXN_WAIT;
}

enum wr_txn_stage wr_txn_purge(struct wr_txn *t)
{
    static const enum wr_field_id ids[] = { WR_F_SURROGATE_KEY, WR_F_CACHE_TAG, WR_F_CACHE_GROUPS };
    const struct wr_policy *p = t->worker_policy->policy;
    struct wr_tags tags = { .arena = &t->arena };
    bool known = t->conn->peer.who != WR_PROXY_UNKNOWN;
    if (!known || !wr_cidr_has(p->purgers, p->purger_count, t->client_addr))
        return wr_txn_refuse(t, WR_ERR_FORBIDDEN, "PURGE is not allowed from this address (purge_from)");
    for (size_t i = 0; i < 3; i++)
        wr_tags_add(&tags, &t->head, ids[i]);
    if (tags.count > MAX_TAGS)
        return wr_txn_refuse(t, WR_ERR_BAD_REQUEST, "more than 64 tags in one PURGE");
    return tags.count ? purge_tags(t, tags.of, tags.count) : purge_target(t);
}

enum wr_txn_stage wr_txn_purged(struct wr_txn *t)
{
    const struct wr_txn_purges *p = t->purges;
    if (t->err != WR_OK)
        return wr_txn_refuse(t, t->err, t->why);
    if (p == NULL || p->open > 0)
        return WR_TXN_WAIT;
    if (p->err != WR_OK)
        return wr_txn_refuse(t, WR_ERR_PURGED_HERE, NULL);
    return wr_txn_refuse(
        t, WR_ERR_PURGED,
        wr_arena_printf(&t->arena, "%u of %u nodes know%.*s", p->confirmed, p->live, WR_SLICE_ARG(p->silent))
            .at);
}

void wr_txn_purge_cancel(struct wr_txn *t)
{
    for (size_t i = 0; t->purges && i < t->purges->count; i++)
        wr_purge_wait_cancel(&t->purges->each[i].wait);
    t->purges = NULL;
}
