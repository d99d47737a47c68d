/* SPDX-License-Identifier: BSD-2-Clause */
/* store/record: a record is read as it was written, or not at all. */
#include "test.h"

#include <stdlib.h>

#include "base/rand.h"
#include "store/crc32c.h"
#include "store/record.h"

static const char head[] =
    "HTTP/1.1 200 OK\r\nETag: \"v\"\r\nLast-Modified: Sat, 10 Jan 2026 12:00:00 GMT\r\n";

static struct wr_object *sample(void)
{
    struct wr_slice h = wr_slice(head, sizeof head - 1);
    struct wr_object like = {
        .key = WR_SLICE("example.com/x"),
        .host = WR_SLICE("example.com"),
        .head = h,
        .etag = wr_slice(strstr(head, "\"v\""), 3),
        .last_modified = wr_slice(strstr(head, "Sat,"), 29),
        .tags = WR_SLICE("a\nb\n"),
        .began = { 0xfedcba9876543210 },
        .first_only = WR_SLICE("Set-Cookie: secret\r\n"),
        .meta = { .kind = WR_OBJECT_RESPONSE,
                  .flags = WR_OF_SHARED_AUTH,
                  .status = 200,
                  .request_time = { 1768046400000001 },
                  .response_time = { 1768046400000002 },
                  .initial_age = { 3 },
                  .lifetime = { 4 },
                  .swr = WR_SPAN_NONE,
                  .sie = { 6 },
                  .fetch_time = { 7 },
                  .length = 10,
                  .version = 0x123456789abcdef0 },
    };
    return wr_object_new(&like, NULL);
}

static struct wr_buf encoded(const struct wr_object *o)
{
    struct wr_buf b = { 0 };
    uint32_t sum = wr_crc32c(0, WR_SLICE("0123456789"));
    wr_record_encode(&b, o, 10, 0, 0, &sum, WR_SPAN_S(0));
    return b;
}

static void the_sum_is_castagnolis(void **state)
{
    (void) state;
    assert_int_equal(wr_crc32c(0, WR_SLICE("123456789")), 0xe3069283); /* the check value of RFC 3720's CRC */
    char zeros[32] = { 0 };
    assert_int_equal(wr_crc32c(0, wr_slice(zeros, 32)), 0x8a9136aa); /* RFC 3720 B.4 */
    assert_int_equal(wr_crc32c(wr_crc32c(0, WR_SLICE("12345")), WR_SLICE("6789")), 0xe3069283);
}

static void comes_back_as_it_went_in(void **state)
{
    (void) state;
    struct wr_object *o = sample();
    struct wr_buf meta = encoded(o);
    struct wr_record r;
    assert_true(wr_record_decode(o->key, wr_buf_slice(&meta), o->head, WR_SPAN_S(0), &r));
    const struct wr_meta *got = &r.like.meta, *want = &o->meta;
    assert_true(got->kind == want->kind && got->flags == want->flags && got->status == want->status);
    assert_true(got->request_time.us == want->request_time.us &&
                got->response_time.us == want->response_time.us);
    assert_true(got->initial_age.us == 3 && got->lifetime.us == 4 && got->swr.us == -1 && got->sie.us == 6);
    assert_true(got->fetch_time.us == 7 && got->length == 10 && got->version == want->version);
    uint64_t version = 0;
    assert_true(wr_record_version(wr_buf_slice(&meta), &version) && version == want->version);
    assert_false(wr_record_version(wr_slice(meta.at, 80), &version));
    assert_false(wr_record_version(WR_SLICE("nonsense"), &version));
    assert_true(wr_slice_eq(r.like.etag, WR_SLICE("\"v\"")));
    assert_true(wr_slice_eq(r.like.last_modified, WR_SLICE("Sat, 10 Jan 2026 12:00:00 GMT")));
    assert_true(wr_slice_eq(r.like.tags, WR_SLICE("a\nb\n")));
    assert_true(r.like.began.n == o->began.n);
    assert_null(r.like.vary_values.at);
    assert_null(r.like.first_only.at); /* for no other client */
    assert_null(memmem(meta.at, meta.len, "secret", 6));
    assert_true(wr_record_fits(&r, 0, WR_SLICE("0123456789")));
    assert_false(wr_record_fits(&r, 0, WR_SLICE("0123456788")));
    assert_false(wr_record_fits(&r, 0, WR_SLICE("012345678")));
    assert_false(wr_record_fits(&r, 1, WR_SLICE("0123456789")));
    assert_false(wr_record_decode(WR_SLICE("example.com/y"), wr_buf_slice(&meta), o->head, WR_SPAN_S(0), &r));
    wr_buf_fini(&meta);
    wr_object_unref(o);
}

