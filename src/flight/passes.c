/* SPDX-License-Identifier: BSD-2-Clause */
/* Fetches that wait for no other: which pass markers they leave behind, and which of them stores its
 * response. store/passes.h decides whether a marker is due. */
#include "flight/flight_priv.h"
#include "store/passes.h"

/* --- the key of a pass marker --- */

/* Puts the VARY marker that the response's Vary asks for, if nothing is stored in its place that it would
 * hide. It is this node's own, as it leads to nothing that is stored. Returns a reference for the caller, or
 * NULL. */
static struct wr_object *vary_of(struct wr_flight *f, struct wr_slice names)
{
    struct wr_memory *memory = f->worker_policy->worker->shared->memory;
    if (memory == NULL)
        return NULL;
    const struct wr_meta meta = { .request_time = f->exchange->sent, .response_time = f->exchange->answered };
    struct wr_object *marker = wr_build_vary(&f->order.primary, names, &meta, NULL);
    marker->checked = wr_flight_began(f);
    if (wr_memory_put_new(memory, marker, wr_time_add(f->loop->mono, wr_flight_keep_time(f, marker))))
        return marker;
    wr_object_unref(marker);
    marker = wr_memory_get(memory, f->order.primary.hash, f->order.primary.text);
    if (marker && marker->meta.kind == WR_OBJECT_VARY && wr_vary_covers(wr_vary_marked(marker), names))
        return marker;
    wr_object_unref(marker);
    return NULL;
}

/* Finds the key of the pass marker. Returns false if none is to be left. */
static bool choose_key(struct wr_flight *f, const struct wr_head *head, struct wr_hash *key)
{
    struct wr_slice names = wr_vary_names(head, &f->arena), values;
    enum wr_pass_place place = wr_pass_place(names, f->order.marker, f->order.stale);
    *key = f->order.key.hash;
    if (place != WR_PASS_VARIANT)
        return place == WR_PASS_HERE;
    struct wr_object *marker = vary_of(f, names);
    if (marker)
        *key = wr_key_variant(&f->order.route->cache, &f->order.primary, marker, &f->request, &f->arena,
                              &values)
                   .hash;
    wr_object_unref(marker);
    return marker != NULL;
}

bool wr_flight_leave_pass_marker(struct wr_flight *f, const struct wr_head *head)
{
    struct wr_hash key;
    const struct wr_object *held = f->order.stale;
    if (!wr_pass_is_due(f->storing, head->status, held, f->loop->now))
        return false;
    if (choose_key(f, head, &key))
        wr_passes_leave(f->worker_policy->worker->shared->passes, key, &f->rules, held, f->loop->now,
                        f->order.route->cache.pass_ttl);
    return true;
}

void wr_flight_mark_too_large(struct wr_flight *f)
{
    wr_passes_leave(f->worker_policy->worker->shared->passes, f->built->hash, &f->rules, f->order.stale,
                    f->loop->now, f->order.route->cache.pass_ttl);
}

/* --- which of several fetches stores --- */

/* Has a response that was fetched no earlier been stored while this fetch was under way? */
static bool overtaken(const struct wr_flight *f)
{
    struct wr_memory *memory = f->worker_policy->worker->shared->memory;
    struct wr_object *o = memory ? wr_memory_peek(memory, f->order.key.hash) : NULL;
    bool is = o && o->meta.kind == WR_OBJECT_RESPONSE &&
              !wr_time_before(o->meta.response_time, f->exchange->sent);
    wr_object_unref(o);
    return is;
}

bool wr_flight_claims(struct wr_flight *f, const struct wr_meta *meta)
{
    struct wr_object judged = { .meta = *meta };
    if (f->mode != WR_MODE_SOLO || !wr_rules_collapses(&judged))
        return true;
    if (overtaken(f) || !wr_flights_open(f->worker_policy->worker->shared->flights, f))
        return false;
    return !overtaken(f); /* another flight may have stored and left the table meanwhile */
}
