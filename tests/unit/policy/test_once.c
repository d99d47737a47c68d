/* SPDX-License-Identifier: BSD-2-Clause */
/* policy: what is said once: included files, variables, defaults, named caches and headers. */
#include "config.h"

#include "test.h"

#include <sys/stat.h>
#include <unistd.h>

#include "files.h"

/* --- files --- */

static char folder[64];

static void path_of(const char *name, char path[256])
{
    snprintf(path, 256, "%s/%s", folder, name);
}

static void put(const char *name, const char *text)
{
    char path[256];
    path_of(name, path);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int make_folder(void **state)
{
    char path[256];
    (void) state;
    strcpy(folder, "/tmp/weir-test-XXXXXX");
    assert_non_null(mkdtemp(folder));
    path_of("conf.d", path);
    return mkdir(path, 0700);
}

static int remove_folder(void **state)
{
    static const char *const names[] = { "weir.yaml",         "conf.d/a.yaml", "conf.d/b.yaml",
                                         "conf.d/sorry.html", "conf.d",        "" };
    char path[256];
    (void) state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        path_of(names[i], path);
        remove(path);
    }
    return 0;
}

/* Loads weir.yaml. Compares the errors, in which @ stands for the folder. */
static struct wr_policy *load(const char *said)
{
    char path[256];
    struct wr_buf errors = { 0 }, plain = { 0 };
    path_of("weir.yaml", path);
    struct wr_policy *p = wr_policy_load(path, &errors);
    struct wr_slice rest = wr_buf_slice(&errors);
    while (rest.len > 0) {
        bool here = wr_slice_starts(rest, wr_slice_str(folder));
        size_t step = here ? strlen(folder) : 1;
        wr_buf_add_char(&plain, here ? '@' : rest.at[0]);
        rest = wr_slice(rest.at + step, rest.len - step);
    }
    wr_buf_add_char(&plain, '\0');
    assert_string_equal(plain.at, said);
    wr_buf_fini(&plain);
    wr_buf_fini(&errors);
    return p;
}

static void included_files_stand_where_include_stands(void **state)
{
    (void) state;
    put("weir.yaml", LISTEN "routes: [{ name: first, match: { path: /1 }, origin: a }]\n"
                            "include: conf.d/*.yaml\n"
                            "origins: { a: { servers: h:1 } }\n");
    put("conf.d/b.yaml", "origins: { b: { servers: h:2 } }\n"
                         "routes:\n"
                         "  - { match: {}, origin: b }\n");
    put("conf.d/a.yaml", "routes: [{ match: { path: /a }, origin: b, error_pages: { 502: sorry.html } }]\n");
    put("conf.d/sorry.html", "sorry");
    struct wr_policy *p = load("");
    assert_int_equal(p->route_count, 3);
    assert_string_equal(p->routes[0].name, "first");
    assert_true(wr_slice_eq(p->routes[1].label, WR_SLICE("conf.d/a.yaml:1")));
    assert_true(wr_slice_eq(p->routes[2].label, WR_SLICE("conf.d/b.yaml:3")));
    assert_true(p->routes[1].origin == p->routes[2].origin);
    assert_int_equal(p->origin_count, 2);
    assert_int_equal(p->routes[1].error_pages.count, 1);
    wr_policy_unref(p);
    put("weir.yaml", LISTEN "include: [conf.d/a.yaml, conf.d/b.yaml]\n"
                            "routes: { match: {}, origin: b }\n");
    p = load("");
    assert_int_equal(p->routes[2].line, 3);
    wr_policy_unref(p);
}

static void mistakes_name_the_included_file(void **state)
{
    (void) state;
    put("weir.yaml", MINIMAL "include: conf.d/*.yaml\nmemory: of\n");
    put("conf.d/a.yaml", "\nroutes: [{ match: {}, origin: b }]\nmemory: off\n");
    put("conf.d/b.yaml", "origins: { a: { servers: h:2 } }\nlisten: nowhere\nlisten: 127.0.0.1:1\n");
    assert_null(load(
        "@/weir.yaml:5:1: \"memory\" stands in another file already: @/conf.d/a.yaml, line 3\n"
        "@/conf.d/a.yaml:2:31: origin: there is no \"b\" in origins\n"
        "@/conf.d/a.yaml:3:9: memory: off without redis leaves no place for the responses that the route on "
        "line 3 stores\n"
        "@/conf.d/b.yaml:1:12: the name \"a\" stands here twice\n"
        "@/conf.d/b.yaml:2:9: address: \"nowhere\": the port is missing, such as 127.0.0.1:8080\n"
        "@/conf.d/b.yaml:3:1: the key \"listen\" stands here twice: first on line 2\n"));
    put("conf.d/a.yaml", "# nothing yet\n");
    put("conf.d/b.yaml", "- routes\n");
    put("weir.yaml", MINIMAL "include: conf.d/*.yaml\n");
    assert_null(load("@/conf.d/b.yaml:1:1: a mapping (key: value) belongs here, not a list\n"));
    put("conf.d/b.yaml", "routes: [\n");
    assert_null(
        load("@/conf.d/b.yaml:2:1: did not find expected node content, while parsing a flow node that "
             "began on line 2\n"));
}

