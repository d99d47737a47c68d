/* SPDX-License-Identifier: BSD-2-Clause */
/* Compares what a policy does with a request (main/explain.h) with what its tests expect. */
#include "main/policy_tests.h"

#include "cache/freshness.h"
#include "main/explain.h"

/* One expectation under comparison. */
struct comparison {
    struct wr_explained *e;
    const struct wr_expectation *wanted;
    struct wr_buf came; /* in words, for the message */
};

static bool fits_value(const struct comparison *c, struct wr_slice text)
{
    return wr_slice_matches(text, c->wanted->values[0], NULL);
}

static void add_quoted(struct wr_buf *out, struct wr_slice text)
{
    wr_buf_add_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == '\n')
            wr_buf_add_str(out, "\\n");
        else
            wr_buf_add_char(out, text.at[i]);
    }
    wr_buf_add_char(out, '"');
}

static bool meets_route(struct comparison *c)
{
    const struct wr_route *route = c->e->route;
    if (route == NULL)
        wr_buf_add_str(&c->came, "no route matches");
    else if (route->name)
        wr_buf_printf(&c->came, "\"%s\" is the first that matches", route->name);
    else
        wr_buf_printf(&c->came, "the route on line %d of %s is the first that matches", route->line,
                      route->file);
    return route && route->name && fits_value(c, wr_slice_str(route->name));
}

static bool meets_key(struct comparison *c)
{
    struct wr_slice key = c->e->key.text;
    if (c->e->cache != WR_EXPLAINED_USED || c->e->by != WR_EXPLAINED_ORIGIN) {
        wr_buf_add_str(&c->came, "nothing is stored");
        return false;
    }
    while (key.len > 0 && key.at[key.len - 1] == '\n')
        key.len--;
    add_quoted(&c->came, key);
    return fits_value(c, key);
}

static bool meets_ttl(struct comparison *c)
{
    struct wr_span span;
    if (c->e->by != WR_EXPLAINED_ORIGIN || c->e->cache != WR_EXPLAINED_USED) {
        wr_buf_add_str(&c->came, "off");
        return c->wanted->ttl == WR_TTL_OFF;
    }
    if (!wr_policy_lifetime(&c->e->route->cache, 200, &span)) {
        wr_buf_add_str(&c->came, "none");
        return c->wanted->ttl == WR_TTL_NONE;
    }
    wr_span_write(&c->came, span);
    return c->wanted->ttl == WR_TTL_SPAN && span.us == c->wanted->span.us;
}

static bool meets_limits(struct comparison *c)
{
    bool all = c->wanted->count == c->e->limit_count;
    for (size_t i = 0; i < c->e->limit_count; i++) {
        struct wr_slice name = wr_slice_str(c->e->limits[i].limit->name);
        bool wanted = false;
        for (size_t j = 0; j < c->wanted->count; j++)
            wanted = wanted || wr_slice_eq(name, c->wanted->values[j]);
        all = all && wanted;
        wr_buf_printf(&c->came, "%s%.*s", i ? ", " : "", WR_SLICE_ARG(name));
    }
    if (c->e->limit_count == 0)
        wr_buf_add_str(&c->came, "no limit");
    return all;
}

static bool meets_status(struct comparison *c)
{
    uint64_t status = 0;
    if (c->e->by == WR_EXPLAINED_ORIGIN)
        wr_buf_printf(&c->came, "the origin %s answers", c->e->route->origin->name);
    else
        wr_buf_printf(&c->came, "%d", c->e->status);
    return wr_slice_u64(c->wanted->values[0], 599, &status) && c->e->by != WR_EXPLAINED_ORIGIN &&
           (int) status == c->e->status;
}

static bool meets_redirect(struct comparison *c)
{
    if (c->e->by != WR_EXPLAINED_REDIRECT) {
        wr_buf_add_str(&c->came, "the answer is no redirect");
        return false;
    }
    add_quoted(&c->came, c->e->location);
    return fits_value(c, c->e->location);
}

/* Fields of the answer, as far as the policy decides about them: those that it writes and those that it
 * drops. */
