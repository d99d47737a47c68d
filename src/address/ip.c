/* SPDX-License-Identifier: BSD-2-Clause */
/* Converts addresses of both families from and to text. Both are 16 bytes. */
#include "address/ip.h"

#include <arpa/inet.h>

static const unsigned char mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

void wr_address_map(const void *v4, unsigned char addr[16])
{
    memcpy(addr, mapped, sizeof mapped);
    memcpy(addr + sizeof mapped, v4, 4);
}

bool wr_address_is_v4(const unsigned char addr[16])
{
    return memcmp(addr, mapped, sizeof mapped) == 0;
}

bool wr_address_read(struct wr_slice text, unsigned char addr[16])
{
    char ended[WR_ADDRESS_TEXT];
    unsigned char v4[4];
    if (text.len == 0 || text.len >= sizeof ended)
        return false;
    memcpy(ended, text.at, text.len);
    ended[text.len] = '\0';
    if (inet_pton(AF_INET, ended, v4) != 1)
        return inet_pton(AF_INET6, ended, addr) == 1;
    wr_address_map(v4, addr);
    return true;
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

/* Doesn't use inet_ntop() for IPv4, because it calls printf() and this runs for every request that is
 * passed on. */
void wr_address_text(const unsigned char addr[16], char out[WR_ADDRESS_TEXT])
{
    if (!wr_address_is_v4(addr)) {
        inet_ntop(AF_INET6, addr, out, WR_ADDRESS_TEXT);
        return;
    }
    for (int i = 12; i < 16; i++) {
        out = put_octet(out, addr[i]);
        *out++ = i < 15 ? '.' : '\0';
    }
}
