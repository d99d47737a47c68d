/* SPDX-License-Identifier: BSD-2-Clause */
/* http/chars: the table of classes is compared with the grammars of the RFCs; lists of values. */
#include "test.h"

#include "http/chars.h"

static bool among(int c, const char *set)
{
    return c != 0 && strchr(set, c) != NULL;
}

static unsigned classes_of(int c)
{
    bool digit = c >= '0' && c <= '9', lower = c >= 'a' && c <= 'z', alpha = lower || (c >= 'A' && c <= 'Z');
    unsigned classes = 0;
    if (digit || alpha || among(c, "!#$%&'*+-.^_`|~"))
        classes |= WR_CHAR_TOKEN;
    /* RFC 3986: unreserved, gen-delims but '#', sub-delims, '%'; and what browsers send raw */
    if (digit || alpha || among(c, "-._~:/?[]@!$&'()*+,;=%\"<>\\^`{|}") || c >= 0x80)
        classes |= WR_CHAR_TARGET;
    if (digit || alpha || among(c, "-._~!$&'()*+,;=%"))
        classes |= WR_CHAR_REGNAME;
    if (c == '\t' || (c >= ' ' && c <= '~') || c >= 0x80)
        classes |= WR_CHAR_FIELD;
    if (digit || among(c, "abcdefABCDEF"))
        classes |= WR_CHAR_HEX;
    if (digit)
        classes |= WR_CHAR_DIGIT;
    if (c == 0x21 || (c >= 0x23 && c <= 0x7e) || c >= 0x80)
        classes |= WR_CHAR_ETAG;
    if (digit || lower || among(c, "_-.*"))
        classes |= WR_CHAR_KEY;
    return classes;
}

static void the_table_is_the_grammar(void **state)
{
    (void) state;
    for (int c = 0; c < 256; c++)
        if (wr_char_classes[c] != classes_of(c))
            fail_msg("byte 0x%02x: %u, not %u", (unsigned) c, wr_char_classes[c], classes_of(c));
}

static void lists_skip_what_is_empty_and_keep_what_is_quoted(void **state)
{
    (void) state;
    struct wr_list list = wr_list(WR_SLICE(" , a ,\t,b=\"x,\\\",y\" , \"open, \\\"c"));
    struct wr_slice item;
    static const char *want[] = { "a", "b=\"x,\\\",y\"", "\"open", "\\\"c" };
    for (size_t i = 0; i < 4; i++) {
        assert_true(wr_list_next(&list, &item));
        assert_true(wr_slice_eq(item, wr_slice_str(want[i])));
    }
    assert_false(wr_list_next(&list, &item));
    assert_int_equal(wr_quoted_span(WR_SLICE("\"a\\\"b\"c")), 6);
    assert_int_equal(wr_quoted_span(WR_SLICE("\"a\\\"")), 0);
    assert_int_equal(wr_quoted_span(WR_SLICE("\"a\\")), 0);
    assert_int_equal(wr_quoted_span(WR_SLICE("a")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_the_grammar),
        cmocka_unit_test(lists_skip_what_is_empty_and_keep_what_is_quoted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
