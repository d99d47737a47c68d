/* SPDX-License-Identifier: BSD-2-Clause */
/* policy: switches of maintenance, and which routes they concern. */
#include "test.h"

#include "files.h"
#include "policy/maintenance.h"

static const char text[] =
    "listen: 127.0.0.1:1\n"
    "origins: { app: { servers: 127.0.0.1:9 }, api: { servers: 127.0.0.1:9 } }\n"
    "routes:\n"
    "  - { name: page, match: { path: /page }, origin: app }\n"
    "  - { name: shut, match: { path: /shut }, origin: app, maintenance: on }\n"
    "  - { name: ready, match: { path: /r }, origin: app, maintenance: { active: off } }\n"
    "  - { match: { path: /old }, redirect: { to: /new } }\n"
    "  - { name: api, match: {}, origin: api }\n";

static struct wr_policy *policy;
static struct wr_switches switches;
static struct wr_buf told;

static int start(void **state)
{
    (void) state;
    policy = right(text);
    return 0;
}

static int stop(void **state)
{
    (void) state;
    wr_switches_fini(&switches);
    wr_policy_unref(policy);
    wr_buf_fini(&told);
    return 0;
}

static const char *set(enum wr_switch_scope scope, const char *name, bool on)
{
    told.len = 0;
    if (wr_switches_set(&switches, policy, scope, wr_slice_str(name), on, &told))
        wr_switches_describe(&switches, policy, &told);
    wr_buf_add_char(&told, '\0');
    return told.at;
}

/* One letter for each route: is it in maintenance, and does it answer by itself? */
static const char *now(void)
{
    static char letters[8];
    for (size_t i = 0; i < policy->route_count; i++) {
        const struct wr_route *route = &policy->routes[i];
        letters[i] = wr_route_maintained(route) ? 'M' : wr_route_by_itself(route) ? 'o' : '.';
        assert_true(letters[i] != 'M' || wr_route_by_itself(route));
    }
    letters[policy->route_count] = '\0';
    return letters;
}

static void each_scope_concerns_its_routes(void **state)
{
    (void) state;
    assert_string_equal(now(), ".M.o.");
    assert_string_equal(set(WR_SWITCH_ROUTE, "page", true),
                        "on for route page, and by the policy: 2 of 5 routes");
    assert_string_equal(now(), "MM.o.");
    assert_string_equal(set(WR_SWITCH_ORIGIN, "api", true),
                        "on for route page, origin api, and by the policy: 3 of 5 routes");
    assert_string_equal(now(), "MM.oM");
    set(WR_SWITCH_ALL, "", true);
    assert_string_equal(now(), "MMMoM"); /* the redirect needs no origin */
    assert_string_equal(set(WR_SWITCH_ALL, "", false), "on by the policy: 1 of 5 routes");
    assert_string_equal(now(), ".M.o.");
}

static void a_switch_twice_is_no_mistake(void **state)
{
    (void) state;
    for (int i = 0; i < 2; i++)
        assert_string_equal(set(WR_SWITCH_ORIGIN, "app", true),
                            "on for origin app, and by the policy: 3 of 5 routes");
    for (int i = 0; i < 2; i++)
        assert_string_equal(set(WR_SWITCH_ORIGIN, "app", false), "on by the policy: 1 of 5 routes");
}

static void what_a_wider_switch_holds_is_not_switched_off(void **state)
{
    (void) state;
    set(WR_SWITCH_ROUTE, "page", true);
    set(WR_SWITCH_ORIGIN, "app", true);
    assert_string_equal(set(WR_SWITCH_ROUTE, "page", false),
                        "Maintenance is on for origin app: switch that off.");
    set(WR_SWITCH_ALL, "", true);
    assert_string_equal(set(WR_SWITCH_ORIGIN, "app", false),
                        "Maintenance is on for all origins: switch that off.");
    assert_string_equal(now(), "MMMoM");
}

static void an_unknown_name_changes_nothing(void **state)
{
    (void) state;
    assert_string_equal(set(WR_SWITCH_ROUTE, "pages", true),
                        "No route of the policy has the name \"pages\" (did you mean \"page\"?).");
    assert_string_equal(set(WR_SWITCH_ORIGIN, "ap", false),
                        "No route of the policy asks the origin \"ap\" (did you mean \"app\"?).");
    assert_string_equal(now(), ".M.o.");
    assert_int_equal(switches.count, 0);
}

static void switches_outlive_the_policy(void **state)
{
    (void) state;
    set(WR_SWITCH_ROUTE, "api", true);
    wr_policy_unref(policy);
    policy = right("listen: 127.0.0.1:1\n"
                   "origins: { app: { servers: 127.0.0.1:9 } }\n"
                   "routes: [{ match: {}, origin: app }]\n");
    wr_switches_apply(&switches, policy);
    assert_string_equal(now(), "."); /* no such route any more: the switch waits, and can be ended */
    wr_policy_unref(policy);
    policy = right(text);
    wr_switches_apply(&switches, policy);
    assert_string_equal(now(), ".M.oM");
    set(WR_SWITCH_ROUTE, "api", false);
    assert_int_equal(switches.count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_scope_concerns_its_routes),
        TEST(a_switch_twice_is_no_mistake),
        TEST(what_a_wider_switch_holds_is_not_switched_off),
        TEST(an_unknown_name_changes_nothing),
        TEST(switches_outlive_the_policy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
