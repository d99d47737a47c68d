/* SPDX-License-Identifier: BSD-2-Clause */
/* Readers of switches and quantities, within the option's range. */
#include <limits.h>

#include "policy/reader.h"

void wr_read_flag(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                  void *at)
{
    int on = wr_policy_reader_switch(node);
    if (on < 0)
        wr_policy_reader_error(r, o, node, "\"%.*s\" is not on or off", WR_SLICE_ARG(node->text));
    else
        *(bool *) at = on;
}

void wr_read_negated(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                     void *at)
{
    bool on = false;
    wr_read_flag(r, o, node, &on);
    *(bool *) at = !on;
}

/* Splits "least..most" into its two ends. */
static void split_range(const struct wr_option *o, struct wr_slice *least, struct wr_slice *most)
{
    const char *dots = o->range ? strstr(o->range, "..") : NULL;
    WR_CHECK(dots != NULL); /* a fault of the option's row */
    *least = wr_slice(o->range, (size_t) (dots - o->range));
    *most = wr_slice_str(dots + 2);
}

static void note_range(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node)
{
    struct wr_slice least, most;
    split_range(o, &least, &most);
    wr_policy_reader_error(r, o, node, "%.*s is out of range: from %.*s to %.*s", WR_SLICE_ARG(node->text),
                           WR_SLICE_ARG(least), WR_SLICE_ARG(most));
}

/* Splits a text into the number at its front and the unit after it. */
static void split_unit(struct wr_slice text, struct wr_slice *number, struct wr_slice *unit)
{
    size_t digits = 0;
    while (digits < text.len && text.at[digits] >= '0' && text.at[digits] <= '9')
        digits++;
    *number = wr_slice(text.at, digits);
    *unit = wr_slice_trim(wr_slice_from(text, digits));
}

/* Returns weir's spelling of a unit ("sec" is s, "MiB" is MB), or NULL if it is unknown. */
static const char *usual_unit(struct wr_slice unit, bool size)
{
    if (unit.len == 0)
        return size ? NULL : "s";
    char c = wr_lower(unit.at[0]);
    if (size)
        return c == 'b' ? "B" : c == 'k' ? "KB" : c == 'm' ? "MB" : c == 'g' ? "GB" : NULL;
    bool milli = c == 'm' && ((unit.len > 1 && unit.at[1] == 's') || (unit.len > 2 && unit.at[2] == 'l'));
    return milli ? "ms" : c == 's' ? "s" : c == 'm' ? "m" : c == 'h' ? "h" : c == 'd' ? "d" : NULL;
}

static bool span_in_range(const struct wr_option *o, struct wr_span span)
{
    struct wr_slice least, most;
    struct wr_span low, high;
    split_range(o, &least, &most);
    WR_CHECK(wr_span_parse(least, &low) == NULL && wr_span_parse(most, &high) == NULL);
    return span.us >= low.us && span.us <= high.us;
}

/* Suggests the unit of a bare number: seconds, unless only milliseconds are within the range. */
static const char *unit_of_bare(struct wr_policy_reader *r, const struct wr_option *o, struct wr_slice number)
{
    struct wr_span s;
    const char *in_s = wr_arena_printf(r->errors->arena, "%.*ss", WR_SLICE_ARG(number)).at;
    const char *in_ms = wr_arena_printf(r->errors->arena, "%.*sms", WR_SLICE_ARG(number)).at;
    if (wr_span_parse(wr_slice_str(in_s), &s) == NULL && span_in_range(o, s))
        return "s";
    return wr_span_parse(wr_slice_str(in_ms), &s) == NULL && span_in_range(o, s) ? "ms" : NULL;
}

static void note_unit(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                      const char *reason, bool size)
{
    struct wr_slice number, unit;
    split_unit(node->text, &number, &unit);
    const char *usual = number.len ? usual_unit(unit, size) : NULL;
    if (usual && !size && unit.len == 0)
        usual = unit_of_bare(r, o, number);
    if (usual && !wr_slice_eq(unit, wr_slice_str(usual)))
        wr_policy_reader_error(r, o, node, "%s (did you mean \"%.*s%s\"?)", reason, WR_SLICE_ARG(number),
                               usual);
    else
        wr_policy_reader_error(r, o, node, "%s", reason);
}

static bool none_allowed(const struct wr_option *o)
{
    return strstr(o->kind->word, "none") != NULL;
}

void wr_read_span(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                  void *at)
{
    struct wr_span span;
    if (none_allowed(o) && wr_tree_node_is(node, "none")) {
        *(struct wr_span *) at = WR_SPAN_S(0);
        return;
    }
    const char *reason = wr_span_parse(node->text, &span);
    if (reason) {
        note_unit(r, o, node, reason, false);
        return;
    }
    if (!span_in_range(o, span))
        note_range(r, o, node);
    else
        *(struct wr_span *) at = span;
}

void wr_read_size(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                  void *at)
{
    struct wr_slice least, most;
    uint64_t size, low, high;
    if (none_allowed(o) && wr_tree_node_is(node, "none")) {
        *(uint64_t *) at = 0;
        return;
    }
    const char *reason = wr_size_parse(node->text, &size);
    if (reason) {
        note_unit(r, o, node, reason, true);
        return;
    }
    split_range(o, &least, &most);
    WR_CHECK(wr_size_parse(least, &low) == NULL && wr_size_parse(most, &high) == NULL);
    if (size < low || size > high)
        note_range(r, o, node);
    else
        *(uint64_t *) at = size;
}

