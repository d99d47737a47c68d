/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs a fuzz target without a fuzzer: over each kept input, over each prefix of it, and over copies in which
 * one byte is replaced by one that is special to parsers. Arguments: files or folders. Default: the target's
 * own folder. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

#define INPUT_ROOM 65536
#define MAX_VARIED 1500 /* larger inputs are run unchanged only */

static size_t inputs;

/* Runs the target on a copy of exact size, so that a sanitizer reports a read beyond the end. */
static void run(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (copy == NULL)
        abort();
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void vary(uint8_t *data, size_t size)
{
    static const uint8_t ticklish[] = {
        '\0', '\t', '\n', '\r', ' ', '"', ',', ':', ';', '=', '0', 0x7f, 0xff
    };
    for (size_t len = 0; len < size; len++)
        run(data, len);
    for (size_t i = 0; i < size; i++) {
        uint8_t kept = data[i];
        for (size_t t = 0; t < sizeof ticklish; t++) {
            data[i] = ticklish[t];
            run(data, size);
        }
        data[i] = kept;
    }
}

static int replay(const char *path);

static int replay_folder(const char *path, DIR *folder)
{
    int failed = 0;
    struct dirent *entry;
    char inside[4096];
    while ((entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(inside, sizeof inside, "%s/%s", path, entry->d_name);
        failed |= replay(inside);
    }
    closedir(folder);
    return failed;
}

static int replay(const char *path)
{
    static uint8_t data[INPUT_ROOM];
    DIR *folder = opendir(path);
    if (folder)
        return replay_folder(path, folder);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return 1;
    }
    size_t size = fread(data, 1, sizeof data, file);
    fclose(file);
    run(data, size);
    if (size <= MAX_VARIED)
        vary(data, size);
    inputs++;
    return 0;
}

int main(int argc, char **argv)
{
    char own[4096];
    const char *srcdir = getenv("srcdir");
    int failed = 0;
    snprintf(own, sizeof own, "%s/tests/fuzz/corpus/%s", srcdir ? srcdir : ".", fuzz_corpus);
    if (argc < 2)
        failed = replay(own);
    for (int i = 1; i < argc; i++)
        failed |= replay(argv[i]);
    printf("%zu inputs\n", inputs);
    return failed || inputs == 0;
}
