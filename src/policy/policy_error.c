/* SPDX-License-Identifier: BSD-2-Clause */
/* Collects the errors of a policy and sorts them. Suggests words by their edit distance. */
#include "policy/policy_error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct wr_policy_error {
    struct wr_policy_error *older;
    struct wr_place place;
    size_t order;
    const char *text;
};

unsigned wr_policy_errors_file(struct wr_policy_errors *m, const char *name)
{
    const char **more = wr_arena_alloc(m->arena, (m->file_count + 1) * sizeof *more);
    if (m->file_count)
        memcpy(more, m->files, m->file_count * sizeof *more);
    more[m->file_count] = wr_arena_copy(m->arena, wr_slice_str(name)).at;
    m->files = more;
    return (unsigned) m->file_count++;
}

void wr_policy_error(struct wr_policy_errors *m, struct wr_place place, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    struct wr_policy_error *new = wr_arena_alloc(m->arena, sizeof *new);
    *new = (struct wr_policy_error){ m->last, place, m->count,
                                     wr_arena_copy(m->arena, wr_slice_str(text)).at };
    m->last = new;
    m->count++;
}

static int by_place(const void *left, const void *right)
{
    const struct wr_policy_error *a = *(const struct wr_policy_error *const *) left;
    const struct wr_policy_error *b = *(const struct wr_policy_error *const *) right;
    if (a->place.file != b->place.file)
        return a->place.file < b->place.file ? -1 : 1;
    if (a->place.line != b->place.line)
        return a->place.line < b->place.line ? -1 : 1;
    if (a->place.column != b->place.column)
        return a->place.column < b->place.column ? -1 : 1;
    return a->order < b->order ? -1 : 1;
}

void wr_policy_errors_give(const struct wr_policy_errors *m, struct wr_remarks *out)
{
    if (m->count == 0)
        return;
    const struct wr_policy_error **all = malloc(m->count * sizeof *all);
    WR_CHECK(all != NULL);
    size_t count = 0;
    for (const struct wr_policy_error *one = m->last; one; one = one->older)
        all[count++] = one;
    qsort(all, count, sizeof *all, by_place);
    for (size_t i = 0; i < count; i++) {
        /* the same error at one place, found once for each use of an alias */
        bool repeated = i > 0 && all[i]->place.file == all[i - 1]->place.file &&
                        all[i]->place.line == all[i - 1]->place.line &&
                        all[i]->place.column == all[i - 1]->place.column &&
                        strcmp(all[i]->text, all[i - 1]->text) == 0;
        if (!repeated)
            wr_remarks_add(out, WR_SEVERITY_ERROR, m->files[all[i]->place.file], all[i]->place.line,
                           all[i]->place.column, "%s", all[i]->text);
    }
    free(all);
}

#define LONGEST_WORD 63

struct wr_guess wr_guess_for(struct wr_slice word)
{
    /* about a third of the word may be wrong, but never all of it */
    unsigned allowed = word.len < 2 ? 0 : word.len < 4 ? 1 : word.len < 6 ? 2 : (unsigned) word.len / 3;
    return (struct wr_guess){ word, { NULL, 0 }, allowed + 1 };
}

void wr_guess_offer(struct wr_guess *g, struct wr_slice candidate)
{
    unsigned d = wr_guess_distance(g->word, candidate, g->distance);
    if (d < g->distance) {
        g->distance = d;
        g->best = candidate;
    }
}

const char *wr_guess_text(const struct wr_guess *g, struct wr_arena *arena)
{
    return g->best.at ? wr_arena_printf(arena, " (did you mean \"%.*s\"?)", WR_SLICE_ARG(g->best)).at : "";
}

static char folded(char c)
{
    return c == '-' ? '_' : wr_lower(c);
}

static unsigned least(unsigned a, unsigned b, unsigned c)
{
    unsigned m = a < b ? a : b;
    return m < c ? m : c;
}

unsigned wr_guess_distance(struct wr_slice a, struct wr_slice b, unsigned limit)
{
    size_t apart = a.len > b.len ? a.len - b.len : b.len - a.len;
    if (a.len > LONGEST_WORD || b.len > LONGEST_WORD || apart > limit)
        return limit + 1;
    unsigned rows[3][LONGEST_WORD + 1];
    unsigned *two_above = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b.len; j++)
        above[j] = (unsigned) j;
    for (size_t i = 1; i <= a.len; i++) {
        row[0] = (unsigned) i;
        for (size_t j = 1; j <= b.len; j++) {
            char x = folded(a.at[i - 1]), y = folded(b.at[j - 1]);
            row[j] = least(above[j] + 1, row[j - 1] + 1, above[j - 1] + (x != y));
            bool swapped = i > 1 && j > 1 && x == folded(b.at[j - 2]) && folded(a.at[i - 2]) == y;
            if (swapped && two_above[j - 2] + 1 < row[j])
                row[j] = two_above[j - 2] + 1;
        }
        unsigned *spare = two_above;
        two_above = above;
        above = row;
        row = spare;
    }
    return above[b.len] > limit ? limit + 1 : above[b.len];
}