/* A size per second: "500B/s", or just "500B". */
void wr_read_byte_rate(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                       void *at)
{
    struct wr_tree_node size = *node;
    if (size.text.len > 2 && wr_slice_eq(wr_slice(size.text.at + size.text.len - 2, 2), WR_SLICE("/s")))
        size.text.len -= 2;
    wr_read_size(r, o, &size, at);
}

/* The kind's word for the manual names what may stand instead of a number: "number | auto". */
static void note_not_whole(struct wr_policy_reader *r, const struct wr_option *o,
                           const struct wr_tree_node *node)
{
    const char *bar = strstr(o->kind->word, "| ");
    struct wr_slice instead = wr_slice_str(bar ? bar + 2 : NULL);
    struct wr_guess guess = wr_guess_for(node->text);
    if (bar)
        wr_guess_offer(&guess, instead);
    wr_policy_reader_error(r, o, node, "\"%.*s\" is not a whole number%s%.*s%s", WR_SLICE_ARG(node->text),
                           bar ? " or " : "", WR_SLICE_ARG(instead), wr_guess_text(&guess, r->errors->arena));
}

/* Reads a whole number within the option's range. */
static bool read_whole(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                       uint64_t *out)
{
    struct wr_slice least, most;
    uint64_t low, high;
    split_range(o, &least, &most);
    WR_CHECK(wr_slice_u64(least, UINT64_MAX, &low) && wr_slice_u64(most, UINT64_MAX, &high));
    struct wr_slice number, rest;
    split_unit(node->text, &number, &rest);
    if (number.len == 0 || number.len != node->text.len)
        note_not_whole(r, o, node);
    else if (!wr_slice_u64(number, high, out) || *out < low)
        note_range(r, o, node);
    else
        return true;
    return false;
}

void wr_read_text(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                  void *at)
{
    if (node->text.len == 0)
        wr_policy_reader_error(r, o, node, "an empty text is in everything: leave it out");
    *(char **) at = wr_policy_reader_copy(r, node->text);
}

void wr_read_count(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                   void *at)
{
    uint64_t n = 0;
    if ((none_allowed(o) && wr_tree_node_is(node, "none")) || read_whole(r, o, node, &n))
        *(unsigned *) at = (unsigned) n;
}

/* A length may be 0, so "none" is the greatest number. */
void wr_read_length(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                    void *at)
{
    if (wr_tree_node_is(node, "none"))
        *(unsigned *) at = UINT_MAX;
    else
        wr_read_count(r, o, node, at);
}

void wr_read_burst(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                   void *at)
{
    uint64_t n = 0;
    if (read_whole(r, o, node, &n))
        *(uint64_t *) at = n;
}

/* Reads digits, perhaps with a point and more digits. Doesn't depend on the locale. */
static bool parse_decimal(struct wr_slice s, double *out)
{
    struct wr_slice rest = s, whole = wr_slice_cut(&rest, '.');
    uint64_t n, part = 0;
    if (!wr_slice_u64(whole, 1000000, &n) ||
        (rest.at && (rest.len > 9 || !wr_slice_u64(rest, UINT64_MAX, &part))))
        return false;
    double scale = 1;
    for (size_t i = 0; rest.at && i < rest.len; i++)
        scale *= 10;
    *out = (double) n + (double) part / scale;
    return true;
}

void wr_read_number(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                    void *at)
{
    struct wr_slice least, most;
    double n, low, high;
    split_range(o, &least, &most);
    WR_CHECK(parse_decimal(least, &low) && parse_decimal(most, &high));
    if (!parse_decimal(node->text, &n))
        wr_policy_reader_error(r, o, node, "\"%.*s\" is not a number such as 1 or 0.5",
                               WR_SLICE_ARG(node->text));
    else if (n < low || n > high)
        note_range(r, o, node);
    else
        *(double *) at = n;
}

void wr_read_share(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                   void *at)
{
    struct wr_slice least, most;
    double share, low, high, plain;
    if (strstr(o->kind->word, "off") && wr_tree_node_is(node, "off")) {
        *(double *) at = 0;
        return;
    }
    const char *reason = wr_share_parse(node->text, &share);
    if (reason && parse_decimal(node->text, &plain) && plain <= 100) {
        int percent = (int) (plain < 1 ? plain * 100 + 0.5 : plain);
        wr_policy_reader_error(r, o, node, "%s (did you mean \"%d%%\"?)", reason, percent);
        return;
    }
    if (reason) {
        wr_policy_reader_error(r, o, node, "%s", reason);
        return;
    }
    split_range(o, &least, &most);
    WR_CHECK(wr_share_parse(least, &low) == NULL && wr_share_parse(most, &high) == NULL);
    if (share < low || share > high)
        note_range(r, o, node);
    else
        *(double *) at = share;
}

void wr_read_rate(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                  void *at)
{
    struct wr_rate rate;
    const char *reason = wr_rate_parse(node->text, &rate);
    if (reason == NULL) {
        *(struct wr_rate *) at = rate;
        return;
    }
    struct wr_slice rest = node->text, count = wr_slice_trim(wr_slice_cut(&rest, '/')), number, unit;
    split_unit(count, &number, &unit);
    const char *usual = usual_unit(wr_slice_trim(rest), false);
    struct wr_slice better = wr_slice(NULL, 0);
    if (number.len && number.len == count.len && usual)
        better = wr_arena_printf(r->errors->arena, "%.*s/%s", WR_SLICE_ARG(number), usual);
    if (better.len && wr_rate_parse(better, &rate) == NULL)
        wr_policy_reader_error(r, o, node, "%s (did you mean \"%.*s\"?)", reason, WR_SLICE_ARG(better));
    else
        wr_policy_reader_error(r, o, node, "%s", reason);
}
