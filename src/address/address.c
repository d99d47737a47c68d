/* SPDX-License-Identifier: BSD-2-Clause */
/* Parses addresses with ports, Unix sockets and sockets of systemd. Checks host names against RFC 1123. */
#include "config.h"

#include "address/address.h"

#include <arpa/inet.h>
#include <sys/un.h>

static bool is_name_char(char c)
{
    c = wr_lower(c);
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* Is s a host name: labels of 1 to 63 letters, digits and '-' (RFC 1123 2.1), or '_', which some clusters
 * use? */
static bool is_host_name(struct wr_slice s)
{
    struct wr_slice rest = s;
    if (s.len == 0 || s.len > 253)
        return false;
    while (rest.at) {
        struct wr_slice label = wr_slice_cut(&rest, '.');
        if (label.len == 0 && rest.at == NULL && label.at != s.at)
            return true; /* a dot at the end: the root */
        if (label.len == 0 || label.len > 63)
            return false;
        for (size_t i = 0; i < label.len; i++) {
            if (!is_name_char(label.at[i]))
                return false;
        }
    }
    return true;
}

static bool looks_like_ipv4(struct wr_slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] != '.' && (s.at[i] < '0' || s.at[i] > '9'))
            return false;
    }
    return s.len > 0;
}

static const char *set_host(struct wr_slice host, struct wr_arena *arena, struct wr_address *out)
{
    unsigned char bytes[16];
    if (host.len >= 2 && host.at[0] == '[' && host.at[host.len - 1] == ']') {
        out->kind = WR_ADDRESS_IP;
        out->host = (char *) wr_arena_copy(arena, wr_slice(host.at + 1, host.len - 2)).at;
        return inet_pton(AF_INET6, out->host, bytes) == 1 ? NULL
                                                          : "what stands in brackets is not an IPv6 address";
    }
    out->host = (char *) wr_arena_copy(arena, host).at;
    if (looks_like_ipv4(host)) {
        out->kind = WR_ADDRESS_IP;
        return inet_pton(AF_INET, out->host, bytes) == 1 ? NULL : "this is not an IPv4 address";
    }
    out->kind = WR_ADDRESS_NAME;
    if (memchr(host.at, ':', host.len))
        return "an IPv6 address stands in brackets, such as \"[::1]:8080\"";
    return is_host_name(host) ? NULL : "this is neither an address nor a host name";
}

const char *wr_address_set(struct wr_slice host, struct wr_slice port, struct wr_arena *arena,
                           struct wr_address *out)
{
    uint64_t n;
    if (host.len == 0)
        return "the host is missing before the port";
    const char *reason = set_host(host, arena, out);
    if (reason)
        return reason;
    if (!wr_slice_u64(port, 65535, &n) || n == 0)
        return "the port is a number from 1 to 65535";
    out->port = (uint16_t) n;
    return NULL;
}

const char *wr_address_set_unix(struct wr_slice path, struct wr_arena *arena, struct wr_address *out)
{
    out->kind = WR_ADDRESS_UNIX;
    out->host = (char *) wr_arena_copy(arena, path).at;
    if (path.len == 0 || path.at[0] != '/')
        return "the path of a Unix socket is absolute, such as unix:/run/weir/http.sock";
    if (path.len >= sizeof((struct sockaddr_un *) 0)->sun_path)
        return "the path of a Unix socket has at most 107 characters";
    return NULL;
}

/* Returns the last colon that is not within brackets, or NULL. */
static const char *port_colon(struct wr_slice s)
{
    const char *colon = memrchr(s.at, ':', s.len), *bracket = memrchr(s.at, ']', s.len);
    return colon && bracket && bracket > colon ? NULL : colon;
}

const char *wr_address_parse(struct wr_slice s, struct wr_arena *arena, struct wr_address *out)
{
    *out = (struct wr_address){ .text = (char *) wr_arena_copy(arena, s).at };
    if (wr_slice_starts(s, WR_SLICE("unix:")))
        return wr_address_set_unix(wr_slice_from(s, 5), arena, out);
    if (wr_slice_starts(s, WR_SLICE("systemd:"))) {
        out->kind = WR_ADDRESS_SYSTEMD;
        out->host = (char *) wr_arena_copy(arena, wr_slice_from(s, 8)).at;
        return s.len > 8 ? NULL : "the name of systemd's socket is missing";
    }
    const char *colon = port_colon(s);
    if (colon == NULL)
        return "the port is missing, such as 127.0.0.1:8080";
    return wr_address_set(wr_slice(s.at, (size_t) (colon - s.at)),
                          wr_slice(colon + 1, (size_t) (s.at + s.len - colon - 1)), arena, out);
}
