/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads Forwarded and X-Forwarded-For: a parameter of an element, and the client behind trusted proxies.
 * Writes X-Forwarded-For. */
#include "http/forwarded.h"

#include "address/ip.h"
#include "http/target.h"

struct wr_slice wr_forwarded_param(struct wr_slice element, struct wr_slice name)
{
    while (element.at) {
        struct wr_slice value = wr_slice_cut(&element, ';'), have = wr_slice_cut(&value, '=');
        if (value.at == NULL || !wr_slice_eq_nocase(wr_slice_trim(have), name))
            continue;
        return wr_slice_unquote(value);
    }
    return wr_slice(NULL, 0);
}

/* Cuts off the last element of the list and returns it. */
static struct wr_slice cut_last(struct wr_slice *list)
{
    size_t at = list->len;
    while (at > 0 && list->at[at - 1] != ',')
        at--;
    struct wr_slice element = wr_slice_from(*list, at);
    list->len = at > 0 ? at - 1 : 0;
    return element;
}

struct wr_slice wr_forwarded_nearest(struct wr_slice list, struct wr_slice name)
{
    return wr_forwarded_param(wr_slice_trim(cut_last(&list)), name);
}

/* Reads an address with or without a port; IPv6 also in brackets. */
static bool read_address(struct wr_slice s, unsigned char out[16])
{
    s = wr_slice_trim(s);
    if (s.len > 0 && s.at[0] == '[') {
        const char *end = memchr(s.at, ']', s.len);
        if (end == NULL)
            return false;
        s = wr_slice(s.at + 1, (size_t) (end - s.at) - 1);
    } else {
        const char *colon = s.len ? memchr(s.at, ':', s.len) : NULL;
        if (colon && memchr(colon + 1, ':', s.len - (size_t) (colon + 1 - s.at)) == NULL)
            s.len = (size_t) (colon - s.at); /* 192.0.2.1:4711 */
    }
    return wr_address_read(s, out);
}

void wr_forwarded_client(struct wr_slice list, enum wr_forwarded_list kind, const struct wr_cidr *trusted,
                         size_t trusted_count, unsigned char addr[16])
{
    while (list.len > 0) {
        struct wr_slice element = cut_last(&list);
        unsigned char next[16];
        if (wr_slice_trim(element).len == 0) /* an empty element means nothing (RFC 9110 5.6.1.2) */
            continue;
        if (kind == WR_LIST_FORWARDED)
            element = wr_forwarded_param(element, WR_SLICE("for"));
        if (element.at == NULL || !read_address(element, next))
            return;
        memcpy(addr, next, 16);
        if (!wr_cidr_has(trusted, trusted_count, next))
            return;
    }
}

struct wr_slice wr_forwarded_for(struct wr_slice list, struct wr_slice client, struct wr_slice peer,
                                 struct wr_arena *arena)
{
    while (list.len > 0 && (list.at[list.len - 1] == ',' || list.at[list.len - 1] == ' '))
        list.len--; /* empty elements at the end */
    if (list.len == 0)
        list = client;
    if (list.len == 0 || peer.len == 0)
        return list.len ? list : peer;
    return wr_arena_printf(arena, "%.*s, %.*s", WR_SLICE_ARG(list), WR_SLICE_ARG(peer));
}

/* --- what a trusted peer tells --- */

/* The first element of a list: what the client told the first proxy. */
static struct wr_slice first_of(struct wr_slice list)
{
    return wr_slice_trim(wr_slice_cut(&list, ','));
}

/* The value of the field, else of the same parameter of the nearest proxy's Forwarded, else `otherwise`. */
static struct wr_slice value_of(const struct wr_head *head, enum wr_field_id id, struct wr_slice param,
                                struct wr_slice otherwise, struct wr_arena *arena)
{
    const struct wr_field *f = wr_head_get(head, id);
    if (f)
        return f->value;
    struct wr_slice said = wr_forwarded_nearest(wr_head_joined(head, WR_F_FORWARDED, arena), param);
    return said.len > 0 ? said : otherwise;
}

/* Finds the scheme and the host that the client gave to the first proxy. The origin is told them, and its
 * response depends on them. */
static void learn_site(struct wr_head *head, struct wr_arena *arena)
{
    struct wr_slice host = first_of(
        value_of(head, WR_F_X_FORWARDED_HOST, WR_SLICE("host"), WR_SLICE(""), arena));
    struct wr_slice scheme = head->secure ? WR_SLICE("https") : WR_SLICE("http");
    head->secure = wr_slice_eq_nocase(
        first_of(value_of(head, WR_F_X_FORWARDED_PROTO, WR_SLICE("proto"), scheme, arena)),
        WR_SLICE("https"));
    if (wr_authority_valid(host))
        head->site = host;
}

void wr_forwarded_believe(struct wr_head *head, const struct wr_cidr *trusted, size_t trusted_count,
                          unsigned char addr[16], struct wr_arena *arena)
{
    struct wr_slice list = wr_head_joined(head, WR_F_X_FORWARDED_FOR, arena);
    enum wr_forwarded_list kind = list.at ? WR_LIST_X_FORWARDED_FOR : WR_LIST_FORWARDED;
    if (kind == WR_LIST_FORWARDED)
        list = wr_head_joined(head, WR_F_FORWARDED, arena);
    wr_forwarded_client(list, kind, trusted, trusted_count, addr);
    learn_site(head, arena);
}
