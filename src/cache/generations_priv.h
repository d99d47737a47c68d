/* What generations.c (comparing), prefixes.c (the list of prefixes) and generations_learn.c (Redis) share. */
#pragma once

#include "cache/generations.h"

#define WR_GENS_KEPT WR_SPAN_S(7 * 86400) /* in Redis, at least; longer where objects live longer */

/* Two instants, see generation_common.lua. Missing: hard is UINT64_MAX. */
struct wr_generation {
    uint64_t hard, soft; /* soft: of the last purge of either kind */
};
#define WR_GENERATION_MISSING ((struct wr_generation){ UINT64_MAX, UINT64_MAX })

/* What Redis said. */
struct wr_gens_news {
    struct wr_generation value;
    struct wr_time checked; /* monotonic: when it was asked */
    struct wr_time purged;  /* monotonic: when it was purged last, at the latest; 0: unknown, or long ago */
};

/* "H" or "H.S". false: neither. */
bool wr_generation_parse(struct wr_slice text, struct wr_generation *out) WR_MUST_USE;
/* For what was stamped `v`. */
enum wr_gens_state wr_generation_state(struct wr_generation now, uint64_t v);
/* The next instant after `latest`. */
uint64_t wr_generation_next(uint64_t latest);

/* The prefixes purged; behind a lock of its own. */
struct wr_prefixes {
    pthread_mutex_t lock;
    bool known;
    uint64_t base;      /* what is older counts as purged */
    uint64_t latest;    /* the last purge */
    struct wr_time checked;
    struct wr_prefix {
        char *text;
        size_t len;
        struct wr_generation value;
        struct wr_time purged;
    } *list;
    size_t count, room;
};

void wr_prefixes_init(struct wr_prefixes *p);
void wr_prefixes_fini(struct wr_prefixes *p);
enum wr_gens_state wr_prefixes_compare(struct wr_prefixes *p, const struct wr_object *o, uint64_t v, struct wr_time from,
                                       struct wr_time *known);
enum wr_gens_state wr_prefixes_stamp(struct wr_prefixes *p, const struct wr_object *o, struct wr_time began, uint64_t *v);
void wr_prefixes_forget(struct wr_prefixes *p);
/* Without Redis: begins, purges. */
void wr_prefixes_begin(struct wr_prefixes *p, uint64_t base);
void wr_prefixes_purge(struct wr_prefixes *p, struct wr_slice prefix, bool soft, struct wr_time now);
/* Takes over what Redis holds. Returns whether anything is other than it was. item(ctx, i, ...) gives entry i < count. */
bool wr_prefixes_learn(struct wr_prefixes *p, size_t count,
                       bool (*item)(const void *ctx, size_t i, struct wr_slice *prefix, struct wr_gens_news *news), const void *ctx,
                       struct wr_time checked);

struct wr_gens_shard {
    _Alignas(64) pthread_mutex_t lock;
    struct wr_gens_entry **chains;
    size_t count;
};
#define WR_GENS_SHARDS 64

struct wr_gens {
    uint64_t epoch;          /* atomic; first: wr_gens_epoch() */
    bool shared;             /* Redis holds them */
    struct wr_policy_redis redis; /* names and timeout; a shallow copy */
    const struct wr_herald *herald;
    uint64_t floor;          /* atomic; without Redis: the generation of all that has none of its own */
    struct wr_prefixes prefixes;
    size_t unsettled;        /* main only, as the next two */
    void (*settled)(void *ctx);
    void *settled_ctx;
    LIST_HEAD(, wr_gens_refresh) refreshes;
    struct wr_gens_shard shards[WR_GENS_SHARDS];
};

/* Writes what Redis said into the table; turns the epoch where it is other than before. suspect: it may be old already. */
void wr_gens_set(struct wr_gens *g, struct wr_slice key, const struct wr_gens_news *news, bool suspect);
/* Not known any more. */
void wr_gens_forget(struct wr_gens *g, struct wr_slice key);
void wr_gens_forget_all(struct wr_gens *g);
/* Is there anything to keep up to date under this key? */
bool wr_gens_knows(struct wr_gens *g, struct wr_slice key);

/* The names of the generations an object carries, one after another: everything's, its host's, its tags' and groups'. */
struct wr_gens_walk {
    const struct wr_gens *gens;
    const struct wr_object *object;
    struct wr_slice tags;
    int step;
    struct wr_buf key; /* the present one's */
};
void wr_gens_walk_begin(struct wr_gens_walk *w, const struct wr_gens *g, const struct wr_object *o);
bool wr_gens_walk_next(struct wr_gens_walk *w);
void wr_gens_walk_end(struct wr_gens_walk *w);
/* Does it have to be asked for? since: see wr_gens_learn(). */
bool wr_gens_wanting(struct wr_gens *g, struct wr_slice key, struct wr_time now, struct wr_time since);
bool wr_prefixes_wanting(struct wr_gens *g, struct wr_time now, struct wr_time since);
