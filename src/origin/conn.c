/* SPDX-License-Identifier: BSD-2-Clause */
/* Opens and closes connections to peers. It passes what their sockets report on to the run that uses them.
 */
#include <stdlib.h>

#include "origin/origin_priv.h"

static struct wr_origin_conn *conn_of(struct wr_socket *s)
{
    struct wr_origin_conn *w = WR_CONTAINER(s, struct wr_origin_conn, socket);
    wr_loop_tick(w->peer->server->origin->origins->loop);
    return w;
}

static void on_readable(struct wr_socket *s)
{
    struct wr_origin_conn *w = conn_of(s);
    if (w->run)
        wr_receive_more(w->run);
    else if (wr_socket_pending(s))
        wr_origin_conn_close(w); /* idle, and it has closed or sends what nobody asked for */
}

static void on_writable(struct wr_socket *s)
{
    struct wr_origin_conn *w = conn_of(s);
    if (w->run->stage != WR_RUN_CONNECTING) {
        wr_run_writable(w->run);
        return;
    }
    wr_socket_written(s);
    wr_run_connected(w->run, wr_socket_outcome(s));
}

static void on_late(struct wr_socket *s, enum wr_way way)
{
    wr_run_late(conn_of(s)->run, way);
}

static const struct wr_socket_calls calls = { on_readable, on_writable, on_late };

enum wr_err wr_origin_conn_open(struct wr_exchange_run *run, struct wr_span most, bool *connected)
{
    struct wr_peer *peer = run->peer;
    wr_pool_make_room(peer);
    struct wr_origin_conn *w = calloc(1, sizeof *w);
    WR_CHECK(w != NULL);
    enum wr_err err = wr_socket_connect(&w->socket, run->origins->loop, &peer->at, &calls, connected);
    if (err != WR_OK) {
        wr_socket_close(&w->socket);
        free(w);
        return err;
    }
    w->peer = peer;
    w->run = run;
    run->conn = w;
    peer->open++;
    WR_COUNT(origin_connections);
    WR_GAUGE_UP(origin_connections_open);
    if (!*connected)
        wr_socket_write(&w->socket, &(struct wr_pace){ .whole = most });
    return WR_OK;
}

static void free_origin_conn(struct wr_deferred_free *deferred)
{
    free(WR_CONTAINER(deferred, struct wr_origin_conn, deferred));
}

void wr_origin_conn_close(struct wr_origin_conn *w)
{
    struct wr_peer *peer = w->peer;
    struct wr_origin *origin = peer->server->origin;
    if (w->run) {
        w->run->conn = NULL;
        w->run = NULL;
    } else {
        TAILQ_REMOVE(&peer->idle, w, entry);
        peer->idle_count--;
    }
    wr_socket_close(&w->socket);
    peer->open--;
    WR_GAUGE_DOWN(origin_connections_open);
    wr_peer_settle(peer);
    wr_pool_vacancy(origin);
    wr_loop_defer_free(origin->origins->loop, &w->deferred, free_origin_conn);
}
