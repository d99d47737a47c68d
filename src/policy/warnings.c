/* SPDX-License-Identifier: BSD-2-Clause */
/* Warns of settings that are allowed and dangerous. */
#include "policy/policy.h"

static bool is_loopback(const struct wr_address *address)
{
    static const unsigned char local6[16] = { [15] = 1 };
    unsigned char addr[16];
    if (address->kind != WR_ADDRESS_IP || !wr_address_read(wr_slice_str(address->host), addr))
        return address->kind == WR_ADDRESS_UNIX;
    return wr_address_is_v4(addr) ? addr[12] == 127 : memcmp(addr, local6, sizeof addr) == 0;
}

void wr_policy_warnings(const struct wr_policy *p, struct wr_remarks *findings)
{
    for (size_t i = 0; i < p->admin_count; i++) {
        const struct wr_admin_policy *admin = &p->admins[i];
        if ((admin->allow & 1u << WR_RIGHT_CONTROL) == 0 || admin->token || is_loopback(&admin->address))
            continue;
        wr_remarks_add(findings, WR_SEVERITY_WARNING, admin->file, admin->line, admin->column,
                       "admin: everybody who reaches %s may drain and reload this node: give it "
                       "allow: [health, metrics], or a token_file",
                       admin->address.text);
    }
}
