/* SPDX-License-Identifier: BSD-2-Clause */
/* Forwarded (RFC 7239): what the proxies in front of weir report about the client. The caller decides
 * whether the field is trusted. Thread: any. */
#pragma once

#include "base/bytes.h"

/* Returns the value of a parameter ("for", "proto", "host") of one element, without quotes. at == NULL: the
 * element has no such parameter. The slice points into the element. */
struct wr_slice wr_forwarded_param(struct wr_slice element, struct wr_slice name);
