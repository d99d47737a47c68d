/* The journal of purges: appending to it, and following what other nodes have appended.
 *
 * What makes objects old is in Redis already when an entry is read. What is left to be done here is what Redis can't do: fetches
 * under way aren't stored, copies in memory go at once. Then this node says how far it has come. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "flight/purger_priv.h"
#include "log/log.h"
#include "redis/keys.h"
#include "redis/node.h"
#include "stats/stats.h"

#define AT_ONCE 100 /* entries */
#define RETRY WR_SPAN_MS(20)

/* --- names and numbers --- */

bool wr_journal_id_parse(struct wr_slice text, struct wr_journal_id *out)
{
    struct wr_slice ms = wr_slice_cut(&text, '-');
    return ms.at && text.at && wr_slice_u64(ms, UINT64_MAX, &out->ms) && wr_slice_u64(text, UINT64_MAX, &out->seq);
}

static struct wr_slice id_text(struct wr_journal_id id, char out[48])
{
    return wr_slice(out, (size_t) snprintf(out, 48, "%" PRIu64 "-%" PRIu64, id.ms, id.seq));
}

static bool hash_of_hex(struct wr_slice hex, struct wr_hash *out)
{
    uint64_t half[2] = { 0, 0 };
    if (hex.len != WR_HASH_HEX)
        return false;
    for (size_t i = 0; i < WR_HASH_HEX; i++) {
        const char *digits = "0123456789abcdef", *at = hex.at[i] ? strchr(digits, hex.at[i]) : NULL;
        if (at == NULL)
            return false;
        half[i / 16] = half[i / 16] << 4 | (uint64_t) (at - digits);
    }
    *out = (struct wr_hash){ .hi = half[0], .lo = half[1] };
    return true;
}

/* --- writing --- */

enum wr_err wr_journal_append(struct wr_purger *p, struct wr_call *call, const struct wr_purge *purge, const char *who)
{
    char most[24], kept[24], hash[WR_HASH_HEX + 1] = "", other[WR_HASH_HEX + 1] = "";
    int most_len = snprintf(most, sizeof most, "%d", WR_JOURNAL_MOST);
    int kept_len = snprintf(kept, sizeof kept, "%" PRId64, wr_span_ms(WR_JOURNAL_KEPT));
    if (purge->scope == WR_SCOPE_URL) {
        wr_hash_hex(purge->primary, hash);
        wr_hash_hex(purge->other, other);
    }
    struct wr_slice key = wr_buf_slice(&p->journal.key);
    const struct wr_slice args[] = {
        wr_slice(most, (size_t) most_len),
        wr_slice(kept, (size_t) kept_len),
        WR_SLICE("node"), wr_slice_str(p->node),
        WR_SLICE("who"),  wr_slice_str(who),
        WR_SLICE("what"), wr_slice_str(wr_scope_name(purge->scope)),
        WR_SLICE("name"), purge->name,
        WR_SLICE("soft"), purge->soft ? WR_SLICE("1") : WR_SLICE("0"),
        WR_SLICE("hash"), wr_slice_str(hash),
        WR_SLICE("other"), wr_slice_str(other),
    };
    return wr_link_script(p->link, call, WR_PURGE_PATIENCE, WR_SCRIPT_JOURNAL_ADD, 1, &key, sizeof args / sizeof args[0], args);
}

/* --- reading one entry --- */

