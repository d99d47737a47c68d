/* SPDX-License-Identifier: BSD-2-Clause */
/* LOCK: one fetch per fleet.
 *
 * The node sends SET NX PX with a token of its own. The node that gets the lock looks into Redis once more
 * (the object may have been stored between the look and the lock) and fetches, renewing the lock meanwhile. A
 * node that doesn't get it listens on the flight's channel, looks again once it is subscribed, and tries
 * again at intervals, because a message may be lost and the owner may die. While a large response arrives in
 * Redis (arrive.c), the nodes hear of it and read it. When the head says that the response is a variant, the
 * lock moves to the variant's key, and the nodes that wait look again. No node waits longer than the route's
 * lock_timeout: then it fetches without the lock. */
#include <stdio.h>

#include "base/rand.h"
#include "flight/flight_priv.h"
#include "redis/keys.h"
#include "stats/stats.h"

#define POLL_MS 200

static struct wr_slice token(const struct wr_flight *f)
{
    return wr_slice(f->token, WR_LOCK_TOKEN);
}

static const struct wr_policy_redis *redis(const struct wr_flight *f)
{
    return &f->worker_policy->policy->redis;
}

static void poll_later(struct wr_flight *f)
{
    struct wr_span in = WR_SPAN_MS(POLL_MS + wr_rand_below(POLL_MS / 2));
    struct wr_span left = wr_time_since(f->lock_deadline, f->loop->mono);
    wr_timer_set(&f->lock_timer, left.us < in.us ? left : in);
}

static void fetch_without(struct wr_flight *f)
{
    wr_flight_wake(f, WR_FLIGHT_LOCK, WR_FLIGHT_ASK);
}

/* Is waiting for another node of no use, because its response can't answer requests here? What is stored
 * shows that. */
static bool to_each_his_own(const struct wr_flight *f)
{
    return f->mode == WR_MODE_SOLO || (f->order.stale && !wr_rules_collapses(f->order.stale));
}

static void wait_on(struct wr_flight *f);

/* --- looking again --- */

/* Another node's response may vary by more fields than those that chose this flight's key. Then it is stored
 * under another key, and each of the waiters has to look up again. */
static void on_marker(struct wr_flight *f, struct wr_object *marker)
{
    struct wr_object *ours = f->order.marker;
    bool same = marker && wr_slice_eq(wr_vary_marked(marker), wr_vary_marked(ours)) &&
                wr_slice_eq(wr_vary_lineage(marker), wr_vary_lineage(ours));
    enum wr_flight_stage next = WR_FLIGHT_ASK;
    if (marker && !same) {
        next = wr_flight_found(f, marker, next);
        wr_flight_unlock(f, WR_OUTCOME_STORED);
    } else {
        wr_object_unref(marker);
    }
    wr_flight_wake(f, WR_FLIGHT_LOCK, next);
}

static void on_known(struct wr_flight *f, struct wr_object *object)
{
    enum wr_flight_stage next = WR_FLIGHT_ASK;
    if (object)
        next = wr_flight_found(f, object, WR_FLIGHT_ASK);
    if (next != WR_FLIGHT_ASK)
        wr_flight_unlock(f, WR_OUTCOME_STORED);
    bool may_wait = next == WR_FLIGHT_ASK && !f->redis_late && !to_each_his_own(f);
    if (may_wait && f->lock_state == WR_LOCK_WAITING)
        wait_on(f);
    else if (!(may_wait && f->has_waited && f->order.marker && wr_flight_read_marker(f, on_marker)))
        wr_flight_wake(f, WR_FLIGHT_LOCK, next);
}

/* Looks into Redis again, in place of a look that began earlier and may have missed what is there now. */
static void look_again(struct wr_flight *f)
{
    bool early = f->lock_state == WR_LOCK_WAITING && f->arriving_heard;
    f->arriving_heard = false;
    if (!wr_flight_read(f, early, NULL, on_known))
        fetch_without(f);
}

/* --- another node has the lock --- */

static void on_learnt(struct wr_flight *f)
{
    if (f->redis_late)
        fetch_without(f);
    else
        wait_on(f);
}

static void on_heard(struct wr_flight *f, enum wr_outcome outcome)
{
    wr_subscription_close(&f->subscription);
    f->arriving_heard = outcome == WR_OUTCOME_ARRIVING;
    f->owner_done = !f->arriving_heard;
    if (outcome == WR_OUTCOME_FAILED && wr_flight_stale_instead(f, 0)) {
        wr_flight_wake(f, WR_FLIGHT_LOCK, WR_FLIGHT_DONE);
        return;
    }
    switch (wr_outcome_then(outcome)) {
    case WR_THEN_LOOK:
        look_again(f);
        break;
    case WR_THEN_CONTEND:
        wait_on(f);
        break;
    case WR_THEN_LEARN:
        wr_flight_read_cancel(f); /* it began before the purge; the node that gets the lock looks again */
        wr_flight_learn_purges(f, on_learnt);
        break;
    case WR_THEN_FETCH:
        fetch_without(f);
        break;
    case WR_THEN_PASS:
        wr_flight_tell_not_shareable(f, 0);
        wr_flight_wake(f, WR_FLIGHT_LOCK, WR_FLIGHT_DONE);
        break;
    }
}

