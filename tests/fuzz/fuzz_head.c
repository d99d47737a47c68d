/* SPDX-License-Identifier: BSD-2-Clause */
/* Heads. Parsed whole and in pieces, a head must give the same result. When weir has written it, it must
 * parse to the same head again: otherwise the next server could understand another request than weir did. */
#include "fuzz.h"

#include "http/parse.h"
#include "http/serialise.h"

const char fuzz_corpus[] = "head";

static const struct wr_parse_limits limits = { .target = 512, .head = 4096 };

static enum wr_parse_status parse(bool response, struct wr_parse *p, const char *at, size_t len,
                                  struct wr_field *fields, struct wr_head *head)
{
    return response ? wr_parse_response(p, at, len, limits.head, WR_METHOD_GET, fields, head)
                    : wr_parse_request(p, at, len, &limits, fields, head);
}

/* Parses the head as it grows by `step` bytes, and compares the result with that of the whole. */
static void check_pieces(bool response, const char *at, size_t len, size_t step, enum wr_parse_status whole,
                         const struct wr_parse *want)
{
    struct wr_field fields[WR_MAX_FIELDS];
    struct wr_head head;
    struct wr_parse p = { 0 };
    enum wr_parse_status status = WR_PARSE_MORE;
    for (size_t have = step; status == WR_PARSE_MORE && have < len; have += step)
        status = parse(response, &p, at, have, fields, &head);
    if (status == WR_PARSE_MORE)
        status = parse(response, &p, at, len, fields, &head);
    WR_CHECK(status == whole);
    WR_CHECK(status != WR_PARSE_DONE || p.length == want->length);
    WR_CHECK(status != WR_PARSE_ERROR || (p.err == want->err && p.why == want->why));
}

static void write_head(struct wr_buf *b, const struct wr_head *h)
{
    if (h->status)
        wr_head_write_status_line(b, h->status, h->reason);
    else
        wr_head_write_request_line(b, h);
    wr_head_write_fields(b, h);
    if (!h->status && !wr_head_get(h, WR_F_HOST))
        wr_head_write_field(b, WR_SLICE("Host"), h->host.at ? h->host : WR_SLICE("none"));
    wr_head_write_framing(b, h->framing, h->content_length);
    wr_buf_add_str(b, "\r\n");
}

static void check_read_back(bool response, const struct wr_head *h)
{
    static const struct wr_parse_limits wide = { .target = 8192, .head = 65536 };
    struct wr_field fields[WR_MAX_FIELDS];
    struct wr_head back;
    struct wr_parse p = { 0 };
    struct wr_buf b = { 0 };
    if (h->field_count > WR_MAX_FIELDS - 2 || h->expect_continue)
        return;
    write_head(&b, h);
    enum wr_parse_status status = response ? wr_parse_response(&p, b.at, b.len, wide.head, WR_METHOD_GET,
                                                               fields, &back)
                                           : wr_parse_request(&p, b.at, b.len, &wide, fields, &back);
    WR_CHECK(status == WR_PARSE_DONE && p.length == b.len);
    WR_CHECK(back.status == h->status && back.framing == h->framing &&
             back.content_length == h->content_length);
    WR_CHECK(response ||
             (wr_slice_eq(back.method_text, h->method_text) && wr_slice_eq(back.path, h->path) &&
              wr_slice_eq(back.query, h->query) && (h->host.at == NULL || wr_slice_eq(back.host, h->host))));
    wr_buf_fini(&b);
}

static void try(bool response, const char *at, size_t len)
{
    struct wr_field fields[WR_MAX_FIELDS];
    struct wr_head head;
    struct wr_parse p = { 0 };
    enum wr_parse_status status = parse(response, &p, at, len, fields, &head);
    check_pieces(response, at, len, len / 2 + 1, status, &p);
    check_pieces(response, at, len, 1, status, &p);
    if (status == WR_PARSE_DONE)
        check_read_back(response, &head);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try(false, (const char *) data, size);
    try(true, (const char *) data, size);
    return 0;
}
