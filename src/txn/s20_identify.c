/* SPDX-License-Identifier: BSD-2-Clause */
/* IDENTIFY: finds out the client's address. It is the peer's, or, if the peer is a trusted proxy, the
 * rightmost address in X-Forwarded-For or Forwarded that isn't a trusted proxy's. Also answers the checks of
 * load balancers, which no route concerns. */
#include "base/rand.h"
#include "http/forwarded.h"
#include "txn/txn.h"

static bool trusted(const struct wr_txn *t, const unsigned char addr[16])
{
    const struct wr_policy *p = t->worker_policy->policy;
    return wr_cidr_has(p->trusted, p->trusted_count, addr);
}

/* The address as text. "unix:" for a peer on a Unix socket, which has no address. */
static struct wr_slice address_text(struct wr_txn *t, const unsigned char addr[16])
{
    static const unsigned char nowhere[16];
    if (memcmp(addr, nowhere, 16) == 0)
        return WR_SLICE("unix:");
    char *text = wr_arena_alloc(&t->arena, WR_ADDRESS_TEXT);
    wr_address_text(addr, text);
    return wr_slice_str(text);
}

struct wr_slice wr_txn_client(struct wr_txn *t)
{
    if (t->client.at == NULL && t->identified)
        t->client = address_text(t, t->client_addr);
    return t->client;
}

/* --- X-Forwarded-*: weir passes them on from a trusted peer, and names the peer after them. It doesn't pass
 * them on from strangers, because the origin believes weir. --- */

/* The value of X-Forwarded-For. If the trusted peer sent only Forwarded, or nothing, weir names the client
 * itself. */
static struct wr_slice forwarded_for(struct wr_txn *t)
{
    const struct wr_conn_peer *peer = &t->conn->peer;
    struct wr_slice list = t->trusted_peer ? wr_head_joined(&t->head, WR_F_X_FORWARDED_FOR, &t->arena)
                                           : wr_slice(NULL, 0);
    bool same = memcmp(t->client_addr, peer->addr, 16) == 0;
    return wr_forwarded_for(list, same ? wr_slice(NULL, 0) : wr_txn_client(t),
                            peer->local ? wr_slice(NULL, 0) : address_text(t, peer->addr), &t->arena);
}

void wr_txn_forwarded(struct wr_txn *t, struct wr_flight_order *order)
{
    order->forwarded_for = forwarded_for(t);
}

static bool is_token(struct wr_slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] <= ' ' || s.at[i] >= 0x7f)
            return false;
    return s.len > 0 && s.len <= 128;
}

struct wr_slice wr_txn_request_id(struct wr_txn *t)
{
    if (t->request_id.at || !t->identified)
        return t->request_id;
    const struct wr_field *f = t->trusted_peer ? wr_head_get(&t->head, WR_F_X_REQUEST_ID) : NULL;
    if (f && is_token(f->value))
        return t->request_id = f->value;
    uint64_t a = wr_rand_u64(), b = wr_rand_u64();
    char *text = wr_arena_alloc(&t->arena, WR_HASH_HEX + 1);
    wr_hash_hex((struct wr_hash){ a, b }, text);
    return t->request_id = wr_slice(text, WR_HASH_HEX);
}

/* A peer is not trusted behind a balancer that doesn't name the client (PROXY UNKNOWN): anybody may have
 * written the fields. */
bool wr_txn_peer_trusted(const struct wr_txn *t)
{
    const struct wr_conn_peer *peer = &t->conn->peer;
    return peer->who == WR_PROXY_CLIENT && (peer->local || trusted(t, peer->addr));
}

void wr_txn_identify(struct wr_txn *t)
{
    const struct wr_conn_peer *peer = &t->conn->peer;
    memcpy(t->client_addr, peer->addr, 16);
    t->head.trusted = t->trusted_peer = wr_txn_peer_trusted(t);
    t->head.odd_kept = t->trusted_peer || t->worker_policy->policy->odd_names == WR_ODD_NAMES_KEEP;
    t->head.secure = peer->secure;
    if (t->trusted_peer) {
        const struct wr_policy *policy = t->worker_policy->policy;
        wr_forwarded_believe(&t->head, policy->trusted, policy->trusted_count, t->client_addr, &t->arena);
    }
    t->identified = true;
}

/* Is it the check of a load balancer (listen[].health)? */
static bool asks_health(const struct wr_txn *t)
{
    const char *path = t->conn->listen->health;
    enum wr_method method = t->head.method;
    return path && (method == WR_METHOD_GET || method == WR_METHOD_HEAD || method == WR_METHOD_OPTIONS) &&
           wr_slice_eq(t->head.path, wr_slice_str(path));
}

enum wr_txn_stage wr_txn_identify_enter(struct wr_txn *t)
{
    wr_txn_identify(t);
    if (asks_health(t))
        return wr_txn_refuse(
            t, wr_shared_life(t->worker->shared) == WR_LIFE_SERVING ? WR_ERR_READY : WR_ERR_NOT_READY, NULL);
    return WR_TXN_ROUTE;
}

enum wr_txn_stage wr_txn_identify_resume(struct wr_txn *t)
{
    (void) t;
    return WR_TXN_WAIT;
}
