#include "admin/input.h"

static const char not_json[] = "the body is not a JSON object with one string";
static const char other[] =
    "there is an unknown parameter; what is special in a value is percent-encoded: & as %26";
static const char twice[] = "the parameter stands there twice";

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = wr_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool has_controls(struct wr_slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char) s.at[i] < ' ' || s.at[i] == 0x7f)
            return true;
    return false;
}

/* --- forms (WHATWG URL, application/x-www-form-urlencoded) --- */

static bool percent_decode(struct wr_slice s, struct wr_buf *out)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        if (c == '+')
            c = ' ';
        if (c == '%') {
            int high = s.len - i > 2 ? hex_value(s.at[i + 1]) : -1;
            int low = s.len - i > 2 ? hex_value(s.at[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (char) (high << 4 | low);
            i += 2;
        }
        wr_buf_add_char(out, c);
    }
    return true;
}

static const char *read_form(struct wr_slice form, const char *name, bool *found, struct wr_buf *out)
{
    struct wr_slice rest = form, pair;
    while ((pair = wr_slice_cut(&rest, '&')).at) {
        struct wr_slice value = pair, key = wr_slice_cut(&value, '=');
        if (pair.len == 0)
            continue;
        if (!wr_slice_eq(key, wr_slice_str(name)))
            return other;
        if (*found)
            return twice;
        *found = true;
        if (!percent_decode(value, out))
            return "a % is not followed by two hexadecimal digits";
    }
    return NULL;
}

/* --- JSON --- */

struct reader {
    struct wr_slice rest;
};

static void skip_space(struct reader *r)
{
    while (r->rest.len && memchr(" \t\r\n", r->rest.at[0], 4))
        r->rest = wr_slice(r->rest.at + 1, r->rest.len - 1);
}

static bool take(struct reader *r, char c)
{
    skip_space(r);
    if (r->rest.len == 0 || r->rest.at[0] != c)
        return false;
    r->rest = wr_slice(r->rest.at + 1, r->rest.len - 1);
    return true;
}

static bool take_hex4(struct reader *r, unsigned *code)
{
    *code = 0;
    for (int i = 0; i < 4; i++) {
        int digit = r->rest.len ? hex_value(r->rest.at[0]) : -1;
        if (digit < 0)
            return false;
        *code = *code << 4 | (unsigned) digit;
        r->rest = wr_slice(r->rest.at + 1, r->rest.len - 1);
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

/* What follows a backslash. Characters beyond the Basic Multilingual Plane don't occur in URLs but
 * percent-encoded: halves of surrogate pairs are refused. */
static bool take_escape(struct reader *r, struct wr_buf *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (r->rest.len == 0)
        return false;
    char c = r->rest.at[0];
    r->rest = wr_slice(r->rest.at + 1, r->rest.len - 1);
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

static bool take_string(struct reader *r, struct wr_buf *out)
{
    if (!take(r, '"'))
        return false;
    while (r->rest.len) {
        char c = r->rest.at[0];
        r->rest = wr_slice(r->rest.at + 1, r->rest.len - 1);
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

static const char *read_json(struct wr_slice text, const char *name, bool *found, struct wr_buf *out)
{
    struct reader r = { text };
    struct wr_buf key = { 0 };
    bool shaped = take(&r, '{') && take_string(&r, &key) && take(&r, ':');
    bool named = shaped && wr_slice_eq(wr_buf_slice(&key), wr_slice_str(name));
    wr_buf_fini(&key);
    if (!shaped || !take_string(&r, out) || !take(&r, '}'))
        return not_json;
    skip_space(&r);
    if (r.rest.len > 0)
        return not_json;
    if (!named)
        return other;
    if (*found)
        return twice;
    *found = true;
    return NULL;
}

const char *wr_admin_input(struct wr_slice query, struct wr_slice body, bool json, const char *name,
                           struct wr_buf *out)
{
    bool found = false;
    size_t before = out->len;
    const char *wrong = read_form(query, name, &found, out);
    if (wrong == NULL && body.len > 0)
        wrong = json ? read_json(body, name, &found, out) : read_form(body, name, &found, out);
    if (wrong)
        return wrong;
    if (!found || out->len == before)
        return "the parameter is missing";
    if (has_controls(wr_slice(out->at + before, out->len - before)))
        return "the value has control characters";
    return NULL;
}
