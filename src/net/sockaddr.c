/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads, compares and writes addresses of sockets. */
#include "net/sockaddr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>

#include "base/check.h"

void wr_sockaddr_port(struct wr_sockaddr *a, uint16_t port)
{
    if (a->at.ss_family == AF_INET)
        ((struct sockaddr_in *) &a->at)->sin_port = htons(port);
    else if (a->at.ss_family == AF_INET6)
        ((struct sockaddr_in6 *) &a->at)->sin6_port = htons(port);
}

struct wr_sockaddr wr_sockaddr_of(int family, const void *octets)
{
    struct wr_sockaddr a = { .at.ss_family = (sa_family_t) family };
    if (family == AF_INET) {
        a.len = sizeof(struct sockaddr_in);
        memcpy(&((struct sockaddr_in *) &a.at)->sin_addr, octets, 4);
    } else {
        a.len = sizeof(struct sockaddr_in6);
        memcpy(&((struct sockaddr_in6 *) &a.at)->sin6_addr, octets, 16);
    }
    return a;
}

static bool unix_path(const char *path, struct wr_sockaddr *out)
{
    struct sockaddr_un *un = (struct sockaddr_un *) &out->at;
    size_t len = strlen(path);
    if (len >= sizeof un->sun_path)
        return false;
    *out = (struct wr_sockaddr){ .at.ss_family = AF_UNIX };
    memcpy(un->sun_path, path, len + 1);
    out->len = (socklen_t) (offsetof(struct sockaddr_un, sun_path) + len + 1);
    return true;
}

bool wr_address_literal(const char *host, uint16_t port, struct wr_sockaddr *out)
{
    unsigned char octets[16];
    char bare[INET6_ADDRSTRLEN];
    size_t len = strlen(host);
    if (host[0] == '/')
        return unix_path(host, out);
    if (host[0] == '[' && len > 2 && host[len - 1] == ']' && len - 2 < sizeof bare) {
        memcpy(bare, host + 1, len - 2);
        bare[len - 2] = '\0';
        host = bare;
    }
    if (inet_pton(AF_INET, host, octets) == 1)
        *out = wr_sockaddr_of(AF_INET, octets);
    else if (inet_pton(AF_INET6, host, octets) == 1)
        *out = wr_sockaddr_of(AF_INET6, octets);
    else
        return false;
    wr_sockaddr_port(out, port);
    return true;
}

int wr_sockaddr_compare(const struct wr_sockaddr *a, const struct wr_sockaddr *b)
{
    if (a->at.ss_family != b->at.ss_family)
        return a->at.ss_family == AF_INET || b->at.ss_family == AF_UNIX ? -1 : 1;
    if (a->len != b->len)
        return a->len < b->len ? -1 : 1;
    return memcmp(&a->at, &b->at, a->len);
}

void wr_sockaddr_text(struct wr_buf *out, const struct wr_sockaddr *a)
{
    char digits[INET6_ADDRSTRLEN];
    const struct sockaddr_in *v4 = (const struct sockaddr_in *) &a->at;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *) &a->at;
    switch (a->at.ss_family) {
    case AF_INET:
        WR_CHECK(inet_ntop(AF_INET, &v4->sin_addr, digits, sizeof digits) != NULL);
        wr_buf_printf(out, "%s:%u", digits, ntohs(v4->sin_port));
        break;
    case AF_INET6:
        WR_CHECK(inet_ntop(AF_INET6, &v6->sin6_addr, digits, sizeof digits) != NULL);
        wr_buf_printf(out, "[%s]:%u", digits, ntohs(v6->sin6_port));
        break;
    default:
        wr_buf_printf(out, "unix:%s", ((const struct sockaddr_un *) &a->at)->sun_path);
        break;
    }
}