static void missing_files_and_loops_are_mistakes(void **state)
{
    (void) state;
    put("weir.yaml", MINIMAL "include: [conf.d/none.yaml, conf.d/*.none, none/*.yaml]\n");
    assert_null(
        load("@/weir.yaml:4:11: include: can't read @/conf.d/none.yaml: No such file or directory\n"));
    put("weir.yaml", MINIMAL "include: [conf.d/*.none, none/*.yaml]\n");
    struct wr_policy *p = load("");
    wr_policy_unref(p);
    put("weir.yaml", MINIMAL "include: conf.d/a.yaml\n");
    put("conf.d/a.yaml", "include: ../weir.yaml\n");
    put("conf.d/b.yaml", "include: b.yaml\n");
    assert_null(
        load("@/conf.d/a.yaml:1:10: include: @/conf.d/../weir.yaml would include itself without end\n"));
    put("weir.yaml", MINIMAL "include: [conf.d/b.yaml, conf.d, [x], ~]\n");
    assert_null(load("@/weir.yaml:4:26: include: can't read @/conf.d: it is not a file\n"
                     "@/conf.d/b.yaml:1:10: include: @/conf.d/b.yaml would include itself without end\n"));
    put("conf.d/a.yaml", "");
    put("weir.yaml", MINIMAL "include: [conf.d/a.yaml, conf.d/a.yaml, [x], ~]\n");
    assert_null(load("@/weir.yaml:4:26: include: @/conf.d/a.yaml is included already, as @/conf.d/a.yaml\n"
                     "@/weir.yaml:4:41: include: the items of the list must be single values\n"
                     "@/weir.yaml:4:46: include: an item of the list is empty\n"));
}

/* --- variables --- */

static void values_hold_variables_of_the_environment(void **state)
{
    (void) state;
    setenv("WEIR_TEST_HOST", "h", 1);
    setenv("WEIR_TEST_YAML", "[a, b]: ${WEIR_TEST_HOST}", 1);
    setenv("WEIR_TEST_EMPTY", "", 1);
    struct wr_policy *p = right(LISTEN
                                "origins: { a: { servers: \"${WEIR_TEST_HOST}:${WEIR_TEST_NONE:-81}\" } }\n"
                                "routes:\n"
                                "  - match: { header: { A: \"${WEIR_TEST_YAML}\", B: \"$${x}$\", C: &c "
                                "\"$$${WEIR_TEST_HOST}\", D: *c } }\n"
                                "    origin: ${WEIR_TEST_EMPTY:-a}\n"
                                "    cache: { ttl: \"${WEIR_TEST_NONE:-}5s\" }\n");
    const struct wr_match_value *v = p->routes[0].match.values;
    assert_string_equal(p->origins[0].servers[0].address.text, "h:81");
    assert_string_equal(v[0].patterns[0].at, "[a, b]: ${WEIR_TEST_HOST}");
    assert_string_equal(v[1].patterns[0].at, "${x}$");
    assert_string_equal(v[2].patterns[0].at, "$${WEIR_TEST_HOST}");
    assert_string_equal(v[3].patterns[0].at, "$${WEIR_TEST_HOST}");
    assert_int_equal(p->routes[0].cache.ttl.us, 5000000);
    wr_policy_unref(p);
}

static void variables_that_are_missing_are_mistakes(void **state)
{
    (void) state;
    static const struct {
        const char *text, *said;
    } cases[] = {
        { MINIMAL
          "server_name: x${WEIR_TEST_NONE}\nworkers: ${1}\nmemory: { size: \"${\", max_object: 1XB }\n",
          "p:4:14: the environment has no variable WEIR_TEST_NONE: set it, or write "
          "${WEIR_TEST_NONE:-default}\n"
          "p:5:10: ${1} names no variable: write ${NAME} or ${NAME:-default}, and $${ for the characters ${ "
          "themselves\n"
          "p:6:17: ${ has no closing brace: write $${ for the characters themselves\n"
          "p:6:35: max_object: a size is a whole number and a unit: B, KB, MB or GB, such as 512KB\n" },
        { MINIMAL "server_name: ${WEIR_TEST_EMPTY}\n", "p:4:14: server_name: a value is missing\n" },
        { LISTEN ORIGINS "routes: [{ match: { path: [/a, \"${WEIR_TEST_NONE}\"] }, origin: a }]\n",
          "p:3:32: the environment has no variable WEIR_TEST_NONE: set it, or write "
          "${WEIR_TEST_NONE:-default}\n" },
    };
    setenv("WEIR_TEST_EMPTY", "", 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *said = wrong(cases[i].text);
        assert_string_equal(said, cases[i].said);
        free(said);
    }
}

