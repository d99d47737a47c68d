/* SPDX-License-Identifier: BSD-2-Clause */
/* policy: the index finds the route that a walk over the list finds; address blocks. */
#include "test.h"

#include <arpa/inet.h>

#include "base/rand.h"
#include "files.h"

static bool host_matches(const struct wr_match *m, struct wr_slice host)
{
    for (size_t i = 0; i < m->host_count; i++) {
        struct wr_slice want = m->hosts[i];
        if (wr_slice_eq(want, host))
            return true;
        struct wr_slice end = wr_slice(want.at + 1, want.len - 1); /* ".example.com" */
        if (want.at[0] == '*' && host.len > end.len &&
            wr_slice_eq(end, wr_slice(host.at + host.len - end.len, end.len)))
            return true;
    }
    return m->host_count == 0;
}

static bool path_matches(const struct wr_match *m, struct wr_slice path)
{
    for (size_t i = 0; i < m->path_count; i++) {
        struct wr_slice text = m->paths[i].text;
        if (m->paths[i].kind == WR_MATCH_EXACT    ? wr_slice_eq(text, path)
            : m->paths[i].kind == WR_MATCH_PREFIX ? wr_slice_starts(path, text)
                                                  : wr_slice_matches(path, text, NULL))
            return true;
    }
    return m->path_count == 0;
}

static bool method_matches(const struct wr_match *m, struct wr_slice method)
{
    for (size_t i = 0; i < m->method_count; i++) {
        if (wr_slice_eq(m->methods[i], method))
            return true;
    }
    return m->methods == NULL;
}

/* Finds the route by walking the list: the index must agree. */
static const struct wr_route *walk(const struct wr_policy *p, struct wr_slice host, struct wr_slice path,
                                   struct wr_slice method)
{
    for (size_t i = 0; i < p->route_count; i++) {
        const struct wr_match *m = &p->routes[i].match;
        if (host_matches(m, host) && path_matches(m, path) && method_matches(m, method))
            return &p->routes[i];
    }
    return NULL;
}

static const char *one_of(const char *const *words, size_t count)
{
    return words[wr_rand_below(count)];
}

#define ONE_OF(words) one_of(words, sizeof(words) / sizeof(words)[0])

/* Draws texts of few letters, so that many are prefixes of others. */
static void random_path(struct wr_buf *out)
{
    wr_buf_add_char(out, '/');
    for (size_t i = wr_rand_below(7); i > 0; i--)
        wr_buf_add_char(out, "ab/"[wr_rand_below(3)]);
}

static void random_route(struct wr_buf *out)
{
    static const char *const hosts[] = { "",
                                         "",
                                         "host: x.org,",
                                         "host: a.x.org,",
                                         "host: \"*.x.org\",",
                                         "host: \"*.a.x.org\",",
                                         "host: \"*.org\",",
                                         "host: b.x.org,",
                                         "host: [x.org, \"*.a.x.org\"]," };
    static const char *const methods[] = {
        "", "", "", "method: GET,", "method: [GET, POST],", "method: [PUT, GET],"
    };
    wr_buf_printf(out, "  - { origin: a, match: { %s %s ", ONE_OF(hosts), ONE_OF(methods));
    if (wr_rand_below(8) > 0) {
        wr_buf_add_str(out, "path: [");
        for (size_t i = 1 + wr_rand_below(5) / 4; i > 0; i--) {
            wr_buf_add_char(out, '"');
            random_path(out);
            if (wr_rand_below(6) == 0) {
                wr_buf_add_char(out, '*');
                random_path(out);
            }
            wr_buf_add_str(out, wr_rand_below(2) ? "*\"," : "\",");
        }
        wr_buf_add_char(out, ']');
    }
    wr_buf_add_str(out, " } }\n");
}

static void the_index_agrees_with_a_walk(void **state)
{
    (void) state;
    static const char *const hosts[] = { "x.org", "a.x.org", "b.a.x.org", "b.x.org", "org",
                                         "y.net", "",        ".x.org",    "a..x.org" };
    static const char *const methods[] = { "GET", "POST", "PUT", "DELETE" };
    for (int round = 0; round < 60; round++) {
        struct wr_buf text = { 0 }, path = { 0 };
        size_t routes = 1 + wr_rand_below(round % 3 == 0 ? 5 : 120), matched = 0;
        wr_buf_add_str(&text, LISTEN ORIGINS "routes:\n");
        for (size_t i = 0; i < routes; i++)
            random_route(&text);
        wr_buf_add_char(&text, '\0');
        struct wr_policy *p = right(text.at);
        assert_int_equal(p->route_count, routes);
        for (int i = 0; i < 2000; i++) {
            wr_buf_clear(&path);
            random_path(&path);
            struct wr_slice host = wr_slice_str(ONE_OF(hosts)), method = wr_slice_str(ONE_OF(methods));
            const struct wr_route *want = walk(p, host, wr_buf_slice(&path), method);
            if (wr_policy_route(p, host, wr_buf_slice(&path), method) != want)
                fail_msg("%.*s %.*s%.*s: not route %d of\n%s", WR_SLICE_ARG(method), WR_SLICE_ARG(host),
                         WR_SLICE_ARG(wr_buf_slice(&path)), want ? (int) want->index : -1, text.at);
            matched += want != NULL;
        }
        assert_true(routes < 20 || matched > 0);
        wr_policy_unref(p);
        wr_buf_fini(&text);
        wr_buf_fini(&path);
    }
}

