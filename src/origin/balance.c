/* SPDX-License-Identifier: BSD-2-Clause */
/* Chooses a peer for a request by the policy's `balance`, among those that are well and not full. Peers that
 * have failed are chosen only if there is no better one. Each address of a server has the server's weight, as
 * in nginx. */
#include <math.h>

#include "origin/origin_priv.h"

/* Returns the weight, in hundredths, that the peer has now. */
static int64_t weight(const struct wr_peer *p)
{
    const struct wr_origin *o = p->server->origin;
    return (int64_t) p->server->policy->weight *
           wr_backend_share(p->backend, o->origins->loop->mono, o->policy->slow_start);
}

/* Smooth weighted round robin. Each server gains its weight; the one with the most is chosen and pays what
 * all have gained. So heavy servers come often, but not several times in a row. */
static struct wr_peer *round_robin(struct wr_peer **fit, size_t count, uint64_t of_request)
{
    (void) of_request;
    struct wr_peer *best = NULL;
    int64_t total = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t mine = weight(fit[i]);
        fit[i]->current += mine;
        total += mine;
        if (best == NULL || fit[i]->current > best->current)
            best = fit[i];
    }
    best->current -= total;
    return best;
}

static unsigned busy(const struct wr_peer *p)
{
    return p->open - p->idle_count;
}

/* Chooses the server with the fewest connections per weight, counted on this worker. Equal ones take turns.
 */
static struct wr_peer *least_connections(struct wr_peer **fit, size_t count, uint64_t of_request)
{
    size_t equal = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t mine = busy(fit[i]) * weight(fit[0]), least = busy(fit[0]) * weight(fit[i]);
        if (mine < least) {
            fit[0] = fit[i];
            equal = 1;
        } else if (mine == least) {
            fit[equal++] = fit[i];
        }
    }
    return round_robin(fit, equal, of_request);
}

/* Rendezvous hashing (Thaler and Ravishankar 1998), weighted by -w/ln(u) (Schindelhauer and Schomaker 2005).
 * When a server comes or goes, only its own share of the requests moves. */
static struct wr_peer *hash(struct wr_peer **fit, size_t count, uint64_t of_request)
{
    struct wr_peer *best = NULL;
    double highest = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t z = of_request ^ fit[i]->seed;
        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        double u = ((double) ((z ^ (z >> 31)) >> 11) + 0.5) / 9007199254740992.0;
        double score = -(double) weight(fit[i]) / log(u);
        if (best == NULL || score > highest) {
            best = fit[i];
            highest = score;
        }
    }
    return best;
}

/* Chooses one of fit[0..count), which it may reorder. of_request: the hash of what the request asks for. */
typedef struct wr_peer *choose_fn(struct wr_peer **fit, size_t count, uint64_t of_request);

static struct wr_peer *choose(struct wr_exchange_run *run, struct wr_peer **fit, size_t count)
{
    static choose_fn *const by[] = {
#define BALANCE(ID, word, about) [WR_BALANCE_##ID] = word,
#include "policy/words.def"
    };
    return count == 1 ? fit[0] : by[run->origin->policy->balance](fit, count, run->x->balance_hash);
}

static bool was_tried(const struct wr_exchange_run *run, const struct wr_peer *p)
{
    for (size_t at = 0; at < run->tried.len; at += sizeof p->id)
        if (memcmp(run->tried.at + at, &p->id, sizeof p->id) == 0)
            return true;
    return false;
}

enum wr_pick wr_balance_pick(struct wr_exchange_run *run, struct wr_peer **out)
{
    struct wr_origin *o = run->origin;
    struct wr_mono mono = o->origins->loop->mono;
    struct wr_peer **fit = o->fit;
    size_t count = 0, full = 0;
    enum wr_health most = run->careful ? WR_HEALTH_TRIAL : WR_HEALTH_DOWN;
    /* Those that are left out only if there is no better one, busy or not: if all are, they are tried anyway.
     */
    for (enum wr_health worst = WR_HEALTH_TRIAL; worst <= most && count + full == 0; worst++) {
        for (size_t i = 0; i < o->count; i++) {
            struct wr_peer *p = o->peers[i];
            enum wr_health health = wr_peer_health(p, mono);
            if (health > worst || was_tried(run, p))
                continue;
            if (wr_pool_full(p, wr_send_uploads(run)))
                full++;
            else
                fit[count++] = p;
        }
    }
    if (count == 0)
        return full ? WR_PICK_FULL : WR_PICK_NONE;
    if (out)
        *out = choose(run, fit, count);
    return WR_PICK_PEER;
}
