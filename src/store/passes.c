/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of pass markers: rows of four, chosen by the key's hash, under 64 locks. It decides when a marker
 * is left, whom it concerns and when it ends. */
#include "store/passes.h"

#include <pthread.h>
#include <stdlib.h>

#define ROWS 4096 /* a power of two; with four markers in each row: 16384 markers in 1 MB */
#define ROW 4
#define LOCKS 64

struct marker {
    struct wr_hash key;
    struct wr_wall left, until; /* wall clock; until 0: the place is free */
    unsigned whom;              /* flags of wr_rules_apart(): the requests that the marker concerns; 0: all */
    bool beside;
};

struct wr_passes {
    pthread_mutex_t locks[LOCKS];
    struct marker rows[ROWS][ROW];
};

struct wr_passes *wr_passes_new(void)
{
    struct wr_passes *p = calloc(1, sizeof *p);
    WR_CHECK(p != NULL);
    for (size_t i = 0; i < LOCKS; i++)
        WR_CHECK(pthread_mutex_init(&p->locks[i], NULL) == 0);
    return p;
}

void wr_passes_free(struct wr_passes *p)
{
    for (size_t i = 0; p && i < LOCKS; i++)
        pthread_mutex_destroy(&p->locks[i]);
    free(p);
}

bool wr_pass_is_due(enum wr_storing storing, int status, const struct wr_object *held, struct wr_wall now)
{
    bool fresh = held && wr_object_freshness(held, now).us > 0 && !(held->meta.flags & WR_OF_NO_CACHE);
    return storing == WR_STORE_NOT && status < 400 && !fresh;
}

enum wr_pass_place wr_pass_place(struct wr_slice names, const struct wr_object *vary,
                                 const struct wr_object *held)
{
    if (names.at == NULL || wr_slice_eq(names, WR_SLICE("*")))
        return WR_PASS_HERE;
    if (vary)
        return wr_vary_covers(wr_vary_marked(vary), names) ? WR_PASS_HERE : WR_PASS_NOWHERE;
    return held ? WR_PASS_NOWHERE : WR_PASS_VARIANT;
}

/* Returns the key's row and takes its lock. */
static struct marker *row_of(struct wr_passes *p, struct wr_hash key)
{
    size_t i = wr_hash_place(key) % ROWS;
    pthread_mutex_lock(&p->locks[i % LOCKS]);
    return p->rows[i];
}

static void give_back(struct wr_passes *p, struct wr_hash key)
{
    pthread_mutex_unlock(&p->locks[wr_hash_place(key) % ROWS % LOCKS]);
}

static struct marker *find_marker(struct marker *row, struct wr_hash key)
{
    for (size_t i = 0; i < ROW; i++)
        if (row[i].until.us && wr_hash_eq(row[i].key, key))
            return &row[i];
    return NULL;
}

static struct marker *oldest(struct marker *row)
{
    struct marker *found = row;
    for (size_t i = 1; i < ROW; i++)
        if (row[i].until.us < found->until.us)
            found = &row[i];
    return found;
}

static bool concerns(const struct marker *m, const struct wr_request_rules *asked)
{
    return wr_rules_concerns(m->whom, asked);
}

void wr_passes_leave(struct wr_passes *p, struct wr_hash key, const struct wr_request_rules *asked,
                     const struct wr_object *held, struct wr_wall now, struct wr_span ttl)
{
    if (ttl.us <= 0)
        return;
    struct marker *row = row_of(p, key), *m = find_marker(row, key);
    bool renews = m && wr_time_before(now, m->until) && concerns(m, asked);
    if (m == NULL)
        m = oldest(row);
    *m = (struct marker){ .key = key,
                          .left = now,
                          .until = wr_time_add(now, ttl),
                          .whom = renews ? m->whom : wr_rules_apart(asked),
                          .beside = held != NULL };
    give_back(p, key);
}

enum wr_pass wr_passes_find(struct wr_passes *p, struct wr_hash key, const struct wr_request_rules *asked,
                            const struct wr_object *held, struct wr_wall now)
{
    enum wr_pass pass = WR_PASS_NONE;
    struct marker *row = row_of(p, key), *m = find_marker(row, key);
    if (m && wr_time_before(now, m->until) && concerns(m, asked) &&
        (held == NULL || wr_time_before(held->meta.response_time, m->left)))
        pass = m->beside ? WR_PASS_BESIDE : WR_PASS_BARE;
    give_back(p, key);
    return pass;
}

void wr_passes_end(struct wr_passes *p, struct wr_hash key)
{
    struct marker *row = row_of(p, key), *m = find_marker(row, key);
    if (m)
        m->until.us = 0;
    give_back(p, key);
}
