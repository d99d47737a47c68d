/* SPDX-License-Identifier: BSD-2-Clause */
/* One operation on times of two clocks, A and B. tests/check/clocks defines A, B and the operation, and says
 * whether it may compile. */
#include "base/instant.h"
#include "base/time.h"

bool operation(struct A a, struct B b);

bool operation(struct A a, struct B b)
{
    return OPERATION;
}
