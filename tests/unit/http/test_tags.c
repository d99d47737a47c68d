/* http/tags: three fields, one kind of tag. */
#include "head_of.h"

#include "http/tags.h"

static void tags_are_collected_once(void **state)
{
    (void) state;
    struct head_of room;
    struct wr_arena arena = { 0 };
    struct wr_slice tags[8];
    size_t count = 0;
    const struct wr_head *h = head_of(
        &room,
        "Cache-Tag: a, b ,,c d\r\nCache-Tag: a\r\nSurrogate-Key: b  e\tf \r\n"
        "Cache-Groups: \"g\", \"h, \\\"i\\\\\";p=1, token, 5, \"\"\r\nCache-Groups: \"j\", broken\"\r\n");
    assert_true(wr_tags_add(h, WR_F_CACHE_TAG, &arena, tags, 8, &count));
    assert_true(wr_tags_add(h, WR_F_SURROGATE_KEY, &arena, tags, 8, &count));
    assert_true(wr_tags_add(h, WR_F_CACHE_GROUPS, &arena, tags, 8, &count));
    assert_true(wr_tags_add(h, WR_F_CACHE_GROUP_INVALIDATION, &arena, tags, 8, &count));
    static const char *want[] = { "a", "b", "c d", "e\tf", "g", "h, \"i\\" };
    assert_int_equal(count, sizeof want / sizeof want[0]);
    for (size_t i = 0; i < count; i++)
        assert_true(wr_slice_eq(tags[i], wr_slice_str(want[i])));
    count = 0;
    assert_false(wr_tags_add(h, WR_F_CACHE_TAG, &arena, tags, 2, &count));
    assert_int_equal(count, 2);
    wr_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(tags_are_collected_once) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
