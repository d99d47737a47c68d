/* What a purge does in this process, and which responses it means. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "flight/purger_priv.h"
#include "http/octets.h"
#include "http/parse.h"
#include "http/target.h"
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
    const struct wr_hash keys[] = { purge->primary, purge->other };
    for (size_t i = 0; i < 2; i++)
        if (purge->soft && shared->herald == NULL)
            soften(shared->memory, keys[i]);
        else
            wr_memory_drop(shared->memory, keys[i]);
}

void wr_flight_replace(struct wr_worker *worker, const struct wr_key *primary, uint64_t token)
{
    const struct wr_purge purge = {
        .scope = WR_SCOPE_URL, .host = primary->host, .primary = primary->hash, .other = primary->hash
    };
    wr_purge_here(worker->shared, &purge);
    if (worker->shelf)
        wr_shelf_purge(worker->shelf, primary->host, primary->hash, (struct wr_time){ 0 }, token, NULL, NULL);
}

enum wr_err wr_purge_send(struct wr_gens *gens, struct wr_link *link, struct wr_call *call, struct wr_span patience,
                          const struct wr_purge *purge)
{
    struct wr_buf key = { 0 };
    char kept[24], most[24];
    bool prefix = purge->scope == WR_SCOPE_PREFIX;
    int kept_len = snprintf(kept, sizeof kept, "%" PRId64, wr_span_ms(WR_PURGE_KEPT));
    int most_len = snprintf(most, sizeof most, "%d", WR_PREFIXES_MOST);
    wr_gens_key(gens, purge->scope, purge->name, &key);
    struct wr_slice keys = wr_buf_slice(&key), soft = purge->soft ? WR_SLICE("1") : WR_SLICE("0");
    const struct wr_slice of_prefix[] = { purge->name, soft, wr_slice(kept, (size_t) kept_len), wr_slice(most, (size_t) most_len) };
    enum wr_err err = wr_link_script(link, call, patience, prefix ? WR_SCRIPT_PREFIXES_PURGE : WR_SCRIPT_GENERATION_PURGE, 1, &keys,
                                     prefix ? 4 : 2, prefix ? of_prefix : of_prefix + 1);
    wr_buf_fini(&key);
    return err;
}

/* --- what an unsafe method has changed --- */

/* Of a generation, while Redis is being told. Nobody can call it off. */
struct telling {
    struct wr_call call;
    struct wr_gens *gens;
    enum wr_scope scope;
    struct wr_slice name; /* our own copy */
    void (*purged)(void *ctx, enum wr_err err);
    void *ctx;
};

/* What was learnt since the wish may be old. */
static void on_told(struct wr_call *call, enum wr_err err, const struct wr_reply *reply)
{
    struct telling *t = WR_CONTAINER(call, struct telling, call);
    (void) reply;
    wr_gens_purge(t->gens, t->scope, t->name, false);
    t->purged(t->ctx, err);
    free((char *) (uintptr_t) t->name.at);
    free(t);
}

static unsigned tell(struct wr_worker *worker, const struct wr_purge *purge, void (*purged)(void *ctx, enum wr_err err),
                     void *ctx)
{
    struct telling *t = calloc(1, sizeof *t);
    WR_CHECK(t != NULL);
    *t = (struct telling){
        .call.done = on_told, .gens = worker->shared->gens, .scope = purge->scope, .purged = purged, .ctx = ctx
    };
    t->name = wr_slice(wr_slice_dup(purge->name), purge->name.len);
    if (wr_purge_send(t->gens, worker->link, &t->call, WR_PURGE_PATIENCE, purge) == WR_OK)
        return 1;
    free((char *) (uintptr_t) t->name.at);
    free(t);
    return 0;
}

unsigned wr_flight_invalidate(struct wr_worker *worker, const struct wr_purge *what, void (*purged)(void *ctx, enum wr_err err),
                              void *ctx)
{
    wr_purge_here(worker->shared, what);
    WR_COUNT(invalidations);
    if (worker->shelf == NULL)
        return 0;
    if (what->scope != WR_SCOPE_URL)
        return tell(worker, what, purged, ctx);
    wr_shelf_purge(worker->shelf, what->host, what->primary, (struct wr_time){ 0 }, 0, purged, ctx);
    if (wr_hash_eq(what->primary, what->other))
        return 1;
    wr_shelf_purge(worker->shelf, what->host, what->other, (struct wr_time){ 0 }, 0, purged, ctx);
    return 2;
}

