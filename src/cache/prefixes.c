/* The prefixes purged: a short list, compared only with what was not compared since it last changed. */
#include <stdlib.h>

#include "cache/generations_priv.h"

void wr_prefixes_init(struct wr_prefixes *p)
{
    *p = (struct wr_prefixes){ 0 };
    WR_CHECK(pthread_mutex_init(&p->lock, NULL) == 0);
}

static void clear(struct wr_prefixes *p)
{
    for (size_t i = 0; i < p->count; i++)
        free(p->list[i].text);
    p->count = 0;
    p->base = p->latest = 0;
}

void wr_prefixes_fini(struct wr_prefixes *p)
{
    clear(p);
    free(p->list);
    pthread_mutex_destroy(&p->lock);
}

bool wr_prefix_covers(struct wr_slice prefix, struct wr_slice key_text, bool without_host)
{
    static const struct wr_slice post = WR_SLICE_INIT("POST ");
    if (wr_slice_starts(key_text, post))
        key_text = wr_slice(key_text.at + post.len, key_text.len - post.len);
    const char *path = without_host && prefix.len ? memchr(prefix.at, '/', prefix.len) : prefix.at;
    if (path == NULL)
        return without_host; /* a whole host, and any may be meant */
    return wr_slice_starts(key_text, wr_slice(path, prefix.len - (size_t) (path - prefix.at)));
}

static bool covers(const struct wr_prefix *e, const struct wr_object *o)
{
    return wr_prefix_covers(wr_slice(e->text, e->len), o->key, o->host.len == 0);
}

enum wr_gens_state wr_prefixes_compare(struct wr_prefixes *p, const struct wr_object *o, uint64_t v, struct wr_time from,
                                       struct wr_time *known)
{
    enum wr_gens_state state = WR_GENS_CURRENT;
    pthread_mutex_lock(&p->lock);
    if (!p->known || wr_time_before(p->checked, from))
        state = WR_GENS_UNKNOWN;
    else if (v < p->base || v > p->latest)
        state = WR_GENS_GONE;
    else if (known && p->checked.us != 0 && wr_time_before(p->checked, *known))
        *known = p->checked;
    for (size_t i = 0; i < p->count && state < WR_GENS_UNKNOWN && v < p->latest; i++)
        if (p->list[i].value.soft > v && covers(&p->list[i], o))
            state = p->list[i].value.hard > v ? WR_GENS_GONE : WR_GENS_SOFT;
    pthread_mutex_unlock(&p->lock);
    return state;
}

enum wr_gens_state wr_prefixes_stamp(struct wr_prefixes *p, const struct wr_object *o, struct wr_time began, uint64_t *v)
{
    enum wr_gens_state state = WR_GENS_CURRENT;
    pthread_mutex_lock(&p->lock);
    *v = p->latest;
    if (!p->known)
        state = WR_GENS_UNKNOWN;
    for (size_t i = 0; i < p->count && state == WR_GENS_CURRENT; i++)
        if (p->list[i].purged.us != 0 && !wr_time_before(p->list[i].purged, began) && covers(&p->list[i], o))
            state = WR_GENS_GONE;
    pthread_mutex_unlock(&p->lock);
    return state;
}

void wr_prefixes_forget(struct wr_prefixes *p)
{
    pthread_mutex_lock(&p->lock);
    p->known = false;
    pthread_mutex_unlock(&p->lock);
}

bool wr_prefixes_wanting(struct wr_gens *g, struct wr_time now, struct wr_time since)
{
    struct wr_prefixes *p = &g->prefixes;
    pthread_mutex_lock(&p->lock);
    bool wanting = !p->known || (since.us == 0 && g->herald && !wr_herald_trusts(g->herald, p->checked, now));
    pthread_mutex_unlock(&p->lock);
    return wanting;
}

static struct wr_prefix *append(struct wr_prefixes *p, struct wr_slice text)
{
    if (p->count == p->room) {
        p->room = p->room ? p->room * 2 : 16;
        p->list = realloc(p->list, p->room * sizeof *p->list);
        WR_CHECK(p->list != NULL);
    }
    struct wr_prefix *e = &p->list[p->count++];
    *e = (struct wr_prefix){ .text = wr_slice_dup(text), .len = text.len };
    return e;
}

/* --- without Redis --- */

void wr_prefixes_begin(struct wr_prefixes *p, uint64_t base)
{
    p->base = p->latest = base;
    p->known = true;
}

static struct wr_prefix *find(struct wr_prefixes *p, struct wr_slice text)
{
    for (size_t i = 0; i < p->count; i++)
        if (wr_slice_eq(wr_slice(p->list[i].text, p->list[i].len), text))
            return &p->list[i];
    return NULL;
}

/* The one purged longest ago goes; all that is older than it counts as purged from then on. */
static void make_room(struct wr_prefixes *p)
{
    size_t oldest = 0;
    for (size_t i = 1; i < p->count; i++)
        if (p->list[i].value.soft < p->list[oldest].value.soft)
            oldest = i;
    p->base = p->list[oldest].value.soft;
    free(p->list[oldest].text);
    p->list[oldest] = p->list[--p->count];
}

void wr_prefixes_purge(struct wr_prefixes *p, struct wr_slice prefix, bool soft, struct wr_time now)
{
    pthread_mutex_lock(&p->lock);
    struct wr_prefix *e = find(p, prefix);
    if (e == NULL) {
        if (p->count == WR_PREFIXES_MOST)
            make_room(p);
        e = append(p, prefix);
    }
    p->latest = wr_generation_next(p->latest);
    e->value.soft = p->latest;
    if (!soft)
        e->value.hard = p->latest;
    e->purged = now;
    pthread_mutex_unlock(&p->lock);
}

/* --- with Redis --- */

static void learn_one(struct wr_prefixes *p, struct wr_slice text, const struct wr_gens_news *news)
{
    if (news->value.soft > p->latest)
        p->latest = news->value.soft;
    if (text.len == 0) {
        p->base = news->value.hard;
        return;
    }
    struct wr_prefix *e = append(p, text);
    e->value = news->value;
    e->purged = news->purged;
}

bool wr_prefixes_learn(struct wr_prefixes *p, size_t count,
                       bool (*item)(const void *ctx, size_t i, struct wr_slice *prefix, struct wr_gens_news *news), const void *ctx,
                       struct wr_time checked)
{
    pthread_mutex_lock(&p->lock);
    if (wr_time_before(checked, p->checked)) { /* another answer has overtaken this one */
        pthread_mutex_unlock(&p->lock);
        return false;
    }
    uint64_t base = p->base, latest = p->latest;
    bool was_known = p->known;
    clear(p);
    for (size_t i = 0; i < count; i++) {
        struct wr_slice text;
        struct wr_gens_news news;
        if (item(ctx, i, &text, &news))
            learn_one(p, text, &news);
    }
    p->checked = checked;
    p->known = p->base != 0;
    bool changed = !was_known || base != p->base || latest != p->latest;
    pthread_mutex_unlock(&p->lock);
    return changed;
}