bool wr_journal_entry(const struct wr_reply *reply, struct wr_journal_id *id, struct wr_purge_entry *out, struct wr_purge *purge)
{
    const struct wr_reply *fields = wr_reply_at(reply, 1);
    *out = (struct wr_purge_entry){ .name = WR_SLICE("") };
    *purge = (struct wr_purge){ .scope = WR_SCOPE_URL };
    if (!wr_journal_id_parse(wr_reply_slice(wr_reply_at(reply, 0)), id))
        return false;
    out->at.us = id->ms < INT64_MAX / 1000 ? (int64_t) id->ms * 1000 : 0;
    for (size_t i = 0; i + 1 < wr_reply_count(fields); i += 2) {
        struct wr_slice name = wr_reply_slice(wr_reply_at(fields, i)), value = wr_reply_slice(wr_reply_at(fields, i + 1));
        if (wr_slice_eq(name, WR_SLICE("node")))
            out->node = value;
        else if (wr_slice_eq(name, WR_SLICE("who")))
            out->who = value;
        else if (wr_slice_eq(name, WR_SLICE("what")))
            out->what = value;
        else if (wr_slice_eq(name, WR_SLICE("name")))
            out->name = value;
        else if (wr_slice_eq(name, WR_SLICE("soft")))
            out->soft = wr_slice_eq(value, WR_SLICE("1"));
        else if (wr_slice_eq(name, WR_SLICE("hash")) && value.len && !hash_of_hex(value, &purge->primary))
            return false;
        else if (wr_slice_eq(name, WR_SLICE("other")) && value.len && !hash_of_hex(value, &purge->other))
            return false;
    }
    return out->node.at && out->what.at;
}

/* --- following --- */

/* It was cut off: that it changed wasn't heard. */
static void learn_generation(struct wr_journal *j, const struct wr_purge *purge)
{
    struct wr_gens *gens = j->purger->shared->gens;
    struct wr_buf key = { 0 };
    wr_gens_key(gens, purge->scope, purge->name, &key);
    wr_gens_changed(gens, j->purger->link, wr_buf_slice(&key));
    wr_buf_fini(&key);
}

static void follow(struct wr_journal *j, const struct wr_reply *reply)
{
    struct wr_purge_entry e;
    struct wr_journal_id id;
    struct wr_purge purge;
    if (!wr_journal_entry(reply, &id, &e, &purge)) {
        if (wr_journal_id_parse(wr_reply_slice(wr_reply_at(reply, 0)), &id))
            j->last = id; /* somebody else's: passed over */
        return;
    }
    j->last = id;
    if (wr_slice_eq(e.node, wr_slice_str(j->purger->node)) || !wr_scope_of(e.what, &purge.scope))
        return;
    purge.name = e.name;
    purge.soft = e.soft;
    wr_flights_spoil(j->purger->shared->flights, &purge);
    if (purge.scope != WR_SCOPE_URL) {
        if (j->unheard)
            learn_generation(j, &purge);
    } else if (j->purger->shared->memory) {
        wr_memory_drop(j->purger->shared->memory, purge.primary);
        wr_memory_drop(j->purger->shared->memory, purge.other);
    }
    WR_COUNT(purges_heard);
}

/* What Redis reported as changed has been learnt: now others may rely on it. */
static void tell(struct wr_journal *j)
{
    struct wr_purger *p = j->purger;
    char id[48], lifetime[24];
    if (!j->untold || j->behind || wr_call_pending(&j->call) || wr_gens_unsettled(p->shared->gens) > 0)
        return;
    j->untold = false;
    int len = snprintf(lifetime, sizeof lifetime, "%" PRId64, wr_span_ms(WR_NODE_LIFETIME));
    struct wr_slice key = wr_buf_slice(&j->node_key);
    wr_link_tell(p->link, 4, (struct wr_slice[]){ WR_SLICE("HSET"), key, WR_SLICE("purges"), id_text(j->last, id) });
    wr_link_tell(p->link, 3, (struct wr_slice[]){ WR_SLICE("PEXPIRE"), key, wr_slice(lifetime, (size_t) len) });
}

static void on_settled(void *ctx)
{
    tell(ctx);
}

static void ask(struct wr_journal *j);

static void lost_track(struct wr_journal *j)
{
    wr_warn("the journal of purges does not reach back to what this node knows: no fetch under way is stored, and no copy is used "
            "before Redis or its origin has been asked");
    wr_flights_spoil(j->purger->shared->flights, NULL);
    wr_gens_changed(j->purger->shared->gens, j->purger->link, wr_slice(NULL, 0));
    j->last = (struct wr_journal_id){ 0, 0 };
}

