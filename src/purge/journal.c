/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes purges into the journal, and reads what was added to it. Purges that Redis can't take are kept until
 * it is back. */
#include "purge/journal_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "redis/keys.h"
#include "stats/stats.h"

#define REPLACED_MOST 16 /* instants of replaced purges that one call can give */

void wr_purges_share(struct wr_purges *p, const struct wr_policy_redis *redis,
                     const struct wr_subscriber *subscriber, const char *node)
{
    WR_CHECK(p->shared);
    p->redis = redis;
    p->subscriber = subscriber;
    p->node = node;
}

/* --- one entry --- */

bool wr_journal_entry(const struct wr_reply *reply, struct wr_instant *at, struct wr_purge_entry *out,
                      struct wr_purge *purge)
{
    const struct wr_reply *fields = wr_reply_at(reply, 1);
    *out = (struct wr_purge_entry){ .name = WR_SLICE("") };
    *purge = (struct wr_purge){ .scope = WR_SCOPE_URL };
    if (!wr_instant_parse(wr_reply_slice(wr_reply_at(reply, 0)), at))
        return false;
    out->at.us = wr_instant_us(*at);
    for (size_t i = 0; i + 1 < wr_reply_count(fields); i += 2) {
        struct wr_slice name = wr_reply_slice(wr_reply_at(fields, i)),
                        value = wr_reply_slice(wr_reply_at(fields, i + 1));
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
        else if (wr_slice_eq(name, WR_SLICE("hash")) && value.len && !wr_hash_read(value, &purge->primary))
            return false;
        else if (wr_slice_eq(name, WR_SLICE("other")) && value.len && !wr_hash_read(value, &purge->other))
            return false;
    }
    purge->name = out->name;
    purge->soft = out->soft;
    purge->implied = out->who.len == 0;
    return out->node.at && out->what.at && wr_scope_of(out->what, &purge->scope);
}

size_t wr_journal_words(const struct wr_purges *p, const struct wr_purge *purge, struct wr_slice who,
                        struct wr_slice *out, char hex[2][WR_HASH_HEX + 1])
{
    const struct wr_slice words[WR_JOURNAL_WORDS] = {
        WR_SLICE("what"),  wr_slice_str(wr_scope_name(purge->scope)),
        WR_SLICE("name"),  purge->name,
        WR_SLICE("soft"),  purge->soft ? WR_SLICE("1") : WR_SLICE("0"),
        WR_SLICE("node"),  wr_slice_str(p->node),
        WR_SLICE("who"),   purge->implied ? WR_SLICE("") : who,
        WR_SLICE("hash"),  wr_slice(hex[0], WR_HASH_HEX),
        WR_SLICE("other"), wr_slice(hex[1], WR_HASH_HEX),
    };
    size_t count = purge->scope == WR_SCOPE_URL ? WR_JOURNAL_WORDS : WR_JOURNAL_WORDS - 4;
    wr_hash_hex(purge->primary, hex[0]);
    wr_hash_hex(purge->other, hex[1]);
    memcpy(out, words, count * sizeof *out);
    return count;
}

/* --- saying --- */

static void unsaid_free(struct wr_purge_unsaid *u)
{
    free((char *) (uintptr_t) u->purge.name.at);
    free(u->who);
    free(u);
}

/* Keeps a purge until Redis is back. If there are too many, they become one purge of everything. */
static void keep_unsaid(struct wr_purges *p, struct wr_purge_unsaid *u)
{
    struct wr_purge_unsaid *old;
    pthread_mutex_lock(&p->log_lock);
    while (p->unsaid_count >= WR_UNSAID_MOST && (old = TAILQ_FIRST(&p->unsaid)) != NULL) {
        TAILQ_REMOVE(&p->unsaid, old, entry);
        unsaid_free(old);
        if (--p->unsaid_count == 0) {
            u->purge.scope = WR_SCOPE_ALL;
            u->purge.name.len = 0;
            u->purge.soft = false;
        }
    }
    TAILQ_INSERT_TAIL(&p->unsaid, u, entry);
    p->unsaid_count++;
    pthread_mutex_unlock(&p->log_lock);
}

