/* SPDX-License-Identifier: BSD-2-Clause */
/* Keeps one server's idle connections for later exchanges, within max_connections and idle_timeout. It also
 * keeps the server's addresses. */
#include <stdlib.h>

#include "base/hash.h"
#include "origin/origin_priv.h"

bool wr_pool_full(const struct wr_origin_server *peer)
{
    unsigned most = peer->origin->policy->max_connections;
    return most > 0 && peer->open - peer->idle_count >= most;
}

void wr_pool_make_room(struct wr_origin_server *peer)
{
    unsigned most = peer->origin->policy->max_connections;
    if (most > 0 && peer->open >= most && peer->idle_count > 0)
        wr_origin_conn_close(TAILQ_LAST(&peer->idle, wr_origin_conn_list));
}

void wr_pool_vacancy(struct wr_origin *origin)
{
    if (!TAILQ_EMPTY(&origin->queue))
        wr_note_post(&origin->vacancy);
}

/* --- addresses --- */

static bool same_address(const struct wr_sockaddr *a, const struct wr_sockaddr *b)
{
    return a->len == b->len && memcmp(&a->at, &b->at, a->len) == 0;
}

static bool has_address(const struct wr_addresses *list, const struct wr_sockaddr *at)
{
    for (size_t i = 0; i < list->count; i++)
        if (same_address(&list->list[i], at))
            return true;
    return false;
}

void wr_pool_addresses(struct wr_origin_server *peer, const struct wr_addresses *found)
{
    peer->addresses = *found;
    struct wr_origin_conn *next;
    for (struct wr_origin_conn *w = TAILQ_FIRST(&peer->idle); w; w = next) {
        next = TAILQ_NEXT(w, entry);
        if (!has_address(found, &w->at))
            wr_origin_conn_close(w);
    }
}

static void on_refreshed(struct wr_name_query *q, enum wr_err err, const struct wr_addresses *found)
{
    if (err == WR_OK)
        wr_pool_addresses(WR_CONTAINER(q, struct wr_origin_server, refresh), found);
}

/* Pooled connections would keep a busy server's old address in use for ever. So the name is looked up again
 * when its TTL has ended, and no request waits for it. */
static void refresh(struct wr_origin_server *peer)
{
    const struct wr_address *a = &peer->server->address;
    struct wr_origins *o = peer->origin->origins;
    struct wr_addresses found;
    if (wr_time_before(o->loop->mono, peer->addresses.fresh_until) || peer->refresh.name)
        return;
    if (wr_names_lookup(o->names, &peer->refresh, a->host, a->port, &found) && found.count > 0)
        wr_pool_addresses(peer, &found);
}

/* --- idle connections --- */

bool wr_pool_take(struct wr_origin_server *peer, struct wr_exchange_run *run)
{
    if (peer->idle_count == 0)
        return false;
    refresh(peer);
    struct wr_origin_conn *w;
    while ((w = TAILQ_FIRST(&peer->idle)) != NULL) {
        /* If the request can't be sent twice, check first whether the connection is still open. */
        if (!run->x->idempotent && wr_socket_pending(&w->socket)) {
            wr_origin_conn_close(w);
            continue;
        }
        TAILQ_REMOVE(&peer->idle, w, entry);
        peer->idle_count--;
        w->run = run;
        run->conn = w;
        return true;
    }
    return false;
}

void wr_pool_give(struct wr_exchange_run *run)
{
    struct wr_origin_conn *w = run->conn;
    struct wr_origin_server *peer = w->peer;
    struct wr_loop *loop = peer->origin->origins->loop;
    run->conn = NULL;
    w->run = NULL;
    w->used = true;
    wr_socket_rest(&w->socket);
    wr_socket_expect_nothing(&w->socket);
    w->idle_since = loop->mono;
    if (TAILQ_EMPTY(&peer->idle))
        wr_timer_set(&peer->idle_timer, peer->origin->policy->idle_timeout);
    TAILQ_INSERT_HEAD(&peer->idle, w, entry);
    peer->idle_count++;
    wr_pool_vacancy(peer->origin);
}

static void on_idle_timer(struct wr_timer *t)
{
    struct wr_origin_server *peer = WR_CONTAINER(t, struct wr_origin_server, idle_timer);
    struct wr_span most = peer->origin->policy->idle_timeout;
    struct wr_origin_conn *oldest;
    while ((oldest = TAILQ_LAST(&peer->idle, wr_origin_conn_list)) != NULL) {
        struct wr_span left = wr_time_since(wr_time_add(oldest->idle_since, most), t->loop->mono);
        if (left.us > 0) {
            wr_timer_set(t, left);
            return;
        }
        wr_origin_conn_close(oldest);
    }
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

void wr_origin_server_init(struct wr_origin_server *peer, struct wr_origin *origin, size_t index,
                           struct wr_backends *backends)
{
    const struct wr_server *server = &origin->policy->servers[index];
    const struct wr_address *a = &server->address;
    *peer = (struct wr_origin_server){
        .server = server, .origin = origin, .index = index, .refresh.done = on_refreshed
    };
    peer->backend = wr_backend_of(backends, origin->policy->name, a->text);
    peer->seed = wr_hash_of(wr_slice_str(a->text)).lo;
    peer->host = host_field(a);
    TAILQ_INIT(&peer->idle);
    wr_timer_init(&peer->idle_timer, origin->origins->loop, on_idle_timer);
    if (a->kind != WR_ADDRESS_NAME && wr_address_literal(a->host, a->port, &peer->addresses.list[0])) {
        peer->addresses.count = 1;
        peer->addresses.fresh_until = wr_time_add((struct wr_mono){ 0 }, WR_SPAN_MAX);
    }
}

void wr_origin_server_fini(struct wr_origin_server *peer)
{
    WR_CHECK(peer->open == 0);
    wr_names_cancel(&peer->refresh);
    wr_timer_fini(&peer->idle_timer);
    free(peer->host);
}
