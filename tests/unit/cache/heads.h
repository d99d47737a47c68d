/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes heads from text by the real parser, for the tests of the cache room. */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "cache/build.h"
#include "http/date.h"
#include "http/parse.h"

/* Saturday, 2026-01-10 12:00:00 UTC */
#define NOW ((struct wr_wall){ INT64_C(1768046400) * WR_US_PER_S })

static inline struct wr_wall after(double seconds)
{
    return (struct wr_wall){ NOW.us + (int64_t) (seconds * WR_US_PER_S) };
}

/* Makes the bytes of a head from lines separated by \n. "+60", "-7200" and "now" in {} become dates:
 * "Expires: {+60}". */
static inline struct wr_slice wire(struct wr_arena *arena, const char *first, const char *lines)
{
    struct wr_buf b = { 0 };
    wr_buf_add_str(&b, first);
    wr_buf_add_str(&b, "\r\n");
    for (const char *c = lines; *c; c++) {
        char date[WR_DATE_LEN + 1];
        if (*c == '{') {
            wr_date_format(after(c[1] == 'n' ? 0 : strtod(c + 1, NULL)), date);
            wr_buf_add_str(&b, date);
            c = strchr(c, '}');
        } else if (*c == '\n') {
            wr_buf_add_str(&b, "\r\n");
        } else {
            wr_buf_add_char(&b, *c);
        }
    }
    wr_buf_add_str(&b, lines[0] && lines[strlen(lines) - 1] != '\n' ? "\r\n\r\n" : "\r\n");
    struct wr_slice s = wr_arena_copy(arena, wr_buf_slice(&b));
    wr_buf_fini(&b);
    return s;
}

static inline void response_of(struct wr_arena *arena, int status, const char *lines, struct wr_head *out)
{
    char first[64];
    snprintf(first, sizeof first, "HTTP/1.1 %d Some Reason", status);
    struct wr_slice s = wire(arena, first, lines);
    struct wr_parse p = { 0 };
    struct wr_field *fields = wr_arena_alloc(arena, WR_MAX_FIELDS * sizeof *fields);
    if (wr_parse_response(&p, s.at, s.len, 65536, WR_METHOD_GET, fields, out) != WR_PARSE_DONE)
        fail_msg("response refused: %s: %s", p.why, lines);
}

static inline void request_of(struct wr_arena *arena, const char *line, const char *lines,
                              struct wr_head *out)
{
    struct wr_parse_limits limits = { 8192, 65536 };
    char first[9000];
    snprintf(first, sizeof first, "%s HTTP/1.1", line);
    struct wr_slice s = wire(arena, first, lines);
    struct wr_parse p = { 0 };
    struct wr_field *fields = wr_arena_alloc(arena, WR_MAX_FIELDS * sizeof *fields);
    if (wr_parse_request(&p, s.at, s.len, &limits, fields, out) != WR_PARSE_DONE)
        fail_msg("request refused: %s: %s %s", p.why, line, lines);
}

/* Makes a GET request for http://example.com with these further lines. */
static inline void get_with(struct wr_arena *arena, const char *lines, struct wr_head *out)
{
    char all[9000];
    snprintf(all, sizeof all, "Host: example.com\n%s", lines);
    request_of(arena, "GET /x", all, out);
}
