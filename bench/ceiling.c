/* SPDX-License-Identifier: BSD-2-Clause */
/* ceiling PORT BODY: shows the most that the kernel allows. A loop recognises the blank line and sends one
 * fixed response with one send: no parsing, no look-up, nothing stored. A proxy that copies its answers into
 * the socket can come close to its figures, but can't exceed them. */
#include "loop.h"

#include <stdio.h>
#include <stdlib.h>

static struct bench_reply reply;

const struct bench_reply *bench_choose(const char *head, size_t size)
{
    (void) head;
    (void) size;
    return &reply;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fputs("usage: ceiling PORT BODY-BYTES\n", stderr);
        return 2;
    }
    bench_reply_init(&reply, strtoul(argv[2], NULL, 10),
                     "Cache-Control: max-age=86400\r\nAge: 0\r\n"
                     "Via: 1.1 ceiling\r\nCache-Status: ceiling; hit\r\n");
    return bench_serve(atoi(argv[1]));
}