/* The answer begins with `last` itself, if that is still there. */
static size_t check_gap(struct wr_journal *j, const struct wr_reply *reply)
{
    struct wr_journal_id first;
    bool there = wr_journal_id_parse(wr_reply_slice(wr_reply_at(wr_reply_at(reply, 0), 0)), &first) &&
                 !wr_journal_id_before(first, j->last) && !wr_journal_id_before(j->last, first);
    j->gap = false;
    if (!there && j->last.ms != 0)
        lost_track(j);
    return there;
}

static void on_first(struct wr_journal *j, const struct wr_reply *reply)
{
    struct wr_journal_id id = { 0, 0 };
    if (wr_reply_count(reply) > 0 && !wr_journal_id_parse(wr_reply_slice(wr_reply_at(wr_reply_at(reply, 0), 0)), &id))
        return;
    j->last = id;
    j->known = true;
    j->behind = false;
}

static void on_entries(struct wr_journal *j, const struct wr_reply *reply)
{
    size_t count = wr_reply_count(reply), from = j->asked_gap ? check_gap(j, reply) : 0;
    for (size_t i = from; i < count; i++)
        follow(j, wr_reply_at(reply, i));
    j->behind = count == AT_ONCE;
}

static void on_answer(struct wr_call *call, enum wr_err err, const struct wr_reply *reply)
{
    struct wr_journal *j = WR_CONTAINER(call, struct wr_journal, call);
    if (err != WR_OK || wr_reply_kind(reply) != WR_REPLY_ARRAY) {
        wr_timer_set(&j->retry, RETRY);
        return;
    }
    bool more = j->behind; /* it has grown since the question left */
    j->untold = true;
    if (!j->known)
        on_first(j, reply);
    else
        on_entries(j, reply);
    if (more || j->behind || j->gap) {
        ask(j);
        return;
    }
    j->unheard = false;
    tell(j);
}

static void ask(struct wr_journal *j)
{
    struct wr_purger *p = j->purger;
    char from[50] = "(", count[16];
    if (wr_call_pending(&j->call)) {
        j->behind = true;
        return;
    }
    j->asked_gap = j->gap;
    j->behind = false;
    j->call = (struct wr_call){ .done = on_answer };
    struct wr_slice key = wr_buf_slice(&j->key), id = id_text(j->last, from + 1);
    if (j->gap)
        id = wr_slice(from + 1, id.len);
    else
        id = wr_slice(from, id.len + 1);
    int len = snprintf(count, sizeof count, "%d", AT_ONCE);
    const struct wr_slice range[] = { WR_SLICE("XRANGE"), key, id, WR_SLICE("+"), WR_SLICE("COUNT"),
                                      wr_slice(count, (size_t) len) };
    const struct wr_slice newest[] = { WR_SLICE("XREVRANGE"), key, WR_SLICE("+"), WR_SLICE("-"), WR_SLICE("COUNT"),
                                       WR_SLICE("1") };
    if (!wr_link_ready(p->link) || wr_link_send(p->link, &j->call, WR_PURGE_PATIENCE, 6, j->known ? range : newest) != WR_OK) {
        j->behind = true;
        wr_timer_set(&j->retry, RETRY);
    }
}

static void on_retry(struct wr_timer *timer)
{
    ask(WR_CONTAINER(timer, struct wr_journal, retry));
}

void wr_journal_look(struct wr_journal *j, bool anything)
{
    j->gap = j->gap || (anything && j->known);
    j->unheard |= anything;
    ask(j);
}

void wr_journal_init(struct wr_journal *j, struct wr_purger *p)
{
    *j = (struct wr_journal){ .purger = p };
    wr_keys_purges(&j->key, &p->policy->redis);
    wr_keys_node(&j->node_key, &p->policy->redis, wr_slice_str(p->node));
    wr_timer_init(&j->retry, p->loop, on_retry);
    wr_gens_on_settled(p->shared->gens, on_settled, j);
    wr_timer_set(&j->retry, WR_SPAN_MS(0));
}

void wr_journal_fini(struct wr_journal *j)
{
    wr_gens_on_settled(j->purger->shared->gens, NULL, NULL);
    wr_call_cancel(&j->call);
    wr_timer_fini(&j->retry);
    wr_buf_fini(&j->key);
    wr_buf_fini(&j->node_key);
}
