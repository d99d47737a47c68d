/* SPDX-License-Identifier: BSD-2-Clause */
/* Returns the texts of the Lua scripts. embed.awk generates them from lua/. */
#include "redis/scripts_priv.h"

static const struct wr_slice texts[] = {
#include "redis/scripts_text.h"
};

_Static_assert(sizeof texts / sizeof texts[0] == WR_SCRIPT_COUNT, "one text for each script of scripts.def");

struct wr_slice wr_script_text(enum wr_script script)
{
    return texts[script];
}
