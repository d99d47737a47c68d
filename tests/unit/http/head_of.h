/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes a response head from header lines, for tests of functions that read fields. */
#pragma once

#include "test.h"

#include <stdio.h>

#include "http/parse.h"

struct head_of {
    char text[80 * 1024];
    struct wr_field fields[WR_MAX_FIELDS];
    struct wr_head head;
};

/* lines: "Name: value\r\n" any number of times. */
static inline const struct wr_head *head_of(struct head_of *h, const char *lines)
{
    static struct wr_parse p;
    p = (struct wr_parse){ 0 };
    int len = snprintf(h->text, sizeof h->text, "HTTP/1.1 200 OK\r\n%s\r\n", lines);
    assert_true(len > 0 && (size_t) len < sizeof h->text);
    assert_int_equal(
        wr_parse_response(&p, h->text, (size_t) len, sizeof h->text, WR_METHOD_GET, h->fields, &h->head),
        WR_PARSE_DONE);
    return &h->head;
}
