/* SPDX-License-Identifier: BSD-2-Clause */
/* Text that grows in an arena: for keys, which are made for every request and must not cost a malloc. */
#pragma once

#include "base/arena.h"

struct wr_text {
    struct wr_arena *arena;
    char *at;
    size_t len, cap;
};

static inline void wr_text_add(struct wr_text *t, struct wr_slice s)
{
    if (t->cap - t->len < s.len) {
        size_t cap = t->cap * 2 + s.len + 128;
        char *at = wr_arena_alloc(t->arena, cap);
        if (t->len)
            memcpy(at, t->at, t->len);
        t->at = at;
        t->cap = cap;
    }
    if (s.len)
        memcpy(t->at + t->len, s.at, s.len);
    t->len += s.len;
}

static inline void wr_text_char(struct wr_text *t, char c)
{
    wr_text_add(t, wr_slice(&c, 1));
}

/* Never with at == NULL. */
static inline struct wr_slice wr_text_slice(const struct wr_text *t)
{
    return wr_slice(t->at ? t->at : "", t->len);
}
