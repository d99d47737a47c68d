/* SPDX-License-Identifier: BSD-2-Clause */
/* Counts how many links of the process are in each kind of trouble. The first and the last of them are
 * logged. */
#include "redis/outage.h"

#include <stdatomic.h>

#include "base/check.h"

static _Atomic unsigned inside[WR_OUTAGE_COUNT];

bool wr_outage_begins(unsigned outage)
{
    WR_CHECK(outage < WR_OUTAGE_COUNT);
    return atomic_fetch_add(&inside[outage], 1) == 0;
}

bool wr_outage_ends(unsigned outage)
{
    WR_CHECK(outage < WR_OUTAGE_COUNT && inside[outage] > 0);
    return atomic_fetch_sub(&inside[outage], 1) == 1;
}
