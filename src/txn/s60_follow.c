/* FOLLOW: aboard a flight, until it has something to deliver. */
#include "stats/stats.h"
#include "txn/txn.h"

static enum wr_txn_stage look_up_again(struct wr_txn *t)
{
    wr_audience_leave(&t->audience);
    t->again++;
    return wr_txn_look_up(t);
}

/* A variant is ours only if our own request chooses it. */
static bool fits(struct wr_txn *t, const struct wr_news *news)
{
    if (news->leader || news->object->vary_values.at == NULL || news->marker == NULL)
        return true;
    struct wr_slice values;
    struct wr_key key = wr_key_variant(&t->primary, news->marker, &t->head, &t->arena, &values);
    return wr_slice_eq(key.text, news->object->key);
}

static enum wr_txn_stage learn_marker(struct wr_txn *t, struct wr_object *marker)
{
    wr_object_unref(t->marker);
    t->marker = wr_object_ref(marker);
    t->key = wr_key_variant(&t->primary, marker, &t->head, &t->arena, &t->vary_values);
    return look_up_again(t);
}

static enum wr_txn_stage take_object(struct wr_txn *t, struct wr_news *news)
{
    if (!fits(t, news))
        return learn_marker(t, news->marker);
    if (news->from_store) {
        struct wr_object *object = wr_object_ref(news->object);
        wr_audience_leave(&t->audience);
        return wr_txn_consider(t, object, true);
    }
    if (!news->leader && t->rules.authorized && !(news->object->meta.flags & WR_OF_SHARED_AUTH)) {
        wr_audience_leave(&t->audience); /* fetched for somebody else, and not meant for whom it knows by name */
        return wr_txn_fetch_alone(t, WR_FWD_REQUEST);
    }
    wr_object_unref(t->object);
    t->object = wr_object_ref(news->object);
    t->own = news->leader && !news->stale;
    t->collapsed = !news->leader;
    t->stale_hit = news->stale;
    t->hit = news->stale;
    t->validated = news->validated;
    t->stored = news->stored;
    t->fwd_status = news->fwd_status;
    if (news->server)
        t->server = wr_arena_copy(&t->arena, wr_slice_str(news->server));
    return WR_TXN_DELIVER;
}

/* What is stored isn't good enough for the flight, but for us: need we wait for the origin? */
static bool found_will_do(struct wr_txn *t, const struct wr_object *found)
{
    if (found == NULL || t->alone)
        return false;
    switch (wr_rules_reuse(&t->route->cache, &t->rules, found, t->worker->loop.now, 1.0)) {
    case WR_REUSE_VALIDATE:
    case WR_REUSE_NOT:
        return false;
    default:
        return true;
    }
}

static enum wr_txn_stage hear(struct wr_txn *t, struct wr_news *news)
{
    switch (news->verdict) {
    case WR_VERDICT_NONE:
        if (found_will_do(t, news->found)) {
            wr_audience_leave(&t->audience);
            return wr_txn_consider(t, wr_object_ref(news->found), true);
        }
        if (t->alone || !news->looked || wr_txn_may_fetch(t))
            return WR_TXN_WAIT;
        wr_audience_leave(&t->audience); /* Redis doesn't have it either */
        return wr_txn_fetch_alone(t, t->fwd);
    case WR_VERDICT_OBJECT:
        return take_object(t, news);
    case WR_VERDICT_AGAIN:
        return learn_marker(t, news->object);
    case WR_VERDICT_NOT_SHAREABLE:
        wr_audience_leave(&t->audience);
        t->detail = "NOT_SHAREABLE";
        return wr_txn_fetch_alone(t, t->fwd);
    case WR_VERDICT_FAILED:
        if (news->server)
            t->server = wr_arena_copy(&t->arena, wr_slice_str(news->server));
        return wr_txn_refuse(t, news->err, news->why);
    }
    return WR_TXN_WAIT;
}

/* Who comes when the fetch is over, and only Redis's word is still out, has not waited for it: that is a hit. */
static bool landed(struct wr_txn *t, const struct wr_news *news)
{
    return news->verdict == WR_VERDICT_OBJECT && news->stored && !news->leader &&
           wr_flow_state(news->object->flow) == WR_FLOW_WHOLE && fits(t, news) && found_will_do(t, news->object);
}

enum wr_txn_stage wr_txn_follow_enter(struct wr_txn *t)
{
    if (t->alone)
        return WR_TXN_WAIT;
    struct wr_news news;
    enum wr_txn_stage next = WR_TXN_WAIT;
    wr_audience_news(&t->audience, &news);
    if (landed(t, &news)) {
        wr_audience_leave(&t->audience);
        next = wr_txn_consider(t, wr_object_ref(news.object), false);
    }
    wr_news_fini(&news);
    return next;
}

enum wr_txn_stage wr_txn_follow_resume(struct wr_txn *t)
{
    if (t->err != WR_OK)
        return wr_txn_refuse(t, t->err, t->why);
    if (t->limit == WR_LIMIT_REFUSED)
        return wr_txn_refuse_limited(t);
    if (t->limit == WR_LIMIT_PENDING)
        return WR_TXN_WAIT; /* the news keep */
    if (t->hit)
        return WR_TXN_DELIVER; /* it had landed: only the limit was waited for */
    if (t->audience.flight == NULL)
        return wr_txn_fetch_alone(t, t->fwd);
    if (wr_txn_may_fetch(t))
        wr_audience_admit(&t->audience);
    struct wr_news news;
    wr_audience_news(&t->audience, &news);
    enum wr_txn_stage next = hear(t, &news);
    wr_news_fini(&news);
    return next;
}
