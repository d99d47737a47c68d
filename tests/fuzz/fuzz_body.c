/* SPDX-License-Identifier: BSD-2-Clause */
/* Chunked bodies. Read whole and read byte by byte, a body must give the same content and end at the same
 * place. */
#include "fuzz.h"

#include "http/body.h"
#include "http/parse.h"

const char fuzz_corpus[] = "body";

struct decoded_body {
    enum wr_body_status status;
    size_t eaten;
    struct wr_buf content, trailers;
};

static struct decoded_body feed(bool origin, const char *at, size_t len, size_t piece)
{
    struct decoded_body o = { .status = WR_BODY_MORE };
    struct wr_body_reader r;
    wr_body_reader_init(&r, WR_FRAMING_CHUNKED, 0);
    r.keep_trailers = true;
    r.of_origin = origin;
    while (o.eaten < len && o.status == WR_BODY_MORE) {
        size_t n = len - o.eaten < piece ? len - o.eaten : piece;
        struct wr_slice in = wr_slice(at + o.eaten, n), out;
        while ((o.status = wr_body_reader_eat(&r, &in, &out)) == WR_BODY_DATA)
            wr_buf_add_slice(&o.content, out);
        o.eaten += n - in.len;
    }
    WR_CHECK(r.total == o.content.len && (o.status == WR_BODY_END) == wr_body_reader_closed(&r));
    wr_buf_add_slice(&o.trailers, wr_buf_slice(&r.trailers));
    wr_body_reader_fini(&r);
    return o;
}

static void try(bool origin, const char *at, size_t size)
{
    struct decoded_body a = feed(origin, at, size, size), b = feed(origin, at, size, 1);
    struct wr_field fields[WR_MAX_FIELDS];
    size_t count;
    WR_CHECK(a.status == b.status && a.eaten == b.eaten);
    WR_CHECK(wr_slice_eq(wr_buf_slice(&a.content), wr_buf_slice(&b.content)));
    WR_CHECK(wr_slice_eq(wr_buf_slice(&a.trailers), wr_buf_slice(&b.trailers)));
    if (a.status == WR_BODY_END) /* the reader accepts only well-formed trailers */
        WR_CHECK(wr_parse_trailers(wr_buf_slice(&a.trailers), fields, &count) || count == WR_MAX_FIELDS);
    wr_buf_fini(&a.content);
    wr_buf_fini(&a.trailers);
    wr_buf_fini(&b.content);
    wr_buf_fini(&b.trailers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try(false, (const char *) data, size);
    try(true, (const char *) data, size);
    return 0;
}
