/* SPDX-License-Identifier: BSD-2-Clause */
/* Asks how far each living node has read the journal, again and again until all have read a purge. It also
 * finds the nodes that are silent. */
#include "purge/word_priv.h"

#include <stdlib.h>

#include "purge/journal_priv.h"
#include "redis/keys.h"
#include "redis/node.h"

#define POLL_FIRST_MS 1
#define POLL_MOST_MS 20

/* One node whose entry is being read. */
struct asked_node {
    struct wr_call call;
    struct wr_purge_word *word;
    struct wr_slice name; /* in the arena */
    struct wr_buf key;
    bool confirmed;
};

/* Another node that was seen alive. */
struct wr_fleet_node {
    struct wr_fleet_node *next;
    struct wr_mono seen; /* monotonic */
    size_t len;
    char name[];
};

/* --- the fleet --- */

void wr_fleet_init(struct wr_fleet *fleet, struct wr_loop *loop, struct wr_policy *policy,
                   struct wr_link *link, const char *node)
{
    *fleet = (struct wr_fleet){ .loop = loop, .policy = policy, .link = link, .node = node };
    if (link == NULL)
        return;
    wr_keys_nodes(&fleet->nodes_key, &policy->redis);
    wr_keys_nodes_away(&fleet->away_key, &policy->redis);
}

void wr_fleet_fini(struct wr_fleet *fleet)
{
    struct wr_fleet_node *peer;
    while ((peer = fleet->peers) != NULL) {
        fleet->peers = peer->next;
        free(peer);
    }
    wr_buf_fini(&fleet->nodes_key);
    wr_buf_fini(&fleet->away_key);
}

static bool is_us(const struct wr_fleet *fleet, struct wr_slice name)
{
    return wr_slice_eq(name, wr_slice_str(fleet->node));
}

void wr_fleet_saw(struct wr_fleet *fleet, struct wr_slice name)
{
    struct wr_fleet_node *peer = fleet->peers;
    if (name.at == NULL || is_us(fleet, name))
        return;
    while (peer && !wr_slice_eq(wr_slice(peer->name, peer->len), name))
        peer = peer->next;
    if (peer == NULL) {
        peer = calloc(1, sizeof *peer + name.len);
        WR_CHECK(peer != NULL);
        peer->len = name.len;
        memcpy(peer->name, name.at, name.len);
        peer->next = fleet->peers;
        fleet->peers = peer;
    }
    peer->seen = fleet->loop->mono;
}

void wr_fleet_disturbed(struct wr_fleet *fleet)
{
    fleet->disturbed = fleet->loop->mono;
}

/* --- who is silent --- */

void wr_silent_tell(struct wr_buf *out, const struct wr_silent_node *node)
{
    for (size_t i = 0; i < node->name.len; i++) {
        char c = (char) node->name.at[i];
        wr_buf_add_char(out, c > ' ' && c < 0x7f ? c : '?');
    }
    wr_buf_add_str(out, " has not been heard ");
    if (wr_span_s(node->span) > 0)
        wr_buf_printf(out, "for %lld s", (long long) wr_span_s(node->span));
    else
        wr_buf_add_str(out, "since the purge");
    wr_buf_add_str(out, " and may serve older copies until it is back");
}

static bool has_confirmed(const struct wr_purge_word *word, struct wr_slice name)
{
    for (size_t i = 0; i < word->node_count; i++)
        if (word->nodes[i].confirmed && wr_slice_eq(word->nodes[i].name, name))
            return true;
    return false;
}

/* pairs: names and scores, in the arena, of the nodes that may serve from memory while they can't reach
 * Redis. Keeps those that have confirmed neither this purge nor anything else since. */
