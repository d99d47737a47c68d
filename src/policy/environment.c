/* SPDX-License-Identifier: BSD-2-Clause */
/* Fills variables of the environment into values. */
#include "policy/environment.h"

#include <stdlib.h>

static bool is_variable(struct wr_slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && (i == 0 || c < '0' || c > '9'))
            return false;
    }
    return name.len > 0;
}

/* Fills in what stands between the braces. */
static const char *fill_one(struct wr_slice inside, struct wr_arena *arena, struct wr_buf *out)
{
    struct wr_slice rest = inside, name = wr_slice_cut(&rest, ':');
    bool has_default = rest.len > 0 && rest.at[0] == '-';
    if (!is_variable(name) || (rest.at && !has_default))
        return wr_arena_printf(
                   arena,
                   "${%.*s} names no variable: write ${NAME} or ${NAME:-default}, and $${ for the "
                   "characters ${ themselves",
                   WR_SLICE_ARG(inside))
            .at;
    const char *value = getenv(wr_arena_copy(arena, name).at);
    if (value && (*value || !has_default))
        wr_buf_add_str(out, value);
    else if (has_default)
        wr_buf_add_slice(out, wr_slice_from(rest, 1));
    else
        return wr_arena_printf(arena,
                               "the environment has no variable %.*s: set it, or write ${%.*s:-default}",
                               WR_SLICE_ARG(name), WR_SLICE_ARG(name))
            .at;
    return NULL;
}

/* Returns the offset of the next "${" at or after i, or the length of the text. */
static size_t next_place(struct wr_slice text, size_t i)
{
    while (i < text.len && !wr_slice_starts(wr_slice_from(text, i), WR_SLICE("${")))
        i++;
    return i;
}

const char *wr_environment_fill(struct wr_slice text, struct wr_arena *arena, struct wr_slice *out)
{
    struct wr_buf filled = { 0 };
    const char *wrong = NULL;
    size_t done = 0;
    *out = text;
    for (size_t at = next_place(text, 0); at < text.len && wrong == NULL; at = next_place(text, done)) {
        bool escaped = at > done && text.at[at - 1] == '$';
        wr_buf_add_slice(&filled, wr_slice(text.at + done, at - done - escaped));
        const char *end = memchr(text.at + at, '}', text.len - at);
        if (escaped) {
            wr_buf_add_str(&filled, "${");
            done = at + 2;
        } else if (end == NULL) {
            wrong = "${ has no closing brace: write $${ for the characters themselves";
        } else {
            wrong = fill_one(wr_slice(text.at + at + 2, (size_t) (end - text.at) - at - 2), arena, &filled);
            done = (size_t) (end - text.at) + 1;
        }
    }
    if (wrong == NULL && done > 0) {
        wr_buf_add_slice(&filled, wr_slice_from(text, done));
        *out = wr_arena_copy(arena, wr_buf_slice(&filled));
    }
    wr_buf_fini(&filled);
    return wrong;
}
