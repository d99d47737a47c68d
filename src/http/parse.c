/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads first lines itself and fields through http-parser. Refuses every head that two parsers could
 * understand differently. */
#include "http/parse.h"

#include <http_parser.h>
#include <stddef.h>
#include <stdlib.h>

#include "http/framing.h"
#include "http/chars.h"
#include "http/onward.h"
#include "http/scan.h"
#include "http/target.h"

#define MAX_EMPTY_LINES 4 /* before a request line (RFC 9112 2.2 asks for at least one) or a status line */

/* --- http-parser: reads the fields --- */

struct reading {
    struct wr_head *head;
    ptrdiff_t moved; /* offset from the bytes read to the bytes that the slices point to */
    bool request;
    bool named, complete; /* a name has been read and its value is expected; the empty line has been read */
    const char *why;
};

static int refuse_parse(struct reading *r, const char *why)
{
    r->why = why;
    return -1;
}

/* Marks a field with an odd name. Returns false if it is no field name at all. */
static bool take_odd_name(struct reading *r, struct wr_field *f)
{
    f->odd = r->head->odd = true;
    f->hidden = r->request && wr_onward_forged(f->name);
    return wr_chars_all(f->name, WR_CHAR_TOKEN);
}

static int on_name(http_parser *hp, const char *at, size_t len)
{
    struct reading *r = hp->data;
    struct wr_head *h = r->head;
    if (r->named)
        return refuse_parse(r, "a field without a value");
    if (h->field_count == WR_MAX_FIELDS)
        return refuse_parse(r, "too many fields");
    struct wr_field *f = &h->fields[h->field_count];
    f->name = wr_slice(at + r->moved, len);
    f->id = (uint16_t) wr_field_id_of(f->name);
    f->hidden = (wr_field_flags(f->id) & WR_FF_HOP) != 0;
    f->odd = f->edited = false;
    if (f->id == WR_F_OTHER && !wr_field_name_plain(f->name) && !take_odd_name(r, f))
        return refuse_parse(r, "a space in a field name or before its colon");
    h->known |= UINT64_C(1) << (f->id % 64);
    r->named = true;
    return 0;
}

static int on_value(http_parser *hp, const char *at, size_t len)
{
    struct reading *r = hp->data;
    if (!r->named)
        return refuse_parse(r, "a value without a field");
    r->head->fields[r->head->field_count++].value = wr_slice_trim(wr_slice(at + r->moved, len));
    r->named = false;
    return 0;
}

static int on_complete(http_parser *hp)
{
    ((struct reading *) hp->data)->complete = true;
    return 1; /* tells http-parser that there is no body: weir reads it */
}

static const http_parser_settings settings = {
    .on_header_field = on_name,
    .on_header_value = on_value,
    .on_headers_complete = on_complete,
};

/* A parser that has read a first line and expects fields. It is copied for each head. */
static http_parser behind_first_line;

__attribute__((constructor)) static void prepare_parser(void)
{
    static const char line[] = "POST / HTTP/1.1\r\n";
    static const http_parser_settings none;
    http_parser_set_max_header_size(INT32_MAX); /* our limit, from the policy, is checked first */
    http_parser_init(&behind_first_line, HTTP_REQUEST);
    WR_CHECK(http_parser_execute(&behind_first_line, &none, line, sizeof line - 1) == sizeof line - 1);
}

/* Reads the fields in at[0..len). *r says where their slices will point. */
static const char *read_from(struct reading *r, const char *at, size_t len)
{
    http_parser hp = behind_first_line;
    hp.data = r;
    r->head->field_count = 0;
    r->head->known = 0;
    size_t eaten = http_parser_execute(&hp, &settings, at, len);
    if (r->why)
        return r->why;
    enum http_errno no = HTTP_PARSER_ERRNO(&hp);
    if (no != HPE_OK)
        return http_errno_description(no);
    return r->complete && !r->named && eaten == len ? NULL : "the end of the head can be read in two ways";
}

/* Replaces HTABs that end a line by spaces. http-parser accepts spaces after Content-Length or
 * Transfer-Encoding, but not HTAB, which means the same (RFC 9110 5.6.3). */
static bool untab(char *at, size_t len)
{
    bool any = false;
    for (size_t i = len; i > 0; i--) {
        bool ends = at[i - 1] == '\r' || at[i - 1] == '\n';
        for (; ends && i > 1 && (at[i - 2] == '\t' || at[i - 2] == ' '); i--) {
            any |= at[i - 2] == '\t';
            at[i - 2] = ' ';
        }
    }
    return any;
}

