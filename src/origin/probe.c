/* SPDX-License-Identifier: BSD-2-Clause */
/* Active health checks: sends a request to each address at intervals, on the main loop, and looks at the
 * status and perhaps the content of the answer. */
#include <stdio.h>
#include <stdlib.h>

#include "base/rand.h"
#include "origin/lives_priv.h"

#define BODY_MOST (64 * 1024) /* bytes of the content that are looked at */
#define FIRST_WITHIN WR_SPAN_S(1)
#define NO_TEXT "its content lacks health.body"

/* The checks of one address. There is one request per interval, each over a connection of its own, which also
 * shows whether the address still accepts connections. */
struct wr_probe {
    struct wr_exchange exchange;
    struct wr_peer *peer;
    struct wr_timer tick; /* the next check */
    struct wr_timer late; /* the present one has taken too long */
    struct wr_buf head;
    struct wr_flow *flow; /* the content, if it is looked at; a counted reference */
    struct wr_flow_reader reader;
    struct wr_buf body; /* what has come of it */
    size_t searched;    /* no text that is looked for begins before this offset of it */
    char status[24];
};

static const struct wr_health_policy *policy_of(const struct wr_probe *p)
{
    return &p->peer->server->origin->policy->health;
}

/* Ends the check, if it is still under way. */
static void end_check(struct wr_probe *p)
{
    wr_timer_clear(&p->late);
    wr_exchange_cancel(&p->exchange);
    wr_flow_reader_close(&p->reader);
    wr_flow_unref(p->flow);
    p->flow = NULL;
    wr_buf_fini(&p->body);
    p->searched = 0;
}

/* why: what was wrong; NULL: nothing. */
static void result(struct wr_probe *p, const char *why)
{
    end_check(p);
    if (why)
        WR_COUNT(origin_checks_failed);
    wr_backend_checked(p->peer->backend, policy_of(p), p->tick.loop->mono, why);
}

/* Has the text come? Each byte is searched once, but for those in which the text may have begun. */
static bool has_text(struct wr_probe *p)
{
    const char *text = policy_of(p)->body;
    size_t len = strlen(text);
    if (p->body.len < len)
        return false;
    bool found = memmem(p->body.at + p->searched, p->body.len - p->searched, text, len) != NULL;
    p->searched = p->body.len - len + 1;
    return found;
}

static void read_content(struct wr_probe *p)
{
    struct iovec iov[8];
    enum wr_flow_state state;
    int pieces;
    while (p->body.len < BODY_MOST &&
           (pieces = wr_flow_reader_peek(&p->reader, iov, 8, BODY_MOST - p->body.len, &state)) > 0) {
        size_t before = p->body.len;
        for (int i = 0; i < pieces; i++)
            wr_buf_add(&p->body, iov[i].iov_base, iov[i].iov_len);
        wr_flow_reader_advance(&p->reader, p->body.len - before);
    }
}

static void on_content(struct wr_flow_reader *reader)
{
    struct wr_probe *p = WR_CONTAINER(reader, struct wr_probe, reader);
    read_content(p);
    if (has_text(p))
        result(p, NULL);
    else if (p->body.len >= BODY_MOST)
        result(p, NO_TEXT);
}

static void on_head(struct wr_exchange *x, const struct wr_head *head)
{
    struct wr_probe *p = WR_CONTAINER(x, struct wr_probe, exchange);
    snprintf(p->status, sizeof p->status, "status %d", head->status);
    if (!wr_statuses_have(&policy_of(p)->good, head->status)) {
        result(p, p->status);
    } else if (policy_of(p)->body == NULL) {
        result(p, NULL); /* the content isn't needed */
    } else if (head->framing == WR_FRAMING_NONE) {
        result(p, NO_TEXT);
    } else {
        p->flow = wr_flow_new(UINT64_MAX, false, UINT64_MAX);
        WR_CHECK(wr_flow_reader_open(&p->reader, p->flow, p->tick.loop, 0, on_content));
        wr_exchange_into(x, p->flow);
    }
}

