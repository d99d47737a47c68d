/* SPDX-License-Identifier: BSD-2-Clause */
/* Puts Location, Content-Location and Refresh right where they name a server of the policy. An address is
 * compared with the policy's `servers` as text, and with the host that the client asked for. */
#include "flight/location.h"

/* --- does a reference name the origin? --- */

struct authority {
    struct wr_slice name;
    uint64_t port; /* 80 unless given; 0: not a valid port */
    bool has_port;
};

static struct authority authority_of(struct wr_slice text)
{
    size_t end = text.len;
    while (end > 0 && text.at[end - 1] >= '0' && text.at[end - 1] <= '9')
        end--;
    if (end == 0 || text.at[end - 1] != ':')
        return (struct authority){ .name = text, .port = 80 };
    struct authority a = { .name = wr_slice(text.at, end - 1), .port = 80, .has_port = end < text.len };
    if (a.has_port && !wr_slice_u64(wr_slice_from(text, end), 65535, &a.port))
        a.port = 0;
    return a;
}

static bool is_at(const struct authority *a, const struct wr_address *server, bool by_asked_name)
{
    if (server->kind != WR_ADDRESS_IP && server->kind != WR_ADDRESS_NAME)
        return false;
    struct authority own = authority_of(wr_slice_str(server->text));
    return own.port == a->port && (by_asked_name || wr_slice_eq_nocase(own.name, a->name));
}

/* Is this authority the origin's own? It is if it is a server's address as the policy has it, or the host
 * that the client asked for with a server's port: only weir reaches the server there (nginx's
 * port_in_redirect). It isn't if it is exactly what the client asked for: that is right already. */
static bool is_own(struct wr_slice text, const struct wr_origin_policy *origin, const struct wr_head *request)
{
    struct wr_slice asked_for = request->host_sent.at ? request->host_sent : request->host;
    if (request->host_sent.at && wr_slice_eq_nocase(text, request->host_sent))
        return !wr_slice_eq_nocase(text, wr_head_site(request)); /* the Host that an edit has told it */
    struct authority a = authority_of(text), asked = authority_of(asked_for);
    bool by_asked_name = asked_for.len > 0 && wr_slice_eq_nocase(a.name, asked.name);
    if (by_asked_name && (!a.has_port || a.port == asked.port))
        return false;
    for (size_t i = 0; i < origin->server_count; i++)
        if (is_at(&a, &origin->servers[i].address, by_asked_name))
            return true;
    return false;
}

/* How many bytes of a reference are "http://server:port" of the origin; 0: it doesn't name the origin. */
static size_t own_length(struct wr_slice reference, const struct wr_origin_policy *origin,
                         const struct wr_head *request)
{
    static const struct wr_slice begins[] = { WR_SLICE_INIT("http://"), WR_SLICE_INIT("//") };
    for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++) {
        size_t skip = begins[i].len, end = skip;
        if (reference.len < skip || !wr_slice_eq_nocase(wr_slice(reference.at, skip), begins[i]))
            continue;
        while (end < reference.len && memchr("/?#\\", reference.at[end], 4) == NULL)
            end++;
        return is_own(wr_slice(reference.at + skip, end - skip), origin, request) ? end : 0;
    }
    return 0;
}

/* --- what replaces it --- */

struct site {
    struct wr_slice scheme, host; /* host.len 0: clients with different hosts share the response */
};

static struct site site_of(const struct wr_route *route, const struct wr_head *request)
{
    bool shared_by_hosts = route->cache.enabled && route->cache.key.no_host;
    return (struct site){ .scheme = request->secure ? WR_SLICE("https://") : WR_SLICE("http://"),
                          .host = shared_by_hosts ? WR_SLICE("") : wr_head_site(request) };
}

/* Makes the new reference. rest: the part after the authority. */
static struct wr_slice reference_to(const struct site *site, struct wr_slice rest, struct wr_arena *arena)
{
    if (site->host.len)
        return wr_arena_printf(arena, "%.*s%.*s%.*s", WR_SLICE_ARG(site->scheme), WR_SLICE_ARG(site->host),
                               WR_SLICE_ARG(rest));
    bool path = rest.len > 0 && rest.at[0] == '/';
    size_t second = path;
    bool slashes = rest.len > second &&
                   (rest.at[second] == '/' || rest.at[second] == '\\'); /* a client would read an authority */
    return wr_arena_printf(arena, "%s%.*s", slashes ? "/." : path ? "" : "/", WR_SLICE_ARG(rest));
}

/* --- the fields --- */

/* The reference in "5; url=http://...", without its quotes. An empty slice at the end of the value: there is
 * none. */
static struct wr_slice reference_in_refresh(struct wr_slice value)
{
    for (size_t i = 0; i + 4 < value.len; i++) {
        if (!wr_slice_eq_nocase(wr_slice(value.at + i, 4), WR_SLICE("url=")))
            continue;
        struct wr_slice reference = wr_slice_from(value, i + 4);
        char quote = reference.at[0];
        if (quote != '"' && quote != '\'')
            return reference;
        reference = wr_slice_from(reference, 1);
        return wr_slice_cut(&reference, quote);
    }
    return wr_slice_from(value, value.len);
}

static bool put_right(struct wr_field *f, const struct wr_route *route, const struct wr_head *request,
                      const struct site *site, struct wr_arena *arena)
{
    if (f->id != WR_F_LOCATION && f->id != WR_F_CONTENT_LOCATION && f->id != WR_F_REFRESH)
        return false;
    struct wr_slice reference = f->id == WR_F_REFRESH ? reference_in_refresh(f->value) : f->value;
    size_t own = own_length(reference, route->origin, request),
           before = (size_t) (reference.at - f->value.at);
    if (own == 0)
        return false;
    struct wr_slice right = reference_to(site, wr_slice_from(reference, own), arena);
    f->value = wr_arena_printf(arena, "%.*s%.*s%.*s", (int) before, f->value.at, WR_SLICE_ARG(right),
                               WR_SLICE_ARG(wr_slice_from(f->value, before + reference.len)));
    return true;
}

const struct wr_head *wr_location_right(const struct wr_head *response, const struct wr_route *route,
                                        const struct wr_head *request, struct wr_arena *arena,
                                        struct wr_head *room)
{
    if (!route->origin->rewrite_location ||
        (wr_head_get(response, WR_F_LOCATION) == NULL &&
         wr_head_get(response, WR_F_CONTENT_LOCATION) == NULL && wr_head_get(response, WR_F_REFRESH) == NULL))
        return response;
    const struct site site = site_of(route, request);
    *room = *response;
    room->fields = wr_arena_alloc(arena, response->field_count * sizeof *room->fields);
    memcpy(room->fields, response->fields, response->field_count * sizeof *room->fields);
    bool changed = false;
    for (size_t i = 0; i < room->field_count; i++)
        changed |= put_right(&room->fields[i], route, request, &site, arena);
    return changed ? room : response;
}