static void ten_thousand_routes_are_distinguished(void **state)
{
    (void) state;
    struct wr_buf text = { 0 };
    wr_buf_add_str(&text, LISTEN ORIGINS "routes:\n");
    for (int i = 0; i < 10000; i++)
        wr_buf_printf(&text, "  - { match: { host: h%d.example, path: /p%d/* }, origin: a, cache: off }\n",
                      i % 5000, i);
    wr_buf_add_char(&text, '\0');
    struct wr_policy *p = right(text.at);
    for (int i = 0; i < 10000; i += 7) {
        char host[32], path[32];
        snprintf(host, sizeof host, "h%d.example", i % 5000);
        snprintf(path, sizeof path, "/p%d/x", i);
        assert_ptr_equal(wr_policy_route(p, wr_slice_str(host), wr_slice_str(path), WR_SLICE("GET")),
                         &p->routes[i]);
        assert_null(wr_policy_route(p, wr_slice_str(host), WR_SLICE("/p"), WR_SLICE("GET")));
    }
    wr_policy_unref(p);
    wr_buf_fini(&text);
}

static void paths_are_compared_by_what_they_mean(void **state)
{
    (void) state;
    static const struct {
        const char *path, *means;
    } cases[] = {
        { "/", "/" },
        { "/a/b", "/a/b" },
        { "/a/", "/a/" },
        { "*", "*" },
        { "/%61dmin/x", "/admin/x" },
        { "/static/../admin", "/admin" },
        { "/static/%2e%2E/admin", "/admin" },
        { "/static/..%2fadmin", "/admin" },
        { "//admin///x", "/admin/x" },
        { "/./admin/.", "/admin/" },
        { "/a/b/..", "/a/" },
        { "/..", "/" },
        { "/../../a", "/a" },
        { "/.", "/" },
        { "/%2f", "/" },
        { "/a/...", "/a/..." },
        { "/.well-known/x", "/.well-known/x" },
        { "/a%20b%", "/a b%" },
        { "/%zz%4", "/%zz%4" },
        { "/%25%36%31", "/%61" }, /* once */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct wr_arena arena = { 0 };
        struct wr_slice got = wr_policy_path(wr_slice_str(cases[i].path), &arena);
        if (!wr_slice_eq(got, wr_slice_str(cases[i].means)))
            fail_msg("%s: %.*s", cases[i].path, WR_SLICE_ARG(got));
        wr_arena_fini(&arena);
    }
}

static void a_pattern_means_what_a_path_does(void **state)
{
    (void) state;
    struct wr_policy *p = right(LISTEN ORIGINS
                                "routes: [{ match: { path: \"/a%20b//c/*\" }, origin: a, cache: off }]\n");
    assert_ptr_equal(wr_policy_route(p, WR_SLICE("h"), WR_SLICE("/a b/c/x"), WR_SLICE("GET")), &p->routes[0]);
    wr_policy_unref(p);
}

static void a_star_stands_for_what_follows(void **state)
{
    (void) state;
    static const struct {
        const char *host, *path, *method;
        int route; /* -1: none */
    } cases[] = {
        { "shop.example", "/static/a", "GET", 0 }, { "shop.example", "/static/", "GET", 0 },
        { "shop.example", "/static", "GET", -1 },  { "shop.example", "/page", "GET", 1 },
        { "shop.example", "/page/", "GET", -1 },   { "a.shop.example", "/x", "POST", 2 },
        { "b.a.shop.example", "/x", "POST", 2 },   { "a.shop.example", "/x", "GET", -1 },
        { "other.example", "/x", "POST", -1 },     { "other.example", "*", "OPTIONS", 3 },
    };
    struct wr_policy *p = right(LISTEN ORIGINS
                                "routes:\n"
                                "  - { origin: a, match: { host: shop.example, path: /static/* } }\n"
                                "  - { origin: a, match: { path: /page } }\n"
                                "  - { origin: a, match: { host: \"*.shop.example\", method: POST } }\n"
                                "  - { origin: a, match: { path: \"*\", host: \"*\", method: OPTIONS } }\n");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct wr_route *route = wr_policy_route(
            p, wr_slice_str(cases[i].host), wr_slice_str(cases[i].path), wr_slice_str(cases[i].method));
        assert_int_equal(route ? (int) route->index : -1, cases[i].route);
    }
    wr_policy_unref(p);
}

