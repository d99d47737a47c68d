/* SPDX-License-Identifier: BSD-2-Clause */
/* Loads a policy, counts its references, and carries over what a reload can't change. */
#include "policy/policy.h"

#include <stdlib.h>

#include "policy/compose.h"
#include "policy/include.h"
#include "policy/reader.h"
#include "policy/route.h"

static struct wr_policy *new_policy(const char *name)
{
    struct wr_arena *arena = calloc(1, sizeof *arena);
    WR_CHECK(arena != NULL);
    struct wr_policy *p = wr_arena_zalloc(arena, sizeof *p);
    p->refs = 1;
    p->arena = arena;
    p->file = (char *) wr_arena_copy(arena, wr_slice_str(name)).at;
    return p;
}

static void free_policy(struct wr_policy *p)
{
    struct wr_arena *arena = p->arena; /* p itself lives in it */
    wr_policy_unref(p->from);
    wr_arena_fini(arena);
    free(arena);
}

static struct wr_policy *parse(struct wr_slice text, const char *name, struct wr_remarks *findings)
{
    struct wr_policy *p = new_policy(name);
    struct wr_arena scratch = { 0 };
    struct wr_policy_errors found = { .arena = &scratch };
    struct wr_policy_reader r = { .policy = p, .arena = p->arena, .errors = &found };
    (void) wr_policy_errors_file(&found, name);
    const struct wr_tree_node *root = wr_include_join(text, &scratch, &found);
    if (root) {
        root = wr_compose(root, &scratch);
        wr_policy_reader_section(&r, WR_SECTION_policy, root, p);
        wr_policy_reader_finish(&r, root);
    }
    wr_policy_errors_give(&found, findings);
    bool good = found.count == 0;
    wr_arena_fini(&scratch);
    if (!good) {
        free_policy(p);
        return NULL;
    }
    p->route_index = wr_route_index_build(p->routes, p->route_count, p->arena);
    return p;
}

struct wr_policy *wr_policy_read(const char *file, struct wr_remarks *findings)
{
    struct wr_buf text = { 0 };
    struct wr_policy *p = NULL;
    const char *why = wr_include_read(file, false, &text);
    if (why)
        wr_remarks_add(findings, WR_SEVERITY_ERROR, file, 1, 1, "can't read this file: %s", why);
    else
        p = parse(wr_buf_slice(&text), file, findings);
    wr_buf_fini(&text);
    return p;
}

/* Turns the findings into lines. */
static struct wr_policy *tell(struct wr_policy *p, struct wr_remarks *findings, struct wr_buf *errors)
{
    wr_remarks_print(findings, WR_SEVERITY_ERROR, errors);
    wr_remarks_fini(findings);
    return p;
}

struct wr_policy *wr_policy_parse(struct wr_slice text, const char *name, struct wr_buf *errors)
{
    struct wr_remarks findings = { 0 };
    return tell(parse(text, name, &findings), &findings, errors);
}

struct wr_policy *wr_policy_load(const char *file, struct wr_buf *errors)
{
    struct wr_remarks findings = { 0 };
    return tell(wr_policy_read(file, &findings), &findings, errors);
}

struct wr_policy *wr_policy_ref(struct wr_policy *p)
{
    __atomic_add_fetch(&p->refs, 1, __ATOMIC_RELAXED);
    return p;
}

void wr_policy_unref(struct wr_policy *p)
{
    if (p && __atomic_sub_fetch(&p->refs, 1, __ATOMIC_ACQ_REL) == 0)
        free_policy(p);
}

void wr_policy_hold(struct wr_policy *p, struct wr_policy *first)
{
    const struct wr_policy_redis said = p->redis;
    WR_CHECK(p->from == NULL);
    p->from = wr_policy_ref(first);
    p->server_name = first->server_name;
    p->workers = first->workers;
    p->listens = first->listens;
    p->listen_count = first->listen_count;
    p->admins = first->admins;
    p->admin_count = first->admin_count;
    p->access_format = first->access_format;
    p->access_file = first->access_file;
    p->memory = first->memory;
    p->redis = first->redis;
    if (!said.enabled)
        return;
    p->redis.on_failure = said.on_failure;
    p->redis.away = said.away;
    p->redis.lock_ttl = said.lock_ttl;
    p->redis.max_object = said.max_object;
    p->redis.chunk = said.chunk;
}

struct wr_slice wr_policy_host(struct wr_slice authority, struct wr_arena *arena)
{
    struct wr_slice host = authority;
    const char *bracket = host.len && host.at[0] == '[' ? memchr(host.at, ']', host.len) : NULL;
    const char *colon = bracket ? bracket + 1 : host.len ? memchr(host.at, ':', host.len) : NULL;
    if (colon && colon < host.at + host.len)
        host.len = (size_t) (colon - host.at);
    if (host.len > 1 && host.at[host.len - 1] == '.') /* a dot at the end is the root of the DNS: the same
                                                       * name */
        host.len--;
    char *at = wr_arena_alloc(arena, host.len + 1);
    wr_lower_copy(at, host);
    at[host.len] = '\0';
    return wr_slice(at, host.len);
}

const struct wr_route *wr_policy_route_of(const struct wr_policy *p, struct wr_route_ask *asked)
{
    return wr_route_index_find(p->route_index, p->routes, asked);
}

const struct wr_route *wr_policy_route(const struct wr_policy *p, struct wr_slice host, struct wr_slice path,
                                       struct wr_slice method)
{
    struct wr_arena scratch = { 0 };
    struct wr_route_ask asked = { .host = host, .path = path, .method = method, .arena = &scratch };
    const struct wr_route *route = wr_policy_route_of(p, &asked);
    wr_arena_fini(&scratch);
    return route;
}
