/* SPDX-License-Identifier: BSD-2-Clause */
/* http/body: each body gives the same result when it is read whole, byte by byte, and in two pieces cut at
 * any byte. */
#include "test.h"

#include <stdlib.h>

#include "http/body.h"

struct body_outcome {
    enum wr_body_status status;
    size_t eaten;
    struct wr_buf content, trailers;
};

/* Feeds text in pieces of `piece` bytes, each in memory of its own size. */
static struct body_outcome feed_from(bool origin, const char *text, size_t len, enum wr_framing framing,
                                     uint64_t length, size_t piece)
{
    struct wr_body_reader r;
    struct body_outcome o = { .status = WR_BODY_MORE };
    wr_body_reader_init(&r, framing, length);
    r.keep_trailers = true;
    r.of_origin = origin;
    size_t at = 0;
    do {
        size_t n = len - at < piece ? len - at : piece;
        char *copy = malloc(n + 1);
        memcpy(copy, text + at, n);
        struct wr_slice in = wr_slice(copy, n), out;
        while ((o.status = wr_body_reader_eat(&r, &in, &out)) == WR_BODY_DATA) {
            assert_true(out.len > 0);
            wr_buf_add_slice(&o.content, out);
        }
        assert_true(o.status != WR_BODY_MORE || in.len == 0);
        at += n - in.len;
        free(copy);
    } while (o.status == WR_BODY_MORE && at < len);
    o.eaten = at;
    assert_true((o.status == WR_BODY_ERROR) == (r.why != NULL));
    assert_true(o.content.len == r.total);
    if (o.status == WR_BODY_END)
        assert_true(wr_body_reader_closed(&r));
    wr_buf_add_slice(&o.trailers, wr_buf_slice(&r.trailers));
    wr_body_reader_fini(&r);
    return o;
}

static struct body_outcome feed(const char *text, size_t len, enum wr_framing framing, uint64_t length,
                                size_t piece)
{
    return feed_from(false, text, len, framing, length, piece);
}

static void fini(struct body_outcome *o)
{
    wr_buf_fini(&o->content);
    wr_buf_fini(&o->trailers);
}

struct body_case {
    const char *text;
    size_t len;
    enum wr_body_status status;
    const char *content, *trailers;
    size_t left; /* bytes that belong to the next message */
};
#define CASE(lit, ...)                    \
    {                                     \
        lit, sizeof(lit) - 1, __VA_ARGS__ \
    }

