/* SPDX-License-Identifier: BSD-2-Clause */
/* flight/location: a field that names the origin's own server is rewritten, and all others stay. */
#include "test.h"

#include <stdio.h>

#include "flight/location.h"
#include "http/parse.h"

static struct wr_server servers[] = {
    { .address = { .kind = WR_ADDRESS_IP, .text = (char[]){ "127.0.0.1:9000" } } },
    { .address = { .kind = WR_ADDRESS_IP, .text = (char[]){ "[2001:db8::1]:9001" } } },
    { .address = { .kind = WR_ADDRESS_NAME, .text = (char[]){ "App.internal:80" } } },
    { .address = { .kind = WR_ADDRESS_UNIX, .text = (char[]){ "unix:/run/app.sock" } } },
};
static struct wr_origin_policy origin = { .servers = servers, .server_count = 4, .rewrite_location = true };

struct place_case {
    const char *came, *went; /* went NULL: it stays as it came */
};

/* host, site: those of the request; NULL: it has none. */
static void check(const struct wr_route *route, const char *host, const char *site, bool secure,
                  enum wr_field_id id, const struct place_case *cases, size_t count)
{
    struct wr_arena arena = { 0 };
    const struct wr_head request = { .host = wr_slice_str(host),
                                     .site = wr_slice_str(site),
                                     .secure = secure };
    for (size_t i = 0; i < count; i++) {
        struct wr_field fields[] = {
            { .name = WR_SLICE("X"), .value = wr_slice_str(cases[i].came) },
            { .name = wr_field_name(id), .value = wr_slice_str(cases[i].came), .id = (uint16_t) id }
        };
        struct wr_head response = { .status = 302,
                                    .fields = fields,
                                    .field_count = 2,
                                    .known = UINT64_C(1) << (id % 64) },
                       room;
        const struct wr_head *right = wr_location_right(&response, route, &request, &arena, &room);
        assert_true(wr_slice_eq(right->fields[0].value, wr_slice_str(cases[i].came)));
        assert_true(wr_slice_eq(fields[1].value, wr_slice_str(cases[i].came)));
        const char *want = cases[i].went ? cases[i].went : cases[i].came;
        if (!wr_slice_eq(right->fields[1].value, wr_slice_str(want)) ||
            (right == &response) != (cases[i].went == NULL))
            fail_msg("%s: %.*s", cases[i].came, WR_SLICE_ARG(right->fields[1].value));
    }
    wr_arena_fini(&arena);
}
#define CHECK(route, host, site, secure, id, cases) \
    check(route, host, site, secure, id, cases, sizeof cases / sizeof cases[0])

static void its_own_address_becomes_the_clients(void **state)
{
    static const struct wr_route route = { .origin = &origin, .cache = { .enabled = true } };
    static const struct place_case cases[] = {
        { "http://127.0.0.1:9000/a?b#c", "http://Shop.example:8080/a?b#c" },
        { "HTTP://127.0.0.1:9000", "http://Shop.example:8080" },
        { "http://127.0.0.1:9000?b", "http://Shop.example:8080?b" },
        { "http://[2001:DB8::1]:9001/", "http://Shop.example:8080/" },
        { "http://app.INTERNAL/", "http://Shop.example:8080/" },
        { "http://app.internal:80/", "http://Shop.example:8080/" },
        { "//127.0.0.1:9000/a", "http://Shop.example:8080/a" },
        { "http://shop.example:9000/dir/",
          "http://Shop.example:8080/dir/" }, /* the client's host with a server's port */
        { "http://127.0.0.1:9000//x", "http://Shop.example:8080//x" },
        { "/a", NULL },
        { "a", NULL },
        { "", NULL },
        { "http://", NULL },
        { "http://127.0.0.1/", NULL },
        { "http://127.0.0.1:90000/", NULL },
        { "http://127.0.0.1:9001/", NULL },
        { "https://127.0.0.1:9000/", NULL },
        { "http://me@127.0.0.1:9000/", NULL },
        { "http://127.0.0.1:9000.evil/", NULL },
        { "http://x127.0.0.1:9000/", NULL },
        { "http://other.example:9000/", NULL },
        { "http://shop.example/", NULL },
        { "http://shop.example:8080/", NULL },
        { "http://elsewhere/?http://127.0.0.1:9000/", NULL },
        { "mailto:a@127.0.0.1:9000", NULL },
    };
    static const struct place_case notify[] = { { "http://127.0.0.1:9000/a", "https://public.example/a" } };
    (void) state;
    CHECK(&route, "Shop.example:8080", NULL, false, WR_F_LOCATION, cases);
    CHECK(&route, "Shop.example:8080", NULL, false, WR_F_CONTENT_LOCATION, cases);
    CHECK(&route, "inner:1", "public.example", true, WR_F_LOCATION, notify);
}

