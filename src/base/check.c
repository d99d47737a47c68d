/* SPDX-License-Identifier: BSD-2-Clause */
/* Stops the process when WR_CHECK finds a broken invariant. The line goes to stderr with the priority
 * "critical" for journald. */
#include "base/check.h"

#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The process ends even if nobody reads stderr. */
static bool stderr_takes(void)
{
    struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };
    return poll(&p, 1, 1000) > 0;
}

void wr_check_failed(const char *what, const char *file, int line)
{
    if (stderr_takes()) {
        fprintf(stderr, "<2>weir: broken invariant at %s:%d: %s\n", file, line, what);
        fflush(stderr);
    }
    abort();
}
