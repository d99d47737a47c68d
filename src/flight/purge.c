/* Purging one URL: its stored responses here and in Redis, and what is being fetched of it now. */
#include "flight/flight_priv.h"
#include "http/parse.h"
#include "stats/stats.h"

void wr_flight_purge(struct wr_worker *worker, const struct wr_key *primary)
{
    wr_flights_spoil(worker->shared->flights, &primary->hash);
    if (worker->shared->memory)
        wr_memory_drop(worker->shared->memory, primary->hash);
    if (worker->shelf)
        wr_shelf_drop(worker->shelf, primary->host, primary->hash, NULL, NULL);
    WR_COUNT(purges);
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
    const struct wr_route *route = wr_policy_route(policy, host, head->path, head->method_text);
    if (route == NULL || !route->cache.enabled) {
        *why = route ? "the route of this URL does not cache" : "no route of the policy matches this URL";
        return false;
    }
    *key = wr_key_build(&route->cache, head, arena);
    return true;
}
