/* SPDX-License-Identifier: BSD-2-Clause */
/* weirctl top: shows each second which counters grow most. It reads /stats and compares it with the sample
 * before. */
#include "main/weirctl_priv.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/units.h"

#define TOP_ROWS 128

struct row {
    char name[64], help[128];
    uint64_t value, before;
};

struct sample {
    struct row rows[TOP_ROWS];
    size_t count;
    struct wr_mono at;
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void) number;
    interrupted = 1;
}

/* Reads a line of /stats: "name value  help". */
static bool read_row(struct wr_slice line, struct row *row)
{
    struct wr_slice rest = line, name = wr_slice_cut(&rest, ' ');
    rest = wr_slice_trim(rest);
    struct wr_slice number = wr_slice_cut(&rest, ' '), help = wr_slice_trim(rest);
    if (name.len == 0 || name.len >= sizeof row->name || !wr_slice_u64(number, UINT64_MAX, &row->value))
        return false;
    snprintf(row->name, sizeof row->name, "%.*s", WR_SLICE_ARG(name));
    snprintf(row->help, sizeof row->help, "%.*s", WR_SLICE_ARG(help));
    return true;
}

static uint64_t value_before(const struct sample *before, const char *name, uint64_t otherwise)
{
    for (size_t i = 0; i < before->count; i++)
        if (strcmp(before->rows[i].name, name) == 0)
            return before->rows[i].value;
    return otherwise;
}

static bool take_sample(const struct wr_asking *a, const struct sample *before, struct sample *s)
{
    struct wr_asked r;
    struct wr_slice line;
    if (!wr_ctl_ask(a, "GET", "/stats", wr_slice(NULL, 0), &r))
        return false;
    s->at = wr_time_monotonic();
    s->count = 0;
    while ((line = wr_slice_cut(&r.body, '\n')).at && s->count < TOP_ROWS) {
        struct row *row = &s->rows[s->count];
        if (!read_row(line, row))
            continue;
        row->before = value_before(before, row->name, row->value);
        s->count++;
    }
    wr_buf_fini(&r.text);
    return true;
}

static int by_growth(const void *left, const void *right)
{
    const struct row *a = left, *b = right;
    uint64_t grown_a = a->value >= a->before ? a->value - a->before : 0;
    uint64_t grown_b = b->value >= b->before ? b->value - b->before : 0;
    return grown_a != grown_b ? (grown_a < grown_b ? 1 : -1) : strcmp(a->name, b->name);
}

static void draw(const struct wr_asking *a, struct sample *s, double seconds)
{
    struct winsize size = { .ws_row = 24, .ws_col = 80 };
    ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    size_t lines = size.ws_row > 4 ? (size_t) size.ws_row - 4 : TOP_ROWS;
    int help = size.ws_col > 60 ? size.ws_col - 53 : 0;
    struct sample sorted = *s;
    qsort(sorted.rows, sorted.count, sizeof sorted.rows[0], by_growth);
    printf("\033[H\033[2Jweir at %s (Ctrl-C ends)\n\n%-24s %10s %14s\n", a->where, "", "a second", "all");
    for (size_t i = 0; i < sorted.count && i + 1 < lines; i++) {
        const struct row *row = &sorted.rows[i];
        double grown = row->value >= row->before ? (double) (row->value - row->before) : 0;
        printf("%-24.24s %10.1f %14" PRIu64 "  %.*s\n", row->name, grown / seconds, row->value, help,
               row->help);
    }
    fflush(stdout);
}

int wr_ctl_top(const struct wr_asking *asked, const char *argument)
{
    static struct sample samples[2]; /* too large for the stack */
    const struct sigaction on_signal = { .sa_handler = on_interrupt };
    const struct wr_asking a = { .where = asked->where, .token = asked->token };
    (void) argument;
    if (asked->json) {
        wr_ctl_complain("top has no --json: use stats --json");
        return WR_EXIT_USAGE;
    }
    sigaction(SIGINT, &on_signal, NULL);
    sigaction(SIGTERM, &on_signal, NULL);
    if (!take_sample(&a, &samples[1], &samples[0]))
        return WR_EXIT_REFUSED;
    for (int now = 1; !interrupted; now = !now) {
        const struct timespec second = { 1, 0 };
        nanosleep(&second, NULL);
        if (interrupted)
            break;
        if (!take_sample(&a, &samples[!now], &samples[now]))
            return WR_EXIT_REFUSED;
        double seconds = (double) wr_time_since(samples[now].at, samples[!now].at).us / (double) WR_US_PER_S;
        draw(&a, &samples[now], seconds);
        if (ferror(stdout))
            return WR_EXIT_REFUSED;
    }
    putchar('\n');
    return 0;
}
