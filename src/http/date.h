/* SPDX-License-Identifier: BSD-2-Clause */
/* HTTP dates (RFC 9110 5.6.7). No clock: an instant that matters is an argument. Thread: any. */
#pragma once

#include "base/units.h"

#define WR_DATE_LEN 29 /* octets of an IMF-fixdate */

/* Reads an IMF-fixdate or one of the two obsolete forms (RFC 850, asctime), exactly as their grammar has them
 * but in any case of letters (RFC 9111 4.2 wants that of caches); the name of the weekday is not compared
 * with the date. `now` decides the century of RFC 850's two-digit year (at most 50 years ahead). false: not a
 * date (RFC 9111 5.3 then takes an Expires for the past). */
bool wr_date_parse(struct wr_slice s, struct wr_wall now, struct wr_date *out) WR_MUST_USE;
/* Writes the IMF-fixdate and a NUL; parts of a second are cut off. Years outside 1970..9999 are clamped. */
void wr_date_format(struct wr_wall t, char out[WR_DATE_LEN + 1]);
