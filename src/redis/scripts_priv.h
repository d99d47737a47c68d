/* SPDX-License-Identifier: BSD-2-Clause */
/* The texts of the Lua scripts, built into the binary from lua/ through embed.awk. */
#pragma once

#include "redis/link.h"

/* Static memory. Thread: any. */
struct wr_slice wr_script_text(enum wr_script script);
