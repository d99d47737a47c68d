/* SPDX-License-Identifier: BSD-2-Clause */
/* Keeps one peer's idle connections for later exchanges, within max_connections and keepalive_timeout. */
#include "origin/origin_priv.h"

/* Three quarters of the places, and one at least. */
static unsigned most_uploads(unsigned most)
{
    return most > 1 ? most * 3 / 4 : 1;
}

bool wr_pool_full(const struct wr_peer *peer, bool upload)
{
    unsigned most = peer->server->origin->policy->max_connections;
    return most > 0 &&
           (peer->open - peer->idle_count >= most || (upload && peer->uploads >= most_uploads(most)));
}

void wr_pool_make_room(struct wr_peer *peer)
{
    unsigned most = peer->server->origin->policy->max_connections;
    if (most > 0 && peer->open >= most && peer->idle_count > 0)
        wr_origin_conn_close(TAILQ_LAST(&peer->idle, wr_origin_conn_list));
}

void wr_pool_vacancy(struct wr_origin *origin)
{
    if (origin->queued > 0)
        wr_note_post(&origin->vacancy);
}

/* --- idle connections --- */

bool wr_pool_take(struct wr_peer *peer, struct wr_exchange_run *run)
{
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
    struct wr_peer *peer = w->peer;
    struct wr_loop *loop = peer->server->origin->origins->loop;
    run->conn = NULL;
    w->run = NULL;
    w->used = true;
    wr_socket_rest(&w->socket);
    wr_socket_expect_nothing(&w->socket);
    w->idle_since = loop->mono;
    if (TAILQ_EMPTY(&peer->idle))
        wr_timer_set(&peer->idle_timer, peer->server->origin->policy->keepalive_timeout);
    TAILQ_INSERT_HEAD(&peer->idle, w, entry);
    peer->idle_count++;
    wr_pool_vacancy(peer->server->origin);
}

void wr_pool_idle(struct wr_timer *t)
{
    struct wr_peer *peer = WR_CONTAINER(t, struct wr_peer, idle_timer);
    struct wr_span most = peer->server->origin->policy->keepalive_timeout;
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

void wr_pool_clear(struct wr_peer *peer)
{
    struct wr_origin_conn *w;
    while ((w = TAILQ_FIRST(&peer->idle)) != NULL)
        wr_origin_conn_close(w);
}