static const struct body_case cases[] = {
    CASE("0\r\n\r\n", WR_BODY_END, "", "", 0),
    CASE("5\r\nhello\r\n0\r\n\r\nGET", WR_BODY_END, "hello", "", 3),
    CASE("00005\r\nhello\r\n1\r\n!\r\n000\r\n\r\n", WR_BODY_END, "hello!", "", 0),
    CASE("a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", WR_BODY_END, "01234567890123456789", "", 0),
    CASE("5;ext\r\nhello\r\n0;a=\"b;\";c\r\n\r\n", WR_BODY_END, "hello", "", 0),
    CASE("5 ;ext\r\nhello\r\n0\t; x = y\r\n\r\n", WR_BODY_END, "hello", "", 0),
    CASE("0\r\nX-Sum: 1\r\nY:\r\n\r\nZ", WR_BODY_END, "", "X-Sum: 1\r\nY:\r\n", 1),
    CASE("5\r\nhello\r\n", WR_BODY_MORE, "hello", "", 0),
    CASE("5\r\nhel", WR_BODY_MORE, "hel", "", 0),
    CASE("5\r\nhello\r\n0\r\n", WR_BODY_MORE, "hello", "", 0),
    CASE("7fffffffffffffff\r\nx", WR_BODY_MORE, "x", "", 0),
    /* the size */
    CASE("\r\n", WR_BODY_ERROR, "", "", 0),
    CASE(";a\r\n", WR_BODY_ERROR, "", "", 0),
    CASE("+5\r\nhello", WR_BODY_ERROR, "", "", 0),
    CASE("-5\r\nhello", WR_BODY_ERROR, "", "", 0),
    CASE("0x5\r\nhello", WR_BODY_ERROR, "", "", 0),
    CASE("g\r\n", WR_BODY_ERROR, "", "", 0),
    CASE(" 5\r\nhello", WR_BODY_ERROR, "", "", 0),
    CASE("5 6\r\nhello", WR_BODY_ERROR, "", "", 0),
    CASE("5 zzz\r\nhello", WR_BODY_ERROR, "", "", 0),
    CASE("5 \r\nhello", WR_BODY_ERROR, "", "", 0),
    CASE("8000000000000000\r\n", WR_BODY_ERROR, "", "", 0),
    CASE("10000000000000005\r\nhello", WR_BODY_ERROR, "", "", 0),
    CASE("00000000000000005\r\nhello", WR_BODY_ERROR, "", "", 0),
    CASE("ffffffffffffffff\r\n", WR_BODY_ERROR, "", "", 0),
    /* line ends */
    CASE("5\nhello\r\n0\r\n\r\n", WR_BODY_ERROR, "", "", 0),
    CASE("5\rXhello", WR_BODY_ERROR, "", "", 0),
    CASE("5\r\rhello", WR_BODY_ERROR, "", "", 0),
    CASE("5;a\nhello", WR_BODY_ERROR, "", "", 0),
    CASE("5;a\rb\r\nhello", WR_BODY_ERROR, "", "", 0),
    CASE("5;a\0b\r\nhello", WR_BODY_ERROR, "", "", 0),
    CASE("5;a=\"\r\n\"\r\n", WR_BODY_ERROR, "", "", 0), /* to some parsers the line ends after the quotes */
    CASE("5;a=\"b\\\"\r\nhello", WR_BODY_ERROR, "", "", 0),
    CASE("5;a=\"b\\\";\";c\r\nhello\r\n", WR_BODY_MORE, "hello", "", 0),
    CASE("5;a=\"\tb\";\"\r\nhello\r\n", WR_BODY_ERROR, "", "", 0),
    CASE("5\r\nhelloXX0\r\n\r\n", WR_BODY_ERROR, "hello", "", 0),
    CASE("5\r\nhello\n0\r\n\r\n", WR_BODY_ERROR, "hello", "", 0),
    CASE("5\r\nhello\rX", WR_BODY_ERROR, "hello", "", 0),
    CASE("5\r\nhello0\r\n\r\n", WR_BODY_ERROR, "hello", "", 0),
    CASE("0\r\n\n", WR_BODY_ERROR, "", "", 0),
    CASE("0\r\n\rX", WR_BODY_ERROR, "", "", 0),
    CASE("0\n\n", WR_BODY_ERROR, "", "", 0),
    CASE("0\rX\r\n", WR_BODY_ERROR, "", "", 0),
    /* trailers */
    CASE("0\r\nX : 1\r\n\r\n", WR_BODY_ERROR, "", NULL, 0),
    CASE("0\r\n X: 1\r\n\r\n", WR_BODY_ERROR, "", NULL, 0),
    CASE("0\r\nX: 1\r\n 2\r\n\r\n", WR_BODY_ERROR, "", NULL, 0),
    CASE("0\r\nX: 1\n\r\n", WR_BODY_ERROR, "", NULL, 0),
    CASE("0\r\nX\r\n\r\n", WR_BODY_ERROR, "", NULL, 0),
    CASE("0\r\n: 1\r\n\r\n", WR_BODY_ERROR, "", NULL, 0),
    CASE("0\r\nX: \001\r\n\r\n", WR_BODY_ERROR, "", NULL, 0),
    CASE("0\r\nX: 1\rY\r\n", WR_BODY_ERROR, "", NULL, 0),
};

