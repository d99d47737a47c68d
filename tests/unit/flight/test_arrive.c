/* SPDX-License-Identifier: BSD-2-Clause */
/* flight/arrive: which responses other nodes may read while they arrive. */
#include "test.h"

#include "flight/flight_priv.h"

struct arrive_case {
    int64_t length;   /* bytes of the content; -1: unknown */
    int64_t lifetime; /* seconds */
    int64_t swr;      /* stale-while-revalidate, in seconds */
    unsigned flags;   /* enum wr_object_flag */
    bool whole;       /* the content has come */
    bool validated;   /* a 304 has confirmed the stale response, so its content is used */
    bool may;
};

static void check(const struct arrive_case *c)
{
    struct wr_object built = { .meta = { .length = c->length < 0 ? UINT64_MAX : (uint64_t) c->length,
                                         .flags = c->flags,
                                         .lifetime = WR_SPAN_S(c->lifetime),
                                         .swr = WR_SPAN_S(c->swr) } };
    struct wr_object stale = { .flow = wr_flow_of(WR_SLICE("other")) };
    built.flow = wr_flow_new(UINT64_MAX, true, UINT64_MAX);
    if (c->whole)
        wr_flow_end(built.flow, WR_OK, wr_slice(NULL, 0));
    assert_int_equal(wr_flight_may_arrive(&built, NULL), c->may);
    assert_int_equal(wr_flight_may_arrive(&built, &stale), c->may);
    if (c->validated) {
        struct wr_object same = { .flow = built.flow };
        assert_false(wr_flight_may_arrive(&built, &same));
    }
    wr_flow_unref(built.flow);
    wr_flow_unref(stale.flow);
}

static void only_shareable_content_of_known_length_may_arrive(void **state)
{
    static const struct arrive_case cases[] = {
        { .length = 9, .lifetime = 60, .validated = true, .may = true },
        { .length = 0, .lifetime = 60, .may = true },
        { .length = -1, .lifetime = 60 },
        { .length = 9, .lifetime = 60, .whole = true }, /* it lands at once */
        { .length = 9, .lifetime = 0 },                 /* each request has to validate it */
        { .length = 9, .lifetime = 60, .flags = WR_OF_NO_CACHE },
        { .length = 9, .lifetime = 0, .swr = 60, .may = true },
        { .length = 9, .lifetime = 0, .swr = 60, .flags = WR_OF_NO_CACHE },
    };
    (void) state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check(&cases[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(only_shareable_content_of_known_length_may_arrive) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
