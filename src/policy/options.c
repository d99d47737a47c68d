/* SPDX-License-Identifier: BSD-2-Clause */
/* Generates the table of options from options.def. The compiler checks that each field has the type that
 * its reader writes. */
#include "policy/options.h"

enum kind_id {
#define KIND(id, type, shape, sub, word, reader) KIND_##id,
#include "policy/kinds.def"
};

static const struct wr_kind kinds[] = {
#define KIND(id, type, shape, sub, word, reader) \
    { #id, WR_SHAPE_##shape, WR_SECTION_##sub, word, NULL, wr_read_##reader },
#define WORDS(id, type, shape, word, reader) \
    { #id, WR_SHAPE_##shape, WR_SECTION_NONE, word, &wr_words_##id, wr_read_##reader },
#include "policy/kinds.def"
};

/* Structs by which macros can name the types of kinds and sections. */
#define KIND(id, type, shape, sub, word, reader) \
    struct type_of_kind_##id {                   \
        type it;                                 \
    };
#include "policy/kinds.def"
#define SECTION(id, type, path, about) \
    struct type_of_section_##id {      \
        type it;                       \
    };
#include "policy/options.def"

/* A reader writes through void *: here the compiler sees that the field has the type the reader means. */
#define SAME(kind, what)                                                                                    \
    _Static_assert(                                                                                         \
        __builtin_types_compatible_p(__typeof__(((struct type_of_kind_##kind *) 0)->it), __typeof__(what)), \
        "the kind " #kind " is not of the field's type")
#define FIELD(section, key, kind, field, ...) SAME(kind, ((struct type_of_section_##section *) 0)->it.field);
#define WHOLE(section, key, kind, ...) SAME(kind, ((struct type_of_section_##section *) 0)->it);
#include "policy/options.def"

const struct wr_option wr_options[] = {
#define FIELD(section_, key_, kind_, field_, ...)                       \
    { .section = WR_SECTION_##section_,                                 \
      .key = #key_,                                                     \
      .kind = &kinds[KIND_##kind_],                                     \
      .offset = offsetof(struct type_of_section_##section_, it.field_), \
      __VA_ARGS__ },
#define WHOLE(section_, key_, kind_, ...) \
    { .section = WR_SECTION_##section_, .key = #key_, .kind = &kinds[KIND_##kind_], __VA_ARGS__ },
#include "policy/options.def"
};
const size_t wr_option_count = sizeof wr_options / sizeof wr_options[0];

const struct wr_section_info wr_sections[WR_SECTION_COUNT] = {
#define SECTION(id, type, path, about) [WR_SECTION_##id] = { path, about },
#include "policy/options.def"
};

const struct wr_option *wr_option_of(enum wr_section section, struct wr_slice key)
{
    for (size_t i = 0; i < wr_option_count; i++) {
        if (wr_options[i].section == section && wr_slice_eq(key, wr_slice_str(wr_options[i].key)))
            return &wr_options[i];
    }
    return NULL;
}

bool wr_option_has_default(const struct wr_option *o)
{
    return o->fallback && o->fallback[0] != '(';
}
