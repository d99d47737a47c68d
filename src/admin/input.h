/* What a POST asks for, out of its query and body. Pure. Thread: any. */
#pragma once

#include "base/bytes.h"

/* The value of the one parameter `name`, which stands in the query ("name=value", percent-encoded), in a form
 * of the same kind, or in a JSON object as a string. json: the body is JSON. NULL and the value appended to
 * *out; or what is wrong (static text): it is missing, stands twice, or other things stand there too. The
 * value has no control characters. */
const char *wr_admin_input(struct wr_slice query, struct wr_slice body, bool json, const char *name,
                           struct wr_buf *out) WR_MUST_USE;
