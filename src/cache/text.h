/* SPDX-License-Identifier: BSD-2-Clause */
/* A text that grows in an arena. Keys are made for every request, so they must not cost a malloc.
 *
 * The text lives as long as its arena. Thread: the one that uses the arena. */
#pragma once

#include "base/arena.h"

/* Zeroed but for arena: an empty text. */
struct wr_text {
    struct wr_arena *arena;
    char *at;
    size_t len, cap;
};

/* Appends a copy of s. */
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

/* Appends one character. */
static inline void wr_text_char(struct wr_text *t, char c)
{
    wr_text_add(t, wr_slice(&c, 1));
}

/* Returns the text so far; its `at` is never NULL. Valid until something is appended. */
static inline struct wr_slice wr_text_slice(const struct wr_text *t)
{
    return wr_slice(t->at ? t->at : "", t->len);
}
