/* SPDX-License-Identifier: BSD-2-Clause */
/* Parses address blocks and says whether an address lies in one. IPv4 addresses are compared in their
 * IPv4-mapped form. */
#include "address/cidr.h"

#include <arpa/inet.h>
#include <string.h>

#include "address/ip.h"

static bool same_prefix(const unsigned char *a, const unsigned char *b, unsigned bits)
{
    unsigned bytes = bits / 8, rest = bits % 8;
    if (memcmp(a, b, bytes) != 0)
        return false;
    return rest == 0 || ((a[bytes] ^ b[bytes]) >> (8 - rest)) == 0;
}

bool wr_cidr_has(const struct wr_cidr *blocks, size_t count, const unsigned char addr[16])
{
    for (size_t i = 0; i < count; i++) {
        if (same_prefix(blocks[i].addr, addr, blocks[i].bits))
            return true;
    }
    return false;
}

void wr_cidr_client(const unsigned char addr[16], char out[WR_CIDR_TEXT])
{
    unsigned char network[16] = { 0 };
    if (wr_address_is_v4(addr)) {
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
    uint64_t bits;
    if (!wr_address_read(addr, out->addr))
        return "this is not an address block, such as 10.0.0.0/8 or 2001:db8::/32";
    bool v4 = memchr(addr.at, ':', addr.len) == NULL;
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
