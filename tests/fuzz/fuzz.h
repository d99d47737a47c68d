/* SPDX-License-Identifier: BSD-2-Clause */
/* A fuzz target. It is linked with clang's -fsanitize=fuzzer, or with replay.c, which runs it over the kept
 * inputs. */
#pragma once

#include <stddef.h>
#include <stdint.h>

extern const char fuzz_corpus[]; /* the folder of its inputs under corpus/ */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
