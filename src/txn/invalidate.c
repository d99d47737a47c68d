/* An unsafe method has changed something: what is stored of its target, and of what Location and Content-Location name
 * on the same host, is dropped here, in Redis and on every node (RFC 9111 4.4).
 *
 * The answer waits until Redis has confirmed, but no longer than redis.timeout: a client that has been told of its change
 * is not to see the old state on its next request, whichever worker or node takes that. */
#include <stdlib.h>

#include "flight/purger.h"
#include "http/tags.h"
#include "http/target.h"
#include "log/log.h"
#include "txn/txn.h"

#define MAX_GROUPS 128 /* RFC 9875 5 asks for 128 at least */

/* What Redis has yet to confirm. The transaction may end before. */
struct wr_invalidation {
    struct wr_txn *txn; /* NULL: nobody waits any more */
    unsigned open;
    struct wr_timer patience;
    struct wr_shelf_check check;
};

void wr_txn_leave_invalidation(struct wr_txn *t)
{
    struct wr_invalidation *i = t->invalidation;
    if (i == NULL)
        return;
    t->invalidation = NULL;
    i->txn = NULL;
    wr_timer_fini(&i->patience);
    if (i->open == 0)
        free(i);
}

static void go_on(struct wr_txn *t)
{
    wr_txn_leave_invalidation(t);
    wr_txn_wake(t);
}

static void on_purged(void *ctx, enum wr_err err)
{
    struct wr_invalidation *i = ctx;
    (void) err; /* Redis away: nobody can read the old state from it either, and it isn't trusted when it comes back */
    if (--i->open > 0)
        return;
    if (i->txn)
        go_on(i->txn);
    else
        free(i);
}

static void on_check(struct wr_shelf_check *check, bool same)
{
    (void) same;
    on_purged(WR_CONTAINER(check, struct wr_invalidation, check), WR_OK);
}

/* The answer to a POST has taken the target's place: its flight has told Redis on this very link, so that whatever is asked
 * there now is answered behind that. */
static void wait_for_flight(struct wr_txn *t)
{
    struct wr_invalidation *i = t->invalidation;
    struct wr_shelf *shelf = t->worker->shelf;
    i->check.done = on_check;
    i->open += shelf && wr_shelf_compare(shelf, &i->check, t->object) == WR_OK;
}

static void on_patience(struct wr_timer *timer)
{
    go_on(WR_CONTAINER(timer, struct wr_invalidation, patience)->txn);
}

static struct wr_invalidation *begin(struct wr_txn *t)
{
    struct wr_invalidation *i = calloc(1, sizeof *i);
    WR_CHECK(i != NULL);
    i->txn = t;
    wr_timer_init(&i->patience, &t->worker->loop, on_patience);
    wr_timer_set(&i->patience, t->tenure->policy->redis.timeout);
    return t->invalidation = i;
}

static void drop(struct wr_txn *t, struct wr_slice path, struct wr_slice query)
{
    struct wr_head get = t->head;
    get.method = WR_METHOD_GET;
    get.method_text = WR_SLICE("GET");
    get.path = path;
    get.query = query;
    const struct wr_route *route =
        wr_policy_route(t->tenure->policy, t->host, wr_policy_path(get.path, &t->arena), get.method_text);
    if (route == NULL || !route->cache.enabled)
        return;
    struct wr_key key = wr_key_build(&route->cache, &get, &t->arena);
    t->invalidation->open += wr_flight_invalidate(t->worker, &key, on_purged, t->invalidation);
}

/* RFC 3986 5.3 for what these two fields hold in practice: an absolute path, or one beside the target's. */
static struct wr_slice absolute(struct wr_txn *t, struct wr_slice path)
{
    if (path.len > 0 && path.at[0] == '/')
        return path;
    size_t base = t->head.path.len;
    while (base > 0 && t->head.path.at[base - 1] != '/')
        base--;
    return wr_arena_printf(&t->arena, "%.*s%.*s", (int) base, t->head.path.at, WR_SLICE_ARG(path));
}

static void drop_named(struct wr_txn *t, const struct wr_head *response, enum wr_field_id id)
{
    const struct wr_field *f = wr_head_get(response, id);
    if (f == NULL || f->value.len == 0)
        return;
    struct wr_slice rest = wr_target_on_host(f->value, t->head.host); /* others' responses it has no say over */
    if (rest.at == NULL)
        return;
    struct wr_slice path = wr_slice_cut(&rest, '?');
    drop(t, path.len ? absolute(t, path) : WR_SLICE("/"), rest);
}

/* The groups of this origin that the answer names (RFC 9875 3). */
static void drop_groups(struct wr_txn *t, const struct wr_head *response)
{
    struct wr_slice groups[MAX_GROUPS];
    size_t count = 0;
    if (wr_head_get(response, WR_F_CACHE_GROUP_INVALIDATION) == NULL || t->route == NULL)
        return;
    if (!wr_tags_add(response, WR_F_CACHE_GROUP_INVALIDATION, &t->arena, groups, MAX_GROUPS, &count))
        wr_info("more than %d groups in one Cache-Group-Invalidation: those beyond are passed over", MAX_GROUPS);
    struct wr_slice host = wr_key_build(&t->route->cache, &t->head, &t->arena).host;
    for (size_t i = 0; i < count; i++) {
        const struct wr_purge purge = {
            .scope = WR_SCOPE_GROUP,
            .name = wr_arena_printf(&t->arena, "%.*s %.*s", WR_SLICE_ARG(host), WR_SLICE_ARG(groups[i])),
        };
        wr_purger_purge(t->worker->shared->purger, &purge, "Cache-Group-Invalidation", NULL, NULL);
    }
}

bool wr_txn_invalidate(struct wr_txn *t)
{
    if (!wr_rules_invalidates(&t->head, t->object->meta.status))
        return false;
    struct wr_head response;
    wr_build_head(t->object, &t->arena, &response);
    struct wr_invalidation *i = begin(t);
    if (t->stored) { /* Content-Location names nothing else */
        wait_for_flight(t);
    } else {
        drop(t, t->head.path, t->head.query);
        drop_named(t, &response, WR_F_CONTENT_LOCATION);
    }
    drop_named(t, &response, WR_F_LOCATION);
    drop_groups(t, &response);
    if (i->open == 0)
        wr_txn_leave_invalidation(t);
    return t->invalidation != NULL;
}
