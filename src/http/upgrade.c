/* SPDX-License-Identifier: BSD-2-Clause */
/* OpenSSL's libcrypto makes the SHA-1 and the base64 that a WebSocket's handshake needs. */
#include "http/upgrade.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#define KEY 24 /* bytes: 16 in base64 */
#define WEBSOCKET WR_SLICE("websocket")

static const char guid[36] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455 1.3 */

/* Returns the value of the only field of this name; at NULL: there is none, or there are several. */
static struct wr_slice only(const struct wr_head *h, struct wr_slice name)
{
    const struct wr_field *f = wr_head_named(h, name, NULL);
    return f && wr_head_named(h, name, f) == NULL ? f->value : wr_slice(NULL, 0);
}

static bool is_key(struct wr_slice s)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (s.len != KEY || s.at[KEY - 2] != '=' || s.at[KEY - 1] != '=')
        return false;
    for (size_t i = 0; i < KEY - 2; i++)
        if (s.at[i] == '\0' || strchr(letters, s.at[i]) == NULL)
            return false;
    return true;
}

static void make_accept(struct wr_slice key, char out[WR_UPGRADE_ACCEPT + 1])
{
    unsigned char text[KEY + sizeof guid], sum[SHA_DIGEST_LENGTH];
    _Static_assert(WR_UPGRADE_ACCEPT == (SHA_DIGEST_LENGTH + 2) / 3 * 4, "base64");
    memcpy(text, key.at, KEY);
    memcpy(text + KEY, guid, sizeof guid);
    SHA1(text, sizeof text, sum);
    EVP_EncodeBlock((unsigned char *) out, sum, sizeof sum);
}

static bool is_listed(struct wr_slice protocol, char *const *protocols)
{
    for (; protocols && *protocols; protocols++)
        if (wr_slice_eq_nocase(protocol, wr_slice_str(*protocols)))
            return true;
    return false;
}

bool wr_upgrade_asked(const struct wr_head *request, char *const *protocols, struct wr_upgrade *out)
{
    if (!request->upgrade || request->method != WR_METHOD_GET || request->minor < 1 ||
        request->framing != WR_FRAMING_NONE || request->expect_continue)
        return false;
    struct wr_slice protocol = only(request, WR_SLICE("Upgrade"));
    if (protocol.len == 0 || protocol.len > WR_UPGRADE_NAME || !is_listed(protocol, protocols))
        return false;
    struct wr_upgrade asked = { 0 };
    if (wr_slice_eq_nocase(protocol, WEBSOCKET)) {
        struct wr_slice key = only(request, WR_SLICE("Sec-WebSocket-Key"));
        if (!is_key(key) || !wr_slice_eq(only(request, WR_SLICE("Sec-WebSocket-Version")), WR_SLICE("13")))
            return false;
        make_accept(key, asked.accept);
    }
    memcpy(asked.protocol, protocol.at, protocol.len);
    *out = asked;
    return true;
}

bool wr_upgrade_agreed(const struct wr_upgrade *asked, const struct wr_head *response)
{
    return response->upgrade && response->minor >= 1 &&
           wr_slice_eq_nocase(only(response, WR_SLICE("Upgrade")), wr_slice_str(asked->protocol)) &&
           (asked->accept[0] == '\0' ||
            wr_slice_eq(only(response, WR_SLICE("Sec-WebSocket-Accept")), wr_slice_str(asked->accept)));
}
