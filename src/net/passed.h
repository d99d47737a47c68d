/* SPDX-License-Identifier: BSD-2-Clause */
/* Sockets that systemd passes at the start (sd_listen_fds(3)): LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES.
 * Thread: start. */
#pragma once

#include "base/bytes.h"

/* Returns the nth socket (from 0) that was passed under this name, or -1. A name of digits is the number of
 * one socket, from 0. */
int wr_passed_find(const char *name, unsigned nth);
/* Returns the first socket of this name that nobody has taken, or -1. From now on it is taken. */
int wr_passed_take(const char *name);
/* Returns how many sockets of this name nobody has taken. */
unsigned wr_passed_left(const char *name);
/* Appends the sockets that nobody has taken, as "http (0.0.0.0:80), admin (/run/x.sock)". */
void wr_passed_list_left(struct wr_buf *out);
