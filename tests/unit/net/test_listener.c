/* SPDX-License-Identifier: BSD-2-Clause */
/* Listeners: real sockets, connections, and what systemd passes. */
#include "test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/listener.h"
#include "net/passed.h"

static char directory[] = "/tmp/weir-listener-XXXXXX";
static char socket_path[64];

static int make_directory(void **state)
{
    (void) state;
    if (mkdtemp(directory) == NULL)
        return -1;
    snprintf(socket_path, sizeof socket_path, "%s/http.sock", directory);
    return 0;
}

static int remove_directory(void **state)
{
    (void) state;
    unlink(socket_path);
    return rmdir(directory);
}

/* Returns a port that is free now. If another process takes it first, the test asks for another one. */
static uint16_t free_port(void)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *) &at, sizeof at), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *) &at, &len), 0);
    close(fd);
    return ntohs(at.sin_port);
}

static struct wr_listen tcp(uint16_t port)
{
    static char text[32];
    snprintf(text, sizeof text, "127.0.0.1:%u", port);
    return (struct wr_listen){ .address = {
                                   .kind = WR_ADDRESS_IP, .text = text, .host = "127.0.0.1", .port = port } };
}

static struct wr_listen at_path(char *path)
{
    return (struct wr_listen){ .address = { .kind = WR_ADDRESS_UNIX, .text = path, .host = path } };
}

static struct wr_listener *opened(const struct wr_listen *listen, unsigned workers)
{
    struct wr_buf why = { 0 };
    struct wr_listener *l = wr_listener_open(listen, workers, &why);
    if (l == NULL)
        fail_msg("%.*s", WR_SLICE_ARG(wr_buf_slice(&why)));
    wr_buf_fini(&why);
    return l;
}

static struct wr_listener *opened_tcp(uint16_t *port, unsigned workers)
{
    struct wr_listener *l = NULL;
    for (int tries = 0; l == NULL && tries < 20; tries++) {
        struct wr_buf why = { 0 };
        *port = free_port();
        const struct wr_listen listen = tcp(*port);
        l = wr_listener_open(&listen, workers, &why);
        wr_buf_fini(&why);
    }
    assert_non_null(l);
    return l;
}

static void refused(const struct wr_listen *listen, const char *because)
{
    struct wr_buf why = { 0 };
    assert_null(wr_listener_open(listen, 2, &why));
    wr_buf_add_char(&why, '\0');
    if (strstr(why.at, because) == NULL)
        fail_msg("\"%s\" says nothing of \"%s\"", why.at, because);
    wr_buf_fini(&why);
}

/* --- accepting on two loops that share one thread: what one does not get the other does --- */

struct side {
    struct wr_loop loop;
    struct wr_accept accept;
    struct wr_timer giving_up;
};

static struct side sides[2];
static unsigned accepted_count;
static struct wr_accepted last;

static void on_accepted(struct wr_accept *a, const struct wr_accepted *conn)
{
    accepted_count++;
    last = *conn;
    assert_true(fcntl(conn->fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(conn->fd, F_GETFD) & FD_CLOEXEC);
    close(conn->fd);
    wr_loop_stop(a->loop);
}

static void stop_looking(struct wr_timer *t)
{
    wr_loop_stop(t->loop);
}

static void start_sides(struct wr_listener *l, unsigned count)
{
    accepted_count = 0;
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(wr_loop_init(&sides[i].loop, i), 0);
        wr_accept_start(&sides[i].accept, l, &sides[i].loop, on_accepted);
        wr_timer_init(&sides[i].giving_up, &sides[i].loop, stop_looking);
    }
}

static void run_sides(unsigned count, unsigned want)
{
    for (int turns = 0; accepted_count < want && turns < 1000; turns++)
        for (unsigned i = 0; i < count; i++) {
            wr_loop_tick(&sides[i].loop);
            wr_timer_set(&sides[i].giving_up, WR_SPAN_MS(5));
            wr_loop_run(&sides[i].loop);
        }
    assert_int_equal(accepted_count, want);
}

static void stop_sides(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        wr_accept_stop(&sides[i].accept);
        wr_accept_stop(&sides[i].accept);
        wr_timer_fini(&sides[i].giving_up);
        wr_loop_fini(&sides[i].loop);
    }
}

