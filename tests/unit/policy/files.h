/* SPDX-License-Identifier: BSD-2-Clause */
/* Texts of policies kept beside the tests. */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "policy/policy.h"

/* The whole file below the source folder, NUL-ended; free it. */
static inline char *file_text(const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", getenv("srcdir") ? getenv("srcdir") : ".", name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    struct wr_buf text = { 0 };
    for (size_t got = 1; got > 0; text.len += got)
        got = fread(wr_buf_reserve(&text, 65536), 1, 65536, f);
    fclose(f);
    wr_buf_add_char(&text, '\0');
    return text.at;
}

/* A policy that must be right. */
static inline struct wr_policy *right(const char *text)
{
    struct wr_buf errors = { 0 };
    struct wr_policy *p = wr_policy_parse(wr_slice_str(text), "p", &errors);
    wr_buf_add_char(&errors, '\0');
    assert_string_equal(errors.at, "");
    assert_non_null(p);
    wr_buf_fini(&errors);
    return p;
}

/* The errors of a policy that must be wrong; free them. */
static inline char *wrong(const char *text)
{
    struct wr_buf errors = { 0 };
    assert_null(wr_policy_parse(wr_slice_str(text), "p", &errors));
    wr_buf_add_char(&errors, '\0');
    return errors.at;
}

#define LISTEN "listen: 127.0.0.1:8080\n"
#define ORIGINS "origins: { a: { servers: 127.0.0.1:9000 } }\n"
#define ROUTES "routes: [{ match: {}, origin: a }]\n"
#define MINIMAL LISTEN ORIGINS ROUTES /* three lines */
