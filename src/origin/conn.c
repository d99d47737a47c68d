/* SPDX-License-Identifier: BSD-2-Clause */
/* Opens and closes connections to servers. It passes what their sockets report on to the run that uses them.
 */
#include <stdlib.h>

#include "origin/origin_priv.h"

static void on_readable(struct wr_socket *s)
{
    struct wr_origin_conn *w = WR_CONTAINER(s, struct wr_origin_conn, socket);
    if (w->run)
        wr_receive_more(w->run);
    else if (wr_socket_pending(s))
        wr_origin_conn_close(w); /* idle, and it has closed or sends what nobody asked for */
}

static void on_writable(struct wr_socket *s)
{
    struct wr_origin_conn *w = WR_CONTAINER(s, struct wr_origin_conn, socket);
    if (w->run->stage != WR_RUN_CONNECTING) {
        wr_run_writable(w->run);
        return;
    }
    wr_socket_write(s, false);
    wr_run_connected(w->run, wr_socket_outcome(s));
}

enum wr_err wr_origin_conn_open(struct wr_exchange_run *run, const struct wr_sockaddr *to, bool *connected)
{
    struct wr_origin_server *peer = run->peer;
    wr_pool_make_room(peer);
    struct wr_origin_conn *w = calloc(1, sizeof *w);
    WR_CHECK(w != NULL);
    enum wr_err err = wr_socket_connect(&w->socket, run->origins->loop, to, connected);
    if (err != WR_OK) {
        wr_socket_close(&w->socket);
        free(w);
        return err;
    }
    w->socket.readable = on_readable;
    w->socket.writable = on_writable;
    w->peer = peer;
    w->at = *to;
    w->run = run;
    run->conn = w;
    peer->open++;
    WR_COUNT(origin_connections);
    WR_GAUGE_UP(origin_connections_open);
    if (!*connected)
        wr_socket_write(&w->socket, true);
    return WR_OK;
}

static void free_origin_conn(struct wr_deferred_free *deferred)
{
    free(WR_CONTAINER(deferred, struct wr_origin_conn, deferred));
}

void wr_origin_conn_close(struct wr_origin_conn *w)
{
    struct wr_origin_server *peer = w->peer;
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
    wr_pool_vacancy(peer->origin);
    wr_loop_defer_free(peer->origin->origins->loop, &w->deferred, free_origin_conn);
}
