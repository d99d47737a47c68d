/* SPDX-License-Identifier: BSD-2-Clause */
/* `weir explain`: tells what the policy would do with a request. */
#pragma once

/* argv[0] is "explain": [-c FILE] [-a ADDRESS] [-H 'NAME: VALUE']... METHOD URL. Writes to stdout, and errors
 * to stderr. Returns the process's exit status: 0 if a route was found; 1 if none was, or if the policy or
 * the request is wrong; 2 for wrong usage. Thread: start. */
int wr_explain_main(int argc, char **argv);
