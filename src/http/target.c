#include "http/target.h"

#include <arpa/inet.h>

#include "http/octets.h"

static bool is_ipv6(struct wr_slice s)
{
    char text[INET6_ADDRSTRLEN];
    unsigned char address[16];
    if (s.len == 0 || s.len >= sizeof text)
        return false;
    memcpy(text, s.at, s.len);
    text[s.len] = '\0';
    return inet_pton(AF_INET6, text, address) == 1;
}

static bool is_regname(struct wr_slice s)
{
    if (!wr_octets_all(s, WR_OC_REGNAME))
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] == '%' &&
            (i + 2 >= s.len || !wr_octet_is(s.at[i + 1], WR_OC_HEX) || !wr_octet_is(s.at[i + 2], WR_OC_HEX)))
            return false;
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
        rest = wr_slice(authority.at + len, authority.len - len);
    }
    uint64_t port;
    if (rest.len <= 1)
        return rest.len == 0 || rest.at[0] == ':';
    return rest.at[0] == ':' && wr_slice_u64(wr_slice(rest.at + 1, rest.len - 1), 65535, &port);
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
    struct wr_slice rest = wr_slice(h->target.at + scheme, h->target.len - scheme);
    size_t len = 0;
    while (len < rest.len && rest.at[len] != '/' && rest.at[len] != '?')
        len++;
    h->host = wr_slice(rest.at, len);
    if (!wr_authority_valid(h->host))
        return "the host of the request target is missing or malformed";
    rest = wr_slice(rest.at + len, rest.len - len);
    if (rest.len == 0 && h->method == WR_METHOD_OPTIONS)
        h->path = WR_SLICE("*"); /* RFC 9112 3.2.4 */
    else
        split_query(h, rest);
    return NULL;
}

const char *wr_target_split(struct wr_head *h)
{
    h->host = h->query = wr_slice(NULL, 0);
    if (!wr_octets_all(h->target, WR_OC_TARGET))
        return "the request target is empty or holds an octet that must be percent-encoded";
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

struct wr_slice wr_target_on_host(struct wr_slice reference, struct wr_slice host)
{
    static const struct wr_slice schemes[] = { WR_SLICE_INIT("http://"), WR_SLICE_INIT("https://"), WR_SLICE_INIT("//") };
    struct wr_slice rest = reference, text = wr_slice_cut(&rest, '#');
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t skip = schemes[i].len, n = skip;
        if (text.len < skip || !wr_slice_eq_nocase(wr_slice(text.at, skip), schemes[i]))
            continue;
        while (n < text.len && text.at[n] != '/' && text.at[n] != '?')
            n++;
        bool same = wr_slice_eq_nocase(wr_slice(text.at + skip, n - skip), host);
        return same ? wr_slice(text.at + n, text.len - n) : wr_slice(NULL, 0);
    }
    return text;
}
