/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads templates. */
#include "policy/template.h"

#include "http/chars.h"

static bool takes_name(enum wr_template_kind kind)
{
    return kind == WR_TEMPLATE_HEADER || kind == WR_TEMPLATE_COOKIE || kind == WR_TEMPLATE_QUERY;
}

static void add(struct wr_template *t, enum wr_template_kind kind, struct wr_slice text)
{
    if (kind == WR_TEMPLATE_TEXT && text.len == 0)
        return;
    t->parts[t->count++] = (struct wr_template_part){ .kind = kind, .text = text };
    if (kind != WR_TEMPLATE_TEXT)
        t->uses |= 1u << kind;
}

/* Reads what stands between a pair of braces. */
static struct wr_template_fault read_place(struct wr_slice place, struct wr_arena *arena,
                                           struct wr_template *out)
{
    struct wr_template_fault fault = { .place = place };
    struct wr_slice name = place, word = wr_slice_cut(&name, ':');
    int kind = wr_words_find(&wr_words_template, word);
    if (place.len == 1 && place.at[0] >= '1' && place.at[0] <= '9') {
        add(out, WR_TEMPLATE_GROUP, wr_slice(NULL, 0));
        unsigned group = out->parts[out->count - 1].group = (unsigned) (place.at[0] - '0');
        out->groups = group > out->groups ? group : out->groups;
        return fault;
    }
    if (kind < 0) {
        fault.unknown = true;
        fault.why = "is nothing that a request fills in";
    } else if (name.at && !takes_name((enum wr_template_kind) kind)) {
        fault.why = "takes no name";
    } else if (name.at == NULL && takes_name((enum wr_template_kind) kind) && kind != WR_TEMPLATE_QUERY) {
        fault.why = "needs a name after a colon";
    } else if (name.at && (name.len == 0 || memchr(name.at, '*', name.len) ||
                           (kind != WR_TEMPLATE_QUERY && !wr_chars_all(name, WR_CHAR_TOKEN)))) {
        fault.why = "holds no name after its colon";
    } else {
        add(out, (enum wr_template_kind) kind, name.at ? wr_arena_copy(arena, name) : name);
    }
    return fault;
}

struct wr_template_fault wr_template_parse(struct wr_slice text, struct wr_arena *arena,
                                           struct wr_template *out)
{
    struct wr_template_fault fault = { .why = NULL };
    size_t begin = 0;
    text = wr_arena_copy(arena, text);
    *out = (struct wr_template){ .parts = wr_arena_zalloc(arena, (text.len + 1) * sizeof *out->parts) };
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        if (c != '{' && c != '}')
            continue;
        if (i + 1 < text.len && text.at[i + 1] == c) { /* twice: the brace itself */
            add(out, WR_TEMPLATE_TEXT, wr_slice(text.at + begin, i + 1 - begin));
            begin = i + 2;
            i++;
            continue;
        }
        if (c == '}')
            continue;
        const char *end = memchr(text.at + i, '}', text.len - i);
        if (end == NULL)
            return (struct wr_template_fault){ "has no closing brace",
                                               wr_slice(text.at + i + 1, text.len - i - 1), false };
        add(out, WR_TEMPLATE_TEXT, wr_slice(text.at + begin, i - begin));
        fault = read_place(wr_slice(text.at + i + 1, (size_t) (end - text.at) - i - 1), arena, out);
        if (fault.why)
            return fault;
        begin = (size_t) (end - text.at) + 1;
        i = begin - 1;
    }
    add(out, WR_TEMPLATE_TEXT, wr_slice_from(text, begin));
    return fault;
}