/* --- which responses are meant --- */

void wr_purge_of(const struct wr_cache_policy *policy, const struct wr_head *get, struct wr_arena *arena, struct wr_purge *out)
{
    struct wr_key key = wr_key_build(policy, get, arena);
    out->scope = WR_SCOPE_URL;
    out->host = key.host;
    out->primary = key.hash;
    out->other = wr_key_other_scheme(&key, arena).hash;
    if (!wr_key_holds_more(policy))
        return;
    out->scope = WR_SCOPE_TAG;
    out->name = wr_key_tag(&key, arena);
}

/* The URL is read as a request for it would be: one parser, one key. */
static bool purge_url(const struct wr_policy *policy, struct wr_slice url, struct wr_arena *arena, struct wr_purge *out,
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
    if (url.at[url.len - 1] == '*') {
        *why = "* stands for nothing in a URL: purge a prefix, without it";
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
    wr_purge_of(&route->cache, head, arena, out);
    return true;
}

/* "http://Host/path" or "host/path" -> "host" and "/path"; at NULL: no path. */
static struct wr_slice without_scheme(struct wr_slice text)
{
    static const struct wr_slice schemes[] = { WR_SLICE_INIT("http://"), WR_SLICE_INIT("https://") };
    for (size_t i = 0; i < 2; i++)
        if (text.len >= schemes[i].len && wr_slice_eq_nocase(wr_slice(text.at, schemes[i].len), schemes[i]))
            return wr_slice(text.at + schemes[i].len, text.len - schemes[i].len);
    return text;
}

/* NULL: it may be part of a key. */
static const char *wrong_host(struct wr_slice host)
{
    if (host.len && memchr(host.at, '*', host.len))
        return "* stands for nothing in a host: purge one host at a time";
    return wr_authority_valid(host) ? NULL : "there is no such host";
}

static const char *wrong_prefix(struct wr_slice host, struct wr_slice path)
{
    if (path.at == NULL || host.len == 0)
        return "a host and a path are needed: host/path (purge the host to purge all of it)";
    if (memchr(path.at, '*', path.len))
        return "a prefix ends without *: all that begins so is purged";
    if (!wr_octets_all(path, WR_OC_TARGET))
        return "no URL holds a space, a control character or #";
    return wrong_host(host);
}

/* As fields and people write them. A group, or a tag of another server's, may hold more than that: PURGE takes those in its fields. */
static const char *wrong_tag(struct wr_slice tag)
{
    for (size_t i = 0; i < tag.len; i++)
        if (tag.at[i] == ' ' || tag.at[i] == ',' || tag.at[i] == '\x7f')
            return "a tag holds no space and no comma: purge one tag at a time";
    return memchr(tag.at, '*', tag.len) ? "* stands for nothing in a tag" : NULL;
}

/* Of a scope that isn't a URL's; NULL, or what is wrong with it. */
static const char *read_name(struct wr_slice name, struct wr_arena *arena, struct wr_purge *out)
{
    struct wr_slice host = without_scheme(name), path = wr_slice(NULL, 0);
    const char *slash = host.len ? memchr(host.at, '/', host.len) : NULL;
    const char *why = NULL;
    if (slash) {
        path = wr_slice(slash, host.len - (size_t) (slash - host.at));
        host.len -= path.len;
    }
    switch (out->scope) {
    case WR_SCOPE_TAG:
    case WR_SCOPE_GROUP:
        return wrong_tag(name);
    case WR_SCOPE_PREFIX:
        if ((why = wrong_prefix(host, path)) == NULL)
            out->name = wr_key_prefix(host, path, arena);
        return why;
    case WR_SCOPE_HOST:
        if (path.at)
            return "a host is needed, without a path";
        if ((why = wrong_host(host)) == NULL)
            out->name = wr_key_prefix(host, WR_SLICE(""), arena);
        return why;
    default:
        out->name = wr_slice("", 0);
        return NULL;
    }
}

bool wr_purge_read(const struct wr_policy *policy, enum wr_scope scope, struct wr_slice name, struct wr_arena *arena,
                   struct wr_purge *out, const char **why)
{
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
    if (scope == WR_SCOPE_URL)
        return purge_url(policy, out->name, arena, out, why);
    const char *wrong = read_name(out->name, arena, out);
    if (wrong)
        *why = wrong;
    return wrong == NULL;
}