static void find_silent(struct wr_purge_word *word, const struct wr_slice *pairs, size_t count)
{
    const struct wr_fleet *fleet = word->fleet;
    struct wr_redis_time now = wr_redis_time_by_wall(fleet->loop->now, wr_link_ahead(fleet->link));
    size_t names_len = 0;
    free(word->silent);
    word->silent = NULL;
    for (size_t i = 0; i + 1 < count; i += 2)
        names_len += pairs[i].len;
    struct wr_silent *s = malloc(sizeof *s + count / 2 * sizeof s->of[0] + names_len);
    WR_CHECK(s != NULL);
    char *names = (char *) &s->of[count / 2];
    s->count = 0;
    for (size_t i = 0; i + 1 < count; i += 2) {
        struct wr_slice name = pairs[i];
        uint64_t ms;
        if (!wr_slice_u64(pairs[i + 1], INT64_MAX / 1000, &ms) || is_us(fleet, name) ||
            (int64_t) ms * 1000 >= wr_instant_us(word->at) || has_confirmed(word, name))
            continue;
        struct wr_span span = wr_time_since(now, (struct wr_redis_time){ (int64_t) ms * 1000 });
        memcpy(names, name.at, name.len);
        s->of[s->count++] = (struct wr_silent_node){ wr_slice(names, name.len),
                                                     { span.us > 0 ? span.us : 0 } };
        names += name.len;
    }
    if (s->count > 0)
        word->silent = s;
    else
        free(s);
}

/* --- asking --- */

static void end_poll(struct wr_purge_word *word)
{
    wr_call_cancel(&word->nodes_call);
    wr_call_cancel(&word->away_call);
    for (size_t i = 0; i < word->node_count; i++) {
        wr_call_cancel(&word->nodes[i].call);
        wr_buf_fini(&word->nodes[i].key);
    }
    free(word->nodes);
    word->nodes = NULL;
    word->away = NULL;
    word->node_count = word->away_count = word->open = 0;
    wr_arena_fini(&word->arena);
}

static void poll_again(struct wr_purge_word *word)
{
    struct wr_span left = wr_time_since(word->deadline, word->fleet->loop->mono);
    if (left.us <= 0) {
        word->given(word);
        return;
    }
    struct wr_span in = WR_SPAN_MS(word->poll_ms);
    word->poll_ms = word->poll_ms * 2 < POLL_MOST_MS ? word->poll_ms * 2 : POLL_MOST_MS;
    wr_timer_set(&word->timer, left.us < in.us ? left : in);
}

/* A question of this poll has been answered, or has failed. */
static void settle(struct wr_purge_word *word)
{
    if (--word->open > 0)
        return;
    bool known = !word->unanswered;
    if (known) {
        word->confirmed = 0;
        word->live = (unsigned) word->node_count;
        for (size_t i = 0; i < word->node_count; i++)
            word->confirmed += word->nodes[i].confirmed;
        find_silent(word, word->away, word->away_count);
    }
    end_poll(word);
    if (known && word->confirmed == word->live)
        word->given(word);
    else
        poll_again(word);
}

static void on_node(struct wr_call *call, enum wr_err err, const struct wr_reply *reply)
{
    struct asked_node *n = WR_CONTAINER(call, struct asked_node, call);
    struct wr_instant at;
    n->confirmed = err == WR_OK && wr_reply_kind(reply) == WR_REPLY_STRING &&
                   wr_instant_parse(wr_reply_slice(reply), &at) && !wr_instant_before(at, n->word->at);
    settle(n->word);
}

static void ask_node(struct wr_purge_word *word, struct wr_slice name)
{
    struct wr_fleet *fleet = word->fleet;
    struct asked_node *n = &word->nodes[word->node_count++];
    n->word = word;
    n->call.done = on_node;
    n->name = wr_arena_copy(&word->arena, name);
    wr_keys_node(&n->key, &fleet->policy->redis, name);
    const struct wr_slice argv[] = { WR_SLICE("HGET"), wr_buf_slice(&n->key), WR_SLICE("purges") };
    if (wr_link_send(fleet->link, &n->call, WR_JOURNAL_PATIENCE, 3, argv) == WR_OK)
        word->open++;
}

static bool names_us(const struct wr_fleet *fleet, const struct wr_reply *names)
{
    for (size_t i = 0; i < wr_reply_count(names); i++)
        if (is_us(fleet, wr_reply_slice(wr_reply_at(names, i))))
            return true;
    return false;
}

/* Redis names the nodes that live. If it may have forgotten some, those that lived a moment ago count as
 * well. */
