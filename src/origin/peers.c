/* SPDX-License-Identifier: BSD-2-Clause */
/* The servers of an origin and their peers: one for each address, which comes and goes with DNS. */
#include <stdlib.h>

#include "base/hash.h"
#include "origin/origin_priv.h"

/* --- one peer --- */

/* The port that peers of this server have: checks may have their own. */
static uint16_t port_of(const struct wr_origin_server *server)
{
    const struct wr_origin *origin = server->origin;
    bool own = origin->origins->probing && origin->policy->health.port;
    return own ? (uint16_t) origin->policy->health.port : server->policy->address.port;
}

/* The address that requests go to, as text; or NULL where the policy names this very address. */
static char *address_text(const struct wr_origin_server *server, const struct wr_sockaddr *at)
{
    struct wr_buf text = { 0 };
    struct wr_sockaddr asked = *at;
    if (server->policy->address.kind != WR_ADDRESS_NAME)
        return NULL;
    wr_sockaddr_port(&asked, server->policy->address.port);
    wr_sockaddr_text(&text, &asked);
    wr_buf_add(&text, "", 1);
    return text.at;
}

static uint64_t seed_of(const char *server, const char *address)
{
    struct wr_buf text = { 0 };
    wr_buf_printf(&text, address ? "%s %s" : "%s", server, address);
    uint64_t seed = wr_hash_of(wr_buf_slice(&text)).lo;
    wr_buf_fini(&text);
    return seed;
}

static struct wr_peer *peer_new(struct wr_origin_server *server, const struct wr_sockaddr *at)
{
    struct wr_origin *origin = server->origin;
    struct wr_origins *o = origin->origins;
    const char *name = server->policy->address.text;
    char *address = address_text(server, at);
    struct wr_peer *peer = calloc(1, sizeof *peer);
    WR_CHECK(peer != NULL);
    peer->server = server;
    peer->at = *at;
    peer->id = ++o->last_id;
    peer->backend = wr_backend_ref(o->backends, origin->policy->name, name, address);
    peer->seed = seed_of(name, address);
    free(address);
    TAILQ_INIT(&peer->idle);
    wr_timer_init(&peer->idle_timer, o->loop, wr_pool_idle);
    return peer;
}

static void free_peer(struct wr_deferred_free *deferred)
{
    free(WR_CONTAINER(deferred, struct wr_peer, deferred));
}

void wr_peer_settle(struct wr_peer *peer)
{
    if (!peer->gone || peer->runs > 0 || peer->open > 0)
        return;
    struct wr_origins *o = peer->server->origin->origins;
    wr_timer_fini(&peer->idle_timer);
    wr_backend_unref(o->backends, peer->backend, o->loop->mono);
    wr_loop_defer_free(o->loop, &peer->deferred, free_peer);
}

void wr_peer_uploaded(struct wr_exchange_run *run)
{
    if (!run->uploading)
        return;
    run->uploading = false;
    run->peer->uploads--;
    wr_pool_vacancy(run->origin);
}

void wr_peer_use(struct wr_exchange_run *run, struct wr_peer *peer)
{
    struct wr_peer *before = run->peer;
    bool counts = !run->origins->probing;
    wr_peer_uploaded(run);
    if (peer)
        peer->runs++;
    if (peer && counts)
        wr_backend_given(peer->backend);
    run->peer = peer;
    if (peer && wr_send_uploads(run)) {
        run->uploading = true;
        peer->uploads++;
    }
    if (before && counts)
        wr_backend_left(before->backend);
    if (before && --before->runs == 0)
        wr_peer_settle(before);
}

enum wr_health wr_peer_health(struct wr_peer *peer, struct wr_mono mono)
{
    enum wr_health health = wr_backend_health(peer->backend, mono);
    return peer->server->policy->weight == 0 && health < WR_HEALTH_DRAINED ? WR_HEALTH_DRAINED : health;
}

/* --- the peers of an origin --- */

static void add_peer(struct wr_origin_server *server, const struct wr_sockaddr *at)
{
    struct wr_origin *origin = server->origin;
    size_t room = (origin->count + 1) * sizeof(struct wr_peer *);
    origin->peers = realloc(origin->peers, room);
    origin->fit = realloc(origin->fit, room);
    WR_CHECK(origin->peers != NULL && origin->fit != NULL);
    struct wr_peer *peer = origin->peers[origin->count++] = peer_new(server, at);
    if (origin->origins->probing)
        peer->probe = wr_probe_new(peer);
}

static void remove_peer(struct wr_origin *origin, size_t index)
{
    struct wr_peer *peer = origin->peers[index];
    origin->count--;
    memmove(&origin->peers[index], &origin->peers[index + 1],
            (origin->count - index) * sizeof origin->peers[0]);
    wr_probe_free(peer->probe);
    peer->probe = NULL;
    wr_pool_clear(peer);
    peer->gone = true;
    wr_peer_settle(peer);
}

/* Workers begin their rounds at different peers. */
static void stagger(struct wr_origin *origin)
{
    if (origin->count > 0)
        origin->peers[origin->origins->loop->index % origin->count]->current++;
}

