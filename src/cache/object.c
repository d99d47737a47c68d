/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes, counts and frees stored responses. It also computes their age and freshness (RFC 9111 4.2). */
#include "cache/object.h"

#include <stdlib.h>

/* `inner` lies in `from`, which has been copied to `to`. Returns where `inner` lies in the copy. */
static struct wr_slice moved(struct wr_slice inner, struct wr_slice from, struct wr_slice to)
{
    if (inner.at == NULL)
        return inner;
    WR_CHECK(inner.at >= from.at && inner.at + inner.len <= from.at + from.len);
    return wr_slice(to.at + (inner.at - from.at), inner.len);
}

static struct wr_slice put_slice(char **at, struct wr_slice s)
{
    if (s.at == NULL)
        return s;
    if (s.len)
        memcpy(*at, s.at, s.len);
    struct wr_slice copy = wr_slice(*at, s.len);
    *at += s.len;
    return copy;
}

struct wr_object wr_object_facts(const struct wr_object *o)
{
    const size_t counters = offsetof(struct wr_object, hash);
    struct wr_object facts = { .refs = 0 };
    memcpy((char *) &facts + counters, (const char *) o + counters, sizeof facts - counters);
    return facts;
}

struct wr_object *wr_object_new(const struct wr_object *like, struct wr_flow *flow)
{
    size_t texts = like->key.len + like->host.len + like->head.len + like->vary_values.len + like->tags.len +
                   like->first_only.len;
    struct wr_object *o = malloc(sizeof *o + texts + 1);
    WR_CHECK(o != NULL);
    *o = wr_object_facts(like);
    o->refs = 1;
    o->bytes = sizeof *o + texts + 1;
    char *at = (char *) (o + 1);
    o->key = put_slice(&at, like->key);
    o->host = put_slice(&at, like->host);
    o->head = put_slice(&at, like->head);
    o->vary_values = put_slice(&at, like->vary_values);
    o->tags = put_slice(&at, like->tags);
    o->first_only = put_slice(&at, like->first_only);
    o->etag = moved(like->etag, like->head, o->head);
    o->last_modified = moved(like->last_modified, like->head, o->head);
    o->hash = wr_hash_of(o->key);
    o->flow = flow ? wr_flow_ref(flow) : NULL;
    return o;
}

struct wr_object *wr_object_new_passed(const struct wr_meta *meta, size_t room, struct wr_flow *flow)
{
    struct wr_object *o = malloc(sizeof *o + room);
    WR_CHECK(o != NULL);
    *o = (struct wr_object){ .refs = 1,
                             .meta = *meta,
                             .head = wr_slice((char *) (o + 1), 0),
                             .bytes = sizeof *o + room,
                             .flow = wr_flow_ref(flow) };
    return o;
}

void wr_object_ref_many(struct wr_object *o, unsigned count)
{
    __atomic_add_fetch(&o->refs, count, __ATOMIC_RELAXED);
}

struct wr_object *wr_object_ref(struct wr_object *o)
{
    wr_object_ref_many(o, 1);
    return o;
}

void wr_object_unref_many(struct wr_object *o, unsigned count)
{
    if (__atomic_sub_fetch(&o->refs, count, __ATOMIC_ACQ_REL) > 0)
        return;
    wr_flow_unref(o->flow);
    free(o);
}

void wr_object_unref(struct wr_object *o)
{
    if (o)
        wr_object_unref_many(o, 1);
}

struct wr_span wr_object_age(const struct wr_object *o, struct wr_wall now)
{
    /* Negative if another node's clock is ahead, or ours was set back. */
    struct wr_span resident = wr_time_since(now, o->meta.response_time);
    int64_t age = o->meta.initial_age.us + (resident.us > 0 ? resident.us : 0);
    return (struct wr_span){ age > 0 ? age : 0 };
}

struct wr_span wr_object_freshness(const struct wr_object *o, struct wr_wall now)
{
    return (struct wr_span){ o->meta.lifetime.us - wr_object_age(o, now).us };
}
