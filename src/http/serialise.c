/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes request lines, status lines, fields and trailers. Hidden fields are left out. */
#include "http/serialise.h"

#include "http/parse.h"

static char *put_text(char *to, struct wr_slice s)
{
    if (s.len)
        memcpy(to, s.at, s.len);
    return to + s.len;
}

static char *put_field(char *to, struct wr_slice name, struct wr_slice value)
{
    to = put_text(put_text(put_text(to, name), WR_SLICE(": ")), value);
    return put_text(to, WR_SLICE("\r\n"));
}

void wr_head_write_request_line(struct wr_buf *b, const struct wr_head *h)
{
    wr_buf_add_slice(b, h->method_text);
    wr_buf_add_char(b, ' ');
    wr_buf_add_slice(b, h->path);
    if (h->query.at) {
        wr_buf_add_char(b, '?');
        wr_buf_add_slice(b, h->query);
    }
    wr_buf_add_slice(b, WR_SLICE(" HTTP/1.1\r\n"));
}

void wr_head_write_status_line(struct wr_buf *b, int status, struct wr_slice reason)
{
    WR_CHECK(status >= 100 && status <= 999);
    char code[3] = { (char) ('0' + status / 100), (char) ('0' + status / 10 % 10),
                     (char) ('0' + status % 10) };
    wr_buf_add_slice(b, WR_SLICE("HTTP/1.1 "));
    wr_buf_add(b, code, 3);
    wr_buf_add_char(b, ' ');
    wr_buf_add_slice(b, reason);
    wr_buf_add_slice(b, WR_SLICE("\r\n"));
}

void wr_head_write_field(struct wr_buf *b, struct wr_slice name, struct wr_slice value)
{
    size_t len = name.len + value.len + 4;
    put_field(wr_buf_reserve(b, len), name, value);
    b->len += len;
}

void wr_head_write_number(struct wr_buf *b, struct wr_slice name, int64_t value)
{
    char *to = wr_buf_reserve(b, name.len + 24); /* colon, space, 20 characters, CR LF */
    b->len += (size_t) (put_text(put_text(to, name), WR_SLICE(": ")) - to);
    wr_buf_add_number(b, value);
    wr_buf_add(b, "\r\n", 2);
}

void wr_head_write_fields(struct wr_buf *b, const struct wr_head *h)
{
    size_t len = 0;
    for (const struct wr_field *f = h->fields; f < h->fields + h->field_count; f++)
        if (!f->hidden)
            len += f->name.len + f->value.len + 4;
    char *to = wr_buf_reserve(b, len);
    for (const struct wr_field *f = h->fields; f < h->fields + h->field_count; f++)
        if (!f->hidden)
            to = put_field(to, f->name, f->value);
    b->len += len;
}

void wr_head_write_framing(struct wr_buf *b, enum wr_framing framing, uint64_t content_length)
{
    if (framing == WR_FRAMING_CHUNKED)
        wr_buf_add_slice(b, WR_SLICE("Transfer-Encoding: chunked\r\n"));
    else if (framing == WR_FRAMING_LENGTH)
        wr_head_write_number(b, WR_SLICE("Content-Length"), (int64_t) content_length);
}

bool wr_trailers_clean(struct wr_slice raw, bool odd_kept, struct wr_buf *out)
{
    struct wr_field fields[WR_MAX_FIELDS];
    size_t count = 0;
    if (raw.len > 0 && !wr_parse_trailers(raw, fields, &count))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!fields[i].hidden && (odd_kept || !fields[i].odd))
            wr_head_write_field(out, fields[i].name, fields[i].value);
    return true;
}
