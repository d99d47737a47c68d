/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory and duties that end together.
 *
 * A transaction allocates from its arena and registers what must be undone (references, timers, handles); at
 * its end wr_arena_reset() undoes in reverse order and keeps the blocks for the next transaction, so that a
 * warm arena never calls malloc. Under AddressSanitizer each allocation is its own malloc, or overruns would
 * go unseen. Thread: the owner's only. */
#pragma once

#include "base/bytes.h"

/* Whether memory is kept to be used again: not under AddressSanitizer, which couldn't tell a use after the
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

struct wr_arena {                  /* zeroed is empty and valid */
    struct wr_arena_block *blocks; /* newest first */
    struct wr_arena_undo *undos;   /* newest first */
    char *at, *end;                /* free room of the newest block */
};

/* 16-octet aligned, not zeroed; holds until the reset. Never NULL. */
void *wr_arena_alloc(struct wr_arena *a, size_t len);
void *wr_arena_zalloc(struct wr_arena *a, size_t len);
/* A copy whose octets hold until the reset (with a NUL after them that the length does not count). */
struct wr_slice wr_arena_copy(struct wr_arena *a, struct wr_slice s);
/* printf into the arena. */
struct wr_slice wr_arena_printf(struct wr_arena *a, const char *fmt, ...) WR_PRINTF(2, 3);
/* Calls undo(arg) at the reset. */
void wr_arena_defer(struct wr_arena *a, void (*undo)(void *), void *arg);
/* Undoes, then forgets all allocations; keeps one block. */
void wr_arena_reset(struct wr_arena *a);
/* Resets and gives all memory back. */
void wr_arena_fini(struct wr_arena *a);
