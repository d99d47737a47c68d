/* An unsafe method has changed something: what is stored of its target, and of what Location and Content-Location name
 * on the same host, is dropped here, in Redis and on every node (RFC 9111 4.4). */
#include "txn/txn.h"

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

/* What is behind "scheme://authority" if the authority is this request's, or the reference itself if it has none;
 * at == NULL: another host, whose responses this one has no say over. */
static struct wr_slice same_host(const struct wr_txn *t, struct wr_slice reference)
{
    static const struct wr_slice schemes[] = { WR_SLICE_INIT("http://"), WR_SLICE_INIT("https://"), WR_SLICE_INIT("//") };
    for (size_t i = 0; i < 3; i++) {
        struct wr_slice s = schemes[i];
        if (reference.len < s.len || !wr_slice_eq_nocase(wr_slice(reference.at, s.len), s))
            continue;
        struct wr_slice rest = wr_slice(reference.at + s.len, reference.len - s.len);
        size_t n = 0;
        while (n < rest.len && rest.at[n] != '/' && rest.at[n] != '?' && rest.at[n] != '#')
            n++;
        bool same = wr_slice_eq_nocase(wr_slice(rest.at, n), t->head.host);
        return same ? wr_slice(rest.at + n, rest.len - n) : wr_slice(NULL, 0);
    }
    return reference;
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
    struct wr_slice rest = same_host(t, f->value);
    if (rest.at == NULL)
        return;
    struct wr_slice before = wr_slice_cut(&rest, '#');
    rest = before;
    struct wr_slice path = wr_slice_cut(&rest, '?');
    drop(t, path.len ? absolute(t, path) : WR_SLICE("/"), rest);
}

void wr_txn_invalidate(struct wr_txn *t)
{
    if (!wr_rules_invalidates(&t->head, t->object->meta.status))
        return;
    struct wr_head response;
    wr_build_head(t->object, &t->arena, &response);
    drop(t, t->head.path, t->head.query);
    drop_named(t, &response, WR_F_LOCATION);
    drop_named(t, &response, WR_F_CONTENT_LOCATION);
}