/* Reads the fields of a scanned head. at[0..len): the bytes after its first line. Returns NULL, or the
 * reason for the error. */
static const char *read_fields(struct wr_head *h, const char *at, size_t len)
{
    struct reading r = { .head = h, .request = h->status == 0 };
    const char *why = read_from(&r, at, len);
    if (why == NULL || r.why || memchr(at, '\t', len) == NULL)
        return why;
    char *spaced = malloc(len);
    WR_CHECK(spaced != NULL);
    memcpy(spaced, at, len);
    if (untab(spaced, len)) {
        r = (struct reading){ .head = h, .request = h->status == 0, .moved = at - spaced };
        why = read_from(&r, spaced, len);
    }
    free(spaced);
    return why;
}

/* Returns the first line of a scanned head, without its line end. *fields: the bytes after it. */
static struct wr_slice first_line(const char *at, size_t len, struct wr_slice *fields)
{
    size_t line = (size_t) ((const char *) memchr(at, '\n', len) - at);
    *fields = wr_slice(at + line + 1, len - line - 1);
    return wr_slice(at, line > 0 && at[line - 1] == '\r' ? line - 1 : line);
}

/* --- the request line --- */

static enum wr_method method_of(struct wr_slice text)
{
    static const struct wr_slice known[] = {
#define X(ID) [WR_METHOD_##ID] = WR_SLICE_INIT(#ID),
#include "http/methods.def"
#undef X
    };
    for (unsigned m = 1; m < sizeof known / sizeof known[0]; m++)
        if (wr_slice_eq(text, known[m]))
            return m;
    return WR_METHOD_OTHER;
}

/* Returns the minor version of "HTTP/1.x", where 2 to 9 are read as 1 (RFC 9110 2.5). Returns -1 for
 * another major version, -2 if it is no version (RFC 9112 2.3: exactly eight bytes). */
static int minor_of(struct wr_slice version)
{
    if (version.len != 8 || !wr_slice_starts(version, WR_SLICE("HTTP/")) || version.at[6] != '.' ||
        !wr_char_is(version.at[5], WR_CHAR_DIGIT) || !wr_char_is(version.at[7], WR_CHAR_DIGIT))
        return -2;
    if (version.at[5] != '1')
        return -1;
    return version.at[7] > '0';
}

static enum wr_err wrong(struct wr_parse *p, enum wr_err err, const char *why)
{
    p->why = why;
    return err;
}

/* line: without its line end. */
static enum wr_err read_request_line(struct wr_parse *p, struct wr_slice line, size_t max_target,
                                     struct wr_head *h)
{
    struct wr_slice rest = line;
    h->method_text = wr_slice_cut(&rest, ' ');
    h->target = wr_slice_cut(&rest, ' ');
    if (!wr_chars_all(h->method_text, WR_CHAR_TOKEN))
        return wrong(p, WR_ERR_BAD_REQUEST, "the request does not begin with a method");
    if (h->target.len > max_target)
        return wrong(p, WR_ERR_TARGET_TOO_LONG, "the request target is too long");
    if (h->target.len == 0 || rest.at == NULL)
        return wrong(p, WR_ERR_BAD_REQUEST,
                     "the request line is not method, target and version, one space apart");
    h->minor = minor_of(rest);
    if (h->minor == -2)
        return wrong(p, WR_ERR_BAD_REQUEST, "the request line does not end in a version of HTTP");
    if (h->minor < 0)
        return wrong(p, WR_ERR_VERSION, "a version of HTTP other than 1.x");
    h->method = method_of(h->method_text);
    if (h->method == WR_METHOD_CONNECT)
        return wrong(p, WR_ERR_NOT_IMPLEMENTED, "CONNECT: this proxy makes no tunnels");
    const char *why = wr_target_split(h);
    return why ? wrong(p, WR_ERR_BAD_REQUEST, why) : WR_OK;
}

/* --- requests --- */

