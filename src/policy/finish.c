/* SPDX-License-Identifier: BSD-2-Clause */
/* Checks options that contradict each other, and fills in defaults that depend on other options. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "policy/reader.h"

#define IN_FLIGHT \
    (UINT64_C(256) << 20) /* the default of memory.in_flight, on a machine that is large enough */

static bool can_store(const struct wr_policy *p)
{
    return p->memory || p->redis.enabled;
}

static void check_store(struct wr_policy_reader *r, const struct wr_tree_node *root)
{
    const struct wr_policy *p = r->policy;
    const struct wr_tree_node *memory = wr_tree_node_get(root, "memory");
    for (size_t i = 0; !can_store(p) && memory && i < p->route_count; i++) {
        if (!p->routes[i].cache.enabled)
            continue;
        wr_policy_error(r->errors, memory->place,
                        "memory: off without redis leaves no place for the responses that the route on line "
                        "%d%s%s stores",
                        p->routes[i].line, p->routes[i].file == p->file ? "" : " of ",
                        p->routes[i].file == p->file ? "" : p->routes[i].file);
        return;
    }
}

/* If `part` is larger than `whole`: an error if the file has `part`; otherwise its default is lowered. */
static void check_within(struct wr_policy_reader *r, const struct wr_tree_node *section, const char *part,
                         uint64_t *part_size, const char *whole, uint64_t whole_size)
{
    const struct wr_tree_node *given = wr_tree_node_get(section, part);
    if (*part_size <= whole_size)
        return;
    if (given && whole_size)
        wr_policy_error(r->errors, given->place, "%s: %.*s is more than %s allows", part,
                        WR_SLICE_ARG(given->text), whole);
    *part_size = whole_size;
}

/* Checks that a body of max_object fits into the pieces that a record may name. Otherwise it could be
 * written to Redis and never be read. */
static void check_pieces(struct wr_policy_reader *r, const struct wr_tree_node *section)
{
    const struct wr_policy_redis *redis = &r->policy->redis;
    const struct wr_tree_node *given = wr_tree_node_get(section, "max_object");
    if (given == NULL || (redis->max_object - 1) / redis->chunk < WR_MAX_PIECES)
        return;
    wr_policy_error(
        r->errors, given->place,
        "max_object: %.*s makes more than %u pieces of one chunk: chunk has to be %lluKB at least",
        WR_SLICE_ARG(given->text), WR_MAX_PIECES,
        (unsigned long long) ((redis->max_object + WR_MAX_PIECES * 1024ull - 1) / (WR_MAX_PIECES * 1024ull)));
}

static bool same_address(const struct wr_address *a, const struct wr_address *b)
{
    return a->host && b->host && a->kind == b->kind && a->port == b->port && strcmp(a->host, b->host) == 0;
}

/* Returns the place of an item's address; the item is a mapping or the bare address. */
static struct wr_place place_of_address(const struct wr_tree_node *item)
{
    const struct wr_tree_node *address = wr_tree_node_get(item, "address");
    return address ? address->place : item->place;
}

/* Is it the address of one of the first `count` admin listeners? */
static bool is_admin_address(const struct wr_policy *p, size_t count, const struct wr_address *address)
{
    for (size_t i = 0; i < count; i++)
        if (same_address(&p->admins[i].address, address))
            return true;
    return false;
}

static void check_admins(struct wr_policy_reader *r, const struct wr_tree_node *root)
{
    struct wr_policy *p = r->policy;
    const struct wr_tree_node *admin = wr_tree_node_get(root, "admin");
    for (size_t i = 0; i < p->admin_count; i++) {
        const struct wr_tree_node *item = wr_tree_node_item(admin, i);
        if (is_admin_address(p, i, &p->admins[i].address))
            wr_policy_error(r->errors, place_of_address(item),
                            "address: \"%s\" is already the address of another listener",
                            p->admins[i].address.text);
    }
    if (admin)
        return;
    p->admin_count = 1;
    p->admins = wr_arena_zalloc(r->arena, sizeof *p->admins);
    p->admins->allow = WR_RIGHTS_ALL;
    const char *reason = wr_address_parse(WR_SLICE(WR_ADMIN_DEFAULT), r->arena, &p->admins->address);
    WR_CHECK(reason == NULL);
}