static void ask_nodes(struct wr_purge_word *word, const struct wr_reply *names)
{
    struct wr_fleet *fleet = word->fleet;
    struct wr_mono now = fleet->loop->mono,
                   doubted = wr_time_add(now,
                                         (struct wr_span){ -wr_node_lifetime(&fleet->policy->redis).us });
    size_t most = wr_reply_count(names) + 1;
    if (!names_us(fleet,
                  names)) /* the set was evicted: not all nodes that live have entered themselves again */
        wr_fleet_disturbed(fleet);
    bool forgetful = wr_time_before(doubted, fleet->disturbed) ||
                     wr_time_before(doubted, wr_link_since(fleet->link));
    for (struct wr_fleet_node *peer = fleet->peers; peer; peer = peer->next)
        most++;
    word->nodes = calloc(most, sizeof *word->nodes);
    WR_CHECK(word->nodes != NULL);
    for (size_t i = 0; i < wr_reply_count(names); i++)
        wr_fleet_saw(fleet, wr_reply_slice(wr_reply_at(names, i)));
    for (struct wr_fleet_node **at = &fleet->peers, *peer; (peer = *at) != NULL;) {
        if (peer->seen.us != now.us && !(forgetful && wr_time_before(doubted, peer->seen))) {
            *at = peer->next;
            free(peer);
            continue;
        }
        ask_node(word, wr_slice(peer->name, peer->len));
        at = &peer->next;
    }
}

static void on_names(struct wr_call *call, enum wr_err err, const struct wr_reply *reply)
{
    struct wr_purge_word *word = WR_CONTAINER(call, struct wr_purge_word, nodes_call);
    if (err == WR_OK && wr_reply_kind(reply) == WR_REPLY_ARRAY)
        ask_nodes(word, reply);
    else
        word->unanswered = true;
    settle(word);
}

static void on_away(struct wr_call *call, enum wr_err err, const struct wr_reply *reply)
{
    struct wr_purge_word *word = WR_CONTAINER(call, struct wr_purge_word, away_call);
    size_t count = wr_reply_count(reply);
    if (err == WR_OK && wr_reply_kind(reply) == WR_REPLY_ARRAY && count > 0) {
        word->away = wr_arena_alloc(&word->arena, count * sizeof *word->away);
        for (; word->away_count < count; word->away_count++)
            word->away[word->away_count] = wr_arena_copy(
                &word->arena, wr_reply_slice(wr_reply_at(reply, word->away_count)));
    }
    word->unanswered |= err != WR_OK;
    settle(word);
}

static bool ask_set(struct wr_purge_word *word, struct wr_call *call, const struct wr_buf *key, size_t argc)
{
    const struct wr_slice argv[] = { WR_SLICE("ZRANGE"), wr_buf_slice(key), WR_SLICE("0"), WR_SLICE("-1"),
                                     WR_SLICE("WITHSCORES") };
    bool asked = wr_link_send(word->fleet->link, call, WR_JOURNAL_PATIENCE, argc, argv) == WR_OK;
    word->open += asked;
    return asked;
}

/* Asks first which nodes live. So a node that enters both sets between the two questions may be in the second
 * answer only, but then it has been heard since the purge. */
static void poll_nodes(struct wr_purge_word *word)
{
    struct wr_fleet *fleet = word->fleet;
    word->nodes_call = (struct wr_call){ .done = on_names };
    word->away_call = (struct wr_call){ .done = on_away };
    word->unanswered = false;
    if (ask_set(word, &word->nodes_call, &fleet->nodes_key, 4) &&
        ask_set(word, &word->away_call, &fleet->away_key, 5))
        return;
    end_poll(word);
    poll_again(word);
}

static void on_poll_timer(struct wr_timer *timer)
{
    struct wr_purge_word *word = WR_CONTAINER(timer, struct wr_purge_word, timer);
    if (wr_time_before(word->fleet->loop->mono, word->deadline))
        poll_nodes(word);
    else
        word->given(word);
}

void wr_purge_word_init(struct wr_purge_word *word, struct wr_fleet *fleet,
                        void (*given)(struct wr_purge_word *word))
{
    *word = (struct wr_purge_word){ .fleet = fleet, .given = given };
    wr_timer_init(&word->timer, fleet->loop, on_poll_timer);
}

void wr_purge_word_ask(struct wr_purge_word *word, struct wr_instant at)
{
    word->at = at;
    word->deadline = wr_time_add(word->fleet->loop->mono, word->fleet->policy->redis.max_staleness);
    word->poll_ms = POLL_FIRST_MS;
    poll_nodes(word);
}

void wr_purge_word_fini(struct wr_purge_word *word)
{
    end_poll(word);
    wr_timer_fini(&word->timer);
    free(word->silent);
}
