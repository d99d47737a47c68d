/* An unsafe method has changed something: what is stored of its target, and of what Location and Content-Location name
 * on the same host, is dropped here, in Redis and on every node (RFC 9111 4.4). */
#include "flight/purger.h"
#include "http/tags.h"
#include "http/target.h"
#include "log/log.h"
#include "txn/txn.h"

#define MAX_GROUPS 128 /* RFC 9875 5 asks for 128 at least */

static void drop(struct wr_txn *t, struct wr_slice path, struct wr_slice query)
{
    struct wr_head get = t->head;
    get.method = WR_METHOD_GET;
    get.method_text = WR_SLICE("GET");
    get.path = path;
    get.query = query;
    const struct wr_route *route = wr_policy_route(t->tenure->policy, t->host, get.path, get.method_text);
    if (route == NULL || !route->cache.enabled)
        return;
    struct wr_key key = wr_key_build(&route->cache, &get, &t->arena);
    wr_flight_invalidate(t->worker, &key);
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

void wr_txn_invalidate(struct wr_txn *t)
{
    if (!wr_rules_invalidates(&t->head, t->object->meta.status))
        return;
    if (t->stored) /* the answer to a POST has taken the target's place, and Content-Location names nothing else */
        return;
    struct wr_head response;
    wr_build_head(t->object, &t->arena, &response);
    drop(t, t->head.path, t->head.query);
    drop_named(t, &response, WR_F_LOCATION);
    drop_named(t, &response, WR_F_CONTENT_LOCATION);
    drop_groups(t, &response);
}