static void on_subscription(struct wr_subscription *subscription)
{
    struct wr_flight *f = WR_CONTAINER(subscription, struct wr_flight, subscription);
    char word[WR_SUBSCRIPTION_TEXT + 1];
    switch (wr_subscription_state(subscription, word)) {
    case WR_SUBSCRIPTION_HEARD:
        on_heard(f, wr_outcome_of(wr_slice_str(word)));
        break;
    case WR_SUBSCRIPTION_LISTENING:
        look_again(f);
        break;
    default: /* no message can come for now: the timer looks again, unless the link to Redis is down as well
              */
        if (!wr_link_ready(f->worker_policy->worker->link) && !wr_flight_reading(f) &&
            !wr_call_pending(&f->lock_call))
            fetch_without(f);
        break;
    }
}

/* Listens on the flight's channel. No message gets lost: once subscribed, the flight looks again. */
static void keep_listening(struct wr_flight *f)
{
    if (f->subscription.channel == NULL)
        wr_subscription_open(&f->subscription, f->worker_policy->worker->shared->subscriber, f->loop,
                             wr_buf_slice(&f->channel), on_subscription);
    poll_later(f);
}

/* Releases the lock if it is ours, or if it has no time to live: no node has set such a lock. */
static void release(struct wr_flight *f)
{
    struct wr_slice key = wr_buf_slice(&f->lock_key), own = token(f);
    wr_link_tell_script(f->worker_policy->worker->link, WR_SCRIPT_UNLOCK, 1, &key, 1, &own);
}

static void wait_for_owner(struct wr_flight *f)
{
    if (f->lock_state != WR_LOCK_WAITING) {
        f->lock_state = WR_LOCK_WAITING;
        f->has_waited = true;
        WR_COUNT(lock_waits);
        release(f); /* in case it is a lock without a time to live */
    }
    wait_on(f);
}

/* --- the lock itself --- */

static void on_lock(struct wr_call *call, enum wr_err err, const struct wr_reply *reply)
{
    struct wr_flight *f = WR_CONTAINER(call, struct wr_flight, lock_call);
    if (err != WR_OK || wr_reply_kind(reply) == WR_REPLY_ERROR) {
        fetch_without(f);
    } else if (wr_reply_kind(reply) == WR_REPLY_STATUS) {
        f->lock_state = WR_LOCK_HELD;
        wr_subscription_close(&f->subscription);
        wr_timer_set(&f->lock_timer, (struct wr_span){ redis(f)->lock_ttl.us / 3 });
        look_again(f);
    } else {
        wait_for_owner(f);
    }
}

#define SET_ARGC 6

/* Fills in the command that takes a lock. ttl: room for its time to live, as text. */
static void set_command(const struct wr_flight *f, const struct wr_buf *key, char ttl[24],
                        struct wr_slice argv[SET_ARGC])
{
    int n = snprintf(ttl, 24, "%lld", (long long) wr_span_ms(redis(f)->lock_ttl));
    const struct wr_slice words[SET_ARGC] = { WR_SLICE("SET"), wr_buf_slice(key), token(f),
                                              WR_SLICE("NX"),  WR_SLICE("PX"),    wr_slice(ttl, (size_t) n) };
    memcpy(argv, words, sizeof words);
}

/* Sends SET NX. Returns false if the link is down. */
static bool try_lock(struct wr_flight *f)
{
    char ttl[24];
    struct wr_slice argv[SET_ARGC];
    set_command(f, &f->lock_key, ttl, argv);
    f->owner_done = false; /* until a message says so after this */
    f->lock_call.done = on_lock;
    if (wr_link_send(f->worker_policy->worker->link, &f->lock_call, redis(f)->timeout, SET_ARGC, argv) !=
        WR_OK)
        return false;
    f->lock_sent = true;
    if (f->lock_state == WR_LOCK_NONE)
        f->lock_state = WR_LOCK_ASKED;
    return true;
}

/* Goes on WAITING when what is stored can't be used. If the owner has released the lock, the lock is asked
 * for once more: the answer under way may be older than the release. */
static void wait_on(struct wr_flight *f)
{
    if (!f->owner_done)
        keep_listening(f);
    else if (!wr_call_pending(&f->lock_call) && !try_lock(f))
        fetch_without(f);
}

