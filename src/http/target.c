/* SPDX-License-Identifier: BSD-2-Clause */
/* Splits request targets and checks hosts. Resolves references in responses against the request. */
#include "http/target.h"

#include "address/ip.h"
#include "base/uri.h"
#include "http/chars.h"

static bool is_ipv6(struct wr_slice s)
{
    unsigned char address[16];
    return s.len > 0 && memchr(s.at, ':', s.len) && wr_address_read(s, address);
}

static bool is_regname(struct wr_slice s)
{
    if (!wr_chars_all(s, WR_CHAR_REGNAME))
        return false;
    const char *end = s.at + s.len, *percent = s.at;
    while ((percent = memchr(percent, '%', (size_t) (end - percent))) != NULL) {
        if (wr_percent_octet(wr_slice(percent, (size_t) (end - percent))) < 0)
            return false;
        percent += 3;
    }
    return true;
}

bool wr_authority_valid(struct wr_slice authority)
{
    struct wr_slice rest;
    if (authority.len > 0 && authority.at[0] == '[') {
        const char *end = memchr(authority.at, ']', authority.len);
        if (end == NULL || !is_ipv6(wr_slice(authority.at + 1, (size_t) (end - authority.at) - 1)))
            return false;
        rest = wr_slice(end + 1, authority.len - (size_t) (end + 1 - authority.at));
    } else {
        const char *colon = authority.len ? memchr(authority.at, ':', authority.len) : NULL;
        size_t len = colon ? (size_t) (colon - authority.at) : authority.len;
        if (!is_regname(wr_slice(authority.at, len)))
            return false;
        rest = wr_slice_from(authority, len);
    }
    uint64_t port;
    if (rest.len <= 1)
        return rest.len == 0 || rest.at[0] == ':';
    return rest.at[0] == ':' && wr_slice_u64(wr_slice_from(rest, 1), 65535, &port);
}

static size_t scheme_len(struct wr_slice target)
{
    if (target.len >= 7 && wr_slice_eq_nocase(wr_slice(target.at, 7), WR_SLICE("http://")))
        return 7;
    if (target.len >= 8 && wr_slice_eq_nocase(wr_slice(target.at, 8), WR_SLICE("https://")))
        return 8;
    return 0;
}

static void split_query(struct wr_head *h, struct wr_slice rest)
{
    h->path = wr_slice_cut(&rest, '?');
    h->query = rest; /* at == NULL without '?' */
    if (h->path.len == 0)
        h->path = WR_SLICE("/");
}

static const char *split_absolute(struct wr_head *h, size_t scheme)
{
    struct wr_slice rest = wr_slice_from(h->target, scheme);
    size_t len = 0;
    while (len < rest.len && rest.at[len] != '/' && rest.at[len] != '?')
        len++;
    h->host = wr_slice(rest.at, len);
    if (!wr_authority_valid(h->host))
        return "the host of the request target is missing or malformed";
    rest = wr_slice_from(rest, len);
    if (rest.len == 0 && h->method == WR_METHOD_OPTIONS)
        h->path = WR_SLICE("*"); /* RFC 9112 3.2.4 */
    else
        split_query(h, rest);
    return NULL;
}

const char *wr_target_split(struct wr_head *h)
{
    h->host = h->query = wr_slice(NULL, 0);
    if (!wr_chars_all(h->target, WR_CHAR_TARGET))
        return "the request target is empty or holds a byte that must be percent-encoded";
    if (h->target.at[0] == '/') {
        split_query(h, h->target);
        return NULL;
    }
    if (wr_slice_eq(h->target, WR_SLICE("*"))) {
        h->path = h->target;
        return h->method == WR_METHOD_OPTIONS ? NULL : "only OPTIONS may ask for *";
    }
    size_t scheme = scheme_len(h->target);
    if (scheme == 0)
        return "the request target is neither a path nor an http or https URI";
    return split_absolute(h, scheme);
}

