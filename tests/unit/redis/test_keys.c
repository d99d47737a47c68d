/* SPDX-License-Identifier: BSD-2-Clause */
/* redis: the names of weir's keys and channels. */
#include "test.h"

#include "redis/keys.h"

static const struct wr_policy_redis policy = { .namespace_ = (char *) "weir", .keyspace = (char *) "v1" };

static void check_name(struct wr_buf *b, const char *expect)
{
    assert_true(wr_slice_eq(wr_buf_slice(b), wr_slice_str(expect)));
    wr_buf_clear(b);
}

#define HASH ((struct wr_hash){ .hi = UINT64_C(0x0123456789abcdef), .lo = 1 })
#define HEX "0123456789abcdef0000000000000001"

static void names_are_those_of_the_table(void **state)
{
    (void) state;
    struct wr_buf b = { 0 };
    wr_keys_cache(&b, &policy, WR_SLICE("shop.example.com"), HASH);
    check_name(&b, "weir:v1:cache:shop.example.com:{" HEX "}");
    wr_keys_chunk(&b, &policy, WR_SLICE("[::1]:8080"), HASH, 255, 12);
    check_name(&b, "weir:v1:cache:[::1]:8080:{" HEX "}:00000000000000ff:12");
    wr_keys_lock(&b, &policy, HASH);
    check_name(&b, "weir:v1:lock:{" HEX "}");
    wr_keys_variants(&b, &policy, HASH);
    check_name(&b, "weir:v1:variants:{" HEX "}");
    wr_keys_flight(&b, &policy, HASH);
    check_name(&b, "weir:v1:flight:{" HEX "}");
    wr_keys_limit(&b, &policy, WR_SLICE("shoes and more"), WR_SLICE("a"));
    check_name(&b, "weir:v1:limit:shoes and more:{a}");
    wr_keys_limit(&b, &policy, WR_SLICE("per-client"), WR_SLICE("192.0.2.1"));
    check_name(&b, "weir:v1:limit:per-client:{192.0.2.1}");
    wr_keys_purges(&b, &policy);
    check_name(&b, "weir:v1:purges");
    wr_keys_node(&b, &policy, WR_SLICE("edge-1"));
    check_name(&b, "weir:v1:node:edge-1");
    wr_keys_nodes(&b, &policy);
    check_name(&b, "weir:v1:nodes");
    wr_buf_fini(&b);
}

static void what_comes_from_outside_stays_in_its_place(void **state)
{
    (void) state;
    struct wr_buf b = { 0 };
    wr_keys_cache(&b, &policy, WR_SLICE("Ev{i}l\r\n host\xff"), HASH);
    check_name(&b, "weir:v1:cache:ev_i_l___host_:{" HEX "}");
    char longest[1000];
    memset(longest, 'h', sizeof longest);
    wr_keys_cache(&b, &policy, wr_slice(longest, sizeof longest), HASH);
    assert_int_equal(b.len, strlen("weir:v1:cache:") + 128 + strlen(":{" HEX "}"));
    wr_buf_clear(&b);
    wr_keys_limit(&b, &policy, WR_SLICE("p"), wr_slice(longest, sizeof longest));
    assert_int_equal(b.len, strlen("weir:v1:limit:p:{#" HEX "}"));
    wr_buf_clear(&b);
    wr_keys_limit(&b, &policy, WR_SLICE("p"), WR_SLICE("a}:{b"));
    assert_int_equal(b.len, strlen("weir:v1:limit:p:{#" HEX "}"));
    wr_buf_fini(&b);
}

static void the_hash_is_found_in_names_of_responses_only(void **state)
{
    (void) state;
    struct wr_buf b = { 0 };
    struct wr_hash hash;
    wr_keys_cache(&b, &policy, WR_SLICE("[::1]:8080"), HASH);
    assert_true(wr_keys_cache_hash(&policy, wr_buf_slice(&b), &hash) && wr_hash_eq(hash, HASH));
    wr_buf_clear(&b);
    wr_keys_chunk(&b, &policy, WR_SLICE(""), HASH, 1, 2);
    assert_false(wr_keys_cache_hash(&policy, wr_buf_slice(&b), &hash));
    wr_buf_fini(&b);
    const char *others[] = {
        "weir:v1:lock:{" HEX "}",
        "weir:v1:cache:",
        "weir:v1:cache:h:{" HEX,
        "weir:v1:cache:h:{0123}",
        "other:v1:cache:{" HEX "}",
        "",
        "weir:v1:cache:h:{G123456789abcdef0000000000000001}",
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_false(wr_keys_cache_hash(&policy, wr_slice_str(others[i]), &hash));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_those_of_the_table),
        cmocka_unit_test(what_comes_from_outside_stays_in_its_place),
        cmocka_unit_test(the_hash_is_found_in_names_of_responses_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
