/* SPDX-License-Identifier: BSD-2-Clause */
/* The headers that every cmocka test includes, in the order that cmocka needs. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
