/* SPDX-License-Identifier: BSD-2-Clause */
/* Parses the values of structured fields (RFC 9651) by the algorithms of its section 4.2. Section numbers
 * below are of RFC 9651. */
#include "http/structured.h"

#include "http/chars.h"

static bool eat(struct wr_slice *s, char c)
{
    if (s->len == 0 || s->at[0] != c)
        return false;
    *s = wr_slice_from(*s, 1);
    return true;
}

static struct wr_slice take_front(struct wr_slice *s, size_t len)
{
    struct wr_slice taken = wr_slice(s->at, len);
    *s = wr_slice_from(*s, len);
    return taken;
}

static void skip_spaces(struct wr_slice *s)
{
    while (eat(s, ' '))
        ;
}

/* Reads a number (4.2.4): up to 15 digits, or up to 12 digits, a point and up to 3 more. */
static bool read_number(struct wr_slice *s, struct wr_sf_member *m)
{
    bool negative = eat(s, '-');
    struct wr_slice digits = take_front(s, wr_char_span(*s, WR_CHAR_DIGIT));
    uint64_t n;
    m->type = WR_SF_INTEGER;
    if (digits.len > 15 || !wr_slice_u64(digits, INT64_MAX, &n))
        return false;
    m->number = negative ? -(int64_t) n : (int64_t) n;
    if (!eat(s, '.'))
        return true;
    m->type = WR_SF_DECIMAL;
    struct wr_slice fraction = take_front(s, wr_char_span(*s, WR_CHAR_DIGIT));
    return digits.len <= 12 && fraction.len >= 1 && fraction.len <= 3;
}

/* Reads a string (4.2.5): visible ASCII and spaces; a backslash stands only before a quote or a backslash. */
static bool read_string(struct wr_slice *s, struct wr_sf_member *m)
{
    size_t len = wr_quoted_span(*s);
    if (len == 0)
        return false;
    m->type = WR_SF_STRING;
    m->text = wr_slice(s->at + 1, len - 2);
    take_front(s, len);
    for (size_t i = 0; i < m->text.len; i++) {
        unsigned char c = (unsigned char) m->text.at[i];
        if (c < 0x20 || c > 0x7e)
            return false;
        if (c == '\\') {
            i++; /* never past the end: the string ends in a quote that isn't escaped */
            if (m->text.at[i] != '"' && m->text.at[i] != '\\')
                return false;
        }
    }
    return true;
}

/* Reads a token (4.2.6). */
static bool read_token(struct wr_slice *s, struct wr_sf_member *m)
{
    size_t len = 0;
    while (len < s->len && (wr_char_is(s->at[len], WR_CHAR_TOKEN) || s->at[len] == ':' || s->at[len] == '/'))
        len++;
    m->type = WR_SF_TOKEN;
    m->text = take_front(s, len);
    return true;
}

/* Reads a byte sequence (4.2.7): base64 between colons. Padding may be missing. */
static bool read_bytes(struct wr_slice *s, struct wr_sf_member *m)
{
    eat(s, ':');
    size_t len = 0;
    while (len < s->len &&
           ((s->at[len] >= 'a' && s->at[len] <= 'z') || (s->at[len] >= 'A' && s->at[len] <= 'Z') ||
            wr_char_is(s->at[len], WR_CHAR_DIGIT) || s->at[len] == '+' || s->at[len] == '/' ||
            s->at[len] == '='))
        len++;
    m->type = WR_SF_BYTES;
    m->text = take_front(s, len);
    return eat(s, ':');
}

/* Reads a boolean (4.2.8). */
static bool read_boolean(struct wr_slice *s, struct wr_sf_member *m)
{
    eat(s, '?');
    m->type = WR_SF_BOOLEAN;
    m->number = eat(s, '1');
    return m->number || eat(s, '0');
}

/* Reads a display string (4.2.10): %"...", visible ASCII, where % is followed by two lower-case hexadecimal
 * digits. */
static bool read_display(struct wr_slice *s, struct wr_sf_member *m)
{
    eat(s, '%');
    if (!eat(s, '"'))
        return false;
    size_t len = 0;
    for (; len < s->len && s->at[len] != '"'; len++) {
        unsigned char c = (unsigned char) s->at[len];
        if (c < 0x20 || c > 0x7e)
            return false;
        if (c != '%')
            continue;
        for (int i = 0; i < 2; i++)
            if (++len >= s->len || !wr_char_is(s->at[len], WR_CHAR_HEX) || wr_lower(s->at[len]) != s->at[len])
                return false;
    }
    m->type = WR_SF_DISPLAY;
    m->text = take_front(s, len);
    return eat(s, '"');
}

