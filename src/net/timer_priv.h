/* SPDX-License-Identifier: BSD-2-Clause */
/* The timer wheel of a loop (timer.c). Thread: the loop's owner. */
#pragma once

#include "net/loop.h"

struct wr_wheel;

struct wr_wheel *wr_wheel_new(struct wr_loop *loop);
void wr_wheel_free(struct wr_wheel *w);
