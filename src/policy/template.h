/* SPDX-License-Identifier: BSD-2-Clause */
/* Templates: texts of the policy with places in braces, such as "{client}", that each request fills.
 *
 * This header has what the reader makes of a text; edit/edit.h fills it. Immutable, in the policy's arena.
 * Thread: any. */
#pragma once

#include "base/arena.h"
#include "base/words.h"

enum wr_template_kind {
#define TEMPLATE(ID, word) WR_TEMPLATE_##ID,
#include "policy/words.def"
    WR_TEMPLATE_KINDS,
    WR_TEMPLATE_GROUP = WR_TEMPLATE_KINDS, /* what a group of path_regex has matched: {1} to {9} */
    WR_TEMPLATE_TEXT,                      /* as it stands in the policy */
};
extern const struct wr_words wr_words_template;

/* The bit of a kind in wr_template.uses. */
#define WR_USES(kind) (1u << WR_TEMPLATE_##kind)

struct wr_template_part {
    enum wr_template_kind kind;
    struct wr_slice text; /* TEXT: the text; HEADER, COOKIE, QUERY: the name after the colon */
    unsigned group;
};

struct wr_template {
    struct wr_template_part *parts;
    size_t count;
    unsigned uses;   /* WR_USES() of its parts */
    unsigned groups; /* the highest group that it uses */
};

/* The mistakes that a template can have. */
struct wr_template_fault {
    const char *why;       /* NULL: nothing */
    struct wr_slice place; /* what stands between the braces */
    bool unknown;          /* it begins with no word of wr_words_template */
};

/* Reads a text: "{word}", "{header:NAME}", "{cookie:NAME}", "{query:NAME}"; "{{" and "}}" stand for braces.
 * The template and its texts lie in the arena. */
struct wr_template_fault wr_template_parse(struct wr_slice text, struct wr_arena *arena,
                                           struct wr_template *out);