static void on_end(struct wr_exchange *x, enum wr_err err)
{
    struct wr_probe *p = WR_CONTAINER(x, struct wr_probe, exchange);
    if (err != WR_OK) {
        result(p, wr_err_info(err)->detail);
        return;
    }
    WR_CHECK(p->flow != NULL); /* otherwise on_head would have ended the check */
    read_content(p);
    result(p, has_text(p) ? NULL : NO_TEXT);
}

static void on_late(struct wr_timer *t)
{
    result(WR_CONTAINER(t, struct wr_probe, late), "no answer within health.timeout");
}

/* Returns the time, longer or shorter by up to a tenth: so that nodes and addresses aren't checked all at
 * once.
 */
static struct wr_span jittered(struct wr_span span)
{
    return (struct wr_span){ (int64_t) ((0.9 + wr_rand_unit() / 5) * (double) span.us) };
}

static void on_probe_tick(struct wr_timer *t)
{
    struct wr_probe *p = WR_CONTAINER(t, struct wr_probe, tick);
    wr_timer_set(t, jittered(policy_of(p)->interval));
    if (wr_peer_health(p->peer, t->loop->mono) == WR_HEALTH_DISABLED)
        return;
    if (wr_exchange_is_open(&p->exchange))
        return; /* the timeout is longer than the interval: the next check begins an interval later */
    WR_COUNT(origin_checks);
    wr_timer_set(&p->late, policy_of(p)->timeout);
    enum wr_err err = wr_exchange_start_at(&p->exchange, p->peer);
    if (err != WR_OK)
        result(p, wr_err_info(err)->detail);
}

struct wr_probe *wr_probe_new(struct wr_peer *peer)
{
    struct wr_origin *origin = peer->server->origin;
    const struct wr_origin_policy *policy = origin->policy;
    if (policy->health.path == NULL)
        return NULL;
    struct wr_probe *p = calloc(1, sizeof *p);
    WR_CHECK(p != NULL);
    p->peer = peer;
    wr_buf_printf(&p->head, "GET %s HTTP/1.1\r\n", policy->health.path);
    if (policy->health.host)
        wr_buf_printf(&p->head, "Host: %s\r\n", policy->health.host);
    else
        wr_buf_add_str(&p->head, peer->server->host);
    wr_buf_add_str(&p->head, "User-Agent: weir (health check)\r\nConnection: close\r\n\r\n");
    p->exchange.origin = policy;
    p->exchange.method = WR_METHOD_GET;
    p->exchange.head = wr_buf_slice(&p->head);
    p->exchange.on_head = on_head;
    p->exchange.on_end = on_end;
    wr_backend_check_begins(peer->backend);
    wr_timer_init(&p->tick, origin->origins->loop, on_probe_tick);
    wr_timer_init(&p->late, origin->origins->loop, on_late);
    /* Soon, but not all at once. */
    struct wr_span most = policy->health.interval.us < FIRST_WITHIN.us ? policy->health.interval
                                                                       : FIRST_WITHIN;
    wr_timer_set(&p->tick, (struct wr_span){ (int64_t) (wr_rand_unit() * (double) most.us) });
    return p;
}

void wr_probe_free(struct wr_probe *p)
{
    if (p == NULL)
        return;
    end_check(p);
    wr_backend_check_ends(p->peer->backend);
    wr_timer_fini(&p->tick);
    wr_timer_fini(&p->late);
    wr_buf_fini(&p->head);
    free(p);
}

struct wr_origins *wr_probes_new(struct wr_backends *b, struct wr_loop *loop, struct wr_policy *policy)
{
    for (size_t i = 0; i < policy->origin_count; i++)
        if (policy->origins[i].health.path)
            return wr_origins_make(loop, policy, b, true);
    return NULL;
}

void wr_probes_free(struct wr_origins *probes)
{
    if (probes == NULL)
        return;
    probes->probing = false;
    for (size_t i = 0; i < probes->count; i++)
        for (size_t k = 0; k < probes->list[i].count; k++) {
            wr_probe_free(probes->list[i].peers[k]->probe);
            probes->list[i].peers[k]->probe = NULL;
        }
    wr_origins_free(probes);
}