/* --- defaults and names --- */

#define COMMON                                                                               \
    LISTEN "origins: { a: { servers: h:1 }, b: { servers: h:2 } }\n"                         \
           "limits: { few: { key: client, rate: 1/s }, many: { key: client, rate: 9/s } }\n" \
           "caches:\n"                                                                       \
           "  static: { ttl: 1h, override: on, statuses: { 404: 1m } }\n"                    \
           "  short: { ttl: 1s }\n"                                                          \
           "headers:\n"                                                                      \
           "  safe: { set: { X-Frame-Options: DENY, X-Safe: '1' }, remove: [Server] }\n"     \
           "  cors: { set: { Vary: Origin }, add: { Link: a } }\n"

static void routes_take_what_they_do_not_say(void **state)
{
    (void) state;
    struct wr_policy *p = right(
        COMMON "defaults:\n"
               "  origin: a\n"
               "  limits: few\n"
               "  cache: { ttl: 5s, grace: 1m, key: { query: { drop: [x] }, headers: [A] }, statuses: { 404: "
               "1s, 5xx: 2s } }\n"
               "  deny: 10.0.0.0/8\n"
               "  maintenance: on\n"
               "routes:\n"
               "  - { match: { path: /1 } }\n"
               "  - { match: { path: /2 }, origin: b, limits: [], maintenance: off, deny: 11.0.0.0/8,\n"
               "      cache: { ttl: 9s, key: { query: { sort: on } }, statuses: { 404: 3s } } }\n"
               "  - { match: { path: /3 }, cache: off }\n"
               "  - { match: { path: /4 }, cache: on }\n"
               "  - { match: { path: /5 }, cache: static, limits: [many] }\n"
               "  - { match: { path: /6 }, redirect: { to: /x } }\n");
    const struct wr_route *r = p->routes;
    assert_string_equal(r[0].origin->name, "a");
    assert_string_equal(r[0].limits[0]->name, "few");
    assert_true(r[0].cache.ttl.us == 5000000 && r[0].cache.has_ttl && r[0].maintenance.on);
    assert_int_equal(r[0].access.deny_count, 1);
    assert_string_equal(r[1].origin->name, "b");
    assert_int_equal(r[1].limit_count, 0);
    assert_false(r[1].maintenance.on);
    assert_int_equal(r[1].access.deny[0].addr[12], 11);
    assert_int_equal(r[1].cache.ttl.us, 9000000);
    assert_int_equal(r[1].cache.grace.us, 60000000);
    assert_true(r[1].cache.key.sort_query);
    assert_string_equal(r[1].cache.key.query_drop[0], "x");
    assert_string_equal(r[1].cache.key.headers[0], "A");
    assert_int_equal(r[1].cache.status_ttl_count, 2);
    assert_int_equal(r[1].cache.status_ttls[0].ttl.us, 3000000);
    assert_false(r[2].cache.enabled);
    assert_true(r[3].cache.enabled && !r[3].cache.has_ttl && !r[3].cache.has_grace);
    assert_true(r[4].cache.override && r[4].cache.ttl.us == 3600000000 && !r[4].cache.has_grace);
    assert_string_equal(r[4].limits[0]->name, "many");
    assert_null(r[5].origin);
    assert_false(r[5].cache.enabled);
    wr_policy_unref(p);

    p = right(COMMON "defaults: { origin: a, cache: static }\n"
                     "routes: [{ match: { path: /1 }, cache: { ttl: 9s } }, { match: {} }, { match: {}, "
                     "cache: short }]\n");
    assert_true(p->routes[0].cache.override && p->routes[0].cache.ttl.us == 9000000);
    assert_int_equal(p->routes[0].cache.status_ttl_count, 1);
    assert_int_equal(p->routes[1].cache.ttl.us, 3600000000);
    assert_false(p->routes[2].cache.override);
    wr_policy_unref(p);
}

/* Compares the edits as one line: -dropped +written. */
static void edits_are(const struct wr_field_edits *e, const char *line)
{
    struct wr_buf text = { 0 };
    for (char **name = e->drops; name && *name; name++)
        wr_buf_printf(&text, "-%s ", *name);
    for (size_t i = 0; i < e->write_count; i++)
        wr_buf_printf(&text, "+%s:%.*s ", e->writes[i].name.at,
                      WR_SLICE_ARG(e->writes[i].value.parts[0].text));
    wr_buf_add_char(&text, '\0');
    assert_string_equal(text.at, line);
    wr_buf_fini(&text);
}