/* For requests with fields, the index finds the first route whose conditions all hold. */
static void conditions_are_checked(void **state)
{
    (void) state;
    static const char text[] = LISTEN ORIGINS
        "routes:\n"
        "  - { origin: a, match: { path_regex: \"^/u/([0-9]+)$\" } }\n"
        "  - { origin: a, match: { path_regex: \"^(a+)+$|/(a+)+$\" } }\n"
        "  - { origin: a, match: { path: /*/edit, not: { path: /x/* } } }\n"
        "  - { origin: a, match: { path: /p/*, header: { X-Beta: \"1*\", X-Old: off } } }\n"
        "  - { origin: a, match: { path: /p/*, query: { v: [a, b], w: on } } }\n"
        "  - { origin: a, match: { path: /p/*, cookie: { s: on } } }\n"
        "  - { origin: a, match: { path: /p/*, scheme: https } }\n"
        "  - { origin: a, match: { path: /p/*, client: [10.0.0.0/8], not: { client: [10.1.0.0/16] } } }\n"
        "  - { origin: a, match: { path: /p/* } }\n";
    static const struct {
        const char *path, *query, *name, *value;
        unsigned char client; /* 10.CLIENT.0.1; 0: 192.0.2.1 */
        bool secure, broken;
        int route;
    } cases[] = {
        { "/u/17", NULL, "A", "", 0, false, false, 0 },
        { "/u/17a", NULL, "A", "", 0, false, false, -1 },
        { "/u/17\n", NULL, "A", "", 0, false, false, -1 },
        { "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", NULL, "A", "", 0, false, true, -1 },
        { "/b/c/edit", NULL, "A", "", 0, false, false, 2 },
        { "/x/c/edit", NULL, "A", "", 0, false, false, -1 },
        { "/p/1", NULL, "X-Beta", "12", 0, false, false, 3 },
        { "/p/1", NULL, "X-Beta", "2", 0, false, false, 8 },
        { "/p/1", NULL, "X-Old", "", 0, false, false, 8 },
        { "/p/1", "w&v=%62", "A", "", 0, false, false, 4 },
        { "/p/1", "w&v=c", "A", "", 0, false, false, 8 },
        { "/p/1", "v=a", "A", "", 0, false, false, 8 },
        { "/p/1", NULL, "Cookie", "t=1; s=2", 0, false, false, 5 },
        { "/p/1", NULL, "A", "", 0, true, false, 6 },
        { "/p/1", NULL, "A", "", 2, false, false, 7 },
        { "/p/1", NULL, "A", "", 1, false, false, 8 },
    };
    struct wr_policy *p = right(text);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct wr_arena arena = { 0 };
        unsigned char client[16] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, cases[i].client, 0, 1 };
        if (cases[i].client == 0)
            memcpy(client + 12, "\xc0\x00\x02\x01", 4);
        struct wr_field field = { .name = wr_slice_str(cases[i].name),
                                  .value = wr_slice_str(cases[i].value) };
        field.id = (uint16_t) wr_field_id_of(field.name);
        struct wr_head head = {
            .fields = &field, .field_count = 1, .known = UINT64_MAX, .secure = cases[i].secure
        };
        head.path = wr_slice_str(cases[i].path);
        head.query = wr_slice_str(cases[i].query);
        struct wr_route_ask asked = { .host = WR_SLICE("h"),
                                      .path = head.path,
                                      .method = WR_SLICE("GET"),
                                      .head = &head,
                                      .client = client,
                                      .arena = &arena };
        const struct wr_route *route = wr_policy_route_of(p, &asked);
        assert_int_equal(asked.broken, cases[i].broken);
        if (!cases[i].broken && (route ? (int) route->index : -1) != cases[i].route)
            fail_msg("case %zu: route %d", i, route ? (int) route->index : -1);
        for (size_t r = 0; !cases[i].broken && r < p->route_count; r++) {
            bool fails = wr_match_fails(&p->routes[r].match, &asked) != NULL;
            assert_true(route == NULL || r > route->index || fails == (r < route->index));
        }
        wr_arena_fini(&arena);
    }
    wr_policy_unref(p);
}

