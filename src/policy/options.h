/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of all options (options.def) as data. The reader, the sample and the manual are generated from
 * it.
 *
 * Static memory throughout. Thread: any. */
#pragma once

#include "policy/policy.h"
#include "policy/tree.h"

enum wr_section {
    WR_SECTION_NONE,
#define SECTION(id, type, path, about) WR_SECTION_##id,
#include "policy/options.def"
    WR_SECTION_COUNT
};

enum wr_shape {
    WR_SHAPE_SCALAR,
    WR_SHAPE_LIST,    /* a list of scalars; one scalar counts as a list of one */
    WR_SHAPE_MAP,     /* a section of its own */
    WR_SHAPE_SWITCH,  /* the same, or "off" */
    WR_SHAPE_CHOICE,  /* the same, or a name */
    WR_SHAPE_ITEMS,   /* a list of sections */
    WR_SHAPE_NAMED,   /* a mapping of the operator's names to sections */
    WR_SHAPE_TABLE,   /* a mapping whose keys aren't names of the operator's */
    WR_SHAPE_REFUSED, /* known, but not in this build: an error wherever it is written, and not documented */
};

enum wr_option_flag {
    WR_OPTION_SAMPLED = 1,  /* shown in the sample file without a '#' */
    WR_OPTION_REQUIRED = 2, /* required wherever its section is written */
    WR_OPTION_ALIAS = 4,  /* another name of an option: not in the sample. Its row comes after that option's,
                           * and its fallback is in words, so the default of that option stays */
    WR_OPTION_SINGLE = 8, /* of a route: belongs to it alone, so it can't stand in defaults */
    WR_OPTION_ASKS = 16,  /* of a route: says how an origin is asked */
    WR_OPTION_ONCE = 32, /* says once what counts elsewhere: complete routes and joined files don't need it */
};

struct wr_policy_reader;
struct wr_option;
typedef void wr_read_fn(struct wr_policy_reader *r, const struct wr_option *o,
                        const struct wr_tree_node *node, void *at);

struct wr_kind {
    const char *name;
    enum wr_shape shape;
    enum wr_section sub;
    const char *word;             /* for the manual */
    const struct wr_words *words; /* NULL: the values aren't words of a list */
    wr_read_fn *read;
};

struct wr_option { /* a row; texts that it leaves out are NULL */
    enum wr_section section;
    const char *key;
    const struct wr_kind *kind;
    size_t offset;        /* offset of the field in the section's struct; 0: the struct itself */
    unsigned flags;       /* enum wr_option_flag */
    const char *fallback; /* the default as the file would have it; "(...)" describes it in words */
    const char *range;    /* "least..most" */
    const char *example;  /* for the sample, instead of the default */
    const char *help;     /* one line */
    const char *manual;   /* sentences; `code` is set in bold */
};

struct wr_section_info {
    const char *path;  /* "origins.NAME" */
    const char *about; /* a paragraph for the manual */
};

extern const struct wr_option wr_options[];
extern const size_t wr_option_count;
extern const struct wr_section_info wr_sections[WR_SECTION_COUNT];

/* Returns the option of this key, or NULL. */
const struct wr_option *wr_option_of(enum wr_section section, struct wr_slice key);
/* Is the default a text that the option's reader can read? */
bool wr_option_has_default(const struct wr_option *o);

#define KIND(id, type, shape, sub, word, reader) wr_read_fn wr_read_##reader;
#include "policy/kinds.def"
