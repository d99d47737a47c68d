/* SPDX-License-Identifier: BSD-2-Clause */
/* The access log's threads: no line is lost or torn, and no worker waits for the writer. */
#include "config.h"

#include "test.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log/access.h"

#define WRITERS 4
#define LINES 20000

static char directory[] = "/tmp/weir-access-XXXXXX";
static char file[64], moved[64];

static int make_directory(void **state)
{
    (void) state;
    if (mkdtemp(directory) == NULL)
        return -1;
    snprintf(file, sizeof file, "%s/access.log", directory);
    snprintf(moved, sizeof moved, "%s/access.log.1", directory);
    return 0;
}

static int remove_files(void **state)
{
    (void) state;
    unlink(file);
    unlink(moved);
    return 0;
}

static int remove_directory(void **state)
{
    remove_files(state);
    return rmdir(directory);
}

static struct wr_access *opened(const char *name)
{
    const char *why = NULL;
    struct wr_access *a = wr_access_new(WR_ACCESS_COMBINED, name, &why);
    if (a == NULL)
        fail_msg("%s: %s", name, why);
    return a;
}

static void write_line(struct wr_access *a, const char *who, unsigned n)
{
    char target[64];
    int len = snprintf(target, sizeof target, "/%s/%u", who, n);
    const struct wr_access_line line = {
        .client = WR_SLICE("192.0.2.1"),
        .method = WR_SLICE("GET"),
        .target = wr_slice(target, (size_t) len),
        .minor = 1,
        .status = 200,
    };
    wr_access_write(a, &line);
}

/* Calls `seen` with the target of each line of the file. Returns the number of lines. Every line must be
 * whole. */
static unsigned read_lines(const char *name, void (*seen)(const char *who, unsigned n, void *arg), void *arg)
{
    char line[1024], who[32];
    unsigned count = 0, n;
    FILE *in = fopen(name, "r");
    assert_non_null(in);
    for (; fgets(line, sizeof line, in); count++) {
        if (sscanf(line, "192.0.2.1 - - [01/Jan/1970:00:00:00 +0000] \"GET /%31[^/]/%u HTTP/1.1\" 200", who,
                   &n) != 2 ||
            strstr(line, " id=-\n") == NULL)
            fail_msg("torn: %s", line);
        seen(who, n, arg);
    }
    fclose(in);
    return count;
}

static void seen_nothing(const char *who, unsigned n, void *arg)
{
    (void) who;
    (void) n;
    (void) arg;
}

/* --- many threads --- */

struct writer {
    struct wr_access *access;
    char name[8];
    pthread_t thread;
    unsigned next; /* that must be read */
};

static void *write_many(void *arg)
{
    struct writer *w = arg;
    for (unsigned i = 0; i < LINES; i++) {
        write_line(w->access, w->name, i);
        if (i % 5000 == 0)
            wr_access_flush(w->access);
    }
    return NULL;
}

static void seen_in_order(const char *who, unsigned n, void *arg)
{
    struct writer *w = (struct writer *) arg + atoi(who);
    assert_int_equal(n, w->next);
    w->next++;
}

/* The lines of a thread keep their order. Lines that it gathered but didn't flush are written at the end. */
static void lines_of_all_threads_are_written(void **state)
{
    struct writer w[WRITERS];
    struct wr_access *a = opened(file);
    (void) state;
    for (int i = 0; i < WRITERS; i++) {
        w[i] = (struct writer){ .access = a };
        snprintf(w[i].name, sizeof w[i].name, "%d", i);
        assert_int_equal(pthread_create(&w[i].thread, NULL, write_many, &w[i]), 0);
    }
    for (int i = 0; i < WRITERS; i++)
        pthread_join(w[i].thread, NULL);
    uint64_t dropped = wr_access_free(a);
    if (dropped ==
        0) /* on a very busy machine the writer may be 4 MB behind; then lines are dropped and counted */
        assert_int_equal(read_lines(file, seen_in_order, w), WRITERS * LINES);
    else
        assert_int_equal(read_lines(file, seen_nothing, NULL) + dropped, WRITERS * LINES);
}

/* --- flush --- */

