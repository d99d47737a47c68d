/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads Accept fields. Finds the quality of a media type by its most specific range. */
#include "http/accept.h"

#include "http/chars.h"

/* Reads a qvalue (12.4.2), 0 or 1 with up to three digits after the point, as thousandths. Returns -1 if it
 * is malformed. */
static int read_quality(struct wr_slice s)
{
    if (s.len == 0 || s.len > 5 || s.at[0] < '0' || s.at[0] > '1' || (s.len > 1 && s.at[1] != '.'))
        return -1;
    int q = (s.at[0] - '0') * 1000, unit = 100;
    for (size_t i = 2; i < s.len; i++, unit /= 10) {
        if (!wr_char_is(s.at[i], WR_CHAR_DIGIT))
            return -1;
        q += (s.at[i] - '0') * unit;
    }
    return q <= 1000 ? q : -1;
}

/* Returns the q of the parameters, or 1000 without one. Returns -1 if there are other parameters: they
 * narrow the range to something that weir doesn't send. */
static int quality_of(struct wr_slice parameters)
{
    struct wr_slice parameter;
    while ((parameter = wr_slice_cut(&parameters, ';')).at) {
        parameter = wr_slice_trim(parameter);
        if (parameter.len >= 2 && wr_lower(parameter.at[0]) == 'q' && parameter.at[1] == '=')
            return read_quality(wr_slice_from(parameter, 2));
        if (parameter.len > 0 && !wr_slice_starts(parameter, WR_SLICE("charset=")))
            return -1;
    }
    return 1000;
}

/* Returns how closely the range names type/subtype: 0 not at all, 1 by * / *, 2 by type / *, 3 exactly. */
static int specificity(struct wr_slice range, struct wr_slice type, struct wr_slice subtype)
{
    struct wr_slice range_subtype = range, range_type = wr_slice_cut(&range_subtype, '/');
    bool any_subtype = wr_slice_eq(range_subtype, WR_SLICE("*"));
    if (any_subtype && wr_slice_eq(range_type, WR_SLICE("*")))
        return 1;
    if (!wr_slice_eq_nocase(range_type, type))
        return 0;
    return any_subtype ? 2 : wr_slice_eq_nocase(range_subtype, subtype) ? 3 : 0;
}

int wr_accept_quality(const struct wr_head *h, struct wr_slice type, struct wr_slice subtype)
{
    const struct wr_field *f = wr_head_get(h, WR_F_ACCEPT);
    int best = 0, quality = f ? 0 : 1000;
    for (; f; f = wr_head_next(h, WR_F_ACCEPT, f)) {
        struct wr_list list = wr_list(f->value);
        struct wr_slice item;
        while (wr_list_next(&list, &item)) {
            struct wr_slice parameters = item, range = wr_slice_trim(wr_slice_cut(&parameters, ';'));
            int close = specificity(range, type, subtype), q = quality_of(parameters);
            if (close > best && q >= 0) {
                best = close;
                quality = q;
            }
        }
    }
    return quality;
}

static int quality_of_json(const struct wr_head *h)
{
    int json = wr_accept_quality(h, WR_SLICE("application"), WR_SLICE("json"));
    int problem = wr_accept_quality(h, WR_SLICE("application"), WR_SLICE("problem+json"));
    return json > problem ? json : problem;
}

bool wr_accept_prefers_html(const struct wr_head *h)
{
    int html = wr_accept_quality(h, WR_SLICE("text"), WR_SLICE("html"));
    return html > wr_accept_quality(h, WR_SLICE("text"), WR_SLICE("plain")) && html >= quality_of_json(h);
}

bool wr_accept_prefers_json(const struct wr_head *h)
{
    int text = wr_accept_quality(h, WR_SLICE("text"), WR_SLICE("plain"));
    return quality_of_json(h) > text;
}
