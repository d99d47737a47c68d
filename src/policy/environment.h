/* SPDX-License-Identifier: BSD-2-Clause */
/* The environment's variables in values of the policy. Thread: any, because nobody changes the environment.
 */
#pragma once

#include "base/arena.h"

/* Replaces ${NAME} by the value of the variable, and ${NAME:-default} by the default if the variable isn't
 * set or is empty. "$${" stands for "${"; a '$' before anything else is left alone. The value of a variable
 * is text: it isn't looked at again. *out: the result, NUL-ended, in the arena; the text itself if nothing is
 * to be replaced. Returns NULL, or what is wrong, in the arena. */
const char *wr_environment_fill(struct wr_slice text, struct wr_arena *arena, struct wr_slice *out);
