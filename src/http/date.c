/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the three forms of HTTP dates and writes the preferred one. Converts between days and the Gregorian
 * calendar without the C library. */
#include "http/date.h"

#include "http/chars.h"

#define S_PER_DAY 86400
#define MAX_S INT64_C(253402300799) /* 9999-12-31 23:59:59 */

static const char month_names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
static const char day_names[] = "ThuFriSatSunMonTueWed"; /* 1970-01-01 was a Thursday */
static const char *const long_days[] = { "Thursday", "Friday",  "Saturday", "Sunday",
                                         "Monday",   "Tuesday", "Wednesday" };

struct parts {
    int year, month, day, hour, minute, second; /* month from 0 */
};

/* Returns the days since 1970-01-01 in the Gregorian calendar. A year begins in March here, so the leap day
 * comes last. */
static int64_t days_of(int year, int month, int day)
{
    int64_t y = year + 400 - (month < 2); /* 400 years more, so that nothing is negative */
    int64_t m = (month + 10) % 12, era = y / 400 - 1, of_era = y % 400;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + (m * 153 + 2) / 5 + day - 1 - 719468;
}

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static bool instant_of(const struct parts *p, struct wr_date *out)
{
    static const int lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    int length = lengths[p->month] + (p->month == 1 && is_leap(p->year));
    if (p->day < 1 || p->day > length || p->hour > 23 || p->minute > 59 || p->second > 60)
        return false;
    int64_t s = days_of(p->year, p->month, p->day) * S_PER_DAY + p->hour * 3600 + p->minute * 60 + p->second;
    out->us = s * WR_US_PER_S;
    return true;
}

/* Does s begin with these letters? A date has one spelling (RFC 9110 5.6.7), but a cache accepts any case
 * (RFC 9111 4.2). */
static bool begins(struct wr_slice s, const char *letters, size_t len)
{
    return s.len >= len && wr_slice_eq_nocase(wr_slice(s.at, len), wr_slice(letters, len));
}

/* Consumes one of `count` names of three letters. Returns its index, or -1. */
static int match_name(struct wr_slice *s, const char *names, int count)
{
    for (int n = 0; n < count; n++)
        if (begins(*s, names + 3 * n, 3)) {
            *s = wr_slice_from(*s, 3);
            return n;
        }
    return -1;
}

/* Consumes a number of exactly `width` bytes. Its first byte may be a blank only if `blank` is set. */
static bool match_number(struct wr_slice *s, size_t width, bool blank, int *number)
{
    if (s->len < width)
        return false;
    *number = 0;
    for (size_t i = 0; i < width; i++) {
        if (blank && i == 0 && s->at[0] == ' ')
            continue;
        if (!wr_char_is(s->at[i], WR_CHAR_DIGIT))
            return false;
        *number = *number * 10 + (s->at[i] - '0');
    }
    *s = wr_slice_from(*s, width);
    return true;
}

/* Does all of s match `form`? DD and DDDD are numbers (stored in `numbers` in order), _D a number that may
 * begin with a blank, m a month's name, w a weekday's name; any other character stands for itself. */
static bool match(struct wr_slice s, const char *form, int *numbers, int *month)
{
    while (*form) {
        size_t width = strspn(form, "_D");
        if (width > 0) {
            if (!match_number(&s, width, *form == '_', numbers++))
                return false;
            form += width;
            continue;
        }
        if (*form == 'm') {
            if ((*month = match_name(&s, month_names, 12)) < 0)
                return false;
        } else if (*form == 'w') {
            if (match_name(&s, day_names, 7) < 0)
                return false;
        } else if (!begins(s, form, 1)) {
            return false;
        } else {
            s = wr_slice_from(s, 1);
        }
        form++;
    }
    return s.len == 0;
}

static bool parse_imf(struct wr_slice s, struct wr_date *out)
{
    int n[5], month;
    if (!match(s, "w, DD m DDDD DD:DD:DD GMT", n, &month))
        return false;
    return instant_of(&(struct parts){ n[1], month, n[0], n[2], n[3], n[4] }, out);
}

static bool parse_asctime(struct wr_slice s, struct wr_date *out)
{
    int n[5], month;
    if (!match(s, "w m _D DD:DD:DD DDDD", n, &month))
        return false;
    return instant_of(&(struct parts){ n[4], month, n[0], n[1], n[2], n[3] }, out);
}

static bool parse_rfc850(struct wr_slice s, struct wr_wall now, struct wr_date *out)
{
    size_t skip = 0;
    for (size_t d = 0; d < 7 && skip == 0; d++)
        if (begins(s, long_days[d], strlen(long_days[d])))
            skip = strlen(long_days[d]);
    int n[5], month;
    if (skip == 0 || !match(wr_slice_from(s, skip), ", DD-m-DD DD:DD:DD GMT", n, &month))
        return false;
    /* The latest year with these last digits that isn't more than 50 years ahead. */
    int this_year = (int) (1970 + wr_time_s(now) / 31556952);
    int year = this_year + 50 - (this_year + 50 - n[1]) % 100;
    return instant_of(&(struct parts){ year, month, n[0], n[2], n[3], n[4] }, out);
}

bool wr_date_parse(struct wr_slice s, struct wr_wall now, struct wr_date *out)
{
    if (s.len == WR_DATE_LEN && s.at[3] == ',')
        return parse_imf(s, out);
    return parse_asctime(s, out) || parse_rfc850(s, now, out);
}

static char *put_number(char *to, int64_t n, int digits)
{
    for (int i = digits - 1; i >= 0; i--, n /= 10)
        to[i] = (char) ('0' + n % 10);
    return to + digits;
}

static char *put_text(char *to, const char *text, size_t len)
{
    memcpy(to, text, len);
    return to + len;
}

void wr_date_format(struct wr_wall t, char out[WR_DATE_LEN + 1])
{
    int64_t s = t.us < 0 ? 0 : wr_time_s(t);
    if (s > MAX_S)
        s = MAX_S;
    int64_t days = s / S_PER_DAY, of_day = s % S_PER_DAY;
    /* The inverse of days_of(). */
    int64_t z = days + 719468, era = z / 146097, of_era = z % 146097;
    int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * y + y / 4 - y / 100), m = (5 * of_year + 2) / 153;
    int64_t day = of_year - (153 * m + 2) / 5 + 1, month = (m + 2) % 12, year = y + era * 400 + (month < 2);
    char *to = put_text(out, day_names + 3 * (days % 7), 3);
    to = put_number(put_text(to, ", ", 2), day, 2);
    to = put_text(put_text(to, " ", 1), month_names + 3 * month, 3);
    to = put_number(put_text(to, " ", 1), year, 4);
    to = put_number(put_text(to, " ", 1), of_day / 3600, 2);
    to = put_number(put_text(to, ":", 1), of_day / 60 % 60, 2);
    to = put_number(put_text(to, ":", 1), of_day % 60, 2);
    put_text(to, " GMT", 5);
}
