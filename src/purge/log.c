/* SPDX-License-Identifier: BSD-2-Clause */
/* The log: the purges in the order of their instants. It serves to write a lost journal again, and to know
 * which purges may be forgotten; it also keeps how far the journal has been read. */
#include <stdlib.h>

#include "purge/purges_priv.h"

static size_t hashes_len(enum wr_scope scope)
{
    return scope == WR_SCOPE_URL ? 2 * sizeof(struct wr_hash) : 0;
}

static struct wr_purge_note *note_new(const struct wr_purge *purge, struct wr_instant at)
{
    size_t hashes = hashes_len(purge->scope);
    struct wr_purge_note *n = malloc(sizeof *n + hashes + purge->name.len);
    WR_CHECK(n != NULL && purge->name.len <= UINT32_MAX);
    n->at = at;
    n->scope = (uint8_t) purge->scope;
    n->soft = purge->soft;
    n->implied = purge->implied;
    n->name_len = (uint32_t) purge->name.len;
    if (hashes) {
        memcpy(n->texts, &purge->primary, sizeof purge->primary);
        memcpy(n->texts + sizeof purge->primary, &purge->other, sizeof purge->other);
    }
    if (purge->name.len)
        memcpy(n->texts + hashes, purge->name.at, purge->name.len);
    return n;
}

/* Borrows from the note. */
static struct wr_purge purge_of(const struct wr_purge_note *n)
{
    struct wr_purge purge = { .scope = (enum wr_scope) n->scope, .soft = n->soft, .implied = n->implied };
    if (purge.scope == WR_SCOPE_URL) {
        memcpy(&purge.primary, n->texts, sizeof purge.primary);
        memcpy(&purge.other, n->texts + sizeof purge.primary, sizeof purge.other);
    }
    purge.name = wr_slice(n->texts + hashes_len(purge.scope), n->name_len);
    return purge;
}

static struct wr_purge_note *older(struct wr_purge_note *n)
{
    return TAILQ_PREV(n, wr_purge_notes, entry);
}

/* Returns the last note that isn't after `at`; NULL: all are. Most new notes belong close to the end, close
 * to the beginning, or next to the last one added. */
static struct wr_purge_note *last_not_after(struct wr_purges *p, struct wr_instant at)
{
    struct wr_purge_note *n = TAILQ_LAST(&p->log, wr_purge_notes), *first = TAILQ_FIRST(&p->log);
    if (n == NULL || !wr_instant_before(at, n->at))
        return n;
    if (wr_instant_before(at, first->at))
        return NULL;
    n = p->hint ? p->hint : first;
    while (wr_instant_before(at, n->at))
        n = older(n);
    for (struct wr_purge_note *next;
         (next = TAILQ_NEXT(n, entry)) != NULL && !wr_instant_before(at, next->at);)
        n = next;
    return n;
}

static void take_out_note(struct wr_purges *p, struct wr_purge_note *n)
{
    struct wr_purge_note *next = TAILQ_NEXT(n, entry);
    if (p->hint == n)
        p->hint = NULL;
    if (p->recent == n)
        p->recent = next;
    TAILQ_REMOVE(&p->log, n, entry);
    p->log_count--;
    free(n);
}

/* Counts a new note among the latest ones. `recent` is the first of them; NULL: there is none. */
static void count_recent(struct wr_purges *p, struct wr_purge_note *n)
{
    if (p->recent == NULL || !wr_instant_before(n->at, p->recent->at))
        p->recent_count++;
    else if (p->recent_count <
             WR_PURGES_RECENT) { /* the journal is being read backwards, so there is room for older ones */
        p->recent = n;
        p->recent_count++;
    }
    if (p->recent == NULL)
        p->recent = n;
}

bool wr_purge_log_add(struct wr_purges *p, const struct wr_purge *purge, struct wr_instant at)
{
    pthread_mutex_lock(&p->log_lock);
    struct wr_purge_note *before = last_not_after(p, at), *n = NULL;
    if (before == NULL || wr_instant_before(before->at, at)) {
        n = note_new(purge, at);
        if (before)
            TAILQ_INSERT_AFTER(&p->log, before, n, entry);
        else
            TAILQ_INSERT_HEAD(&p->log, n, entry);
        p->log_count++;
        count_recent(p, n);
    }
    p->hint = n ? n : before;
    pthread_mutex_unlock(&p->log_lock);
    return n != NULL;
}

