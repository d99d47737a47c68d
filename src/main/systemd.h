/* SPDX-License-Identifier: BSD-2-Clause */
/* What systemd is told and asks for (sd_notify(3)), without its library: a datagram to the socket it names.
 * Outside of systemd nothing happens. */
#pragma once

#include "base/units.h"

/* Lines of "NAME=value", such as "READY=1\nSTATUS=serving". No more than 1 KB. A message that can't be sent
 * is not sent: the daemon goes on. Thread: any. */
void wr_systemd_notify(const char *fmt, ...) WR_PRINTF(1, 2);
