#include <arpa/inet.h>

#include "policy/policy.h"

static const unsigned char mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

static bool same_prefix(const unsigned char *a, const unsigned char *b, unsigned bits)
{
    unsigned octets = bits / 8, rest = bits % 8;
    if (memcmp(a, b, octets) != 0)
        return false;
    return rest == 0 || ((a[octets] ^ b[octets]) >> (8 - rest)) == 0;
}

bool wr_cidr_has(const struct wr_cidr *blocks, size_t count, const unsigned char addr[16])
{
    for (size_t i = 0; i < count; i++) {
        if (same_prefix(blocks[i].addr, addr, blocks[i].bits))
            return true;
    }
    return false;
}

static char *put_octet(char *to, unsigned n)
{
    if (n >= 100)
        *to++ = (char) ('0' + n / 100);
    if (n >= 10)
        *to++ = (char) ('0' + n / 10 % 10);
    *to++ = (char) ('0' + n % 10);
    return to;
}

/* Not inet_ntop() for IPv4: that is a printf, on the way of every request that is passed on. */
void wr_address_text(const unsigned char addr[16], char out[WR_ADDRESS_TEXT])
{
    if (memcmp(addr, mapped, sizeof mapped) != 0) {
        inet_ntop(AF_INET6, addr, out, WR_ADDRESS_TEXT);
        return;
    }
    for (int i = 12; i < 16; i++) {
        out = put_octet(out, addr[i]);
        *out++ = i < 15 ? '.' : '\0';
    }
}

void wr_cidr_client(const unsigned char addr[16], char out[WR_CIDR_TEXT])
{
    unsigned char network[16] = { 0 };
    if (memcmp(addr, mapped, sizeof mapped) == 0) {
        wr_address_text(addr, out);
        return;
    }
    memcpy(network, addr, 8);
    inet_ntop(AF_INET6, network, out, WR_CIDR_TEXT);
    strcat(out, "/64");
}

bool wr_cidr_mask(struct wr_cidr *block)
{
    bool clean = true;
    for (unsigned bit = block->bits; bit < 128; bit++) {
        unsigned char one = (unsigned char) (0x80 >> bit % 8);
        clean = clean && !(block->addr[bit / 8] & one);
        block->addr[bit / 8] &= (unsigned char) ~one;
    }
    return clean;
}

const char *wr_cidr_parse(struct wr_slice s, struct wr_cidr *out)
{
    struct wr_slice rest = s, addr = wr_slice_cut(&rest, '/');
    char text[INET6_ADDRSTRLEN];
    uint64_t bits;
    if (addr.len == 0 || addr.len >= sizeof text)
        return "this is not an address block, such as 10.0.0.0/8 or 2001:db8::/32";
    memcpy(text, addr.at, addr.len);
    text[addr.len] = '\0';
    bool v4 = inet_pton(AF_INET, text, out->addr + 12) == 1;
    if (v4)
        memcpy(out->addr, mapped, sizeof mapped);
    else if (inet_pton(AF_INET6, text, out->addr) != 1)
        return "this is not an address block, such as 10.0.0.0/8 or 2001:db8::/32";
    uint64_t widest = v4 ? 32 : 128;
    if (rest.at == NULL)
        bits = widest;
    else if (!wr_slice_u64(rest, widest, &bits))
        return v4 ? "behind the slash stands a number from 0 to 32"
                  : "behind the slash stands a number from 0 to 128";
    out->bits = (unsigned) bits + (v4 ? 96 : 0);
    struct wr_cidr masked = *out;
    return wr_cidr_mask(&masked) ? NULL : "the address has bits behind the prefix";
}