void wr_journal_unsaid_free(struct wr_purges *p)
{
    struct wr_purge_unsaid *u;
    while ((u = TAILQ_FIRST(&p->unsaid)) != NULL) {
        TAILQ_REMOVE(&p->unsaid, u, entry);
        unsaid_free(u);
    }
}

/* Takes replaced purges out of the journal. */
static void strike_out(struct wr_purges *p, struct wr_link *link, const struct wr_instant *replaced,
                       size_t count)
{
    struct wr_buf key = { 0 };
    char texts[REPLACED_MOST][WR_INSTANT_TEXT];
    struct wr_slice argv[2 + REPLACED_MOST] = { WR_SLICE("XDEL") };
    if (count == 0)
        return;
    wr_keys_purges(&key, p->redis);
    argv[1] = wr_buf_slice(&key);
    for (size_t i = 0; i < count; i++)
        argv[2 + i] = wr_instant_text(replaced[i], texts[i]);
    wr_link_tell(link, 2 + count, argv);
    wr_buf_fini(&key);
}

static void on_said(struct wr_call *call, enum wr_err err, const struct wr_reply *reply)
{
    struct wr_purge_unsaid *u = WR_CONTAINER(call, struct wr_purge_unsaid, call);
    struct wr_purges *p = u->purges;
    struct wr_instant at = u->at, replaced[REPLACED_MOST];
    void (*said)(void *, enum wr_err, struct wr_instant) = u->said;
    void *ctx = u->ctx;
    if (err == WR_OK && !wr_instant_parse(wr_reply_slice(reply), &at))
        err = WR_ERR_REDIS_ERROR;
    u->said = NULL;
    if (err == WR_OK) {
        strike_out(p, u->link, replaced, wr_purges_add(p, &u->purge, at, false, replaced, REPLACED_MOST));
        unsaid_free(u);
    } else if (err != WR_ERR_CANCELLED) {
        keep_unsaid(p, u);
    }
    if (said)
        said(ctx, err, at);
}

static enum wr_err send_purge(struct wr_purge_unsaid *u, struct wr_link *link)
{
    struct wr_purges *p = u->purges;
    struct wr_buf key = { 0 };
    char least[WR_INSTANT_TEXT], most[24], kept[24], hex[2][WR_HASH_HEX + 1];
    struct wr_slice args[3 + WR_JOURNAL_WORDS];
    int most_len = snprintf(most, sizeof most, "%d", WR_PURGES_MOST);
    int kept_len = snprintf(kept, sizeof kept, "%lld", (long long) wr_span_ms(WR_PURGES_KEPT));
    wr_keys_purges(&key, p->redis);
    struct wr_slice stream = wr_buf_slice(&key);
    args[0] = wr_instant_text(wr_instant_later(u->at, wr_purge_clock_most(p)), least);
    args[1] = wr_slice(most, (size_t) most_len);
    args[2] = wr_slice(kept, (size_t) kept_len);
    size_t count = 3 + wr_journal_words(p, &u->purge, wr_slice_str(u->who), args + 3, hex);
    u->link = link;
    u->call = (struct wr_call){ .done = on_said };
    enum wr_err err = wr_link_script(link, &u->call, WR_JOURNAL_PATIENCE, WR_SCRIPT_JOURNAL_ADD, 1, &stream,
                                     count, args);
    wr_buf_fini(&key);
    return err;
}

enum wr_err wr_purges_say(struct wr_purges *p, struct wr_link *link, const struct wr_purge *purge,
                          const char *who, struct wr_instant at,
                          void (*said)(void *ctx, enum wr_err err, struct wr_instant at), void *ctx)
{
    struct wr_purge_unsaid *u = calloc(1, sizeof *u);
    WR_CHECK(u != NULL);
    *u = (struct wr_purge_unsaid){ .purges = p, .purge = *purge, .at = at, .said = said, .ctx = ctx };
    u->purge.name = wr_slice(wr_slice_dup(purge->name), purge->name.len);
    u->purge.host = wr_slice(NULL, 0);
    u->who = wr_slice_dup(wr_slice_str(who));
    enum wr_err err = send_purge(u, link);
    if (err == WR_OK)
        return WR_OK;
    u->said = NULL; /* it is written later, and nobody waits for that */
    keep_unsaid(p, u);
    return err;
}

