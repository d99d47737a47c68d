/* What a purge does in this process, and which responses it means. */
#include "flight/purger_priv.h"
#include "http/parse.h"
#include "stats/stats.h"

/* The object softened: what was fetched before now is stale. */
static void soften(struct wr_memory *memory, struct wr_hash hash)
{
    struct wr_object *old = wr_memory_peek(memory, hash);
    if (old == NULL)
        return;
    struct wr_object like = wr_object_facts(old);
    like.softened = wr_time_wall();
    struct wr_object *soft = wr_object_new(&like, old->flow);
    wr_memory_swap(memory, old, soft);
    wr_object_unref(soft);
    wr_object_unref(old);
}

void wr_purge_here(struct wr_shared *shared, const struct wr_purge *purge)
{
    if (purge->scope != WR_SCOPE_URL)
        wr_gens_purge(shared->gens, purge->scope, purge->name, purge->soft);
    wr_flights_spoil(shared->flights, purge);
    if (purge->scope != WR_SCOPE_URL || shared->memory == NULL)
        return;
    if (purge->soft && shared->herald == NULL)
        soften(shared->memory, purge->primary);
    else
        wr_memory_drop(shared->memory, purge->primary);
}

bool wr_flight_invalidate(struct wr_worker *worker, const struct wr_key *primary, void (*purged)(void *ctx, enum wr_err err),
                          void *ctx)
{
    const struct wr_purge purge = { .scope = WR_SCOPE_URL, .host = primary->host, .primary = primary->hash };
    wr_purge_here(worker->shared, &purge);
    WR_COUNT(invalidations);
    if (worker->shelf)
        wr_shelf_purge(worker->shelf, primary->host, primary->hash, (struct wr_time){ 0 }, purged, ctx);
    return worker->shelf != NULL;
}

/* The URL is read as a request for it would be: one parser, one key. */
bool wr_purge_key(const struct wr_policy *policy, struct wr_slice url, struct wr_arena *arena, struct wr_key *key,
                  const char **why)
{
    struct wr_slice text = wr_arena_printf(arena, "GET %.*s HTTP/1.1\r\nHost: ignored\r\n\r\n", WR_SLICE_ARG(url));
    struct wr_field *fields = wr_arena_alloc(arena, WR_MAX_FIELDS * sizeof *fields);
    struct wr_head *head = wr_arena_zalloc(arena, sizeof *head);
    const struct wr_parse_limits limits = { 64 * 1024, 65 * 1024 };
    struct wr_parse parse = { 0 };
    if (url.len == 0 || url.at[0] == '/') {
        *why = "a whole URL is needed: http://host/path";
        return false;
    }
    if (wr_parse_request(&parse, text.at, text.len, &limits, fields, head) != WR_PARSE_DONE) {
        *why = parse.why ? parse.why : "not a URL";
        return false;
    }
    struct wr_slice host = wr_policy_host(head->host, arena);
    const struct wr_route *route = wr_policy_route(policy, host, wr_policy_path(head->path, arena), head->method_text);
    if (route == NULL || !route->cache.enabled) {
        *why = route ? "the route of this URL does not cache" : "no route of the policy matches this URL";
        return false;
    }
    *key = wr_key_build(&route->cache, head, arena);
    return true;
}

/* "http://Host/path" or "host/path" -> "host/path", as keys begin. */
static struct wr_slice prefix_of(struct wr_slice text, struct wr_arena *arena)
{
    static const struct wr_slice schemes[] = { WR_SLICE_INIT("http://"), WR_SLICE_INIT("https://") };
    for (size_t i = 0; i < 2; i++)
        if (wr_slice_starts(text, schemes[i]))
            text = wr_slice(text.at + schemes[i].len, text.len - schemes[i].len);
    struct wr_slice copy = wr_arena_copy(arena, text);
    char *at = (char *) (uintptr_t) copy.at;
    for (size_t i = 0; i < copy.len && at[i] != '/'; i++)
        at[i] = wr_lower(at[i]);
    return copy;
}

bool wr_purge_read(const struct wr_policy *policy, enum wr_scope scope, struct wr_slice name, struct wr_arena *arena,
                   struct wr_purge *out, const char **why)
{
    struct wr_key key;
    out->scope = scope;
    out->name = wr_slice_trim(name);
    for (size_t i = 0; i < out->name.len; i++)
        if ((unsigned char) out->name.at[i] < ' ') {
            *why = "it holds a control character";
            return false;
        }
    if (out->name.len == 0 && scope != WR_SCOPE_ALL) {
        *why = "it is empty";
        return false;
    }
    switch (scope) {
    case WR_SCOPE_URL:
        if (!wr_purge_key(policy, out->name, arena, &key, why))
            return false;
        out->host = key.host;
        out->primary = key.hash;
        break;
    case WR_SCOPE_PREFIX:
        out->name = prefix_of(out->name, arena);
        if (memchr(out->name.at, '/', out->name.len) == NULL || out->name.at[0] == '/') {
            *why = "a host and a path are needed: host/path (purge the host to purge all of it)";
            return false;
        }
        break;
    case WR_SCOPE_HOST:
        out->name = prefix_of(out->name, arena);
        if (memchr(out->name.at, '/', out->name.len)) {
            *why = "a host is needed, without a path";
            return false;
        }
        break;
    case WR_SCOPE_ALL:
        out->name = wr_slice("", 0);
        break;
    default:
        break;
    }
    return true;
}