static void pieces_have_their_own_sums(void **state)
{
    (void) state;
    struct wr_object *o = sample();
    const struct wr_slice pieces[] = { WR_SLICE("0123"), WR_SLICE("4567"), WR_SLICE("89") };
    uint32_t sums[3];
    for (int i = 0; i < 3; i++)
        sums[i] = wr_crc32c(0, pieces[i]);
    struct wr_buf meta = { 0 };
    struct wr_record r;
    wr_record_encode(&meta, o, 10, 4, 3, sums, WR_SPAN_S(0));
    assert_true(wr_record_decode(o->key, wr_buf_slice(&meta), o->head, WR_SPAN_S(0), &r));
    assert_int_equal(r.chunk_count, 3);
    for (size_t i = 0; i < 3; i++)
        for (size_t k = 0; k < 3; k++)
            assert_int_equal(wr_record_fits(&r, i, pieces[k]), i == k);
    wr_buf_clear(&meta);
    wr_record_encode(&meta, o, 10, 4, 2, sums, WR_SPAN_S(0)); /* two pieces of 4 bytes are not 10 bytes */
    assert_false(wr_record_decode(o->key, wr_buf_slice(&meta), o->head, WR_SPAN_S(0), &r));
    wr_buf_fini(&meta);
    wr_object_unref(o);
}

static bool believed(struct wr_slice key, struct wr_slice meta, struct wr_slice h)
{
    struct wr_record r;
    return wr_record_decode(key, meta, h, WR_SPAN_S(0), &r);
}

static void no_broken_record_is_believed(void **state)
{
    (void) state;
    struct wr_object *o = sample();
    struct wr_buf meta = encoded(o);
    for (size_t i = 0; i < meta.len; i++) {
        assert_false(believed(o->key, wr_slice(meta.at, i), o->head)); /* cut off at any place */
        for (int bit = 0; bit < 8; bit++) {
            meta.at[i] = (char) (meta.at[i] ^ 1 << bit);
            assert_false(believed(o->key, wr_buf_slice(&meta), o->head));
            meta.at[i] = (char) (meta.at[i] ^ 1 << bit);
        }
    }
    char *copy = malloc(o->head.len);
    for (size_t i = 0; i < o->head.len; i++) {
        memcpy(copy, o->head.at, o->head.len);
        copy[i] = (char) (copy[i] ^ 0x20);
        assert_false(believed(o->key, wr_buf_slice(&meta), wr_slice(copy, o->head.len)));
        assert_false(believed(o->key, wr_buf_slice(&meta), wr_slice(o->head.at, i)));
    }
    free(copy);
    wr_buf_fini(&meta);
    wr_object_unref(o);
}

/* Records that are damaged but have a correct checksum. The reader must not touch other bytes (the sanitizers
 * check that), and what it accepts must be consistent. */
static void lies_with_the_right_sum_do_no_harm(void **state)
{
    (void) state;
    struct wr_object *o = sample();
    struct wr_buf meta = encoded(o);
    int fits = 0;
    for (int round = 0; round < 20000; round++) {
        size_t len = round % 4 ? meta.len : 4 + wr_rand_below(meta.len - 3);
        char *lie = malloc(len);
        memcpy(lie, meta.at, len);
        for (uint64_t n = 1 + wr_rand_below(4); n > 0 && len > 4; n--)
            lie[wr_rand_below(len - 4)] = (char) wr_rand_below(2) ? (char) wr_rand_u64() : (char) 0xff;
        uint32_t sum = wr_crc32c(wr_crc32c(wr_crc32c(0, o->key), o->head), wr_slice(lie, len - 4));
        for (int i = 0; i < 4; i++)
            lie[len - 4 + (size_t) i] = (char) (sum >> 8 * i);
        struct wr_record r;
        if (wr_record_decode(o->key, wr_slice(lie, len), o->head, WR_SPAN_S(0), &r)) {
            struct wr_object *again = wr_object_new(&r.like, NULL);
            (void) wr_object_freshness(again, (struct wr_wall){ INT64_C(1768046400000009) });
            fits += wr_record_fits(&r, wr_rand_below(4), WR_SLICE("0123456789"));
            assert_int_equal(again->meta.kind == WR_OBJECT_RESPONSE,
                             again->meta.status >= 200 && r.like.meta.kind == 0);
            wr_object_unref(again);
        }
        free(lie);
    }
    assert_true(fits > 0); /* some changes don't affect the content */
    wr_buf_fini(&meta);
    wr_object_unref(o);
}

