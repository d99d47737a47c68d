/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes JSON strings. Bytes that are not UTF-8 are replaced, so that the output is always valid. */
#include "base/json.h"

/* Returns the length of the UTF-8 sequence at the front of s (RFC 3629: shortest form, no surrogates), or 0
 * if there is none. */
static size_t utf8_length(struct wr_slice s)
{
    const unsigned char *p = (const unsigned char *) s.at;
    size_t len = p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
    if (len == 0 || s.len < len)
        return 0;
    unsigned char least = 0x80, most = 0xbf;
    if (p[0] == 0xe0)
        least = 0xa0;
    else if (p[0] == 0xed)
        most = 0x9f;
    else if (p[0] == 0xf0)
        least = 0x90;
    else if (p[0] == 0xf4)
        most = 0x8f;
    if (p[1] < least || p[1] > most)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return len;
}

static bool json_plain(char c)
{
    return c >= ' ' && c < 0x7f && c != '"' && c != '\\';
}

/* Appends one character that must be escaped or is not ASCII. Returns how many bytes of s it takes. */
static size_t json_escape(struct wr_buf *out, struct wr_slice s)
{
    const unsigned char c = (unsigned char) s.at[0];
    size_t len = c < 0x80 ? 1 : utf8_length(s);
    if (c == '"' || c == '\\') {
        wr_buf_add_char(out, '\\');
        wr_buf_add_char(out, (char) c);
    } else if (c < 0x80 || (c == 0xc2 && len == 2 && (unsigned char) s.at[1] < 0xa0)) {
        const unsigned char control = c < 0x80 ? c : (unsigned char) s.at[1]; /* C0, DEL, C1 */
        const char escaped[] = {
            '\\', 'u', '0', '0', WR_HEX_DIGITS[control >> 4], WR_HEX_DIGITS[control & 15]
        };
        wr_buf_add(out, escaped, sizeof escaped);
    } else if (len > 0) {
        wr_buf_add(out, s.at, len);
    } else {
        wr_buf_add_str(out, "\\ufffd");
        len = 1;
    }
    return len;
}

void wr_json_string(struct wr_buf *out, struct wr_slice s)
{
    wr_buf_add_char(out, '"');
    size_t at = 0;
    while (at < s.len) {
        size_t from = at;
        while (at < s.len && json_plain(s.at[at]))
            at++;
        wr_buf_add(out, s.at + from, at - from);
        if (at < s.len)
            at += json_escape(out, wr_slice_from(s, at));
    }
    wr_buf_add_char(out, '"');
}