/* Drops the oldest entry. From now on a response that was fetched before that purge is unproven. */
static void give_up_oldest(struct wr_purges *p, struct wr_purge_note *n)
{
    const struct wr_purge purge = purge_of(n);
    if (p->floor < n->at.n)
        p->floor = n->at.n;
    wr_purges_forget(p, &purge, n->at);
    if (p->recent && !wr_instant_before(n->at, p->recent->at))
        p->recent_count--;
    take_out_note(p, n);
}

/* Takes the oldest of the latest purges out of their number, and drops it if a later one has replaced it. */
static bool graduate(struct wr_purges *p, struct wr_instant *at)
{
    struct wr_purge_note *n = p->recent;
    const struct wr_purge purge = purge_of(n);
    bool replaced = wr_purges_is_replaced(p, &purge, n->at);
    *at = n->at;
    p->recent = TAILQ_NEXT(n, entry);
    p->recent_count--;
    if (replaced)
        take_out_note(p, n);
    return replaced;
}

size_t wr_purge_log_trim(struct wr_purges *p, struct wr_instant *replaced, size_t most)
{
    size_t count = 0;
    pthread_mutex_lock(&p->log_lock);
    const struct wr_purge_note *last = TAILQ_LAST(&p->log, wr_purge_notes);
    while (p->recent_count > WR_PURGES_RECENT) {
        struct wr_instant at;
        if (graduate(p, &at) && count < most)
            replaced[count++] = at;
    }
    int64_t oldest_us = last ? wr_instant_us(last->at) - WR_PURGES_KEPT.us : 0;
    for (struct wr_purge_note *n; (n = TAILQ_FIRST(&p->log)) != NULL &&
                                  (p->log_count > WR_PURGES_MOST || wr_instant_us(n->at) < oldest_us);)
        give_up_oldest(p, n);
    pthread_mutex_unlock(&p->log_lock);
    return count;
}

bool wr_purge_log_after(struct wr_purges *p, struct wr_instant after, struct wr_arena *arena,
                        struct wr_purge *out, struct wr_instant *at)
{
    pthread_mutex_lock(&p->log_lock);
    struct wr_purge_note *before = last_not_after(p, after),
                         *n = before ? TAILQ_NEXT(before, entry) : TAILQ_FIRST(&p->log);
    if (n) {
        *out = purge_of(n);
        out->name = wr_arena_copy(arena, out->name);
        *at = n->at;
        p->hint = n;
    }
    pthread_mutex_unlock(&p->log_lock);
    return n != NULL;
}

void wr_purge_log_free(struct wr_purges *p)
{
    struct wr_purge_note *n;
    while ((n = TAILQ_FIRST(&p->log)) != NULL) {
        TAILQ_REMOVE(&p->log, n, entry);
        free(n);
    }
}

/* --- how far the journal has been read --- */

struct wr_instant wr_purges_last(struct wr_purges *p)
{
    pthread_mutex_lock(&p->log_lock);
    struct wr_instant last = p->last;
    pthread_mutex_unlock(&p->log_lock);
    return last;
}

static void is_read(struct wr_purges *p, struct wr_mono sent)
{
    if (p->read_us < sent.us)
        p->read_us = sent.us;
    if (p->heard_us != 0 && p->heard_us <= sent.us)
        p->heard_us = p->heard_last_us <= sent.us ? 0 : p->heard_last_us;
    if (p->heard_us == 0 && p->behind) {
        p->behind = false;
        wr_purges_turn(p);
    }
}

void wr_purges_heard(struct wr_purges *p, struct wr_mono now)
{
    pthread_mutex_lock(&p->log_lock);
    p->heard_last_us = now.us;
    if (p->heard_us == 0)
        p->heard_us = now.us;
    pthread_mutex_unlock(&p->log_lock);
}

bool wr_purges_fall_behind(struct wr_purges *p)
{
    pthread_mutex_lock(&p->log_lock);
    bool behind = p->heard_us != 0; /* another thread may have read the journal just now */
    if (behind) {
        p->behind = true;
        wr_purges_turn(p);
    }
    pthread_mutex_unlock(&p->log_lock);
    return behind;
}

void wr_purges_restart(struct wr_purges *p, struct wr_instant last, struct wr_mono sent)
{
    pthread_mutex_lock(&p->log_lock);
    p->last = last;
    is_read(p, sent);
    pthread_mutex_unlock(&p->log_lock);
}

void wr_purges_read_up_to(struct wr_purges *p, struct wr_instant last, struct wr_mono sent, bool whole)
{
    pthread_mutex_lock(&p->log_lock);
    p->last = wr_instant_later(p->last, last);
    if (whole)
        is_read(p, sent);
    pthread_mutex_unlock(&p->log_lock);
}