static enum wr_err read_expectation(struct wr_parse *p, struct wr_head *h)
{
    const struct wr_field *f = wr_head_get(h, WR_F_EXPECT);
    if (f == NULL)
        return WR_OK;
    if (h->minor == 0) { /* RFC 9110 10.1.1: ignored in HTTP/1.0, and hidden because the request is forwarded
                          * as HTTP/1.1 */
        for (; f; f = wr_head_next(h, WR_F_EXPECT, f))
            ((struct wr_field *) f)->hidden = 1;
        return WR_OK;
    }
    if (wr_head_next(h, WR_F_EXPECT, f) || !wr_slice_eq_nocase(f->value, WR_SLICE("100-continue")))
        return wrong(p, WR_ERR_EXPECTATION, "an expectation other than 100-continue");
    h->expect_continue = true;
    return WR_OK;
}

/* at[0..len): a scanned head, without the empty lines before it. */
static enum wr_err read_request(struct wr_parse *p, const char *at, size_t len, size_t max_target,
                                struct wr_head *h)
{
    struct wr_slice fields, line = first_line(at, len, &fields);
    enum wr_err err = read_request_line(p, line, max_target, h);
    if (err != WR_OK)
        return err;
    const char *why = read_fields(h, fields.at, fields.len);
    if (why && h->field_count == WR_MAX_FIELDS)
        return wrong(p, WR_ERR_HEAD_TOO_LARGE, why);
    if (!why)
        why = wr_connection_settle(h);
    if (!why)
        why = wr_framing_of_request(h);
    if (why == wr_framing_unknown_coding)
        return wrong(p, WR_ERR_NOT_IMPLEMENTED, why); /* RFC 9112 6.1 */
    if (!why)
        why = wr_host_settle(h);
    return why ? wrong(p, WR_ERR_BAD_REQUEST, why) : read_expectation(p, h);
}

/* Returns the length in bytes of the empty lines at the front. */
static size_t skip_empty_lines(const char *at, size_t len, enum wr_line_ends ends)
{
    size_t i = 0;
    for (unsigned n = 0; n < MAX_EMPTY_LINES; n++) {
        if (i + 1 < len && at[i] == '\r' && at[i + 1] == '\n')
            i += 2;
        else if (ends == WR_LINES_LF && i < len && at[i] == '\n')
            i++;
        else
            break;
    }
    return i;
}

static enum wr_parse_status done(struct wr_parse *p, enum wr_err err)
{
    p->err = err;
    return err == WR_OK ? WR_PARSE_DONE : WR_PARSE_ERROR;
}

/* Looks for the end of the head that begins at `start`. DONE: p->length is set. */
static enum wr_parse_status find_end(struct wr_parse *p, const char *at, size_t start, size_t len, size_t max,
                                     enum wr_line_ends ends, enum wr_err bad)
{
    size_t scanned = p->scanned > start ? p->scanned - start : 0, visible = len < max ? len : max;
    enum wr_scan_status found = WR_SCAN_MORE;
    if (visible > start)
        found = wr_scan_head(at + start, visible - start, ends, &scanned, &p->why);
    p->scanned = start + scanned;
    if (found == WR_SCAN_BAD)
        return done(p, bad);
    p->length = p->scanned;
    if (found == WR_SCAN_FOUND)
        return WR_PARSE_DONE;
    if (len < max)
        return WR_PARSE_MORE;
    p->why = "the head is too large";
    return done(p, bad == WR_ERR_BAD_REQUEST ? WR_ERR_HEAD_TOO_LARGE : bad);
}

enum wr_parse_status wr_parse_request(struct wr_parse *p, const char *at, size_t len,
                                      const struct wr_parse_limits *limits, struct wr_field *fields,
                                      struct wr_head *head)
{
    size_t start = skip_empty_lines(at, len, WR_LINES_CRLF);
    enum wr_parse_status end = find_end(p, at, start, len, limits->head, WR_LINES_CRLF, WR_ERR_BAD_REQUEST);
    if (end == WR_PARSE_ERROR && p->err == WR_ERR_HEAD_TOO_LARGE && limits->head > start &&
        !memchr(at + start, '\r', limits->head - start)) {
        p->err = WR_ERR_TARGET_TOO_LONG; /* everything so far is one line */
        p->why = "the request line is too long";
    }
    if (end != WR_PARSE_DONE)
        return end;
    *head = (struct wr_head){ .fields = fields };
    return done(p, read_request(p, at + start, p->length - start, limits->target, head));
}

static struct wr_slice cut_line(struct wr_slice *rest)
{
    struct wr_slice line = wr_slice_cut(rest, '\n');
    return wr_slice(line.at, line.len > 0 && line.at[line.len - 1] == '\r' ? line.len - 1 : line.len);
}

