/* SPDX-License-Identifier: BSD-2-Clause */
/* Builds the index of routes and searches it. Hosts are hashed; the paths of a host lie in a hash table and
 * a trie. */
#include "policy/route.h"

#include "policy/name_table.h"

#define NONE SIZE_MAX

/* A method, and the first route at this place that accepts it; or a route with further conditions. */
struct claim {
    struct claim *next; /* a later route's */
    struct wr_slice method;
    const struct wr_match *check; /* NULL: the method decides */
    size_t route;
};

/* The place in the index for one host and path, where the matches of several routes may end. It keeps at
 * most one claim per method, in the order of the routes, and none after the first route that accepts any
 * method. So it stays short however many routes there are, apart from those with further conditions. */
struct place {
    size_t any; /* the first route without methods and further conditions, or NONE */
    struct claim *claims, **end;
};

/* A piece of a path. The pieces from the root down to a node make a prefix. No two children begin with the
 * same byte. */
struct trie {
    struct wr_slice piece;
    struct place *place; /* NULL: no prefix ends here */
    struct trie **kids;  /* sorted by the first byte of their piece */
    size_t kid_count;
};

/* The paths of one host. A route without a path is the empty prefix. */
struct paths {
    struct wr_name_table exact; /* struct place */
    struct trie root;
};

struct wr_route_index {
    struct wr_name_table hosts; /* struct paths */
    struct wr_name_table wild;  /* struct paths, by what stands after "*." */
    size_t wild_longest;        /* of the names in `wild`, in bytes */
    struct paths any;
};

static struct place *new_place(struct wr_arena *arena)
{
    struct place *place = wr_arena_zalloc(arena, sizeof *place);
    place->any = NONE;
    place->end = &place->claims;
    return place;
}

static bool is_claimed(const struct place *place, struct wr_slice method)
{
    for (const struct claim *c = place->claims; c; c = c->next) {
        if (c->check == NULL && wr_slice_eq(c->method, method))
            return true;
    }
    return false;
}

static void add_claim(struct place *place, struct wr_slice method, const struct wr_match *check, size_t route,
                      struct wr_arena *arena)
{
    struct claim *new = wr_arena_alloc(arena, sizeof *new);
    *new = (struct claim){ NULL, method, check, route };
    *place->end = new;
    place->end = &new->next;
}

/* Routes are added in their order, so an earlier claim wins. */
static void claim(struct place *place, const struct wr_route *route, struct wr_arena *arena)
{
    const struct wr_match *match = &route->match;
    if (place->any != NONE)
        return;
    if (match->checked) {
        add_claim(place, wr_slice(NULL, 0), match, route->index, arena);
        return;
    }
    if (match->methods == NULL)
        place->any = route->index;
    for (size_t i = 0; i < match->method_count; i++)
        if (!is_claimed(place, match->methods[i]))
            add_claim(place, match->methods[i], NULL, route->index, arena);
}

