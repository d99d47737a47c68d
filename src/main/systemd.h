/* SPDX-License-Identifier: BSD-2-Clause */
/* Tells systemd how the daemon is (sd_notify(3)), without its library: a datagram to the socket that systemd
 * names. Without systemd nothing happens. */
#pragma once

#include "base/units.h"

/* Sends lines of "NAME=value", such as "READY=1\nSTATUS=serving"; 1 KB at most. If the message can't be sent,
 * the daemon goes on without. Thread: any. */
void wr_systemd_notify(const char *fmt, ...) WR_PRINTF(1, 2);
/* Is stderr the journal's? Then a line may begin with its priority. Thread: start. */
bool wr_systemd_reads_stderr(void);