static int connect_tcp(uint16_t port)
{
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                              .sin_port = htons(port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *) &at, sizeof at), 0);
    return fd;
}

static void tcp_connections_reach_all_workers(void **state)
{
    enum { COUNT = 32 };
    uint16_t port;
    int fds[COUNT];
    (void) state;
    struct wr_listener *l = opened_tcp(&port, 2);
    start_sides(l, 2);
    for (int i = 0; i < COUNT; i++)
        fds[i] = connect_tcp(port);
    run_sides(2, COUNT);
    assert_false(last.local);
    assert_memory_equal(last.addr, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1", 16);
    assert_true(last.port != 0);
    for (int i = 0; i < COUNT; i++)
        close(fds[i]);
    stop_sides(2);
    wr_listener_close(l);
}

static int try_tcp(uint16_t port)
{
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                              .sin_port = htons(port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
        refused = connect(fd, (struct sockaddr *) &at, sizeof at);
    close(fd);
    return refused < 0 ? errno : 0;
}

/* Connections in the queue are accepted. After the last worker has stopped listening, the kernel refuses
 * connections. */
static void who_leaves_empties_the_queue_and_closes(void **state)
{
    enum { COUNT = 32 };
    uint16_t port;
    int fds[COUNT];
    (void) state;
    struct wr_listener *l = opened_tcp(&port, 2);
    start_sides(l, 2);
    for (int i = 0; i < COUNT; i++)
        fds[i] = connect_tcp(port);
    wr_accept_leave(&sides[0].accept, l, 0);
    assert_int_equal(try_tcp(port), 0); /* the other one's */
    wr_accept_leave(&sides[1].accept, l, 1);
    assert_int_equal(accepted_count, COUNT + 1);
    assert_int_equal(try_tcp(port), ECONNREFUSED);
    for (int i = 0; i < COUNT; i++)
        close(fds[i]);
    stop_sides(2);
    wr_listener_close(l);
}

/* With SO_REUSEPORT alone a second daemon would take half of the connections, without an error. */
static void second_bind_is_refused(void **state)
{
    uint16_t port;
    (void) state;
    struct wr_listener *l = opened_tcp(&port, 2);
    const struct wr_listen same = tcp(port);
    refused(&same, "in use");
    refused(&same, same.address.text);
    wr_listener_close(l);
    l = opened(&same, 2); /* the port is free again at once */
    wr_listener_close(l);
}

/* --- Unix sockets --- */

static int connect_unix(const char *path)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *) &at, sizeof at), 0);
    return fd;
}

static void unix_socket_is_shared_and_removed(void **state)
{
    const struct wr_listen listen = at_path(socket_path);
    struct stat st;
    (void) state;
    struct wr_listener *l = opened(&listen, 2);
    start_sides(l, 2);
    int fd = connect_unix(socket_path);
    run_sides(2, 1);
    assert_true(last.local);
    close(fd);
    refused(&listen, "in use");
    assert_int_equal(stat(socket_path, &st), 0); /* the listener that was refused has removed nothing */
    stop_sides(2);
    wr_listener_close(l);
    assert_int_equal(stat(socket_path, &st), -1);
}

static void the_last_to_leave_removes_a_unix_socket(void **state)
{
    const struct wr_listen listen = at_path(socket_path);
    (void) state;
    struct wr_listener *l = opened(&listen, 2);
    start_sides(l, 2);
    struct stat st;
    assert_int_equal(stat(socket_path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0660); /* whatever the umask */
    int client = connect_unix(socket_path);
    wr_accept_leave(&sides[0].accept, l, 0);
    assert_int_equal(accepted_count, 1);
    assert_int_equal(access(socket_path, F_OK), 0);
    wr_accept_leave(&sides[1].accept, l, 1);
    assert_int_equal(access(socket_path, F_OK), -1);
    struct wr_listener *next = opened(&listen, 2);
    wr_listener_close(l); /* the path belongs to another socket now */
    assert_int_equal(access(socket_path, F_OK), 0);
    wr_listener_close(next);
    close(client);
    stop_sides(2);
}

static void dead_unix_socket_is_replaced(void **state)
{
    const struct wr_listen listen = at_path(socket_path);
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    (void) state;
    snprintf(at.sun_path, sizeof at.sun_path, "%s", socket_path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *) &at, sizeof at), 0);
    close(fd); /* as a killed process leaves it */
    struct wr_listener *l = opened(&listen, 1);
    close(connect_unix(socket_path));
    wr_listener_close(l);
}