/* Returns the position of the child that begins with `byte`, or where it belongs. */
static size_t kid_position(const struct trie *node, char byte)
{
    size_t low = 0, high = node->kid_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if ((unsigned char) node->kids[middle]->piece.at[0] < (unsigned char) byte)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct trie *kid_of(const struct trie *node, char byte)
{
    size_t i = kid_position(node, byte);
    return i < node->kid_count && node->kids[i]->piece.at[0] == byte ? node->kids[i] : NULL;
}

static struct trie *add_kid(struct trie *node, struct wr_slice piece, struct wr_arena *arena)
{
    size_t at = kid_position(node, piece.at[0]), count = node->kid_count;
    if ((count & (count - 1)) == 0) { /* full at each power of two */
        struct trie **wider = wr_arena_alloc(arena, (count ? 2 * count : 1) * sizeof *wider);
        if (count)
            memcpy(wider, node->kids, count * sizeof *wider);
        node->kids = wider;
    }
    memmove(node->kids + at + 1, node->kids + at, (count - at) * sizeof *node->kids);
    struct trie *kid = wr_arena_zalloc(arena, sizeof *kid);
    kid->piece = piece;
    node->kids[at] = kid;
    node->kid_count++;
    return kid;
}

static size_t common(struct wr_slice a, struct wr_slice b)
{
    size_t n = 0;
    while (n < a.len && n < b.len && a.at[n] == b.at[n])
        n++;
    return n;
}

/* Splits the node's piece. The node keeps the first part; a new child gets the rest and all that the node
 * had. */
static void split_node(struct trie *node, size_t len, struct wr_arena *arena)
{
    struct trie lower = *node;
    lower.piece = wr_slice_from(node->piece, len);
    *node = (struct trie){ .piece = wr_slice(node->piece.at, len) };
    *add_kid(node, lower.piece, arena) = lower;
}

static struct place *prefix_place(struct trie *node, struct wr_slice prefix, struct wr_arena *arena)
{
    while (prefix.len > 0) {
        struct trie *kid = kid_of(node, prefix.at[0]);
        if (kid == NULL)
            kid = add_kid(node, prefix, arena);
        size_t shared = common(kid->piece, prefix);
        if (shared < kid->piece.len)
            split_node(kid, shared, arena);
        prefix = wr_slice_from(prefix, shared);
        node = kid;
    }
    if (node->place == NULL)
        node->place = new_place(arena);
    return node->place;
}

static struct place *exact_place(struct paths *paths, struct wr_slice path, struct wr_arena *arena)
{
    void **at = wr_name_table_at(&paths->exact, path, arena);
    if (*at == NULL)
        *at = new_place(arena);
    return *at;
}

static struct paths *host_paths(struct wr_route_index *index, struct wr_slice host, struct wr_arena *arena)
{
    if (host.at == NULL)
        return &index->any;
    bool wild = wr_slice_starts(host, WR_SLICE("*."));
    struct wr_slice name = wild ? wr_slice_from(host, 2) : host;
    void **at = wr_name_table_at(wild ? &index->wild : &index->hosts, name, arena);
    if (wild && name.len > index->wild_longest)
        index->wild_longest = name.len;
    if (*at == NULL)
        *at = wr_arena_zalloc(arena, sizeof(struct paths));
    return *at;
}

/* The beginning that all matches of a pattern or a regular expression have in common. */
static struct wr_slice literal_front(struct wr_slice text, const char *special)
{
    size_t len = 0;
    while (len < text.len && strchr(special, text.at[len]) == NULL)
        len++;
    return wr_slice(text.at, len);
}

/* Only "^/plain/text" has such a beginning. A character that may be repeated or left out isn't part of it. */
static struct wr_slice regex_front(struct wr_slice text)
{
    if (text.len == 0 || text.at[0] != '^' || memchr(text.at, '|', text.len) ||
        memchr(text.at, '\\', text.len))
        return wr_slice("", 0);
    struct wr_slice front = literal_front(wr_slice_from(text, 1), "^$.[](){}*+?#");
    const char *next = front.at + front.len;
    if (front.len > 0 && next < text.at + text.len && strchr("*?{+", *next))
        front.len--;
    return front;
}

static void add_route(struct paths *paths, const struct wr_route *route, struct wr_arena *arena)
{
    const struct wr_match *m = &route->match;
    if (m->path_count == 0)
        claim(prefix_place(&paths->root, regex_front(m->regex.text), arena), route, arena);
    for (size_t i = 0; i < m->path_count; i++) {
        const struct wr_match_path *p = &m->paths[i];
        struct place *place = p->kind == WR_MATCH_EXACT
                                  ? exact_place(paths, p->text, arena)
                                  : prefix_place(&paths->root,
                                                 literal_front(p->text, p->kind == WR_MATCH_GLOB ? "*" : ""),
                                                 arena);
        claim(place, route, arena);
    }
}

struct wr_route_index *wr_route_index_build(const struct wr_route *routes, size_t count,
                                            struct wr_arena *arena)
{
    struct wr_route_index *index = wr_arena_zalloc(arena, sizeof *index);
    for (size_t i = 0; i < count; i++) {
        const struct wr_match *match = &routes[i].match;
        if (match->host_count == 0)
            add_route(host_paths(index, wr_slice(NULL, 0), arena), &routes[i], arena);
        for (size_t j = 0; j < match->host_count; j++)
            add_route(host_paths(index, match->hosts[j], arena), &routes[i], arena);
    }
    return index;
}

/* Lowers *best to the first route of the place that accepts the request. */
static void lower(const struct place *place, struct wr_route_ask *asked, size_t *best)
{
    if (place == NULL)
        return;
    if (place->any < *best && place->any >= asked->from)
        *best = place->any;
    for (const struct claim *c = place->claims; c && c->route < *best; c = c->next) {
        if (c->route >= asked->from &&
            (c->check ? wr_match_fails(c->check, asked) == NULL : wr_slice_eq(c->method, asked->method)))
            *best = c->route;
    }
}

static void find_in_paths(const struct paths *paths, struct wr_route_ask *asked, size_t *best)
{
    struct wr_slice path = asked->path;
    if (paths == NULL)
        return;
    lower(wr_name_table_get(&paths->exact, path), asked, best);
    const struct trie *node = &paths->root;
    while (node) {
        lower(node->place, asked, best);
        node = path.len ? kid_of(node, path.at[0]) : NULL;
        if (node && !wr_slice_starts(path, node->piece))
            node = NULL;
        if (node)
            path = wr_slice_from(path, node->piece.len);
    }
}

/* Tries what stands after each dot of the host. Dots further from the end than the longest name are passed
 * over: a host may have thousands of labels, and each try reads all that follows. */
static void find_in_wild(const struct wr_route_index *index, struct wr_route_ask *asked, size_t *best)
{
    struct wr_slice host = asked->host;
    size_t first = host.len > index->wild_longest ? host.len - index->wild_longest - 1 : 0;
    for (size_t i = first > 1 ? first : 1; index->wild.count && i + 1 < host.len; i++) {
        if (host.at[i] == '.')
            find_in_paths(wr_name_table_get(&index->wild, wr_slice(host.at + i + 1, host.len - i - 1)), asked,
                          best);
    }
}

const struct wr_route *wr_route_index_find(const struct wr_route_index *index, const struct wr_route *routes,
                                           struct wr_route_ask *asked)
{
    struct wr_slice host = asked->host;
    size_t best = NONE;
    find_in_paths(wr_name_table_get(&index->hosts, host), asked, &best);
    find_in_wild(index, asked, &best);
    find_in_paths(&index->any, asked, &best);
    return best == NONE ? NULL : &routes[best];
}
