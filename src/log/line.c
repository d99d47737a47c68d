/* SPDX-License-Identifier: BSD-2-Clause */
/* Formats access lines as combined or JSON. Escapes all text that the client chose. */
#include "log/line.h"

#include <time.h>

#include "base/json.h"

#define STATUS_CLIENT_LEFT 499 /* no answer was sent; other proxies log this number too */

static struct wr_slice cut(struct wr_slice s)
{
    return s.len > WR_ACCESS_FIELD_MOST ? wr_slice(s.at, WR_ACCESS_FIELD_MOST) : s;
}

/* Appends n with leading zeros, `width` digits in all. */
static void add_padded(struct wr_buf *out, uint64_t n, size_t width)
{
    char digits[20];
    for (size_t i = width; i > 0; i--, n /= 10)
        digits[i - 1] = (char) ('0' + n % 10);
    wr_buf_add(out, digits, width);
}

/* Appends seconds with microseconds: 0.001234 */
static void add_seconds(struct wr_buf *out, struct wr_span span)
{
    uint64_t us = span.us > 0 ? (uint64_t) span.us : 0;
    wr_buf_add_u64(out, us / WR_US_PER_S);
    wr_buf_add_char(out, '.');
    add_padded(out, us % WR_US_PER_S, 6);
}

/* The text of the last second. Most lines are of the same second as the line before. */
struct stamp {
    int64_t second;
    size_t len; /* 0: none yet */
    char text[32];
};

static void add_stamp(struct wr_buf *out, struct stamp *last, struct wr_wall t,
                      void (*write)(struct wr_buf *out, const struct tm *tm))
{
    time_t second = (time_t) wr_time_s(t);
    if (last->len == 0 || last->second != second) {
        struct tm tm;
        struct wr_buf text = { .at = last->text,
                               .cap = sizeof last->text }; /* never grows: its length is fixed */
        gmtime_r(&second, &tm);
        write(&text, &tm);
        last->second = second;
        last->len = text.len;
    }
    wr_buf_add(out, last->text, last->len);
}

/* --- combined --- */

enum plain { PLAIN_BARE = 1, PLAIN_QUOTED = 2 };

/* By byte: where it may stand unescaped. Quotes, backslashes, control characters and bytes beyond ASCII
 * never may. A space may only stand between quotes. */
static unsigned char plain[256];

__attribute__((constructor)) static void build_plain(void)
{
    for (int c = ' '; c < 0x7f; c++)
        if (c != '"' && c != '\\')
            plain[c] = c == ' ' ? PLAIN_QUOTED : PLAIN_QUOTED | PLAIN_BARE;
}

static void add_plain(struct wr_buf *out, struct wr_slice s, enum plain where)
{
    s = cut(s);
    if (s.len == 0)
        wr_buf_add_char(out, '-');
    for (size_t i = 0, from = 0; i < s.len; from = ++i) {
        while (i < s.len && (plain[(unsigned char) s.at[i]] & where))
            i++;
        wr_buf_add(out, s.at + from, i - from);
        if (i == s.len)
            return;
        const unsigned char c = (unsigned char) s.at[i];
        const char escaped[] = { '\\', 'x', WR_HEX_DIGITS[c >> 4], WR_HEX_DIGITS[c & 15] };
        wr_buf_add(out, escaped, sizeof escaped);
    }
}

static void add_quoted(struct wr_buf *out, const char *name, struct wr_slice s)
{
    wr_buf_add_str(out, name);
    wr_buf_add_char(out, '"');
    add_plain(out, s, PLAIN_QUOTED);
    wr_buf_add_char(out, '"');
}

static void add_named(struct wr_buf *out, const char *name, struct wr_slice s)
{
    wr_buf_add_str(out, name);
    add_plain(out, s, PLAIN_BARE);
}

static void write_log_time(struct wr_buf *out, const struct tm *tm)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    add_padded(out, (uint64_t) tm->tm_mday, 2);
    wr_buf_add_char(out, '/');
    wr_buf_add(out, months + 3 * tm->tm_mon, 3);
    wr_buf_add_char(out, '/');
    add_padded(out, (uint64_t) tm->tm_year + 1900, 4);
    const int clock[] = { tm->tm_hour, tm->tm_min, tm->tm_sec };
    for (size_t i = 0; i < 3; i++) {
        wr_buf_add_char(out, ':');
        add_padded(out, (uint64_t) clock[i], 2);
    }
    wr_buf_add_str(out, " +0000");
}

