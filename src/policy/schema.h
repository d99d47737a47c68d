/* SPDX-License-Identifier: BSD-2-Clause */
/* A JSON Schema of policies, made from the table of options. Thread: any. */
#pragma once

#include "base/bytes.h"

/* Appends the schema (draft 7, which editors know best). It knows sections, keys, and the form and range of
 * single values. What depends on several options, on files or on the environment only the reader knows. A
 * section may stand in an included file, so none is required. */
void wr_schema_write(struct wr_buf *out);
