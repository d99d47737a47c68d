/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads forms and JSON objects by hand: just what a request to the admin listener needs of the two. */
#include "admin/input.h"

#include "base/uri.h"

static const char not_json[] = "the body is not a JSON object with one string";
static const char other[] = "unknown parameter; percent-encode special characters in a value: & as %26";
static const char twice[] = "the parameter is given twice";

static bool has_controls(struct wr_slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char) s.at[i] < ' ' || s.at[i] == 0x7f)
            return true;
    return false;
}

/* --- forms (WHATWG URL, application/x-www-form-urlencoded) --- */

static bool form_decode(struct wr_slice s, struct wr_buf *out)
{
    bool broken;
    if (s.len == 0)
        return true;
    out->len += wr_form_decode(wr_buf_reserve(out, s.len), s, &broken);
    return !broken;
}

/* Finds where the value of this parameter goes. Returns NULL and *wrong if it is unknown or given twice. */
static struct wr_buf *value_place(struct wr_slice name, struct wr_admin_param *params, size_t count,
                                  const char **wrong)
{
    for (size_t i = 0; i < count; i++) {
        if (!wr_slice_eq(name, wr_slice_str(params[i].name)))
            continue;
        *wrong = params[i].given ? twice : NULL;
        params[i].given = true;
        return *wrong ? NULL : &params[i].value;
    }
    *wrong = other;
    return NULL;
}

static const char *read_form(struct wr_slice form, struct wr_admin_param *params, size_t count)
{
    struct wr_slice rest = form, pair;
    while ((pair = wr_slice_cut(&rest, '&')).at) {
        const char *wrong;
        struct wr_slice value = pair, key = wr_slice_cut(&value, '=');
        if (pair.len == 0)
            continue;
        struct wr_buf *out = value_place(key, params, count, &wrong);
        if (out == NULL)
            return wrong;
        if (!form_decode(value, out))
            return "a % is not followed by two hexadecimal digits";
    }
    return NULL;
}

/* --- JSON --- */

struct json_reader {
    struct wr_slice rest;
};

static void skip_space(struct json_reader *r)
{
    while (r->rest.len && memchr(" \t\r\n", r->rest.at[0], 4))
        r->rest = wr_slice_from(r->rest, 1);
}

static bool take_char(struct json_reader *r, char c)
{
    skip_space(r);
    if (r->rest.len == 0 || r->rest.at[0] != c)
        return false;
    r->rest = wr_slice_from(r->rest, 1);
    return true;
}

static bool take_hex4(struct json_reader *r, unsigned *code)
{
    *code = 0;
    for (int i = 0; i < 4; i++) {
        int digit = r->rest.len ? wr_hex_value(r->rest.at[0]) : -1;
        if (digit < 0)
            return false;
        *code = *code << 4 | (unsigned) digit;
        r->rest = wr_slice_from(r->rest, 1);
    }
    return true;
}

static void add_utf8(struct wr_buf *out, unsigned code)
{
    if (code < 0x80) {
        wr_buf_add_char(out, (char) code);
    } else if (code < 0x800) {
        wr_buf_add_char(out, (char) (0xc0 | code >> 6));
        wr_buf_add_char(out, (char) (0x80 | (code & 0x3f)));
    } else {
        wr_buf_add_char(out, (char) (0xe0 | code >> 12));
        wr_buf_add_char(out, (char) (0x80 | (code >> 6 & 0x3f)));
        wr_buf_add_char(out, (char) (0x80 | (code & 0x3f)));
    }
}

/* Reads what follows a backslash. Characters beyond the Basic Multilingual Plane are percent-encoded in URLs,
 * so halves of surrogate pairs are refused. */
static bool take_escape(struct json_reader *r, struct wr_buf *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (r->rest.len == 0)
        return false;
    char c = r->rest.at[0];
    r->rest = wr_slice_from(r->rest, 1);
    if (c == 'u') {
        unsigned code;
        if (!take_hex4(r, &code) || (code >= 0xd800 && code < 0xe000))
            return false;
        add_utf8(out, code);
        return true;
    }
    const char *at = c ? strchr(from, c) : NULL;
    if (at)
        wr_buf_add_char(out, to[at - from]);
    return at != NULL;
}

static bool take_string(struct json_reader *r, struct wr_buf *out)
{
    if (!take_char(r, '"'))
        return false;
    while (r->rest.len) {
        char c = r->rest.at[0];
        r->rest = wr_slice_from(r->rest, 1);
        if (c == '"')
            return true;
        if ((unsigned char) c < ' ')
            return false;
        if (c != '\\')
            wr_buf_add_char(out, c);
        else if (!take_escape(r, out))
            return false;
    }
    return false;
}

static bool take_word(struct json_reader *r, struct wr_slice word)
{
    skip_space(r);
    if (!wr_slice_starts(r->rest, word))
        return false;
    r->rest = wr_slice_from(r->rest, word.len);
    return true;
}

static bool take_value(struct json_reader *r, struct wr_buf *out)
{
    if (take_word(r, WR_SLICE("true")))
        wr_buf_add_char(out, '1');
    else if (take_word(r, WR_SLICE("false")))
        wr_buf_add_char(out, '0');
    else
        return take_string(r, out);
    return true;
}

static const char *read_member(struct json_reader *r, struct wr_admin_param *params, size_t count)
{
    const char *wrong = not_json;
    struct wr_buf key = { 0 };
    if (take_string(r, &key) && take_char(r, ':')) {
        struct wr_buf *out = value_place(wr_buf_slice(&key), params, count, &wrong);
        if (out)
            wrong = take_value(r, out) ? NULL : not_json;
    }
    wr_buf_fini(&key);
    return wrong;
}

static const char *read_json(struct wr_slice text, struct wr_admin_param *params, size_t count)
{
    struct json_reader r = { text };
    if (!take_char(&r, '{'))
        return not_json;
    do {
        const char *wrong = read_member(&r, params, count);
        if (wrong)
            return wrong;
    } while (take_char(&r, ','));
    if (!take_char(&r, '}'))
        return not_json;
    skip_space(&r);
    return r.rest.len > 0 ? not_json : NULL;
}

const char *wr_admin_params(struct wr_slice query, struct wr_slice body, bool json,
                            struct wr_admin_param *params, size_t count)
{
    const char *wrong = read_form(query, params, count);
    if (wrong == NULL && body.len > 0)
        wrong = json ? read_json(body, params, count) : read_form(body, params, count);
    for (size_t i = 0; i < count && wrong == NULL; i++)
        if (has_controls(wr_buf_slice(&params[i].value)))
            wrong = "the value has control characters";
    return wrong;
}

void wr_admin_params_fini(struct wr_admin_param *params, size_t count)
{
    for (size_t i = 0; i < count; i++)
        wr_buf_fini(&params[i].value);
}