/* Forms that an origin may send, and some that it may not; a client may send none of them. */
static const struct body_case of_origins[] = {
    CASE("5 \r\nhello\r\n0\t \r\n\r\n", WR_BODY_END, "hello", "", 0),
    CASE("5 ;a\r\nhello\r\n0 \r\n\r\nH", WR_BODY_END, "hello", "", 1),
    CASE("0\r\nX: 1\nY: 2\r\n\nH", WR_BODY_END, "", "X: 1\r\nY: 2\r\n", 1),
    CASE("0\r\nX:\n\r\n", WR_BODY_END, "", "X:\r\n", 0),
    CASE("0\r\n\n", WR_BODY_END, "", "", 0),
    CASE("5 6\r\nhello", WR_BODY_ERROR, "", "", 0),
    CASE("5 \nhello", WR_BODY_ERROR, "", "", 0),
    CASE("5\nhello\r\n0\r\n\r\n", WR_BODY_ERROR, "", "", 0),
    CASE("5;a\nhello", WR_BODY_ERROR, "", "", 0),
    CASE("5;a=\"\r\n\"\r\n", WR_BODY_ERROR, "", "", 0),
    CASE("5\r\nhello\n0\r\n\r\n", WR_BODY_ERROR, "hello", "", 0),
    CASE("0\r\nX: 1\rY\r\n", WR_BODY_ERROR, "", NULL, 0),
    CASE("0\r\nX\n\r\n", WR_BODY_ERROR, "", NULL, 0),
};

static void check(bool origin, const struct body_case *c)
{
    for (size_t piece = c->len; piece > 0; piece--) {
        struct body_outcome o = feed_from(origin, c->text, c->len, WR_FRAMING_CHUNKED, 0, piece);
        if (o.status != c->status)
            fail_msg("status %d in pieces of %zu: %s", o.status, piece, c->text);
        assert_true(wr_slice_eq(wr_buf_slice(&o.content), wr_slice_str(c->content)));
        if (c->trailers)
            assert_true(wr_slice_eq(wr_buf_slice(&o.trailers), wr_slice_str(c->trailers)));
        if (o.status == WR_BODY_END)
            assert_int_equal(c->len - o.eaten, c->left);
        fini(&o);
        if (!origin)
            continue;
        o = feed_from(false, c->text, c->len, WR_FRAMING_CHUNKED, 0, piece);
        assert_int_equal(o.status, WR_BODY_ERROR);
        fini(&o);
    }
}

static void chunks_are_read_strictly(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check(false, &cases[i]);
    for (size_t i = 0; i < sizeof of_origins / sizeof of_origins[0]; i++)
        check(true, &of_origins[i]);
}

static void other_framings_count_or_wait(void **state)
{
    (void) state;
    for (size_t piece = 1; piece <= 8; piece++) {
        struct body_outcome o = feed("helloGET", 8, WR_FRAMING_LENGTH, 5, piece);
        assert_true(o.status == WR_BODY_END && o.content.len == 5 && o.eaten == 5);
        fini(&o);
        o = feed("helloGET", 8, WR_FRAMING_CLOSE, 0, piece);
        assert_true(o.status == WR_BODY_MORE && o.content.len == 8);
        fini(&o);
        o = feed("hel", 3, WR_FRAMING_LENGTH, 5, piece);
        assert_true(o.status == WR_BODY_MORE && o.content.len == 3);
        fini(&o);
        o = feed("GET", 3, WR_FRAMING_NONE, 0, piece);
        assert_true(o.status == WR_BODY_END && o.eaten == 0);
        fini(&o);
    }
    struct wr_body_reader r;
    struct wr_slice in = WR_SLICE("6\r\nabc"), out;
    wr_body_reader_init(&r, WR_FRAMING_CHUNKED, 0);
    assert_true(!wr_body_reader_closed(&r) && wr_body_reader_run(&r) == 0);
    assert_int_equal(wr_body_reader_eat(&r, &in, &out), WR_BODY_DATA);
    assert_int_equal(wr_body_reader_run(&r), 3);
    wr_body_reader_init(&r, WR_FRAMING_LENGTH, 9);
    assert_true(!wr_body_reader_closed(&r) && wr_body_reader_run(&r) == 9);
    wr_body_reader_init(&r, WR_FRAMING_CLOSE, 0);
    assert_true(wr_body_reader_closed(&r) && wr_body_reader_run(&r) == SIZE_MAX);
}