void wr_parse_salvage(const char *at, size_t len, struct wr_field *fields, struct wr_head *head)
{
    size_t start = skip_empty_lines(at, len, WR_LINES_CRLF);
    struct wr_slice rest = wr_slice(at + start, len - start), line = cut_line(&rest), value;
    struct wr_parse unused = { 0 };
    struct wr_head first = { 0 };
    enum wr_err err = read_request_line(&unused, line, SIZE_MAX, &first);
    *head = (struct wr_head){ .fields = fields, .minor = first.minor == 0 && err == WR_OK ? 0 : 1 };
    if (!wr_chars_all(first.method_text, WR_CHAR_TOKEN))
        return;
    head->method = method_of(first.method_text);
    head->method_text = first.method_text;
    head->target = first.target;
    while (rest.len > 0 && (line = cut_line(&rest)).len > 0 && head->field_count < WR_MAX_FIELDS) {
        value = line;
        struct wr_slice name = wr_slice_cut(&value, ':');
        if (value.at == NULL || !wr_chars_all(name, WR_CHAR_TOKEN))
            continue;
        enum wr_field_id id = wr_field_id_of(name);
        fields[head->field_count++] = (struct wr_field){ .name = name,
                                                         .value = wr_slice_trim(value),
                                                         .id = (uint16_t) id };
        head->known |= UINT64_C(1) << (id % 64);
        if (id == WR_F_HOST)
            head->host = wr_slice_trim(value);
    }
}

/* --- responses --- */

/* Reads the status line (RFC 9112 4). The space before an absent reason may be missing: that can't be
 * misread. */
static const char *read_status_line(struct wr_slice line, struct wr_head *h)
{
    struct wr_slice rest = line, version = wr_slice_cut(&rest, ' '), status = wr_slice_cut(&rest, ' ');
    uint64_t code;
    h->minor = minor_of(version);
    if (h->minor < 0)
        return "the response does not begin with HTTP/1.x";
    if (status.len != 3 || !wr_slice_u64(status, 999, &code) || code < 100)
        return "the status is not a number from 100 to 999";
    h->status = (int) code;
    h->reason = rest.at ? rest : wr_slice("", 0);
    return NULL;
}

static const char *read_response(const char *at, size_t len, enum wr_method method, struct wr_head *h)
{
    struct wr_slice fields, line = first_line(at, len, &fields);
    const char *why = read_status_line(line, h);
    if (!why)
        why = read_fields(h, fields.at, fields.len);
    if (!why)
        why = wr_connection_settle(h);
    return why ? why : wr_framing_of_response(h, method);
}

enum wr_parse_status wr_parse_response(struct wr_parse *p, const char *at, size_t len, size_t max_head,
                                       enum wr_method method, struct wr_field *fields, struct wr_head *head)
{
    size_t start = skip_empty_lines(at, len, WR_LINES_LF);
    enum wr_parse_status end = find_end(p, at, start, len, max_head, WR_LINES_LF, WR_ERR_ORIGIN_BROKEN);
    if (end != WR_PARSE_DONE)
        return end;
    *head = (struct wr_head){ .fields = fields };
    p->why = read_response(at + start, p->length - start, method, head);
    return done(p, p->why ? WR_ERR_ORIGIN_BROKEN : WR_OK);
}

/* --- trailers --- */

bool wr_parse_trailers(struct wr_slice raw, struct wr_field *fields, size_t *count)
{
    *count = 0;
    while (raw.len > 0) {
        struct wr_slice line = wr_slice_cut(&raw, '\n'), name, value;
        if (raw.at == NULL || line.len == 0 || line.at[line.len - 1] != '\r' || *count == WR_MAX_FIELDS)
            return false;
        value = wr_slice(line.at, line.len - 1);
        name = wr_slice_cut(&value, ':');
        if (value.at == NULL || !wr_chars_all(name, WR_CHAR_TOKEN) ||
            wr_char_span(value, WR_CHAR_FIELD) != value.len)
            return false;
        struct wr_field *f = &fields[(*count)++];
        *f = (struct wr_field){ .name = name,
                                .value = wr_slice_trim(value),
                                .id = (uint16_t) wr_field_id_of(name) };
        f->odd = f->id == WR_F_OTHER && !wr_field_name_plain(name);
        f->hidden = !wr_onward_as_trailer(f);
    }
    return true;
}
