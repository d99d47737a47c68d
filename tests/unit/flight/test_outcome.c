/* SPDX-License-Identifier: BSD-2-Clause */
/* flight/outcome: nodes of several versions send these words to each other, so no word may change its
 * meaning. */
#include "test.h"

#include "flight/outcome.h"

static void each_word_has_one_meaning(void **state)
{
    static const struct {
        const char *word;
        enum wr_outcome outcome;
        enum wr_then then;
    } words[] = {
        { "arriving", WR_OUTCOME_ARRIVING, WR_THEN_LOOK },
        { "stored", WR_OUTCOME_STORED, WR_THEN_LOOK },
        { "private", WR_OUTCOME_PRIVATE, WR_THEN_PASS },
        { "unstored", WR_OUTCOME_UNSTORED, WR_THEN_FETCH },
        { "personal", WR_OUTCOME_PERSONAL, WR_THEN_CONTEND },
        { "purged", WR_OUTCOME_PURGED, WR_THEN_LEARN },
        { "error", WR_OUTCOME_ERROR, WR_THEN_CONTEND },
        { "failed", WR_OUTCOME_FAILED, WR_THEN_CONTEND },
        { "abandoned", WR_OUTCOME_ABANDONED, WR_THEN_CONTEND },
    };
    (void) state;
    assert_int_equal(sizeof words / sizeof words[0], WR_OUTCOME_COUNT);
    for (size_t i = 0; i < WR_OUTCOME_COUNT; i++) {
        struct wr_slice word = wr_slice_str(words[i].word);
        assert_int_equal(wr_outcome_of(word), words[i].outcome);
        assert_true(wr_slice_eq(wr_outcome_word(words[i].outcome), word));
        assert_int_equal(wr_outcome_then(words[i].outcome), words[i].then);
    }
}

static void an_unknown_word_leads_to_a_look(void **state)
{
    static const char *const words[] = { "", "store", "storedx", "STORED", "from a later version" };
    (void) state;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        assert_int_equal(wr_outcome_of(wr_slice_str(words[i])), WR_OUTCOME_COUNT);
    assert_int_equal(wr_outcome_then(WR_OUTCOME_COUNT), WR_THEN_LOOK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_word_has_one_meaning),
        cmocka_unit_test(an_unknown_word_leads_to_a_look),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
