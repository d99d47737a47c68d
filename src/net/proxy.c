/* SPDX-License-Identifier: BSD-2-Clause */
/* Parses PROXY headers of versions 1 and 2. Refuses headers that contradict themselves. */
#include "net/proxy.h"

#include "address/ip.h"

#define V1_MAX 107 /* longest version 1 header in bytes, with CR LF */
#define V2_HEAD 16

static const char v2_signature[12] = "\r\n\r\n\0\r\nQUIT\n";

/* --- version 1 --- */

static bool parse_address(struct wr_slice s, bool v4, unsigned char addr[16])
{
    return s.len > 0 && (memchr(s.at, ':', s.len) == NULL) == v4 && wr_address_read(s, addr);
}

/* Parses "PROXY TCP4 source destination sport dport" without its CR LF. */
static bool parse_v1_line(struct wr_slice line, struct wr_proxy *out)
{
    struct wr_slice rest = line, word[6];
    for (int i = 0; i < 6; i++)
        word[i] = wr_slice_cut(&rest, ' ');
    if (wr_slice_eq(word[1], WR_SLICE("UNKNOWN"))) /* the rest of the line is ignored */
        return true;
    bool v4 = wr_slice_eq(word[1], WR_SLICE("TCP4"));
    if ((!v4 && !wr_slice_eq(word[1], WR_SLICE("TCP6"))) || word[5].at == NULL || rest.at != NULL)
        return false;
    unsigned char destination[16];
    uint64_t source_port, port;
    if (!parse_address(word[2], v4, out->addr) || !parse_address(word[3], v4, destination) ||
        !wr_slice_u64(word[4], 65535, &source_port) || !wr_slice_u64(word[5], 65535, &port))
        return false;
    out->port = (uint16_t) source_port;
    out->who = WR_PROXY_CLIENT;
    return true;
}

static enum wr_proxy_status parse_v1(struct wr_slice in, struct wr_proxy *out)
{
    size_t look = in.len < V1_MAX ? in.len : V1_MAX;
    const char *lf = memchr(in.at, '\n', look);
    if (lf == NULL)
        return look == V1_MAX ? WR_PROXY_BAD : WR_PROXY_MORE;
    size_t len = (size_t) (lf - in.at);
    if (len == 0 || in.at[len - 1] != '\r' || !parse_v1_line(wr_slice(in.at, len - 1), out))
        return WR_PROXY_BAD;
    out->length = len + 1;
    return WR_PROXY_DONE;
}

/* --- version 2 --- */

enum { LOCAL = 0, PROXY = 1 };
enum { INET = 1, INET6 = 2, STREAM = 1, DATAGRAM = 2 };
enum { TLV_HEAD = 3, TLV_SSL = 0x20, SSL_HEAD = 5, SSL_CLIENT = 1 };

static const size_t addresses_length[] = { 0, 12, 36, 216 }; /* UNSPEC, INET, INET6, UNIX */

/* Reads the client's address. Anything but a stream of IPv4 or IPv6 names no client by an address. */
static void read_v2_client(unsigned family, unsigned transport, const unsigned char *at, struct wr_proxy *out)
{
    if ((family != INET && family != INET6) || transport != STREAM)
        return;
    const unsigned char *port = at + (family == INET ? 8 : 32);
    if (family == INET)
        wr_address_map(at, out->addr);
    else
        memcpy(out->addr, at, 16);
    out->port = (uint16_t) (port[0] << 8 | port[1]);
    out->who = WR_PROXY_CLIENT;
}

/* Takes the next type-length-value. Returns false if there is none, or if it is cut off (then *good is
 * false). */
static bool next_tlv(struct wr_slice *rest, unsigned *type, struct wr_slice *value, bool *good)
{
    const unsigned char *p = (const unsigned char *) rest->at;
    if (rest->len == 0)
        return false;
    size_t len = rest->len < TLV_HEAD ? 0 : (size_t) p[1] << 8 | p[2];
    if (rest->len < TLV_HEAD + len)
        return *good = false;
    *type = p[0];
    *value = wr_slice(rest->at + TLV_HEAD, len);
    *rest = wr_slice(rest->at + TLV_HEAD + len, rest->len - TLV_HEAD - len);
    return true;
}

/* Parses PP2_TYPE_SSL (2.2.6): a bit field, a word that says whether a certificate was verified, and more
 * TLVs. */
static bool parse_ssl(struct wr_slice value, struct wr_proxy *out)
{
    bool good = value.len >= SSL_HEAD;
    if (!good)
        return false;
    out->secure = value.at[0] & SSL_CLIENT;
    struct wr_slice rest = wr_slice_from(value, SSL_HEAD), inner;
    unsigned type;
    while (next_tlv(&rest, &type, &inner, &good))
        ;
    return good;
}

static bool parse_tlvs(struct wr_slice rest, struct wr_proxy *out)
{
    struct wr_slice value;
    unsigned type;
    bool good = true, ssl = false;
    while (good && next_tlv(&rest, &type, &value, &good)) {
        if (type != TLV_SSL)
            continue;
        good = !ssl && parse_ssl(value, out); /* two of them could contradict each other */
        ssl = true;
    }
    return good;
}

/* Parses the client's part. of: the bytes after the first 16, of the length that those give. */
static bool parse_v2_client(unsigned family, unsigned transport, struct wr_slice of, struct wr_proxy *out)
{
    if (family >= sizeof addresses_length / sizeof addresses_length[0] || transport > DATAGRAM)
        return false;
    size_t addresses = addresses_length[family];
    if (of.len < addresses)
        return false;
    read_v2_client(family, transport, (const unsigned char *) of.at, out);
    return parse_tlvs(wr_slice_from(of, addresses), out);
}

static enum wr_proxy_status parse_v2(struct wr_slice in, struct wr_proxy *out)
{
    const unsigned char *p = (const unsigned char *) in.at;
    if (in.len < V2_HEAD)
        return WR_PROXY_MORE;
    size_t rest = (size_t) p[14] << 8 | p[15];
    unsigned command = p[12] & 15;
    if (p[12] >> 4 != 2 || command > PROXY)
        return WR_PROXY_BAD;
    if (in.len < V2_HEAD + rest)
        return WR_PROXY_MORE;
    out->length = V2_HEAD + rest;
    if (command == LOCAL) { /* its addresses are ignored */
        out->who = WR_PROXY_BALANCER;
        return WR_PROXY_DONE;
    }
    bool good = parse_v2_client(p[13] >> 4, p[13] & 15, wr_slice(in.at + V2_HEAD, rest), out);
    return good ? WR_PROXY_DONE : WR_PROXY_BAD;
}

enum wr_proxy_status wr_proxy_parse(struct wr_slice in, struct wr_proxy *out)
{
    static const char v1_start[] = "PROXY ";
    *out = (struct wr_proxy){ .who = WR_PROXY_UNKNOWN };
    size_t n = in.len < sizeof v2_signature ? in.len : sizeof v2_signature;
    if (memcmp(in.at, v2_signature, n) == 0)
        return n < sizeof v2_signature ? WR_PROXY_MORE : parse_v2(in, out);
    n = in.len < sizeof v1_start - 1 ? in.len : sizeof v1_start - 1;
    if (memcmp(in.at, v1_start, n) == 0)
        return n < sizeof v1_start - 1 ? WR_PROXY_MORE : parse_v1(in, out);
    return WR_PROXY_BAD;
}
