/* SPDX-License-Identifier: BSD-2-Clause */
/* sd_notify(3) without libsystemd: one datagram to the socket in NOTIFY_SOCKET. */
#include "main/systemd.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define MESSAGE_MOST 1024

/* Reads the address in NOTIFY_SOCKET: a path, or "@name" in the abstract namespace. Returns its length; 0:
 * none. */
static socklen_t notify_address(struct sockaddr_un *at)
{
    const char *name = getenv("NOTIFY_SOCKET");
    size_t len = name ? strlen(name) : 0;
    if (len < 2 || len >= sizeof at->sun_path || (name[0] != '/' && name[0] != '@'))
        return 0;
    *at = (struct sockaddr_un){ .sun_family = AF_UNIX };
    memcpy(at->sun_path, name, len);
    if (name[0] == '@')
        at->sun_path[0] = '\0';
    /* an abstract name ends where the address ends, a path with its NUL */
    return (socklen_t) (offsetof(struct sockaddr_un, sun_path) + len + (name[0] == '@' ? 0 : 1));
}

void wr_systemd_notify(const char *fmt, ...)
{
    struct sockaddr_un at;
    socklen_t at_len = notify_address(&at);
    char message[MESSAGE_MOST];
    if (at_len == 0)
        return;
    va_list ap;
    va_start(ap, fmt);
    int len = vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    if (len <= 0 || (size_t) len >= sizeof message)
        return;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    ssize_t ignored = sendto(fd, message, (size_t) len, MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *) &at,
                             at_len);
    (void) ignored;
    close(fd);
}

bool wr_systemd_reads_stderr(void)
{
    const char *stream = getenv("JOURNAL_STREAM"); /* device:inode (systemd.exec(5)) */
    struct stat st;
    char here[64];
    if (stream == NULL || fstat(STDERR_FILENO, &st) < 0)
        return false;
    snprintf(here, sizeof here, "%llu:%llu", (unsigned long long) st.st_dev, (unsigned long long) st.st_ino);
    return strcmp(stream, here) == 0;
}
