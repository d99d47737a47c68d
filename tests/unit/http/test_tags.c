/* SPDX-License-Identifier: BSD-2-Clause */
/* http/tags: three fields, one kind of tag. */
#include "head_of.h"

#include "http/tags.h"

static void tags_are_collected_once(void **state)
{
    (void) state;
    struct head_of room;
    struct wr_arena arena = { 0 };
    struct wr_tags tags = { .arena = &arena };
    const struct wr_head *h = head_of(
        &room,
        "Cache-Tag: a, b ,,c d\r\nCache-Tag: a\r\nSurrogate-Key: b  e\tf \r\n"
        "Cache-Groups: \"g\", \"h, \\\"i\\\\\";p=1, token, 5, \"\"\r\nCache-Groups: \"j\", broken\"\r\n");
    wr_tags_add(&tags, h, WR_F_CACHE_TAG);
    wr_tags_add(&tags, h, WR_F_SURROGATE_KEY);
    wr_tags_add(&tags, h, WR_F_CACHE_GROUPS);
    wr_tags_add(&tags, h, WR_F_CACHE_GROUP_INVALIDATION);
    static const char *want[] = { "a", "b", "c d", "e\tf", "g", "h, \"i\\" };
    assert_int_equal(tags.count, sizeof want / sizeof want[0]);
    for (size_t i = 0; i < tags.count; i++)
        assert_true(wr_slice_eq(tags.of[i], wr_slice_str(want[i])));
    wr_arena_fini(&arena);
}

/* As many tags as fit into a head. */
static void thousands_of_tags_are_no_trouble(void **state)
{
    (void) state;
    struct head_of room;
    struct wr_arena arena = { 0 };
    struct wr_tags tags = { .arena = &arena };
    struct wr_buf text = { 0 };
    wr_buf_add_str(&text, "Surrogate-Key:");
    for (unsigned round = 0; round < 2; round++)
        for (unsigned i = 0; i < 5000; i++)
            wr_buf_printf(&text, " t%u", i);
    wr_buf_add(&text, "\r\n", 3);
    const struct wr_head *h = head_of(&room, text.at);
    wr_tags_add(&tags, h, WR_F_SURROGATE_KEY);
    assert_int_equal(tags.count, 5000);
    for (unsigned i = 0; i < 5000; i++) {
        char want[16];
        snprintf(want, sizeof want, "t%u", i);
        assert_true(wr_slice_eq(tags.of[i], wr_slice_str(want)));
    }
    wr_buf_fini(&text);
    wr_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(tags_are_collected_once),
                                        cmocka_unit_test(thousands_of_tags_are_no_trouble) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
