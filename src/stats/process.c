/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the resources that the process uses. Writes them as metrics. */
#include "stats/process.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "stats/export.h"

static uint64_t count_entries(const char *path)
{
    DIR *dir = opendir(path);
    uint64_t n = 0;
    if (dir == NULL)
        return 0;
    for (const struct dirent *e; (e = readdir(dir)) != NULL;)
        if (e->d_name[0] != '.')
            n++;
    closedir(dir);
    return n;
}

static uint64_t resident_bytes(void)
{
    unsigned long all, resident = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f == NULL)
        return 0;
    if (fscanf(f, "%lu %lu", &all, &resident) != 2)
        resident = 0;
    fclose(f);
    return (uint64_t) resident * (uint64_t) sysconf(_SC_PAGESIZE);
}

static int64_t us_of(struct timeval tv)
{
    return (int64_t) tv.tv_sec * WR_US_PER_S + tv.tv_usec;
}

void wr_process_read(struct wr_process *p)
{
    struct rlimit most;
    struct rusage used;
    *p = (struct wr_process){ .resident = resident_bytes(), .threads = count_entries("/proc/self/task") };
    uint64_t files = count_entries("/proc/self/fd");
    p->files = files > 0 ? files - 1 : 0; /* without the descriptor of this look itself */
    if (getrlimit(RLIMIT_NOFILE, &most) == 0)
        p->files_most = (uint64_t) most.rlim_cur;
    if (getrusage(RUSAGE_SELF, &used) == 0)
        p->cpu.us = us_of(used.ru_utime) + us_of(used.ru_stime);
}

void wr_process_metrics(struct wr_buf *out, struct wr_wall started)
{
    struct wr_process p;
    wr_process_read(&p);
    wr_stats_metric(out, "gauge", "weir_process_resident_memory_bytes", "", "Memory in use",
                    (double) p.resident);
    wr_stats_metric(out, "gauge", "weir_process_open_fds", "", "File descriptors open", (double) p.files);
    wr_stats_metric(out, "gauge", "weir_process_max_fds", "", "File descriptors that may be open",
                    (double) p.files_most);
    wr_stats_metric(out, "gauge", "weir_process_threads", "", "Threads", (double) p.threads);
    wr_stats_metric(out, "counter", "weir_process_cpu_seconds_total", "", "Processor time used",
                    (double) p.cpu.us / (double) WR_US_PER_S);
    wr_stats_metric(out, "gauge", "weir_process_start_time_seconds", "",
                    "When it started, in seconds since 1970", (double) wr_time_s(started));
}