static bool read_bare(struct wr_slice *s, struct wr_sf_member *m)
{
    if (s->len == 0)
        return false;
    char c = s->at[0];
    if (c == '-' || wr_char_is(c, WR_CHAR_DIGIT))
        return read_number(s, m);
    if (c == '"')
        return read_string(s, m);
    if (c == ':')
        return read_bytes(s, m);
    if (c == '?')
        return read_boolean(s, m);
    if (c == '%')
        return read_display(s, m);
    if (c == '@') {
        bool whole = eat(s, '@') && read_number(s, m) && m->type == WR_SF_INTEGER;
        m->type = WR_SF_DATE;
        return whole;
    }
    return (c == '*' || (wr_lower(c) >= 'a' && wr_lower(c) <= 'z')) && read_token(s, m);
}

static bool read_key(struct wr_slice *s, struct wr_slice *key)
{
    if (s->len == 0 || !(s->at[0] == '*' || (s->at[0] >= 'a' && s->at[0] <= 'z')))
        return false;
    *key = take_front(s, wr_char_span(*s, WR_CHAR_KEY));
    return true;
}

/* Skips parameters (4.2.3.2). */
static bool skip_parameters(struct wr_slice *s)
{
    struct wr_slice key;
    struct wr_sf_member value;
    while (eat(s, ';')) {
        skip_spaces(s);
        if (!read_key(s, &key) || (eat(s, '=') && !read_bare(s, &value)))
            return false;
    }
    return true;
}

/* Reads an inner list (4.2.1.2) after its opening parenthesis. */
static bool read_inner_list(struct wr_slice *s, struct wr_sf_member *m)
{
    struct wr_sf_member item;
    const char *begin = s->at;
    for (;;) {
        skip_spaces(s);
        const char *end = s->at;
        if (eat(s, ')')) {
            m->type = WR_SF_INNER_LIST;
            m->text = wr_slice(begin, (size_t) (end - begin));
            return skip_parameters(s);
        }
        if (!read_bare(s, &item) || !skip_parameters(s) || s->len == 0 ||
            (s->at[0] != ' ' && s->at[0] != ')'))
            return false;
    }
}

static bool read_value(struct wr_slice *s, struct wr_sf_member *m)
{
    if (eat(s, '('))
        return read_inner_list(s, m);
    return read_bare(s, m) && skip_parameters(s);
}

/* Moves to the front of the next member (4.2.1, 4.2.2). */
static enum wr_sf_status advance(struct wr_sf_reader *r)
{
    if (!r->begun) {
        r->begun = true;
        skip_spaces(&r->rest);
        return r->rest.len ? WR_SF_MEMBER : WR_SF_END;
    }
    r->rest = wr_slice_trim(r->rest);
    if (r->rest.len == 0)
        return WR_SF_END;
    if (!eat(&r->rest, ','))
        return WR_SF_INVALID;
    r->rest = wr_slice_trim(r->rest);
    return r->rest.len ? WR_SF_MEMBER : WR_SF_INVALID; /* a comma at the end is an error */
}

enum wr_sf_status wr_sf_dictionary_next(struct wr_sf_reader *r, struct wr_sf_member *m)
{
    *m = (struct wr_sf_member){ .type = WR_SF_BOOLEAN, .number = 1 };
    enum wr_sf_status status = advance(r);
    if (status != WR_SF_MEMBER)
        return status;
    if (!read_key(&r->rest, &m->key))
        return WR_SF_INVALID;
    bool good = eat(&r->rest, '=') ? read_value(&r->rest, m) : skip_parameters(&r->rest);
    return good ? WR_SF_MEMBER : WR_SF_INVALID;
}

enum wr_sf_status wr_sf_list_next(struct wr_sf_reader *r, struct wr_sf_member *m)
{
    *m = (struct wr_sf_member){ 0 };
    enum wr_sf_status status = advance(r);
    if (status != WR_SF_MEMBER)
        return status;
    return read_value(&r->rest, m) ? WR_SF_MEMBER : WR_SF_INVALID;
}

void wr_sf_write_string(struct wr_buf *out, struct wr_slice s)
{
    wr_buf_add_char(out, '"');
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        if (c == '"' || c == '\\')
            wr_buf_add_char(out, '\\');
        wr_buf_add_char(out, c >= 0x20 && c < 0x7f ? c : '?');
    }
    wr_buf_add_char(out, '"');
}