static void check_listeners(struct wr_policy_reader *r, const struct wr_tree_node *root)
{
    const struct wr_policy *p = r->policy;
    const struct wr_tree_node *listen = wr_tree_node_get(root, "listen");
    for (size_t i = 0; i < p->listen_count; i++) {
        const struct wr_listen *one = &p->listens[i];
        const struct wr_tree_node *item = wr_tree_node_item(listen, i);
        bool twice = is_admin_address(p, p->admin_count, &one->address);
        for (size_t j = 0; j < i; j++)
            twice = twice || same_address(&one->address, &p->listens[j].address);
        if (twice)
            wr_policy_error(r->errors, place_of_address(item),
                            "address: \"%s\" is already the address of another listener", one->address.text);
        if (one->proxy_protocol && p->trusted_count == 0)
            wr_policy_error(
                r->errors, wr_tree_node_get(item, "proxy_protocol")->place,
                "proxy_protocol: trusted_proxies is missing: weir believes a PROXY header only from these");
    }
}

/* An option and its other name can't both be given. */
static void check_alias(struct wr_policy_reader *r, const struct wr_tree_node *root)
{
    const struct wr_tree_node *alias = wr_tree_node_get(root, "drain_timeout");
    if (alias && wr_tree_node_get(wr_tree_node_get(root, "drain"), "timeout"))
        wr_policy_error(r->errors, alias->place,
                        "drain_timeout: drain.timeout stands here too, which is the same: remove this one");
}

static char *host_name(struct wr_policy_reader *r)
{
    char name[256] = "";
    if (gethostname(name, sizeof name - 1) == 0 && wr_policy_reader_is_token(wr_slice_str(name)))
        return wr_policy_reader_copy(r, wr_slice_str(name));
    return wr_policy_reader_copy(r, WR_SLICE("weir"));
}

/* Returns the bound on the memory of this process's control group (cgroups(7), version 2), or UINT64_MAX. */
static uint64_t group_memory(void)
{
    char group[256] = "", file[320];
    uint64_t most = UINT64_MAX;
    FILE *f = fopen("/proc/self/cgroup", "re");
    bool found = f && fscanf(f, "0::%255[^\n]", group) == 1;
    if (f)
        fclose(f);
    snprintf(file, sizeof file, "/sys/fs/cgroup%s/memory.max", group);
    f = found ? fopen(file, "re") : NULL;
    if (f && fscanf(f, "%" SCNu64, &most) != 1)
        most = UINT64_MAX; /* "max" */
    if (f)
        fclose(f);
    return most;
}

static uint64_t quarter_of_machine(void)
{
    const long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    uint64_t machine = pages > 0 && size > 0 ? (uint64_t) pages * (uint64_t) size : UINT64_MAX;
    uint64_t group = group_memory();
    return (group < machine ? group : machine) / 4;
}

static void default_in_flight(struct wr_policy *p)
{
    uint64_t quarter = quarter_of_machine();
    if (p->memory_in_flight == 0)
        p->memory_in_flight = quarter < IN_FLIGHT ? quarter : IN_FLIGHT;
}

void wr_policy_reader_finish(struct wr_policy_reader *r, const struct wr_tree_node *root)
{
    struct wr_policy *p = r->policy;
    if (p->server_name == NULL)
        p->server_name = host_name(r);
    default_in_flight(p);
    check_listeners(r, root);
    check_admins(r, root);
    check_alias(r, root);
    check_store(r, root);
    check_pieces(r, wr_tree_node_get(root, "redis"));
    check_within(r, wr_tree_node_get(root, "client"), "max_target", &p->max_target, "max_head", p->max_head);
    check_within(r, wr_tree_node_get(root, "memory"), "max_object", &p->memory_max_object, "size",
                 p->memory_size);
}
