/* SPDX-License-Identifier: BSD-2-Clause */
/* Stops the process when WR_CHECK finds a broken invariant. The line goes to stderr with the priority
 * "critical" for journald. */
#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

void wr_check_failed(const char *what, const char *file, int line)
{
    fprintf(stderr, "<2>weir: broken invariant at %s:%d: %s\n", file, line, what);
    fflush(stderr);
    abort();
}