/* A client that knows the server by its address is told that address, and an origin may send https to http.
 */
static void what_the_client_asked_for_stays(void **state)
{
    static const struct wr_route route = { .origin = &origin };
    static const struct place_case server[] = { { "http://127.0.0.1:9000/a", NULL } },
                                   name[] = { { "http://app.internal/a", NULL } };
    (void) state;
    CHECK(&route, "127.0.0.1:9000", NULL, false, WR_F_LOCATION, server);
    CHECK(&route, "app.internal", NULL, true, WR_F_LOCATION, name);
}

static void without_a_host_in_common_it_becomes_a_path(void **state)
{
    static const struct wr_route shared = { .origin = &origin,
                                            .cache = { .enabled = true, .key = { .no_host = true } } },
                                 plain = { .origin = &origin };
    static const struct place_case cases[] = {
        { "http://127.0.0.1:9000/a?b#c", "/a?b#c" },
        { "http://127.0.0.1:9000", "/" },
        { "http://127.0.0.1:9000?b", "/?b" },
        { "http://127.0.0.1:9000#b", "/#b" },
        { "http://127.0.0.1:9000//evil.example/", "/.//evil.example/" },
        { "http://127.0.0.1:9000/\\evil.example/", "/./\\evil.example/" },
        { "http://127.0.0.1:9000\\evil.example/", "/.\\evil.example/" },
    };
    (void) state;
    CHECK(&shared, "shop.example", NULL, false, WR_F_LOCATION, cases);
    CHECK(&plain, NULL, NULL, false, WR_F_LOCATION, cases);
}

static void refresh(void **state)
{
    static const struct wr_route route = { .origin = &origin };
    static const struct place_case cases[] = {
        { "5; url=http://127.0.0.1:9000/a", "5; url=http://shop.example/a" },
        { "0;URL=http://127.0.0.1:9000/", "0;URL=http://shop.example/" },
        { "5; url=\"http://127.0.0.1:9000/a\"", "5; url=\"http://shop.example/a\"" },
        { "5; url='http://127.0.0.1:9000'", "5; url='http://shop.example'" },
        { "5", NULL },
        { "url=", NULL },
        { "5; url=/a", NULL },
        { "http://127.0.0.1:9000/a", NULL },
    };
    (void) state;
    CHECK(&route, "shop.example", NULL, false, WR_F_REFRESH, cases);
}

static void off_is_off(void **state)
{
    static const struct wr_origin_policy still = { .servers = servers, .server_count = 4 };
    static const struct wr_route route = { .origin = &still };
    static const struct place_case cases[] = { { "http://127.0.0.1:9000/a", NULL } };
    (void) state;
    CHECK(&route, "shop.example", NULL, false, WR_F_LOCATION, cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_own_address_becomes_the_clients),
        cmocka_unit_test(what_the_client_asked_for_stays),
        cmocka_unit_test(without_a_host_in_common_it_becomes_a_path),
        cmocka_unit_test(refresh),
        cmocka_unit_test(off_is_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
