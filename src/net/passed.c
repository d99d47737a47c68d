/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds the sockets that systemd has passed, and remembers which of them are taken. */
#include "net/passed.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "address/ip.h"

#define FIRST_PASSED_FD 3
#define PASSED_MOST 1024 /* further ones are ignored */

static bool taken[PASSED_MOST];

/* Returns how many sockets were passed to this process. */
static unsigned passed(void)
{
    const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
    uint64_t count = 0;
    if (pid == NULL || fds == NULL || atol(pid) != (long) getpid() ||
        !wr_slice_u64(wr_slice_str(fds), PASSED_MOST, &count))
        return 0;
    return (unsigned) count;
}

/* Returns the name of a socket; empty: it has none. */
static struct wr_slice name_of(unsigned index)
{
    const char *names = getenv("LISTEN_FDNAMES");
    struct wr_slice rest = wr_slice_str(names ? names : ""), one = wr_slice(NULL, 0);
    for (unsigned i = 0; i <= index; i++)
        one = wr_slice_cut(&rest, ':');
    return one.at ? one : WR_SLICE("");
}

static bool is_named(unsigned index, const char *name)
{
    uint64_t number;
    if (wr_slice_u64(wr_slice_str(name), PASSED_MOST, &number))
        return number == index;
    return *name && wr_slice_eq(name_of(index), wr_slice_str(name));
}

int wr_passed_find(const char *name, unsigned nth)
{
    for (unsigned i = 0; i < passed(); i++)
        if (is_named(i, name) && nth-- == 0)
            return FIRST_PASSED_FD + (int) i;
    return -1;
}

int wr_passed_take(const char *name)
{
    for (unsigned i = 0; i < passed(); i++) {
        if (taken[i] || !is_named(i, name))
            continue;
        taken[i] = true;
        return FIRST_PASSED_FD + (int) i;
    }
    return -1;
}

unsigned wr_passed_left(const char *name)
{
    unsigned count = 0;
    for (unsigned i = 0; i < passed(); i++)
        count += !taken[i] && is_named(i, name);
    return count;
}

static void add_address(struct wr_buf *out, int fd)
{
    struct sockaddr_storage at = { 0 };
    socklen_t len = sizeof at;
    unsigned char addr[16];
    char text[WR_ADDRESS_TEXT];
    if (getsockname(fd, (struct sockaddr *) &at, &len) < 0) {
        wr_buf_add_str(out, "no socket");
    } else if (at.ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *) &at;
        wr_address_map(&in->sin_addr, addr);
        wr_address_text(addr, text);
        wr_buf_printf(out, "%s:%u", text, ntohs(in->sin_port));
    } else if (at.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *) &at;
        memcpy(addr, &in6->sin6_addr, sizeof addr);
        wr_address_text(addr, text);
        wr_buf_printf(out, "[%s]:%u", text, ntohs(in6->sin6_port));
    } else {
        const struct sockaddr_un *un = (const struct sockaddr_un *) &at;
        wr_buf_printf(out, "%.*s", (int) strnlen(un->sun_path, sizeof un->sun_path), un->sun_path);
    }
}

void wr_passed_list_left(struct wr_buf *out)
{
    const char *between = "";
    for (unsigned i = 0; i < passed(); i++) {
        if (taken[i])
            continue;
        struct wr_slice name = name_of(i);
        if (name.len)
            wr_buf_printf(out, "%s%.*s (", between, WR_SLICE_ARG(name));
        else
            wr_buf_printf(out, "%s%u (", between, i);
        add_address(out, FIRST_PASSED_FD + (int) i);
        wr_buf_add_char(out, ')');
        between = ", ";
    }
}
