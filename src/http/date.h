/* SPDX-License-Identifier: BSD-2-Clause */
/* HTTP dates (RFC 9110 5.6.7). These functions read no clock: the caller passes the time where it matters.
 * Thread: any. */
#pragma once

#include "base/units.h"

#define WR_DATE_LEN 29 /* bytes of an IMF-fixdate */

/* Reads an IMF-fixdate or one of the two obsolete forms (RFC 850, asctime), exactly by their grammar, but
 * in any case of letters, as RFC 9111 4.2 requires of caches. The weekday's name isn't compared with the
 * date. `now` decides the century of RFC 850's two-digit year (at most 50 years ahead). Returns false if it
 * isn't a date (RFC 9111 5.3: such an Expires lies in the past). */
bool wr_date_parse(struct wr_slice s, struct wr_wall now, struct wr_date *out) WR_MUST_USE;
/* Writes the IMF-fixdate and a NUL. Fractions of a second are dropped. Years outside 1970..9999 are
 * clamped. */
void wr_date_format(struct wr_wall t, char out[WR_DATE_LEN + 1]);