static off_t size_of(const char *name)
{
    struct stat st;
    return stat(name, &st) == 0 ? st.st_size : -1;
}

/* Waits until the writer has written so much. It has no time limit of its own: the test runner ends a test
 * that hangs. */
static void wait_for_lines(const char *name)
{
    while (size_of(name) <= 0)
        sched_yield();
}

static void flushed_lines_appear_while_it_runs(void **state)
{
    struct wr_access *a = opened(file);
    (void) state;
    write_line(a, "x", 1);
    assert_int_equal(size_of(file), 0);
    wr_access_flush(a);
    wait_for_lines(file);
    wr_access_flush(a); /* has no effect, because nothing is gathered */
    wr_access_free(a);
    assert_int_equal(read_lines(file, seen_nothing, NULL), 1);
}

/* --- two logs, one thread; and one after another at perhaps the same address --- */

static void logs_are_kept_apart(void **state)
{
    (void) state;
    for (int round = 0; round < 3; round++) {
        struct wr_access *a = opened(file), *b = opened(moved);
        for (unsigned i = 0; i < 10; i++) {
            write_line(a, "a", i);
            write_line(b, "b", i);
            write_line(b, "b", i);
        }
        wr_access_free(a);
        wr_access_free(b);
        assert_int_equal(read_lines(file, seen_nothing, NULL), 10 * (round + 1));
        assert_int_equal(read_lines(moved, seen_nothing, NULL), 20 * (round + 1));
    }
}

/* --- reopen --- */

static void reopened_after_a_move(void **state)
{
    struct wr_access *a = opened(file);
    (void) state;
    write_line(a, "before", 1);
    wr_access_flush(a);
    wait_for_lines(file);
    assert_int_equal(rename(file, moved), 0);
    wr_access_reopen(a);
    while (size_of(file) < 0)
        sched_yield();
    write_line(a, "after", 1);
    wr_access_free(a);
    assert_int_equal(read_lines(moved, seen_nothing, NULL), 1);
    assert_int_equal(read_lines(file, seen_nothing, NULL), 1);
}

/* --- what can't be written --- */

static void impossible_file_is_refused(void **state)
{
    const char *why = NULL;
    (void) state;
    assert_null(wr_access_new(WR_ACCESS_JSON, "/nowhere-at-all/access.log", &why));
    assert_string_equal(why, "No such file or directory");
}

static void full_disk_drops_and_counts(void **state)
{
    (void) state;
    if (access("/dev/full", W_OK) != 0)
        skip();
    struct wr_access *a = opened("/dev/full");
    for (unsigned i = 0; i < 10; i++)
        write_line(a, "x", i);
    wr_access_flush(a);
    while (wr_access_dropped(a) < 10)
        sched_yield();
    wr_access_free(a);
}

/* Nobody reads the pipe. Threads that log don't wait, the memory is bounded, and closing the log ends. */
static void nobody_waits_for_a_stuck_reader(void **state)
{
    char pipe_name[64];
    (void) state;
    snprintf(pipe_name, sizeof pipe_name, "%s/pipe", directory);
    assert_int_equal(mkfifo(pipe_name, 0600), 0);
    int reader = open(pipe_name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(reader >= 0);
    struct wr_access *a = opened(pipe_name);
    for (unsigned i = 0; i < 100000; i++)
        write_line(a, "x", i);
    wr_access_flush(a);
    assert_in_range(wr_access_dropped(a), 1000, 100000);
    wr_access_free(a);
    char bytes[16];
    assert_int_equal(read(reader, bytes, sizeof bytes), sizeof bytes);
    assert_memory_equal(bytes, "192.0.2.1 - - [0", sizeof bytes);
    close(reader);
    unlink(pipe_name);
}

#define TEST(name) cmocka_unit_test_teardown(name, remove_files)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lines_of_all_threads_are_written),
        TEST(flushed_lines_appear_while_it_runs),
        TEST(logs_are_kept_apart),
        TEST(reopened_after_a_move),
        TEST(impossible_file_is_refused),
        TEST(full_disk_drops_and_counts),
        TEST(nobody_waits_for_a_stuck_reader),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