/* A purge knows the URL only, so it covers all routes that may have served it. */
static void routes_of_a_url_come_one_after_the_other(void **state)
{
    (void) state;
    struct wr_policy *p = right(LISTEN ORIGINS "routes:\n"
                                               "  - { origin: a, match: { path: /p, cookie: { s: on } } }\n"
                                               "  - { origin: a, match: { path: /q } }\n"
                                               "  - { origin: a, match: { scheme: https } }\n"
                                               "  - { origin: a, match: {} }\n"
                                               "  - { origin: a, match: { header: { A: on } } }\n");
    struct wr_arena arena = { 0 };
    struct wr_route_ask asked = {
        .host = WR_SLICE("h"), .path = WR_SLICE("/p"), .method = WR_SLICE("GET"), .arena = &arena
    };
    static const size_t want[] = { 0, 2, 3 };
    for (size_t i = 0; i < 3; i++) {
        const struct wr_route *route = wr_policy_route_of(p, &asked);
        assert_non_null(route);
        assert_int_equal(route->index, want[i]);
        assert_int_equal(route->match.beyond_url, i < 2);
        asked.from = route->index + 1;
    }
    wr_arena_fini(&arena);
    wr_policy_unref(p);
}

static void blocks_hold_their_addresses(void **state)
{
    (void) state;
    static const struct {
        const char *block, *address;
        bool has;
    } cases[] = {
        { "10.0.0.0/8", "::ffff:10.255.0.1", true },
        { "10.0.0.0/8", "::ffff:11.0.0.1", false },
        { "10.0.0.0/8", "a00::1", false },
        { "0.0.0.0/0", "::ffff:1.2.3.4", true },
        { "0.0.0.0/0", "2001:db8::1", false },
        { "::/0", "2001:db8::1", true },
        { "192.0.2.4/31", "::ffff:192.0.2.5", true },
        { "192.0.2.4/31", "::ffff:192.0.2.6", false },
        { "192.0.2.4", "::ffff:192.0.2.4", true },
        { "192.0.2.4", "::ffff:192.0.2.5", false },
        { "2001:db8::/33", "2001:db8:7fff::", true },
        { "2001:db8::/33", "2001:db8:8000::", false },
        { "::1", "::1", true },
        { "::1/128", "::2", false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct wr_cidr block;
        unsigned char address[16];
        assert_null(wr_cidr_parse(wr_slice_str(cases[i].block), &block));
        assert_int_equal(inet_pton(AF_INET6, cases[i].address, address), 1);
        assert_int_equal(wr_cidr_has(&block, 1, address), cases[i].has);
    }
    static const char *const bad[] = { "",           "/",      "10.0.0.0/", "10.0.0.0/33", "10.0.0/8",
                                       "10.0.0.1/8", "::/129", "::1/64",    "x",           "10.0.0.0/08x",
                                       "1.2.3.4:80" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct wr_cidr block;
        assert_non_null(wr_cidr_parse(wr_slice_str(bad[i]), &block));
    }
    assert_false(wr_cidr_has(NULL, 0, (const unsigned char[16]){ 0 }));
}

static void clients_own_a_64_at_least(void **state)
{
    (void) state;
    static const char *const cases[][2] = { { "::ffff:192.0.2.7", "192.0.2.7" },
                                            { "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64" },
                                            { "::1", "::/64" },
                                            { "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                                              "ffff:ffff:ffff:ffff::/64" } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsigned char address[16];
        char text[WR_CIDR_TEXT];
        assert_int_equal(inet_pton(AF_INET6, cases[i][0], address), 1);
        wr_cidr_client(address, text);
        assert_string_equal(text, cases[i][1]);
    }
}

static void hosts_stand_without_port_in_lower_case(void **state)
{
    (void) state;
    static const char *const cases[][2] = {
        { "Shop.Example:8080", "shop.example" }, { "x", "x" },         { "x:", "x" },
        { "shop.example.:80", "shop.example" },  { "x.", "x" },        { ".", "." },
        { "[2001:DB8::1]:80", "[2001:db8::1]" }, { "[::1]", "[::1]" }, { "", "" }
    };
    struct wr_arena arena = { 0 };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct wr_slice host = wr_policy_host(wr_slice_str(cases[i][0]), &arena);
        assert_true(wr_slice_eq(host, wr_slice_str(cases[i][1])));
    }
    wr_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_index_agrees_with_a_walk),
        cmocka_unit_test(ten_thousand_routes_are_distinguished),
        cmocka_unit_test(paths_are_compared_by_what_they_mean),
        cmocka_unit_test(a_pattern_means_what_a_path_does),
        cmocka_unit_test(a_star_stands_for_what_follows),
        cmocka_unit_test(conditions_are_checked),
        cmocka_unit_test(routes_of_a_url_come_one_after_the_other),
        cmocka_unit_test(blocks_hold_their_addresses),
        cmocka_unit_test(clients_own_a_64_at_least),
        cmocka_unit_test(hosts_stand_without_port_in_lower_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