bool wr_journal_say_unsaid(struct wr_purges *p, struct wr_link *link)
{
    pthread_mutex_lock(&p->log_lock);
    struct wr_purge_unsaid *u = TAILQ_FIRST(&p->unsaid);
    if (u) {
        TAILQ_REMOVE(&p->unsaid, u, entry);
        p->unsaid_count--;
    }
    pthread_mutex_unlock(&p->log_lock);
    if (u == NULL)
        return false;
    if (send_purge(u, link) == WR_OK)
        return true;
    keep_unsaid(p, u);
    return false;
}

/* --- reading --- */

void wr_journal_take(struct wr_purges *p, const struct wr_reply *entries, bool quiet,
                     struct wr_instant *newest, struct wr_instant *oldest)
{
    for (size_t i = 0; i < wr_reply_count(entries); i++) {
        struct wr_purge_entry e;
        struct wr_purge purge;
        struct wr_instant at;
        const struct wr_reply *entry = wr_reply_at(entries, i);
        bool ours = wr_journal_entry(entry, &at, &e, &purge);
        if (!wr_instant_parse(wr_reply_slice(wr_reply_at(entry, 0)), &at))
            continue; /* not an entry at all */
        if (newest)
            *newest = wr_instant_later(*newest, at);
        if (oldest && wr_instant_before(at, *oldest))
            *oldest = at;
        if (!ours)
            continue;
        wr_purges_add(p, &purge, at, quiet, NULL, 0);
        if (!quiet && !wr_slice_eq(e.node, wr_slice_str(p->node)))
            WR_COUNT(purges_heard);
    }
}

static void on_entries_read(struct wr_call *call, enum wr_err err, const struct wr_reply *reply)
{
    struct wr_journal_read *r = WR_CONTAINER(call, struct wr_journal_read, call);
    const struct wr_reply *entries = wr_reply_at(reply, 3);
    struct wr_instant newest = WR_INSTANT_NONE;
    r->late = err == WR_ERR_TIMEOUT;
    if (err != WR_OK || wr_reply_kind(reply) == WR_REPLY_ERROR) {
        r->done(r, WR_JOURNAL_FAILED);
        return;
    }
    if (wr_reply_kind(reply) != WR_REPLY_ARRAY || wr_reply_int(wr_reply_at(reply, 1)) != 1) {
        r->done(r, WR_JOURNAL_LOST);
        return;
    }
    bool whole = wr_reply_count(entries) < WR_JOURNAL_PAGE;
    wr_journal_take(r->purges, entries, false, &newest, NULL);
    wr_purges_read_up_to(r->purges, newest, r->sent, whole);
    r->done(r, whole ? WR_JOURNAL_READ : WR_JOURNAL_MORE);
}

enum wr_err wr_journal_read(struct wr_journal_read *read, struct wr_purges *p, struct wr_link *link,
                            struct wr_span patience)
{
    struct wr_buf key = { 0 };
    char last[WR_INSTANT_TEXT], page[24];
    int page_len = snprintf(page, sizeof page, "%d", WR_JOURNAL_PAGE);
    wr_keys_purges(&key, p->redis);
    struct wr_slice stream = wr_buf_slice(&key);
    const struct wr_slice args[] = { wr_instant_text(wr_purges_last(p), last),
                                     wr_slice(page, (size_t) page_len) };
    read->purges = p;
    read->call = (struct wr_call){ .done = on_entries_read };
    /* the real time, because the loop's clock is that of its last event: the answer proves what was added
     * until now */
    read->sent = wr_time_monotonic();
    enum wr_err err = wr_link_script(link, &read->call, patience, WR_SCRIPT_JOURNAL_READ, 1, &stream, 2,
                                     args);
    wr_buf_fini(&key);
    return err;
}
