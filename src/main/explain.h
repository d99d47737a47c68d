/* SPDX-License-Identifier: BSD-2-Clause */
/* `weir explain`: what the policy would do with a request, found out by the functions that serve requests,
 * without asking Redis or an origin. */
#pragma once

/* argv[0] is "explain": [-c FILE] [-a ADDRESS] [-H 'NAME: VALUE']... METHOD URL. Writes to stdout, what is
 * wrong to stderr. The process's exit status: 0 a route was found, 1 none, or policy or request are wrong, 2
 * wrong usage. Thread: start. */
int wr_explain(int argc, char **argv);
