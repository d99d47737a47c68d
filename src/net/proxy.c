#include "net/proxy.h"

#include <arpa/inet.h>

#define V1_MAX 107 /* octets of a version 1 header, CR LF included */
#define V2_HEAD 16

static const char v2_signature[12] = "\r\n\r\n\0\r\nQUIT\n";

static void map_v4(const void *v4, unsigned char addr[16])
{
    memcpy(addr, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
    memcpy(addr + 12, v4, 4);
}

/* "PROXY TCP4 source destination sport dport" without the CR LF. */
static bool parse_v1_line(struct wr_slice line, bool *local, unsigned char addr[16], uint16_t *port)
{
    struct wr_slice rest = line, word[6];
    for (int i = 0; i < 6; i++)
        word[i] = wr_slice_cut(&rest, ' ');
    if (wr_slice_eq(word[1], WR_SLICE("UNKNOWN")))
        return true;
    bool v4 = wr_slice_eq(word[1], WR_SLICE("TCP4"));
    if ((!v4 && !wr_slice_eq(word[1], WR_SLICE("TCP6"))) || word[5].at == NULL || rest.at != NULL)
        return false;
    char text[INET6_ADDRSTRLEN];
    unsigned char raw[16];
    uint64_t n;
    if (word[2].len == 0 || word[2].len >= sizeof text || !wr_slice_u64(word[4], 65535, &n) ||
        !wr_slice_u64(word[5], 65535, &(uint64_t){ 0 }))
        return false;
    memcpy(text, word[2].at, word[2].len);
    text[word[2].len] = '\0';
    if (inet_pton(v4 ? AF_INET : AF_INET6, text, raw) != 1)
        return false;
    if (v4)
        map_v4(raw, addr);
    else
        memcpy(addr, raw, 16);
    *port = (uint16_t) n;
    *local = false;
    return true;
}

static enum wr_proxy_status parse_v1(struct wr_slice in, bool *local, unsigned char addr[16], uint16_t *port, size_t *length)
{
    size_t look = in.len < V1_MAX ? in.len : V1_MAX;
    const char *lf = memchr(in.at, '\n', look);
    if (lf == NULL)
        return look == V1_MAX ? WR_PROXY_BAD : WR_PROXY_MORE;
    size_t len = (size_t) (lf - in.at);
    if (len == 0 || in.at[len - 1] != '\r' || !parse_v1_line(wr_slice(in.at, len - 1), local, addr, port))
        return WR_PROXY_BAD;
    *length = len + 1;
    return WR_PROXY_DONE;
}

static enum wr_proxy_status parse_v2(struct wr_slice in, bool *local, unsigned char addr[16], uint16_t *port, size_t *length)
{
    const unsigned char *p = (const unsigned char *) in.at;
    if (in.len < V2_HEAD)
        return WR_PROXY_MORE;
    size_t rest = (size_t) p[14] << 8 | p[15];
    if (p[12] >> 4 != 2 || (p[12] & 15) > 1)
        return WR_PROXY_BAD;
    if (in.len < V2_HEAD + rest)
        return WR_PROXY_MORE;
    *length = V2_HEAD + rest;
    if ((p[12] & 15) == 0)
        return WR_PROXY_DONE; /* LOCAL: the balancer itself, a health check */
    const unsigned char *at = p + V2_HEAD;
    if (p[13] >> 4 == 1) {
        if (rest < 12)
            return WR_PROXY_BAD;
        map_v4(at, addr);
        *port = (uint16_t) (at[8] << 8 | at[9]);
        *local = false;
    } else if (p[13] >> 4 == 2) {
        if (rest < 36)
            return WR_PROXY_BAD;
        memcpy(addr, at, 16);
        *port = (uint16_t) (at[32] << 8 | at[33]);
        *local = false;
    }
    return WR_PROXY_DONE;
}

enum wr_proxy_status wr_proxy_parse(struct wr_slice in, bool *local, unsigned char addr[16], uint16_t *port, size_t *length)
{
    static const char v1_start[] = "PROXY ";
    size_t n = in.len < sizeof v2_signature ? in.len : sizeof v2_signature;
    if (memcmp(in.at, v2_signature, n) == 0)
        return n < sizeof v2_signature ? WR_PROXY_MORE : parse_v2(in, local, addr, port, length);
    n = in.len < sizeof v1_start - 1 ? in.len : sizeof v1_start - 1;
    if (memcmp(in.at, v1_start, n) == 0)
        return n < sizeof v1_start - 1 ? WR_PROXY_MORE : parse_v1(in, local, addr, port, length);
    return WR_PROXY_BAD;
}
