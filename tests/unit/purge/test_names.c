/* SPDX-License-Identifier: BSD-2-Clause */
/* purge/names: which responses a purge concerns. */
#include "test.h"

#include "purge/names.h"

#define A                \
    {                    \
        .lo = 1, .hi = 1 \
    }
#define B                \
    {                    \
        .lo = 2, .hi = 2 \
    }
#define C                \
    {                    \
        .lo = 3, .hi = 3 \
    }

static void a_purge_means_what_it_names(void **state)
{
    /* A response under the key example.com/shop/a, with the hash A and these tags and groups. */
    static const struct wr_slice tags = WR_SLICE_INIT("red\nnew\n\tsale\n");
    static const struct {
        struct wr_purge purge;
        bool means, means_untagged;
    } cases[] = {
        { { .scope = WR_SCOPE_ALL }, true, true },
        { { .scope = WR_SCOPE_URL, .primary = A, .other = B }, true, true },
        { { .scope = WR_SCOPE_URL, .primary = B, .other = A }, true, true },
        { { .scope = WR_SCOPE_URL, .primary = B, .other = C }, false, false },
        { { .scope = WR_SCOPE_TAG, .name = WR_SLICE_INIT("red") }, true, false },
        { { .scope = WR_SCOPE_TAG, .name = WR_SLICE_INIT("new") }, true, false },
        { { .scope = WR_SCOPE_TAG, .name = WR_SLICE_INIT("re") }, false, false },
        { { .scope = WR_SCOPE_TAG, .name = WR_SLICE_INIT("Red") }, false, false },
        { { .scope = WR_SCOPE_TAG, .name = WR_SLICE_INIT("sale") }, false, false }, /* that is a group */
        { { .scope = WR_SCOPE_GROUP, .name = WR_SLICE_INIT("example.com sale") }, true, false },
        { { .scope = WR_SCOPE_GROUP, .name = WR_SLICE_INIT("example.org sale") }, false, false },
        { { .scope = WR_SCOPE_GROUP, .name = WR_SLICE_INIT("example.com red") }, false, false },
        { { .scope = WR_SCOPE_HOST, .name = WR_SLICE_INIT("example.com") }, true, true },
        { { .scope = WR_SCOPE_HOST, .name = WR_SLICE_INIT("example.co") }, false, false },
        { { .scope = WR_SCOPE_PREFIX, .name = WR_SLICE_INIT("example.com/shop/") }, true, true },
        { { .scope = WR_SCOPE_PREFIX, .name = WR_SLICE_INIT("example.com/shop/b") }, false, false },
        { { .scope = WR_SCOPE_PREFIX, .name = WR_SLICE_INIT("example.com/") }, true, true },
    };
    const struct wr_key primary = { .text = WR_SLICE("example.com/shop/a"), .hash = A };
    const struct wr_slice host = WR_SLICE("example.com");
    (void) state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct wr_purge *p = &cases[i].purge;
        if (wr_purge_means(p, &primary, host, tags) != cases[i].means ||
            wr_purge_means(p, &primary, host, wr_slice(NULL, 0)) != cases[i].means_untagged)
            fail_msg("%s \"%.*s\"", wr_scope_name(p->scope), WR_SLICE_ARG(p->name));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_purge_means_what_it_names) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
