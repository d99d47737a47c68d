/* SPDX-License-Identifier: BSD-2-Clause */
/* Allocates from blocks that are freed together. Registered functions are called when the arena is reset. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BLOCK_SIZE (WR_RECYCLES ? 4096 : 0) /* 0: every allocation gets a block of its own */

struct wr_arena_block {
    struct wr_arena_block *older;
    size_t size;
    _Alignas(16) char room[];
};

struct wr_arena_undo {
    struct wr_arena_undo *older;
    void (*undo)(void *);
    void *arg;
};

static void new_block(struct wr_arena *a, size_t len)
{
    size_t size = len > BLOCK_SIZE ? len : BLOCK_SIZE;
    struct wr_arena_block *b = malloc(sizeof *b + size);
    WR_CHECK(b != NULL);
    b->older = a->blocks;
    b->size = size;
    a->blocks = b;
    a->at = b->room;
    a->end = b->room + size;
}

void *wr_arena_alloc(struct wr_arena *a, size_t len)
{
    len = (len + 15) & ~(size_t) 15;
    if (BLOCK_SIZE == 0 || a->blocks == NULL || (size_t) (a->end - a->at) < len)
        new_block(a, len);
    void *p = a->at;
    a->at += len;
    return p;
}

void *wr_arena_zalloc(struct wr_arena *a, size_t len)
{
    return memset(wr_arena_alloc(a, len), 0, len);
}

struct wr_slice wr_arena_copy(struct wr_arena *a, struct wr_slice s)
{
    char *at = wr_arena_alloc(a, s.len + 1);
    if (s.len)
        memcpy(at, s.at, s.len);
    at[s.len] = '\0';
    return wr_slice(at, s.len);
}

struct wr_slice wr_arena_printf(struct wr_arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int need = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    WR_CHECK(need >= 0);
    char *at = wr_arena_alloc(a, (size_t) need + 1);
    va_start(ap, fmt);
    vsnprintf(at, (size_t) need + 1, fmt, ap);
    va_end(ap);
    return wr_slice(at, (size_t) need);
}

void wr_arena_defer(struct wr_arena *a, void (*undo)(void *), void *arg)
{
    struct wr_arena_undo *u = wr_arena_alloc(a, sizeof *u);
    *u = (struct wr_arena_undo){ a->undos, undo, arg };
    a->undos = u;
}

void wr_arena_reset(struct wr_arena *a)
{
    while (a->undos) {
        struct wr_arena_undo *u = a->undos;
        a->undos = u->older;
        u->undo(u->arg);
    }
    struct wr_arena_block *b = a->blocks, *keep = NULL;
    while (b) {
        struct wr_arena_block *older = b->older;
        if (BLOCK_SIZE != 0 && keep == NULL && b->size == BLOCK_SIZE)
            keep = b;
        else
            free(b);
        b = older;
    }
    *a = (struct wr_arena){ 0 };
    if (keep) {
        keep->older = NULL;
        a->blocks = keep;
        a->at = keep->room;
        a->end = keep->room + keep->size;
    }
}

void wr_arena_fini(struct wr_arena *a)
{
    wr_arena_reset(a);
    free(a->blocks);
    *a = (struct wr_arena){ 0 };
}
