/* SPDX-License-Identifier: BSD-2-Clause */
/* origin PORT: the backend of the benchmark. The first part of the path chooses the response: /1k/,
 * /16k/ and /256k/ may be cached for a day, /pass/ (1 KB) may not be stored. The rest of the path only makes
 * URLs differ. */
#include "loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KB = 1024 };

static struct resource {
    const char *prefix;
    size_t body;
    const char *fields;
    struct bench_reply reply;
} resources[] = {
    { "GET /1k/", 1 * KB, "Cache-Control: max-age=86400\r\n", { NULL, 0 } },
    { "GET /16k/", 16 * KB, "Cache-Control: max-age=86400\r\n", { NULL, 0 } },
    { "GET /256k/", 256 * KB, "Cache-Control: max-age=86400\r\n", { NULL, 0 } },
    { "GET /pass/", 1 * KB, "Cache-Control: no-store\r\n", { NULL, 0 } },
};

static const char not_found_text[] =
    "HTTP/1.1 404 Not Found\r\nCache-Control: no-store\r\nContent-Length: 0\r\n\r\n";
static const struct bench_reply not_found = { not_found_text, sizeof(not_found_text) - 1 };

const struct bench_reply *bench_choose(const char *head, size_t size)
{
    for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++) {
        size_t length = strlen(resources[i].prefix);
        if (size > length && memcmp(head, resources[i].prefix, length) == 0)
            return &resources[i].reply;
    }
    return &not_found;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fputs("usage: origin PORT\n", stderr);
        return 2;
    }
    for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++)
        bench_reply_init(&resources[i].reply, resources[i].body, resources[i].fields);
    return bench_serve(atoi(argv[1]));
}
