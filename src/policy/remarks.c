/* SPDX-License-Identifier: BSD-2-Clause */
/* Keeps and prints remarks. */
#include "config.h"

#include "policy/remarks.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/json.h"

void wr_remarks_add(struct wr_remarks *f, enum wr_severity severity, const char *file, int line, int column,
                    const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    for (char *c = text; *c; c++) {
        if ((unsigned char) *c < ' ' || *c == 0x7f)
            *c = '?';
    }
    if ((f->count & (f->count - 1)) == 0) { /* full at each power of two */
        struct wr_remark *wider = wr_arena_alloc(&f->arena, (f->count ? 2 * f->count : 1) * sizeof *wider);
        if (f->count)
            memcpy(wider, f->at, f->count * sizeof *wider);
        f->at = wider;
    }
    f->at[f->count++] = (struct wr_remark){ severity, wr_arena_copy(&f->arena, wr_slice_str(file)).at, line,
                                            column, wr_arena_copy(&f->arena, wr_slice_str(text)).at };
    f->errors += severity == WR_SEVERITY_ERROR;
}

void wr_remarks_print(const struct wr_remarks *f, enum wr_severity severity, struct wr_buf *out)
{
    for (const struct wr_remark *one = f->at; one < f->at + f->count; one++)
        if (one->severity == severity)
            wr_buf_printf(out, "%s:%d:%d: %s%s\n", one->file, one->line, one->column,
                          severity == WR_SEVERITY_WARNING ? "warning: " : "", one->text);
}

/* Returns what a message suggests in the form of wr_guess_text(): (did you mean "this"?) at its end. at NULL:
 * nothing. */
static struct wr_slice suggestion_of(const char *text)
{
    static const char before[] = "(did you mean \"", after[] = "\"?)";
    const char *begin = strstr(text, before);
    const char *end = begin ? strstr(begin, after) : NULL;
    if (end == NULL)
        return wr_slice(NULL, 0);
    begin += sizeof before - 1;
    return wr_slice(begin, (size_t) (end - begin));
}

void wr_remarks_json(const struct wr_remarks *f, struct wr_buf *out)
{
    wr_buf_add_char(out, '[');
    for (const struct wr_remark *one = f->at; one < f->at + f->count; one++) {
        struct wr_slice suggestion = suggestion_of(one->text);
        wr_buf_add_str(out, one == f->at ? "\n  {\"file\": " : ",\n  {\"file\": ");
        wr_json_string(out, wr_slice_str(one->file));
        wr_buf_printf(out, ", \"line\": %d, \"column\": %d, \"severity\": \"%s\", \"message\": ", one->line,
                      one->column, one->severity == WR_SEVERITY_WARNING ? "warning" : "error");
        wr_json_string(out, wr_slice_str(one->text));
        if (suggestion.at) {
            wr_buf_add_str(out, ", \"suggestion\": ");
            wr_json_string(out, suggestion);
        }
        wr_buf_add_char(out, '}');
    }
    wr_buf_add_str(out, f->count ? "\n]" : "]");
}

void wr_remarks_fini(struct wr_remarks *f)
{
    wr_arena_fini(&f->arena);
    *f = (struct wr_remarks){ 0 };
}