static void a_head_must_be_one(void **state)
{
    (void) state;
    static const char *const heads[] = { "",
                                         "HTTP/1.1 200 OK",
                                         "HTTP/1.1 200 OK\r\n\r\n",
                                         "HTTP/1.1 200 OK\r\nA: b\n",
                                         "A: b\r\n",
                                         "HTTP/1.1 200 OK\r\nA: \rb\r\n" };
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        struct wr_object like = { .key = WR_SLICE("k"),
                                  .head = wr_slice_str(heads[i]),
                                  .meta = { .status = 200, .length = 10 } };
        struct wr_buf meta = encoded(&like);
        assert_false(believed(like.key, wr_buf_slice(&meta), like.head));
        wr_buf_fini(&meta);
    }
}

static void what_is_arriving_has_no_sums_yet(void **state)
{
    (void) state;
    struct wr_object *o = sample();
    struct wr_buf b = { 0 };
    struct wr_record r;
    uint64_t version;
    wr_record_encode(&b, o, 10, 4, 3, NULL, WR_SPAN_S(0));
    assert_true(wr_record_decode(o->key, wr_buf_slice(&b), o->head, WR_SPAN_S(0), &r));
    assert_true(r.arriving && r.chunk == 4 && r.chunk_count == 3 && r.sums.len == 0 &&
                r.like.meta.length == 10);
    assert_true(wr_record_version(wr_buf_slice(&b), &version) && version == o->meta.version);
    wr_buf_clear(&b);
    wr_record_encode(&b, o, 10, 0, 0, NULL, WR_SPAN_S(0)); /* it isn't in pieces, so it can't be arriving */
    assert_false(wr_record_decode(o->key, wr_buf_slice(&b), o->head, WR_SPAN_S(0), &r));
    wr_buf_fini(&b);
    b = encoded(o);
    assert_true(wr_record_decode(o->key, wr_buf_slice(&b), o->head, WR_SPAN_S(0), &r) && !r.arriving);
    wr_buf_fini(&b);
    wr_object_unref(o);
}

/* Two nodes whose clocks are half a minute apart; neither has Redis's time. */
static void instants_are_written_on_rediss_clock(void **state)
{
    (void) state;
    const struct wr_span writer = WR_SPAN_S(-20), reader = WR_SPAN_S(10);
    struct wr_object *o = sample();
    struct wr_buf meta = { 0 };
    struct wr_record r;
    uint32_t sum = 1;
    wr_record_encode(&meta, o, 10, 0, 0, &sum, writer);
    assert_true(wr_record_decode(o->key, wr_buf_slice(&meta), o->head, reader, &r));
    assert_int_equal(r.like.meta.request_time.us, o->meta.request_time.us - 30 * WR_US_PER_S);
    assert_int_equal(r.like.meta.response_time.us, o->meta.response_time.us - 30 * WR_US_PER_S);
    assert_int_equal(r.like.meta.lifetime.us, o->meta.lifetime.us);
    wr_buf_fini(&meta);
    wr_object_unref(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sum_is_castagnolis),
        cmocka_unit_test(comes_back_as_it_went_in),
        cmocka_unit_test(pieces_have_their_own_sums),
        cmocka_unit_test(no_broken_record_is_believed),
        cmocka_unit_test(lies_with_the_right_sum_do_no_harm),
        cmocka_unit_test(a_head_must_be_one),
        cmocka_unit_test(what_is_arriving_has_no_sums_yet),
        cmocka_unit_test(instants_are_written_on_rediss_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
