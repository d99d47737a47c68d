/* SPDX-License-Identifier: BSD-2-Clause */
/* Values of a request's cookies and query parameters by name. Thread: any. */
#pragma once

#include "http/head.h"

/* Both: a '*' in the name stands for any characters, and the first match counts. at == NULL: the request has
 * none. */

/* Returns the value of a query parameter, decoded as origins read a query (%XX, and '+' is a space). In the
 * arena. */
struct wr_slice wr_query_value(const struct wr_head *request, struct wr_slice name, struct wr_arena *arena);
/* Returns the value of a cookie (RFC 6265 4.2.1), without quotes around it. Borrowed from the request. */
struct wr_slice wr_cookie_value(const struct wr_head *request, struct wr_slice name);
