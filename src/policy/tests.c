/* SPDX-License-Identifier: BSD-2-Clause */
/* Readers of the tests that a policy holds. */
#include "policy/tests.h"

#include "http/chars.h"
#include "policy/reader.h"

static struct wr_test_place place_of(struct wr_policy_reader *r, const struct wr_tree_node *node)
{
    return (struct wr_test_place){ wr_policy_reader_file(r, node), node->place.line, node->place.column };
}

void wr_read_tests(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                   void *at)
{
    struct wr_policy *p = at;
    p->test_count = wr_tree_node_items(node);
    p->tests = wr_arena_zalloc(r->arena, (p->test_count + 1) * sizeof *p->tests);
    for (size_t i = 0; i < p->test_count; i++)
        wr_policy_reader_section(r, o->kind->sub, wr_tree_node_item(node, i), &p->tests[i]);
}

/* --- the request --- */

/* Reads "GET https://host/path". Whether it is a request at all is found out when the test runs. */
void wr_read_test_request(struct wr_policy_reader *r, const struct wr_option *o,
                          const struct wr_tree_node *node, void *at)
{
    struct wr_policy_test *test = at;
    struct wr_slice url = wr_arena_copy(r->arena, node->text), method = wr_slice_cut(&url, ' ');
    test->place = place_of(r, node);
    test->method = method;
    test->url = wr_slice_trim(url);
    if (!wr_policy_reader_is_token(method) || test->url.len == 0)
        wr_policy_reader_error(r, o, node, "\"%.*s\" is not a method and a URL, such as GET http://host/path",
                               WR_SLICE_ARG(node->text));
}

void wr_read_test_fields(struct wr_policy_reader *r, const struct wr_option *o,
                         const struct wr_tree_node *node, void *at)
{
    struct wr_policy_test *test = at;
    struct wr_buf lines = { 0 };
    for (size_t i = 0; i < node->count; i++) {
        const struct wr_tree_node *key = node->entries[i].key, *item;
        if (!wr_policy_reader_is_token(key->text))
            wr_policy_reader_error(r, o, key, "\"%.*s\" is not the name of a field", WR_SLICE_ARG(key->text));
        for (size_t j = 0; (item = wr_policy_reader_next(r, o, node->entries[i].value, &j)) != NULL;) {
            if (!wr_chars_all(item->text, WR_CHAR_FIELD))
                wr_policy_reader_error(r, o, item, "\"%.*s\" holds a character that must not stand there",
                                       WR_SLICE_ARG(item->text));
            wr_buf_printf(&lines, "%.*s: %.*s\r\n", WR_SLICE_ARG(key->text), WR_SLICE_ARG(item->text));
        }
    }
    test->fields = wr_arena_copy(r->arena, wr_buf_slice(&lines));
    wr_buf_fini(&lines);
}

void wr_read_test_client(struct wr_policy_reader *r, const struct wr_option *o,
                         const struct wr_tree_node *node, void *at)
{
    struct wr_policy_test *test = at;
    if (!wr_address_read(node->text, test->client))
        wr_policy_reader_error(r, o, node, "\"%.*s\" is not an IP address", WR_SLICE_ARG(node->text));
}

/* --- what is expected --- */

/* Adds an expectation; what it is, the option's key says. node: the value; a list gives several. */
static struct wr_expectation *expect(struct wr_policy_reader *r, const struct wr_option *o,
                                     const struct wr_tree_node *node, struct wr_policy_test *test)
{
    struct wr_expectation *more = wr_arena_zalloc(r->arena, (test->expectation_count + 1) * sizeof *more);
    const struct wr_tree_node *item;
    int what = wr_words_find(&wr_words_expect, wr_slice_str(o->key));
    WR_CHECK(what >= 0);
    if (test->expectation_count)
        memcpy(more, test->expectations, test->expectation_count * sizeof *more);
    test->expectations = more;
    struct wr_expectation *new = &more[test->expectation_count++];
    new->what = (enum wr_expect) what;
    new->place = place_of(r, node);
    new->values = wr_arena_zalloc(r->arena, (wr_tree_node_items(node) + 1) * sizeof *new->values);
    for (size_t i = 0; (item = wr_policy_reader_next(r, o, node, &i)) != NULL;)
        new->values[new->count++] = wr_arena_copy(r->arena, item->text);
    return new;
}

void wr_read_expect(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                    void *at)
{
    wr_policy_reader_section(r, o->kind->sub, node, at);
    if (node && node->count == 0)
        wr_policy_reader_error(r, o, node, "it is empty, and so would accept everything");
}

void wr_read_expect_text(struct wr_policy_reader *r, const struct wr_option *o,
                         const struct wr_tree_node *node, void *at)
{
    (void) expect(r, o, node, at);
}

void wr_read_expect_route(struct wr_policy_reader *r, const struct wr_option *o,
                          const struct wr_tree_node *node, void *at)
{
    (void) wr_policy_reader_refer(r, o, node, &r->routes, "routes");
    (void) expect(r, o, node, at);
}

void wr_read_expect_limits(struct wr_policy_reader *r, const struct wr_option *o,
                           const struct wr_tree_node *node, void *at)
{
    const struct wr_tree_node *item;
    for (size_t i = 0; (item = wr_policy_reader_next(r, o, node, &i)) != NULL;)
        (void) wr_policy_reader_refer(r, o, item, &r->limits, "limits");
    (void) expect(r, o, node, at);
}

void wr_read_expect_ttl(struct wr_policy_reader *r, const struct wr_option *o,
                        const struct wr_tree_node *node, void *at)
{
    struct wr_expectation *new = expect(r, o, node, at);
    const char *reason = NULL;
    if (wr_tree_node_is(node, "none"))
        new->ttl = WR_TTL_NONE;
    else if (wr_tree_node_is(node, "off"))
        new->ttl = WR_TTL_OFF;
    else
        reason = wr_span_parse(node->text, &new->span);
    if (reason)
        wr_policy_reader_error(r, o, node, "\"%.*s\" is neither none nor off: %s", WR_SLICE_ARG(node->text),
                               reason);
}

void wr_read_expect_status(struct wr_policy_reader *r, const struct wr_option *o,
                           const struct wr_tree_node *node, void *at)
{
    if (wr_policy_reader_status(node->text) < 200)
        wr_policy_reader_error(r, o, node, "\"%.*s\" is not a status from 200 to 599",
                               WR_SLICE_ARG(node->text));
    (void) expect(r, o, node, at);
}

void wr_read_expect_fields(struct wr_policy_reader *r, const struct wr_option *o,
                           const struct wr_tree_node *node, void *at)
{
    for (size_t i = 0; i < node->count; i++) {
        const struct wr_tree_node *key = node->entries[i].key, *value = node->entries[i].value;
        if (!wr_policy_reader_is_token(key->text))
            wr_policy_reader_error(r, o, key, "\"%.*s\" is not the name of a field", WR_SLICE_ARG(key->text));
        struct wr_expectation *new = expect(r, o, value, at);
        int on = value->kind == WR_NODE_SCALAR && !value->quoted ? wr_policy_reader_switch(value) : -1;
        new->name = wr_arena_copy(r->arena, key->text);
        new->absent = on == 0;
        if (on >= 0)
            new->count = 0;
        else if (new->count == 0)
            wr_policy_reader_error(r, o, value, "an empty list matches nothing: write off, if that is meant");
    }
}