static void add_request_line(struct wr_buf *out, const struct wr_access_line *l)
{
    if (l->method.len == 0) { /* the bytes received were no valid request */
        wr_buf_add_char(out, '-');
        return;
    }
    add_plain(out, l->method, PLAIN_BARE);
    wr_buf_add_char(out, ' ');
    add_plain(out, l->target, PLAIN_BARE);
    wr_buf_add_str(out, " HTTP/1.");
    wr_buf_add_char(out, l->minor == 0 ? '0' : '1');
}

static void write_combined(const struct wr_access_line *l, struct wr_buf *out)
{
    static _Thread_local struct stamp last;
    add_plain(out, l->client, PLAIN_BARE);
    wr_buf_add_str(out, " - - [");
    add_stamp(out, &last, l->started, write_log_time);
    wr_buf_add_str(out, "] \"");
    add_request_line(out, l);
    wr_buf_add_str(out, "\" ");
    wr_buf_add_u64(out, (uint64_t) (l->status ? l->status : STATUS_CLIENT_LEFT));
    wr_buf_add_char(out, ' ');
    wr_buf_add_u64(out, l->sent);
    add_quoted(out, " ", l->referer);
    add_quoted(out, " ", l->user_agent);
    add_named(out, " cache=", wr_slice_str(l->cache));
    wr_buf_add_str(out, " time=");
    add_seconds(out, l->total);
    wr_buf_add_str(out, " first=");
    if (l->first.us < 0)
        wr_buf_add_char(out, '-');
    else
        add_seconds(out, l->first);
    wr_buf_add_str(out, " received=");
    wr_buf_add_u64(out, l->received);
    add_quoted(out, " host=", l->host);
    add_quoted(out, " route=", l->route);
    add_named(out, " server=", l->server);
    add_named(out, " error=", wr_slice_str(l->error));
    add_named(out, " id=", l->request_id);
}

/* --- json --- */

static void add_member(struct wr_buf *out, const char *name)
{
    wr_buf_add_str(out, ",\"");
    wr_buf_add_str(out, name);
    wr_buf_add_str(out, "\":");
}

/* A slice without a pointer is written as null, so that no value and an empty value differ. */
static void add_text(struct wr_buf *out, const char *name, struct wr_slice s)
{
    add_member(out, name);
    if (s.at == NULL)
        wr_buf_add_str(out, "null");
    else
        wr_json_string(out, cut(s));
}

static void add_number(struct wr_buf *out, const char *name, uint64_t n)
{
    add_member(out, name);
    wr_buf_add_u64(out, n);
}

static void write_iso_time(struct wr_buf *out, const struct tm *tm)
{
    const int parts[] = {
        tm->tm_year + 1900, tm->tm_mon + 1, tm->tm_mday, tm->tm_hour, tm->tm_min, tm->tm_sec
    };
    for (size_t i = 0; i < 6; i++) {
        add_padded(out, (uint64_t) parts[i], i == 0 ? 4 : 2);
        wr_buf_add_char(out, "--T::."[i]);
    }
}

static void write_json(const struct wr_access_line *l, struct wr_buf *out)
{
    static _Thread_local struct stamp last;
    wr_buf_add_str(out, "{\"time\":\"");
    add_stamp(out, &last, l->started, write_iso_time);
    add_padded(out, (uint64_t) (l->started.us % WR_US_PER_S), 6);
    wr_buf_add_str(out, "Z\"");
    add_text(out, "client", l->client);
    add_text(out, "method", l->method);
    add_text(out, "target", l->target);
    add_text(out, "host", l->host);
    add_member(out, "protocol");
    wr_buf_add_str(out, l->method.len == 0 ? "null" : l->minor == 0 ? "\"HTTP/1.0\"" : "\"HTTP/1.1\"");
    add_number(out, "status", (uint64_t) (l->status ? l->status : STATUS_CLIENT_LEFT));
    add_number(out, "sent", l->sent);
    add_number(out, "received", l->received);
    add_text(out, "referer", l->referer);
    add_text(out, "user_agent", l->user_agent);
    add_text(out, "cache", wr_slice_str(l->cache));
    add_text(out, "route", l->route);
    add_text(out, "server", l->server);
    add_text(out, "error", wr_slice_str(l->error));
    add_text(out, "request_id", l->request_id);
    add_member(out, "total_s");
    add_seconds(out, l->total);
    add_member(out, "first_s");
    if (l->first.us < 0)
        wr_buf_add_str(out, "null");
    else
        add_seconds(out, l->first);
    wr_buf_add_char(out, '}');
}

void wr_access_format(enum wr_access_format format, const struct wr_access_line *line, struct wr_buf *out)
{
    static void (*const writers[])(const struct wr_access_line *line, struct wr_buf *out) = {
#define X(ID, word, write) [WR_ACCESS_##ID] = write,
#include "log/formats.def"
#undef X
    };
    writers[format](line, out);
    wr_buf_add_char(out, '\n');
}
