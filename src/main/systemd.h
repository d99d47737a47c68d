/* What systemd is told and asks for (sd_notify(3)), without its library: a datagram to the socket it names.
 * Outside of systemd nothing happens. */
#pragma once

#include "base/units.h"

/* Lines of "NAME=value", such as "READY=1\nSTATUS=serving". No more than 1 KB. A message that can't be sent
 * is not sent: the daemon goes on. Thread: any. */
void wr_systemd_notify(const char *fmt, ...) WR_PRINTF(1, 2);
/* "RELOADING=1" with the monotonic time that Type=notify-reload wants (systemd 253; older ones ignore it).
 * READY=1 must follow. Thread: any. */
void wr_systemd_reloading(void);
/* Whether systemd wants "WATCHDOG=1" from this process, and at least how often: half of its patience. Thread:
 * any. */
bool wr_systemd_watchdog(struct wr_span *interval);
