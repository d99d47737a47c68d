/* SPDX-License-Identifier: BSD-2-Clause */
/* Checks that stay on in production.
 *
 * A broken invariant of our own stops the process with a line that says where. systemd then starts a new
 * process; a proxy that guesses is worse than one that restarts. Never check with WR_CHECK what a peer
 * sends or what the machine lacks: use enum wr_err for those (base/err.h). */
#pragma once

#define WR_CHECK(cond)                                  \
    do {                                                \
        if (__builtin_expect(!(cond), 0))               \
            wr_check_failed(#cond, __FILE__, __LINE__); \
    } while (0)

#define WR_MUST_USE __attribute__((warn_unused_result))
#define WR_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define WR_CONTAINER(ptr, type, member) ((type *) ((char *) (ptr) - __builtin_offsetof(type, member)))

/* Writes the broken condition and its place to stderr, then aborts. Thread: any. Never returns. */
void wr_check_failed(const char *what, const char *file, int line) __attribute__((noreturn, cold));
