/* SPDX-License-Identifier: BSD-2-Clause */
/* One operation on instants of two clocks, A and B. tests/check/clocks says which, and whether it may
 * compile. */
#include "base/instant.h"
#include "base/time.h"

bool operation(struct A a, struct B b);

bool operation(struct A a, struct B b)
{
    return OPERATION;
}