/* Feeds `times` copies of text. Returns the status at the end. */
static enum wr_body_status repeat(struct wr_body_reader *r, struct wr_slice text, size_t times)
{
    enum wr_body_status status = WR_BODY_MORE;
    for (size_t i = 0; i < times && status != WR_BODY_ERROR; i++) {
        struct wr_slice in = text, out;
        while ((status = wr_body_reader_eat(r, &in, &out)) == WR_BODY_DATA)
            ;
    }
    return status;
}

static void what_is_not_content_is_bounded(void **state)
{
    (void) state;
    struct wr_body_reader r;
    /* one endless extension, many extensions on little content, many trailers */
    wr_body_reader_init(&r, WR_FRAMING_CHUNKED, 0);
    assert_int_equal(repeat(&r, WR_SLICE("5;"), 1), WR_BODY_MORE);
    assert_int_equal(repeat(&r, WR_SLICE("xxxxxxxxxxxxxxxx"), 1000), WR_BODY_ERROR);
    wr_body_reader_init(&r, WR_FRAMING_CHUNKED, 0);
    assert_int_equal(repeat(&r, WR_SLICE("1;xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\na\r\n"), 1000),
                     WR_BODY_ERROR);
    wr_body_reader_init(&r, WR_FRAMING_CHUNKED, 0);
    assert_int_equal(repeat(&r, WR_SLICE("0\r\n"), 1), WR_BODY_MORE);
    assert_int_equal(repeat(&r, WR_SLICE("X-Trailer: 0123456789\r\n"), 3000), WR_BODY_ERROR);
    /* trailers don't grow with the content, whether they are kept or not */
    for (int keep = 0; keep < 2; keep++) {
        char *content = calloc(1, 1 << 20);
        wr_body_reader_init(&r, WR_FRAMING_CHUNKED, 0);
        r.keep_trailers = keep;
        assert_int_equal(repeat(&r, WR_SLICE("100000\r\n"), 1), WR_BODY_MORE);
        assert_int_equal(repeat(&r, wr_slice(content, 1 << 20), 1), WR_BODY_MORE);
        assert_int_equal(repeat(&r, WR_SLICE("\r\n0\r\n"), 1), WR_BODY_MORE);
        assert_int_equal(repeat(&r, WR_SLICE("X-Trailer: 0123456789abcdef0123\r\n"), 1985), WR_BODY_MORE);
        assert_int_equal(repeat(&r, WR_SLICE("X-Trailer: 0123456789abcdef0123\r\n"), 1), WR_BODY_ERROR);
        assert_in_range(r.trailers.len, keep ? 65000 : 0, keep ? 64 * 1024 : 0);
        wr_body_reader_fini(&r);
        free(content);
    }
    /* clients that sign chunks send a small extension with each of very many chunks */
    char *chunk = malloc(1200);
    memset(chunk, 'x', 1200);
    static const char size[] = "400;chunk-signature=0123456789abcdef0123456789abcdef0123456789abcdef\r\n";
    memcpy(chunk, size, sizeof size - 1);
    memcpy(chunk + sizeof size - 1 + 1024, "\r\n", 2);
    wr_body_reader_init(&r, WR_FRAMING_CHUNKED, 0);
    assert_int_equal(repeat(&r, wr_slice(chunk, sizeof size - 1 + 1026), 10000), WR_BODY_MORE);
    assert_true(r.total == 10000 * 1024);
    free(chunk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_are_read_strictly),
        cmocka_unit_test(other_framings_count_or_wait),
        cmocka_unit_test(what_is_not_content_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