static bool has_address(const struct wr_addresses *list, const struct wr_sockaddr *at)
{
    for (size_t i = 0; list && i < list->count; i++)
        if (wr_sockaddr_compare(&list->list[i], at) == 0)
            return true;
    return false;
}

static bool has_peer(const struct wr_origin_server *server, const struct wr_sockaddr *at)
{
    const struct wr_origin *origin = server->origin;
    for (size_t i = 0; i < origin->count; i++)
        if (origin->peers[i]->server == server && wr_sockaddr_compare(&origin->peers[i]->at, at) == 0)
            return true;
    return false;
}

/* Takes the addresses of a server; NULL: it has none. */
static void set_addresses(struct wr_origin_server *server, const struct wr_addresses *found)
{
    struct wr_origin *origin = server->origin;
    size_t before = origin->count;
    for (size_t i = origin->count; i-- > 0;)
        if (origin->peers[i]->server == server && !has_address(found, &origin->peers[i]->at))
            remove_peer(origin, i);
    for (size_t i = 0; found && i < found->count; i++)
        if (!has_peer(server, &found->list[i]))
            add_peer(server, &found->list[i]);
    if (origin->count != before)
        stagger(origin);
}

static void read_name(struct wr_origin_server *server)
{
    struct wr_addresses *found;
    server->state = wr_names_read(&server->watch, port_of(server), &found);
    set_addresses(server, found);
    free(found);
}

/* Runs that wait for an address go on, where there is something to be had now. */
static void wake_resolving(struct wr_origin *origin)
{
    struct wr_exchange_run *run;
    do {
        TAILQ_FOREACH(run, &origin->resolving, entry)
            if (wr_run_resolved(run))
                break;
        if (run)
            wr_run_resume(run);
    } while (run);
    wr_pool_vacancy(origin);
}

static void on_name_changed(struct wr_name_watch *w)
{
    struct wr_origin_server *server = WR_CONTAINER(w, struct wr_origin_server, watch);
    struct wr_origin *origin = server->origin;
    read_name(server);
    wake_resolving(origin);
}

bool wr_origin_resolves(const struct wr_origin *origin)
{
    for (size_t i = 0; i < origin->policy->server_count; i++)
        if (origin->servers[i].state == WR_NAME_ASKED)
            return true;
    return false;
}

const char *wr_origin_why_none(const struct wr_origin *origin)
{
    for (size_t i = 0; i < origin->policy->server_count; i++)
        if (origin->servers[i].state == WR_NAME_UNANSWERED)
            return "no name server answers for the server's name";
    return "the server's name has no address";
}

/* --- life --- */

static char *host_field(const struct wr_address *a)
{
    struct wr_buf b = { 0 };
    bool v6 = a->kind == WR_ADDRESS_IP && strchr(a->host, ':') && a->host[0] != '[';
    if (a->kind == WR_ADDRESS_UNIX)
        wr_buf_add_str(&b, "Host: localhost");
    else
        wr_buf_printf(&b, v6 ? "Host: [%s]" : "Host: %s", a->host);
    if (a->kind != WR_ADDRESS_UNIX && a->port != 80)
        wr_buf_printf(&b, ":%u", a->port);
    wr_buf_add(&b, "\r\n", sizeof "\r\n");
    return b.at;
}

static void server_init(struct wr_origin_server *server, struct wr_origin *origin, size_t index)
{
    struct wr_origins *o = origin->origins;
    *server = (struct wr_origin_server){ .policy = &origin->policy->servers[index], .origin = origin };
    const struct wr_address *a = &server->policy->address;
    server->host = host_field(a);
    if (a->kind == WR_ADDRESS_NAME) {
        wr_names_watch(wr_backends_names(o->backends), &server->watch, a->host, o->loop, on_name_changed);
        read_name(server);
        return;
    }
    struct wr_sockaddr at;
    bool usable = wr_address_literal(a->host, port_of(server),
                                     &at); /* not: the path of a Unix socket is too long */
    server->state = usable ? WR_NAME_KNOWN : WR_NAME_NONE;
    if (usable)
        add_peer(server, &at);
}

void wr_origin_servers_init(struct wr_origin *origin)
{
    size_t count = origin->policy->server_count;
    origin->servers = calloc(count, sizeof *origin->servers);
    WR_CHECK(origin->servers != NULL);
    for (size_t i = 0; i < count; i++)
        server_init(&origin->servers[i], origin, i);
    stagger(origin);
}

void wr_origin_servers_leave(struct wr_origin *origin)
{
    for (size_t i = 0; i < origin->policy->server_count; i++) {
        wr_names_unwatch(&origin->servers[i].watch);
        set_addresses(&origin->servers[i], NULL);
    }
}

void wr_origin_servers_fini(struct wr_origin *origin)
{
    for (size_t i = 0; i < origin->policy->server_count; i++)
        free(origin->servers[i].host);
    free(origin->servers);
    free(origin->peers);
    free(origin->fit);
}
