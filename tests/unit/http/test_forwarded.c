/* SPDX-License-Identifier: BSD-2-Clause */
/* http/forwarded: who the client is behind trusted proxies, and what the next server is told. */
#include "test.h"

#include "address/ip.h"
#include "http/forwarded.h"

static void parameters_of_an_element(void **state)
{
    static const struct {
        const char *element, *name, *want; /* want NULL: no client is found */
    } cases[] = {
        { "for=192.0.2.1;proto=https", "for", "192.0.2.1" },
        { " For = \"[2001:db8::1]:80\" ; host=a", "for", "[2001:db8::1]:80" },
        { "proto=https;by=x", "host", NULL },
        { "for", "for", NULL },
        { "", "for", NULL },
    };
    (void) state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct wr_slice got = wr_forwarded_param(wr_slice_str(cases[i].element), wr_slice_str(cases[i].name));
        if ((got.at == NULL) != (cases[i].want == NULL) || !wr_slice_eq(got, wr_slice_str(cases[i].want)))
            fail_msg("%s of \"%s\": %.*s", cases[i].name, cases[i].element, WR_SLICE_ARG(got));
    }
    struct wr_slice list = WR_SLICE("for=a;proto=http, for=b;proto=https");
    assert_true(wr_slice_eq(wr_forwarded_nearest(list, WR_SLICE("proto")), WR_SLICE("https")));
}

/* The peer is 10.0.0.1, and 10.0.0.0/8 and 2001:db8::/32 are trusted. */
static void the_client_is_the_last_that_no_trusted_proxy_vouches_for(void **state)
{
    static const struct {
        enum wr_forwarded_list kind;
        const char *list, *want;
    } cases[] = {
        { WR_LIST_X_FORWARDED_FOR, "", "10.0.0.1" },
        { WR_LIST_X_FORWARDED_FOR, "192.0.2.1", "192.0.2.1" },
        { WR_LIST_X_FORWARDED_FOR, "198.51.100.9, 192.0.2.1",
          "192.0.2.1" }, /* what the client wrote itself */
        { WR_LIST_X_FORWARDED_FOR, "192.0.2.1, 10.0.0.2", "192.0.2.1" },
        { WR_LIST_X_FORWARDED_FOR, "10.0.0.3, 10.0.0.2", "10.0.0.3" },
        { WR_LIST_X_FORWARDED_FOR, "192.0.2.1, , ,10.0.0.2,", "192.0.2.1" },
        { WR_LIST_X_FORWARDED_FOR, "192.0.2.1:4711, [2001:db8::7]:443", "192.0.2.1" },
        { WR_LIST_X_FORWARDED_FOR, "2001:db9::1, 2001:db8::7", "2001:db9::1" },
        { WR_LIST_X_FORWARDED_FOR, "192.0.2.1, unknown, 10.0.0.2", "10.0.0.2" },
        { WR_LIST_X_FORWARDED_FOR, "192.0.2.1, [2001:db8::7", "10.0.0.1" },
        { WR_LIST_X_FORWARDED_FOR, "for=192.0.2.1", "10.0.0.1" },
        { WR_LIST_FORWARDED, "for=192.0.2.1;proto=http, for=10.0.0.2", "192.0.2.1" },
        { WR_LIST_FORWARDED, "for=\"[2001:db9::1]:80\"", "2001:db9::1" },
        { WR_LIST_FORWARDED, "for=192.0.2.1, for=_hidden", "10.0.0.1" },
        { WR_LIST_FORWARDED, "for=192.0.2.1, proto=https", "10.0.0.1" },
        { WR_LIST_FORWARDED, "192.0.2.1", "10.0.0.1" },
    };
    struct wr_cidr trusted[2];
    (void) state;
    assert_null(wr_cidr_parse(WR_SLICE("10.0.0.0/8"), &trusted[0]));
    assert_null(wr_cidr_parse(WR_SLICE("2001:db8::/32"), &trusted[1]));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsigned char addr[16];
        char got[WR_ADDRESS_TEXT];
        assert_true(wr_address_read(WR_SLICE("10.0.0.1"), addr));
        wr_forwarded_client(wr_slice_str(cases[i].list), cases[i].kind, trusted, 2, addr);
        wr_address_text(addr, got);
        if (strcmp(got, cases[i].want) != 0)
            fail_msg("\"%s\": %s, not %s", cases[i].list, got, cases[i].want);
    }
}

static void the_peer_is_named_last(void **state)
{
    static const struct {
        const char *list, *client, *peer, *want;
    } cases[] = {
        { NULL, NULL, "192.0.2.1", "192.0.2.1" },
        { "198.51.100.9", "198.51.100.9", "10.0.0.1", "198.51.100.9, 10.0.0.1" },
        { "198.51.100.9, ,", NULL, "10.0.0.1", "198.51.100.9, 10.0.0.1" },
        { " , ", "192.0.2.1", "10.0.0.1", "192.0.2.1, 10.0.0.1" },
        { NULL, "192.0.2.1", "10.0.0.1", "192.0.2.1, 10.0.0.1" },
        { "198.51.100.9", NULL, NULL, "198.51.100.9" }, /* the peer is a Unix socket */
        { NULL, NULL, NULL, "" },
    };
    struct wr_arena arena = { 0 };
    (void) state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct wr_slice got = wr_forwarded_for(wr_slice_str(cases[i].list), wr_slice_str(cases[i].client),
                                               wr_slice_str(cases[i].peer), &arena);
        if (!wr_slice_eq(got, wr_slice_str(cases[i].want)))
            fail_msg("%s: %.*s", cases[i].want, WR_SLICE_ARG(got));
    }
    wr_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_of_an_element),
        cmocka_unit_test(the_client_is_the_last_that_no_trusted_proxy_vouches_for),
        cmocka_unit_test(the_peer_is_named_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