static bool meets_header(struct comparison *c)
{
    const struct wr_expectation *wanted = c->wanted;
    struct wr_slice rest = c->e->answer_fields, line;
    bool there = false, fits = false;
    while (rest.len > 0 && (line = wr_slice_cut(&rest, '\n')).at != NULL) {
        struct wr_slice value = line, name = wr_slice_cut(&value, ':');
        if (!wr_slice_eq_nocase(name, wanted->name))
            continue;
        value = wr_slice_trim(wr_slice_cut(&value, '\r'));
        wr_buf_add_str(&c->came, there ? ", " : "");
        add_quoted(&c->came, value);
        there = true;
        fits = fits || wanted->count == 0;
        for (size_t i = 0; i < wanted->count; i++)
            fits = fits || wr_slice_matches(value, wanted->values[i], NULL);
    }
    if (there)
        return fits && !wanted->absent;
    bool dropped = c->e->route && wr_edit_drops(&c->e->route->response, wanted->name);
    wr_buf_add_str(&c->came, dropped ? "the policy removes it" : "the policy neither writes nor removes it");
    return wanted->absent && dropped;
}

static bool meets(struct comparison *c)
{
    switch (c->wanted->what) {
    case WR_EXPECT_ROUTE:
        return meets_route(c);
    case WR_EXPECT_KEY:
        return meets_key(c);
    case WR_EXPECT_TTL:
        return meets_ttl(c);
    case WR_EXPECT_LIMITS:
        return meets_limits(c);
    case WR_EXPECT_STATUS:
        return meets_status(c);
    case WR_EXPECT_REDIRECT:
        return meets_redirect(c);
    case WR_EXPECT_HEADER:
        break;
    }
    return meets_header(c);
}

/* Writes what was expected. */
static void write_wanted(const struct wr_expectation *wanted, struct wr_buf *out)
{
    wr_buf_add_str(out, wr_words_text(&wr_words_expect, wanted->what));
    if (wanted->what == WR_EXPECT_HEADER)
        wr_buf_printf(out, " %.*s", WR_SLICE_ARG(wanted->name));
    wr_buf_add_str(out, ": ");
    for (size_t i = 0; i < wanted->count; i++) {
        wr_buf_add_str(out, i ? ", " : "");
        add_quoted(out, wanted->values[i]);
    }
    if (wanted->count == 0)
        wr_buf_add_str(out, wanted->what == WR_EXPECT_LIMITS ? "no limit" : wanted->absent ? "off" : "on");
    wr_buf_add_str(out, " is expected");
}

static void run(const struct wr_policy *policy, const struct wr_policy_test *test,
                struct wr_remarks *findings)
{
    struct wr_explain_ask ask = {
        .method = test->method, .url = test->url, .fields = test->fields, .now = wr_time_wall()
    };
    struct wr_explained e;
    struct wr_buf why = { 0 };
    memcpy(ask.client, test->client, sizeof ask.client);
    bool good = wr_explain(&e, policy, &ask, &why);
    if (!good)
        wr_remarks_add(findings, WR_SEVERITY_ERROR, test->place.file, test->place.line, test->place.column,
                       "the test can't be run: %.*s", (int) why.len - 1, why.at);
    for (size_t i = 0; good && i < test->expectation_count; i++) {
        struct comparison c = { .e = &e, .wanted = &test->expectations[i] };
        const struct wr_test_place *place = &c.wanted->place;
        struct wr_buf wanted = { 0 };
        write_wanted(c.wanted, &wanted);
        if (!meets(&c))
            wr_remarks_add(findings, WR_SEVERITY_ERROR, place->file, place->line, place->column,
                           "the test of %.*s %.*s fails: %.*s, but: %.*s", WR_SLICE_ARG(test->method),
                           WR_SLICE_ARG(test->url), WR_SLICE_ARG(wr_buf_slice(&wanted)),
                           WR_SLICE_ARG(wr_buf_slice(&c.came)));
        wr_buf_fini(&wanted);
        wr_buf_fini(&c.came);
    }
    wr_explain_fini(&e);
    wr_buf_fini(&why);
}

void wr_policy_tests_run(const struct wr_policy *policy, struct wr_remarks *findings)
{
    for (size_t i = 0; i < policy->test_count; i++)
        run(policy, &policy->tests[i], findings);
}
