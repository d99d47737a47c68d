/* SPDX-License-Identifier: BSD-2-Clause */
/* What is wrong with a policy, or dangerous in it: for people as lines, for programs as JSON.
 *
 * Thread: any; each list belongs to its owner. */
#pragma once

#include "base/arena.h"

enum wr_severity { WR_SEVERITY_ERROR, WR_SEVERITY_WARNING };

struct wr_remark {
    enum wr_severity severity;
    const char *file;
    int line, column; /* from 1 */
    const char *text;
};

/* All zero: an empty list. It owns its texts. */
struct wr_remarks {
    struct wr_remark *at;
    size_t count, errors; /* errors: how many of them are no warnings */
    struct wr_arena arena;
};

/* Appends one. file is copied. Control characters become '?'. */
void wr_remarks_add(struct wr_remarks *f, enum wr_severity severity, const char *file, int line, int column,
                    const char *fmt, ...) WR_PRINTF(6, 7);
/* Appends those of one severity to *out, a line each: "file:line:column: text", with "warning: " before the
 * text of a warning. */
void wr_remarks_print(const struct wr_remarks *f, enum wr_severity severity, struct wr_buf *out);
/* Appends a JSON array of all: file, line, column, severity, message, and suggestion where the message has
 * one. */
void wr_remarks_json(const struct wr_remarks *f, struct wr_buf *out);
void wr_remarks_fini(struct wr_remarks *f);
