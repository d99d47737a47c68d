/* SPDX-License-Identifier: BSD-2-Clause */
/* Parses and writes spans of time, sizes, rates and shares. Each error is a sentence with an example. */
#include "base/units.h"

#include <inttypes.h>

struct unit {
    struct wr_slice name;
    int64_t factor;
};

static const struct unit span_units[] = {
    { WR_SLICE_INIT("ms"), 1000 },
    { WR_SLICE_INIT("s"), WR_US_PER_S },
    { WR_SLICE_INIT("m"), 60 * WR_US_PER_S },
    { WR_SLICE_INIT("h"), 3600 * WR_US_PER_S },
    { WR_SLICE_INIT("d"), 86400 * WR_US_PER_S },
};

static const struct unit size_units[] = {
    { WR_SLICE_INIT("B"), 1 },
    { WR_SLICE_INIT("KB"), 1024 },
    { WR_SLICE_INIT("MB"), 1024 * 1024 },
    { WR_SLICE_INIT("GB"), 1024 * 1024 * 1024 },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Parses digits and one of the units. Returns 0, or -1 if there is no number, -2 if the unit is unknown, -3
 * if the quantity is too large. */
static int parse_quantity(struct wr_slice s, const struct unit *units, size_t count, int64_t *out)
{
    size_t digits = 0;
    while (digits < s.len && s.at[digits] >= '0' && s.at[digits] <= '9')
        digits++;
    if (digits == 0)
        return -1;
    uint64_t n;
    if (!wr_slice_u64(wr_slice(s.at, digits), INT64_MAX / 8, &n))
        return -3;
    struct wr_slice name = wr_slice_from(s, digits);
    for (size_t i = 0; i < count; i++) {
        if (!wr_slice_eq(name, units[i].name))
            continue;
        if (n > (uint64_t) (INT64_MAX / 8 / units[i].factor))
            return -3;
        *out = (int64_t) n * units[i].factor;
        return 0;
    }
    return -2;
}

const char *wr_span_parse(struct wr_slice s, struct wr_span *out)
{
    switch (parse_quantity(s, span_units, COUNT(span_units), &out->us)) {
    case 0:
        return NULL;
    case -3:
        return "the duration is too long";
    default:
        return "a duration is a whole number and a unit: ms, s, m, h or d, such as 500ms or 1h";
    }
}

const char *wr_size_parse(struct wr_slice s, uint64_t *out)
{
    int64_t n = 0;
    switch (parse_quantity(s, size_units, COUNT(size_units), &n)) {
    case 0:
        *out = (uint64_t) n;
        return NULL;
    case -3:
        return "the size is too large";
    default:
        return "a size is a whole number and a unit: B, KB, MB or GB, such as 512KB";
    }
}

const char *wr_rate_parse(struct wr_slice s, struct wr_rate *out)
{
    static const char reason[] = "a rate is a count, a slash and a time, such as 100/s, 1000/m or 50/10s";
    struct wr_slice rest = s, count = wr_slice_cut(&rest, '/');
    uint64_t n;
    if (rest.at == NULL || rest.len == 0 || !wr_slice_u64(count, INT64_C(1000000000), &n))
        return reason;
    if (n == 0)
        return "a rate of 0 admits nothing: use a count of 1 or more";
    bool bare = rest.at[0] < '0' || rest.at[0] > '9';
    char text[32];
    if (rest.len + 1 >= sizeof text)
        return reason;
    text[0] = '1';
    memcpy(text + bare, rest.at, rest.len);
    struct wr_span window;
    if (wr_span_parse(wr_slice(text, rest.len + bare), &window) != NULL || window.us == 0)
        return reason;
    *out = (struct wr_rate){ n, window };
    return NULL;
}

const char *wr_share_parse(struct wr_slice s, double *out)
{
    uint64_t n;
    if (s.len < 2 || s.at[s.len - 1] != '%' || !wr_slice_u64(wr_slice(s.at, s.len - 1), 100, &n))
        return "a share is a whole number from 0 to 100 and a percent sign, such as 10%";
    *out = (double) n / 100.0;
    return NULL;
}

/* Appends the quantity; the units stand from the smallest to the largest. */
static void write_quantity(struct wr_buf *out, int64_t n, const struct unit *units, size_t count)
{
    size_t i = count - 1;
    while (i > 0 && (n == 0 || n % units[i].factor != 0))
        i--;
    wr_buf_printf(out, "%" PRId64 "%.*s", n / units[i].factor, WR_SLICE_ARG(units[i].name));
}

void wr_span_write(struct wr_buf *out, struct wr_span span)
{
    if (span.us == 0)
        wr_buf_add_str(out, "0s");
    else
        write_quantity(out, span.us, span_units, COUNT(span_units));
}

void wr_size_write(struct wr_buf *out, uint64_t size)
{
    write_quantity(out, (int64_t) size, size_units, COUNT(size_units));
}
