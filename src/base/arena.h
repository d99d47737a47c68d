/* SPDX-License-Identifier: BSD-2-Clause */
/* An arena: memory that is freed all at once, and cleanup functions that run at the same time.
 *
 * A transaction allocates from its arena and registers how to release what it holds (references, timers,
 * handles). wr_arena_reset() calls these functions in reverse order and keeps one block for the next
 * transaction, so a transaction that needs no more than that never calls malloc(). Under AddressSanitizer
 * each allocation is a malloc() of its own; otherwise overruns would go unnoticed. Thread: the owner's
 * only. */
#pragma once

#include "base/bytes.h"

/* 1: freed memory is kept and used again. Not under AddressSanitizer, which couldn't detect a use after the
 * end. */
#if defined(__SANITIZE_ADDRESS__)
#define WR_RECYCLES 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WR_RECYCLES 0
#endif
#endif
#ifndef WR_RECYCLES
#define WR_RECYCLES 1
#endif

struct wr_arena_block;
struct wr_arena_undo;

struct wr_arena {                  /* all zero: an empty, valid arena */
    struct wr_arena_block *blocks; /* newest first */
    struct wr_arena_undo *undos;   /* newest first */
    char *at, *end;                /* free room of the newest block */
};

/* Returns `len` bytes, aligned to 16 bytes and not zeroed. They are valid until the reset. Never returns
 * NULL: out of memory stops the process. */
void *wr_arena_alloc(struct wr_arena *a, size_t len);
/* The same, zeroed. */
void *wr_arena_zalloc(struct wr_arena *a, size_t len);
/* Returns a copy of s that is valid until the reset. A NUL follows it; the length doesn't count the NUL. */
struct wr_slice wr_arena_copy(struct wr_arena *a, struct wr_slice s);
/* Formats like printf(). The text is valid until the reset. */
struct wr_slice wr_arena_printf(struct wr_arena *a, const char *fmt, ...) WR_PRINTF(2, 3);
/* Makes the reset call undo(arg). The function called last is registered first. */
void wr_arena_defer(struct wr_arena *a, void (*undo)(void *), void *arg);
/* Calls the registered functions, the newest first, and frees all allocations. Keeps one block. */
void wr_arena_reset(struct wr_arena *a);
/* Resets the arena and frees its last block too. */
void wr_arena_fini(struct wr_arena *a);