const char *wr_host_settle(struct wr_head *h)
{
    struct wr_field *host = (struct wr_field *) wr_head_get(h, WR_F_HOST);
    if (host == NULL)
        return h->minor >= 1 ? "HTTP/1.1 needs a Host field" : NULL;
    if (wr_head_next(h, WR_F_HOST, host))
        return "more than one Host field";
    if (!wr_authority_valid(host->value))
        return "the Host field is empty or malformed";
    if (h->host.at)
        host->value = h->host;
    else
        h->host = host->value;
    return NULL;
}

/* --- references --- */

/* Returns the authority without its port if that is the default one: such a port doesn't tell hosts apart. */
static struct wr_slice without_port(struct wr_slice authority, struct wr_slice port)
{
    size_t kept = authority.len - port.len;
    bool has = authority.len > port.len && wr_slice_eq(wr_slice(authority.at + kept, port.len), port);
    return has ? wr_slice(authority.at, kept) : authority;
}

static struct wr_slice without_default_ports(struct wr_slice authority)
{
    return without_port(without_port(authority, WR_SLICE(":80")), WR_SLICE(":443"));
}

static bool same_host(struct wr_slice authority, bool http, bool https, struct wr_slice host)
{
    if (http)
        authority = without_port(authority, WR_SLICE(":80"));
    if (https)
        authority = without_port(authority, WR_SLICE(":443"));
    return wr_slice_eq_nocase(authority, without_default_ports(host));
}

/* Does the text begin with a scheme such as "mailto:"? http and https have been handled before. */
static bool has_scheme(struct wr_slice text)
{
    size_t len = 0;
    while (len < text.len && text.at[len] != '/' && text.at[len] != '?' && text.at[len] != ':')
        len++;
    return len < text.len && text.at[len] == ':';
}

/* Returns the part after the authority, without the fragment. *absolute: there was an authority. at ==
 * NULL: it names another host. */
static struct wr_slice on_host(struct wr_slice reference, struct wr_slice host, bool *absolute)
{
    static const struct {
        struct wr_slice text;
        bool http, https;
    } begins[] = { { WR_SLICE_INIT("http://"), true, false },
                   { WR_SLICE_INIT("https://"), false, true },
                   { WR_SLICE_INIT("//"), true, true } };
    struct wr_slice rest = reference, text = wr_slice_cut(&rest, '#');
    *absolute = false;
    for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++) {
        size_t skip = begins[i].text.len, n = skip;
        if (text.len < skip || !wr_slice_eq_nocase(wr_slice(text.at, skip), begins[i].text))
            continue;
        while (n < text.len && text.at[n] != '/' && text.at[n] != '?')
            n++;
        *absolute = true;
        bool same = same_host(wr_slice(text.at + skip, n - skip), begins[i].http, begins[i].https, host);
        return same ? wr_slice_from(text, n) : wr_slice(NULL, 0);
    }
    return has_scheme(text) ? wr_slice(NULL, 0) : text;
}

struct wr_slice wr_target_on_host(struct wr_slice reference, struct wr_slice host)
{
    bool absolute;
    return on_host(reference, host, &absolute);
}

bool wr_target_resolve(const struct wr_head *base, struct wr_slice reference, struct wr_arena *arena,
                       struct wr_slice *path, struct wr_slice *query)
{
    bool absolute;
    struct wr_slice rest = on_host(reference, wr_head_site(base), &absolute);
    if (rest.at == NULL)
        return false;
    struct wr_slice own = wr_slice_cut(&rest, '?'), whole = own;
    if (own.len == 0) {
        *path = absolute ? WR_SLICE("/") : base->path;
        *query = absolute || rest.at ? rest : base->query;
        return true;
    }
    if (own.at[0] != '/') { /* relative to the base path (5.2.3) */
        size_t dir = base->path.len;
        while (dir > 0 && base->path.at[dir - 1] != '/')
            dir--;
        whole = wr_arena_printf(arena, "%s%.*s%.*s", dir ? "" : "/", (int) dir, base->path.at,
                                WR_SLICE_ARG(own));
    }
    char *resolved = wr_arena_alloc(arena, whole.len);
    *path = wr_slice(resolved, wr_path_resolve(resolved, whole, false));
    *query = rest;
    return true;
}
