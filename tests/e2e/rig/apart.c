/* SPDX-License-Identifier: BSD-2-Clause */
/* For LD_PRELOAD: a node's wall clock is wrong by CLOCK_OFF seconds; all its other clocks are right. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *at)
{
    int status = (int) syscall(SYS_clock_gettime, clock, at);
    const char *off = getenv("CLOCK_OFF");
    if (status == 0 && off && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        at->tv_sec += atol(off);
    return status;
}