static void renew(struct wr_flight *f)
{
    char ttl[24];
    int n = snprintf(ttl, sizeof ttl, "%lld", (long long) wr_span_ms(redis(f)->lock_ttl));
    struct wr_slice key = wr_buf_slice(&f->lock_key);
    const struct wr_slice args[] = { token(f), wr_slice(ttl, (size_t) n) };
    wr_link_tell_script(f->worker_policy->worker->link, WR_SCRIPT_RENEW, 1, &key, 2, args);
    wr_timer_set(&f->lock_timer, (struct wr_span){ redis(f)->lock_ttl.us / 3 });
}

static void on_lock_timer(struct wr_timer *timer)
{
    struct wr_flight *f = WR_CONTAINER(timer, struct wr_flight, lock_timer);
    if (f->lock_state == WR_LOCK_HELD)
        renew(f);
    else if (!wr_time_before(f->loop->mono, f->lock_deadline))
        fetch_without(f);
    else if (wr_call_pending(&f->lock_call) || wr_flight_reading(f))
        poll_later(f);
    else if (!try_lock(f))
        fetch_without(f);
}

enum wr_flight_stage wr_flight_lock(struct wr_flight *f)
{
    struct wr_worker *worker = f->worker_policy->worker;
    if (worker->redis_store == NULL || f->redis_late || to_each_his_own(f) || !wr_link_ready(worker->link))
        return WR_FLIGHT_ASK;
    wr_rand_token(f->token, WR_LOCK_TOKEN / 2);
    wr_keys_lock(&f->lock_key, redis(f), f->order.key.hash);
    wr_keys_flight(&f->channel, redis(f), f->order.key.hash);
    wr_timer_init(&f->lock_timer, f->loop, on_lock_timer);
    f->lock_deadline = wr_time_add(f->loop->mono, f->order.route->cache.lock_timeout);
    return try_lock(f) ? WR_FLIGHT_WAIT : WR_FLIGHT_ASK;
}

void wr_flight_publish(struct wr_flight *f, enum wr_outcome outcome)
{
    const struct wr_slice argv[] = { WR_SLICE("PUBLISH"), wr_buf_slice(&f->channel),
                                     wr_outcome_word(outcome) };
    wr_link_tell(f->worker_policy->worker->link, 3, argv);
}

/* The commands leave in this order on one link. So a node that finds the marker finds the variant's lock
 * taken, and a node that finds the old lock free finds the marker. If another node already fetches the
 * variant, it keeps the lock, and our commands don't change it. */
void wr_flight_lead_to(struct wr_flight *f, const struct wr_key *key)
{
    bool moves = f->lock_state == WR_LOCK_HELD && !wr_hash_eq(key->hash, f->order.key.hash);
    struct wr_buf lock_key = { 0 }, channel = { 0 };
    if (moves) {
        char ttl[24];
        struct wr_slice argv[SET_ARGC];
        wr_keys_lock(&lock_key, redis(f), key->hash);
        wr_keys_flight(&channel, redis(f), key->hash);
        set_command(f, &lock_key, ttl, argv);
        wr_link_tell(f->worker_policy->worker->link, SET_ARGC, argv);
    }
    if (f->new_marker && !f->unconfirmed) {
        wr_flight_put(f, f->new_marker);
        wr_object_unref(f->new_marker);
        f->new_marker = NULL;
    }
    if (!moves)
        return;
    release(f);
    wr_flight_publish(f, WR_OUTCOME_STORED);
    wr_buf_fini(&f->lock_key);
    wr_buf_fini(&f->channel);
    f->lock_key = lock_key;
    f->channel = channel;
}

void wr_flight_unlock(struct wr_flight *f, enum wr_outcome outcome)
{
    if (!f->lock_sent)
        return;
    f->lock_sent = false;
    if (outcome == WR_OUTCOME_PURGED)
        wr_redis_store_arrival_let_go(f->arrival); /* its readers began before the purge */
    else
        wr_redis_store_arrival_free(f->arrival);
    f->arrival = NULL;
    release(f); /* before publishing: a node that hears the outcome finds the lock free */
    if (f->lock_state == WR_LOCK_HELD)
        wr_flight_publish(f, outcome);
    f->lock_state = WR_LOCK_NONE;
    wr_timer_clear(&f->lock_timer);
}

/* If the lock isn't held, releases it all the same: SET NX may have been sent and not answered. */
void wr_flight_lock_leave(struct wr_flight *f)
{
    wr_call_cancel(&f->lock_call);
    wr_flight_read_cancel(f);
    wr_subscription_close(&f->subscription);
    if (f->lock_state != WR_LOCK_HELD)
        wr_flight_unlock(f, WR_OUTCOME_ABANDONED);
}

void wr_flight_lock_fini(struct wr_flight *f)
{
    wr_timer_fini(&f->lock_timer);
    wr_buf_fini(&f->lock_key);
    wr_buf_fini(&f->channel);
}