static void file_that_is_no_socket_stays(void **state)
{
    const struct wr_listen listen = at_path(socket_path);
    struct stat st;
    (void) state;
    FILE *file = fopen(socket_path, "w");
    fputs("precious", file);
    fclose(file);
    refused(&listen, "in use");
    assert_int_equal(stat(socket_path, &st), 0);
    assert_int_equal(st.st_size, 8);
    unlink(socket_path);
}

static void impossible_addresses_say_why(void **state)
{
    char nowhere[] = "/nowhere-at-all/x.sock", endless[200];
    (void) state;
    const struct wr_listen missing = at_path(nowhere);
    refused(&missing, "No such file");
    memset(endless, 'x', sizeof endless - 1);
    endless[0] = '/';
    endless[sizeof endless - 1] = '\0';
    const struct wr_listen too_long = at_path(endless);
    refused(&too_long, "too long");
}

/* --- systemd: variables as it sets them; the descriptors themselves are those of this process --- */

static void say_passed(long pid, const char *count, const char *names)
{
    char text[24];
    snprintf(text, sizeof text, "%ld", pid);
    setenv("LISTEN_PID", text, 1);
    setenv("LISTEN_FDS", count, 1);
    if (names)
        setenv("LISTEN_FDNAMES", names, 1);
    else
        unsetenv("LISTEN_FDNAMES");
}

static void passed_sockets_are_found_by_name_and_number(void **state)
{
    (void) state;
    say_passed(getpid(), "3", "http:admin:http");
    assert_int_equal(wr_passed_find("http", 0), 3);
    assert_int_equal(wr_passed_find("http", 1), 5);
    assert_int_equal(wr_passed_find("http", 2), -1);
    assert_int_equal(wr_passed_find("admin", 0), 4);
    assert_int_equal(wr_passed_find("2", 0), 5);
    assert_int_equal(wr_passed_find("3", 0), -1);
    assert_int_equal(wr_passed_find("htt", 0), -1);
    assert_int_equal(wr_passed_find("", 0), -1);
    say_passed(getpid(), "1", NULL);
    assert_int_equal(wr_passed_find("0", 0), 3);
    assert_int_equal(wr_passed_find("http", 0), -1);
    say_passed(getpid() + 1, "1", "http"); /* another process's */
    assert_int_equal(wr_passed_find("http", 0), -1);
    unsetenv("LISTEN_PID");
    assert_int_equal(wr_passed_find("0", 0), -1);
    struct wr_listen listen = { .address = {
                                    .kind = WR_ADDRESS_SYSTEMD, .text = "systemd:http", .host = "http" } };
    refused(&listen, "systemd passed no socket");
}

static void passed_sockets_that_nobody_takes_are_listed(void **state)
{
    struct wr_buf left = { 0 };
    (void) state;
    say_passed(getpid(), "4", "http:admin:http:spare");
    assert_int_equal(wr_passed_left("http"), 2);
    assert_int_equal(wr_passed_take("http"), 3);
    assert_int_equal(wr_passed_take("http"), 5);
    assert_int_equal(wr_passed_take("http"), -1);
    assert_int_equal(wr_passed_left("http"), 0);
    assert_int_equal(wr_passed_take("admin"), 4);
    wr_passed_list_left(&left);
    assert_true(wr_slice_starts(wr_buf_slice(&left), WR_SLICE("spare (")));
    wr_buf_fini(&left);
    unsetenv("LISTEN_PID");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tcp_connections_reach_all_workers),
        cmocka_unit_test(who_leaves_empties_the_queue_and_closes),
        cmocka_unit_test(second_bind_is_refused),
        cmocka_unit_test(unix_socket_is_shared_and_removed),
        cmocka_unit_test(the_last_to_leave_removes_a_unix_socket),
        cmocka_unit_test(dead_unix_socket_is_replaced),
        cmocka_unit_test(file_that_is_no_socket_stays),
        cmocka_unit_test(impossible_addresses_say_why),
        cmocka_unit_test(passed_sockets_are_found_by_name_and_number),
        cmocka_unit_test(passed_sockets_that_nobody_takes_are_listed),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