static void edits_come_one_after_the_other(void **state)
{
    (void) state;
    struct wr_policy *p = right(
        COMMON
        "defaults:\n"
        "  origin: a\n"
        "  headers: [safe, cors]\n"
        "  response: { set: { X-Who: defaults } }\n"
        "  request: { set: { X-A: a, X-B: b }, strip: /x, query: { set: { q: '1', p: '1' }, remove: [z] } }\n"
        "routes:\n"
        "  - { match: { path: /1 } }\n"
        "  - { match: { path: /2 }, response: { set: { x_who: route, Server: s }, add: { Link: b }, remove: "
        "[X-Safe] } }\n"
        "  - { match: { path: /3 }, headers: cors }\n"
        "  - { match: { path: /4 }, headers: [], request: { remove: [x-*], strip: /y, query: { remove: [p] } "
        "} }\n"
        "  - { match: { path: /5 }, respond: { status: 204 } }\n");
    const struct wr_route *r = p->routes;
    edits_are(&r[0].response,
              "-X-Frame-Options -X-Safe -Vary -X-Who -Server +X-Frame-Options:DENY +X-Safe:1 +Vary:Origin "
              "+X-Who:defaults +Link:a ");
    edits_are(&r[1].response,
              "-X-Frame-Options -Vary -x_who -Server -Server -X-Safe +X-Frame-Options:DENY +Vary:Origin "
              "+x_who:route +Server:s +Link:a +Link:b ");
    edits_are(&r[2].response, "-Vary -X-Who +Vary:Origin +X-Who:defaults +Link:a ");
    edits_are(&r[3].response, "-X-Who +X-Who:defaults ");
    edits_are(&r[0].request.fields, "-X-A -X-B +X-A:a +X-B:b ");
    edits_are(&r[3].request.fields, "-x-* ");
    assert_true(wr_slice_eq(r[0].request.strip, WR_SLICE("/x")) &&
                wr_slice_eq(r[3].request.strip, WR_SLICE("/y")));
    assert_int_equal(r[0].request.query_write_count, 2);
    assert_int_equal(r[3].request.query_write_count, 1);
    assert_string_equal(r[3].request.query_drops[0], "z");
    assert_string_equal(r[3].request.query_drops[1], "p");
    assert_false(r[4].request.any);
    assert_int_equal(r[4].response.write_count, 5);
    wr_policy_unref(p);
}

static void mistakes_in_what_is_common_are_found_once(void **state)
{
    (void) state;
    char *said = wrong(
        LISTEN ORIGINS
        "caches: { a: { tll: 1s }, off: { ttl: 1s } }\n"
        "headers: { h: { set: { Age: '1' } } }\n"
        "defaults: { limits: few, match: {}, nonsense: 1, cache: { override: on }, headers: [hh, h] }\n"
        "routes: [{ match: { path: /1 }, origin: a, cache: aa }, { match: {}, origin: a },\n"
        "         { match: {}, origin: a, cache: [a] }, { match: {}, origin: a, cache: { ttl: 1s } }]\n");
    assert_string_equal(said,
                        "p:3:16: unknown key \"tll\" in routes[].cache (did you mean \"ttl\"?)\n"
                        "p:3:27: a cache can't be called off: as a value that is a switch\n"
                        "p:4:24: set: Age can't be edited: it is written by weir itself\n"
                        "p:5:21: limits: there is no \"few\" in limits\n"
                        "p:5:26: match can't stand in defaults: it belongs to each route\n"
                        "p:5:37: unknown key \"nonsense\" in routes[]\n"
                        "p:5:69: override: ttl is missing beside it, to replace what the origin says\n"
                        "p:5:85: headers: there is no \"hh\" in headers (did you mean \"h\"?)\n"
                        "p:6:51: cache: there is no \"aa\" in caches (did you mean \"a\"?)\n"
                        "p:7:41: cache: off, a name or a mapping (key: value) belongs here, not a list\n");
    free(said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(included_files_stand_where_include_stands, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(mistakes_name_the_included_file, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(missing_files_and_loops_are_mistakes, make_folder, remove_folder),
        cmocka_unit_test(values_hold_variables_of_the_environment),
        cmocka_unit_test(variables_that_are_missing_are_mistakes),
        cmocka_unit_test(routes_take_what_they_do_not_say),
        cmocka_unit_test(edits_come_one_after_the_other),
        cmocka_unit_test(mistakes_in_what_is_common_are_found_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
