/* SPDX-License-Identifier: BSD-2-Clause */
/* Raises the limit of open files, and divides what it allows. */
#include "main/descriptors.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/resource.h>

#include "log/log.h"
#include "txn/conn.h"

#define OWN 64        /* logs, the main loop, its links, the admin listener and its connections */
#define PER_WORKER 16 /* its loop, link and names, besides its listeners */

/* Returns the limit, bounded by what an int can number. */
static unsigned raise_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return INT_MAX;
    const rlim_t before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    if (before != limit.rlim_max && setrlimit(RLIMIT_NOFILE, &limit) != 0) {
        wr_warn("cannot raise the limit of open files to %llu: %s", (unsigned long long) limit.rlim_max,
                strerror(errno));
        limit.rlim_cur = before;
    }
    return limit.rlim_cur < INT_MAX ? (unsigned) limit.rlim_cur : INT_MAX;
}

unsigned wr_descriptors_divide(const struct wr_policy *p)
{
    const unsigned most = raise_limit();
    const uint64_t own = OWN + p->workers * (PER_WORKER + (uint64_t) p->listen_count) + WR_CONNS_REFUSED;
    if (most > OWN)
        wr_socket_leave((int) most - OWN);
    return most > own + 4 ? (unsigned) ((most - own) / 4 * 3) : 1;
}

void wr_descriptors_compare(const struct wr_policy *p, unsigned clients)
{
    if (p->max_connections > clients)
        wr_warn("client.max_connections is %u, but the limit of open files allows for %u clients: further "
                "ones get 503. Raise the limit (LimitNOFILE, ulimit -n) or lower max_connections",
                p->max_connections, clients);
}
