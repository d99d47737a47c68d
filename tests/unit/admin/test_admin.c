/* SPDX-License-Identifier: BSD-2-Clause */
/* The admin listener on real sockets: its loop runs on a thread, and the test is its client. */
#include "config.h"

#include "test.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "admin/admin.h"

static char directory[] = "/tmp/weir-admin-XXXXXX";
static char path[64], server_name[] = "edge-1";

/* --- the daemon, as the listener sees it --- */

static struct daemon {
    struct wr_loop loop;
    struct wr_loop worker; /* it turns when the test says so */
    struct wr_loop *workers[1];
    struct wr_note stop, finish;
    pthread_t thread;
    struct wr_policy policy;
    struct wr_admin *admin;
    struct wr_admin_policy admins[1];
    const char *pending;             /* what a reload leaves for a restart */
    bool draining, bad_policy, late; /* set before a request is sent */
    char purged[256];
    unsigned drains;
    void (*done)(void *arg, const struct wr_purge_result *result);
    void *done_arg;
    enum wr_err purge_err;
    struct wr_silent *silent;
} d;

static const struct wr_purge_result *purge_result(void)
{
    static struct wr_purge_result result;
    result = (struct wr_purge_result){ d.purge_err, 2, 3, d.silent };
    return &result;
}

static bool purge(void *ctx, const char *who, const char *what, struct wr_slice name, bool soft,
                  void (*done)(void *, const struct wr_purge_result *), void *arg, const char **why)
{
    (void) ctx;
    (void) who;
    if (strcmp(what, "url") == 0 && !wr_slice_starts(name, WR_SLICE("http://"))) {
        *why = "no URL at all";
        return false;
    }
    bool url = strcmp(what, "url") == 0;
    snprintf(d.purged, sizeof d.purged, "%s%s%s%.*s", soft ? "soft " : "", url ? "" : what, url ? "" : " ",
             WR_SLICE_ARG(name));
    if (d.late) {
        d.done_arg = arg;
        __atomic_store_n(&d.done, done, __ATOMIC_RELEASE); /* the test waits until it is set */
    } else {
        done(arg, purge_result());
    }
    return true;
}

static void purges(void *ctx, void (*each)(void *, const struct wr_admin_purged *),
                   void (*done)(void *, enum wr_err), void *arg)
{
    (void) ctx;
    const struct wr_admin_purged one = { { INT64_C(1700000000123456) },
                                         WR_SLICE("edge-1-7"),
                                         WR_SLICE("admin"),
                                         WR_SLICE("tag"),
                                         WR_SLICE("a \"b\""),
                                         true };
    const struct wr_admin_purged other = { { INT64_C(1700000000000000) },
                                           WR_SLICE("edge-2-8"),
                                           WR_SLICE("PURGE from ::1"),
                                           WR_SLICE("all"),
                                           WR_SLICE(""),
                                           false };
    if (d.purge_err == WR_OK) {
        each(arg, &one);
        each(arg, &other);
    }
    done(arg, d.purge_err);
}

static bool reload(void *ctx, const char *who, struct wr_buf *errors, struct wr_buf *pending)
{
    (void) ctx;
    assert_true(strncmp(who, "admin: uid ", 11) == 0);
    wr_buf_add_str(pending, d.pending);
    if (d.bad_policy)
        wr_buf_add_str(errors, "weir.yaml:1:1: \"quoted\" is wrong\nweir.yaml:2:1: too\n");
    return !d.bad_policy;
}

static struct wr_admin_reload reloaded(void *ctx)
{
    (void) ctx;
    return (struct wr_admin_reload){ .ok = !d.bad_policy, .at = { INT64_C(1700000000123456) } };
}

static void drain(void *ctx, const char *who, struct wr_buf *now)
{
    (void) ctx;
    (void) who;
    d.drains++;
    d.draining = true;
    wr_buf_add_str(now, "draining: \"quoted\"");
}

static bool undrain(void *ctx, const char *who, struct wr_buf *now)
{
    (void) ctx;
    (void) who;
    bool was = d.draining;
    d.draining = false;
    wr_buf_add_str(now, "serving");
    return was;
}

static bool maintain(void *ctx, const char *who, enum wr_switch_scope scope, struct wr_slice name, bool on,
                     struct wr_buf *now)
{
    (void) ctx;
    (void) who;
    wr_buf_printf(now, "%s %d \"%.*s\"", on ? "on" : "off", (int) scope, WR_SLICE_ARG(name));
    return !wr_slice_eq(name, WR_SLICE("none"));
}

static size_t maintained(void *ctx)
{
    (void) ctx;
    return 7;
}

static enum wr_life life(void *ctx)
{
    (void) ctx;
    return d.draining ? WR_LIFE_DRAINING : WR_LIFE_SERVING;
}

static void status(void *ctx, void (*add)(void *arg, const char *name, const char *value), void *arg)
{
    (void) ctx;
    add(arg, "server_name", "edge \"1\"");
    add(arg, "pid", "42");
    add(arg, "uptime_seconds", "90061");
    add(arg, "memory_bytes", "1536");
    add(arg, "redis", "away");
}

static void on_stop(struct wr_note *n)
{
    wr_loop_stop(n->loop);
}

/* Ends the purge that waits. */
static void on_finish(struct wr_note *n)
{
    (void) n;
    void (*done)(void *, const struct wr_purge_result *) = d.done;
    __atomic_store_n(&d.done, NULL, __ATOMIC_RELEASE);
    if (done)
        done(d.done_arg, purge_result());
}

static void *turn(void *arg)
{
    (void) arg;
    wr_loop_run(&d.loop);
    return NULL;
}

static void worker_beats(struct wr_span ago)
{
    __atomic_store_n(&d.worker.beat_us, wr_time_monotonic().us - ago.us, __ATOMIC_RELAXED);
}

static struct wr_admin_host the_host(void)
{
    return (struct wr_admin_host){
        .purge = purge,
        .purges = purges,
        .reload = reload,
        .reloaded = reloaded,
        .drain = drain,
        .undrain = undrain,
        .maintain = maintain,
        .maintained = maintained,
        .life = life,
        .status = status,
        .loops = d.workers,
        .loop_count = 1,
    };
}

static int start(void **state)
{
    struct wr_buf why = { 0 };
    (void) state;
    d = (struct daemon){ .workers = { &d.worker }, .worker.index = 3, .pending = "" };
    d.admins[0] = (struct wr_admin_policy){
        .address = { .kind = WR_ADDRESS_UNIX, .text = path, .host = path }, .allow = WR_RIGHTS_ALL, .line = 1
    };
    d.policy.server_name = server_name;
    d.policy.admins = d.admins;
    d.policy.admin_count = 1;
    if (wr_loop_init(&d.loop, WR_LOOP_MAIN) < 0)
        return -1;
    wr_note_init(&d.stop, &d.loop, on_stop);
    wr_note_init(&d.finish, &d.loop, on_finish);
    worker_beats(WR_SPAN_S(0));
    const struct wr_admin_host host = the_host();
    d.admin = wr_admin_new(&d.loop, &d.policy, &host, &why);
    wr_buf_fini(&why);
    return d.admin && pthread_create(&d.thread, NULL, turn, NULL) == 0 ? 0 : -1;
}

static void stop_thread(void)
{
    wr_note_post(&d.stop);
    pthread_join(d.thread, NULL);
}

static void end(void)
{
    wr_admin_free(d.admin);
    if (d.done)
        d.done(d.done_arg, &(struct wr_purge_result){ WR_ERR_CANCELLED, 0, 0,
                                                      NULL }); /* as Redis's link does when it is freed */
    wr_note_fini(&d.stop);
    wr_note_fini(&d.finish);
    wr_loop_fini(&d.loop);
}

static int stop(void **state)
{
    (void) state;
    stop_thread();
    end();
    return access(path, F_OK) == 0; /* the socket's file must be gone */
}

/* --- a client --- */

static int dial(void)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    const struct timeval patience = { 20, 0 };
    snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *) &at, sizeof at), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Reads until the end of the connection, into a buffer that the next call uses again. */
static const char *hear(int fd)
{
    static char text[64 * 1024];
    size_t len = 0;
    ssize_t n;
    while ((n = recv(fd, text + len, sizeof text - 1 - len, 0)) > 0)
        len += (size_t) n;
    assert_int_equal(n, 0);
    text[len] = '\0';
    close(fd);
    return text;
}

/* lines: the request line and fields, each with its CRLF, without Host and Connection. */
static const char *ask(const char *lines, const char *body)
{
    char request[2048];
    snprintf(request, sizeof request,
             "%sHost: localhost\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s", lines, strlen(body),
             body);
    int fd = dial();
    say(fd, request);
    return hear(fd);
}

static void status_is(const char *reply, int want)
{
    char start_line[16];
    snprintf(start_line, sizeof start_line, "HTTP/1.1 %d ", want);
    if (strncmp(reply, start_line, strlen(start_line)) != 0)
        fail_msg("not %d: %s", want, reply);
}

static const char *body_of(const char *reply)
{
    const char *at = strstr(reply, "\r\n\r\n");
    assert_non_null(at);
    return at + 4;
}

static void has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("no \"%s\" in: %s", part, text);
}

/* --- endpoints that look --- */

static void health_follows_the_workers(void **state)
{
    (void) state;
    const char *reply = ask("GET /healthz HTTP/1.1\r\n", "");
    status_is(reply, 200);
    assert_string_equal(body_of(reply), "ok\n");
    worker_beats(WR_SPAN_S(60));
    reply = ask("GET /healthz HTTP/1.1\r\n", "");
    status_is(reply, 503);
    has(body_of(reply), "worker 3 has not turned for 60 s");
    worker_beats(WR_SPAN_S(1));
    status_is(ask("GET /healthz HTTP/1.1\r\n", ""), 200);
}

static void readiness_tells_of_redis_and_draining(void **state)
{
    (void) state;
    const char *reply = ask("GET /readyz HTTP/1.1\r\n", "");
    status_is(reply, 200);
    assert_string_equal(body_of(reply), "ready\nredis away\n");
    status_is(ask("POST /drain HTTP/1.1\r\n", ""), 202);
    assert_int_equal(d.drains, 1);
    reply = ask("GET /readyz HTTP/1.1\r\n", "");
    status_is(reply, 503);
    has(body_of(reply), "draining\nredis away");
    status_is(ask("GET /healthz HTTP/1.1\r\n", ""), 200);
    const char *metrics = ask("GET /metrics HTTP/1.1\r\n", "");
    has(metrics, "\nweir_draining 1\n");
    has(metrics, "\nweir_maintenance_routes 7\n");
    status_is(ask("POST /undrain HTTP/1.1\r\n", ""), 200);
    status_is(ask("GET /readyz HTTP/1.1\r\n", ""), 200);
    reply = ask("POST /undrain HTTP/1.1\r\n", "");
    status_is(reply, 409);
    has(body_of(reply), "the node is serving");
}

static void metrics_are_for_prometheus(void **state)
{
    (void) state;
    const char *reply = ask("GET /metrics HTTP/1.1\r\n", "");
    status_is(reply, 200);
    has(reply, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n");
    has(reply, "\nweir_requests_total ");
    has(reply, "\nweir_process_resident_memory_bytes ");
    has(reply, "\nweir_process_start_time_seconds ");
    has(reply, "\nweir_access_dropped_total 0\n");
    has(reply, "\nweir_log_dropped_total 0\n");
    has(reply, "\nweir_build_info{version=\"" PACKAGE_VERSION "\"} 1\n");
}

static void status_for_people_and_programs(void **state)
{
    (void) state;
    const char *reply = ask("GET /status HTTP/1.1\r\n", "");
    has(reply, "Content-Type: text/plain");
    has(body_of(reply), "server name      edge \"1\"\n");
    has(body_of(reply), "uptime           1 d 1 h\n");
    has(body_of(reply), "memory           1.5 KB\n");
    reply = ask("GET /status HTTP/1.1\r\nAccept: application/json\r\n", "");
    has(reply, "Content-Type: application/json\r\n");
    has(body_of(reply), "{\"server_name\":\"edge \\\"1\\\"\",\"pid\":42,\"uptime_seconds\":90061,");
    has(body_of(ask("GET /status.json HTTP/1.1\r\n", "")), "\"redis\":\"away\"");
    has(body_of(ask("GET /stats HTTP/1.1\r\n", "")), "Requests read from clients\n");
    has(body_of(ask("GET /stats.json HTTP/1.1\r\n", "")), "{\"requests\":");
}

/* The page is one document; it runs and loads only what carries the number of this answer. */
static void page_is_tied_to_its_nonce(void **state)
{
    (void) state;
    char nonce[2][64];
    for (int i = 0; i < 2; i++) {
        const char *reply = ask("GET / HTTP/1.1\r\n", "");
        char tag[192];
        status_is(reply, 200);
        has(reply, "Content-Security-Policy: default-src 'none'; connect-src 'self'; ");
        const char *at = strstr(reply, "script-src 'nonce-");
        assert_non_null(at);
        assert_int_equal(sscanf(at, "script-src 'nonce-%63[0-9a-f]'", nonce[i]), 1);
        assert_int_equal(strlen(nonce[i]), 32);
        snprintf(tag, sizeof tag, "<script nonce=\"%s\">", nonce[i]);
        has(reply, tag);
        assert_null(strstr(reply, "@NONCE@"));
        assert_null(strstr(reply, "src=\""));
        has(reply, "</html>\n");
    }
    assert_string_not_equal(nonce[0], nonce[1]);
}

static void head_has_no_body(void **state)
{
    (void) state;
    const char *reply = ask("HEAD /status HTTP/1.1\r\n", "");
    status_is(reply, 200);
    has(reply, "Content-Length: ");
    assert_string_equal(body_of(reply), "");
}

/* --- errors --- */

static void wrong_requests_get_a_reason(void **state)
{
    (void) state;
    const char *reply = ask("GET /nothing HTTP/1.1\r\n", "");
    status_is(reply, 404);
#define X(path, methods, right, name, manual) has(body_of(reply), " " path);
#include "admin/endpoints.def"
#undef X
    reply = ask("DELETE /metrics HTTP/1.1\r\n", "");
    status_is(reply, 405);
    has(reply, "Allow: GET, HEAD\r\n");
    reply = ask("GET /drain HTTP/1.1\r\nAccept: application/json\r\n", "");
    status_is(reply, 405);
    has(reply, "Allow: POST\r\n");
    has(reply, "Content-Type: application/problem+json\r\n");
    has(body_of(reply),
        "{\"type\":\"about:blank\",\"title\":\"Method Not Allowed\",\"status\":405,\"detail\":\"");
    assert_int_equal(d.drains, 0);
}

static void pages_of_others_change_nothing(void **state)
{
    (void) state;
    status_is(ask("POST /drain HTTP/1.1\r\nOrigin: http://evil.example\r\n", ""), 403);
    status_is(ask("POST /drain HTTP/1.1\r\nOrigin: null\r\n", ""), 403);
    status_is(ask("POST /drain HTTP/1.1\r\nOrigin: https://localhost.evil.example\r\n", ""), 403);
    /* a name that was made to resolve to us: Origin and Host agree */
    int fd = dial();
    say(fd, "POST /drain HTTP/1.1\r\nHost: evil.example:9180\r\nOrigin: "
            "http://evil.example:9180\r\nConnection: close\r\n"
            "Content-Length: 0\r\n\r\n");
    status_is(hear(fd), 403);
    assert_int_equal(d.drains, 0);
    status_is(ask("POST /drain HTTP/1.1\r\nOrigin: http://localhost\r\n", ""), 202);
    assert_int_equal(d.drains, 1);
}

/* --- endpoints that change something --- */

static void purges_by_query_form_and_json(void **state)
{
    (void) state;
    status_is(ask("POST /purge?url=http%3A%2F%2Fa%2F1 HTTP/1.1\r\n", ""), 200);
    assert_string_equal(d.purged, "http://a/1");
    status_is(
        ask("POST /purge HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\n", "url=http://a/2"),
        200);
    assert_string_equal(d.purged, "http://a/2");
    const char *reply = ask("POST /purge HTTP/1.1\r\nContent-Type: application/json; charset=utf-8\r\n"
                            "Accept: application/json\r\n",
                            "{\"url\": \"http://a/3\"}");
    status_is(reply, 200);
    assert_string_equal(body_of(reply), "{\"purged\":true,\"nodes_told\":2,\"nodes\":3}\n");
    assert_string_equal(d.purged, "http://a/3");
    reply = ask("POST /purge?url=nonsense HTTP/1.1\r\n", "");
    status_is(reply, 400);
    has(body_of(reply), "no URL at all");
    status_is(ask("POST /purge HTTP/1.1\r\n", ""), 400);
    d.purge_err = WR_ERR_REDIS_AWAY;
    status_is(ask("POST /purge?url=http://a/ HTTP/1.1\r\n", ""), 503);
}

static void purge_names_who_is_silent(void **state)
{
    (void) state;
    struct wr_silent *silent = malloc(sizeof *silent + 2 * sizeof silent->of[0]);
    assert_non_null(silent);
    silent->count = 2;
    silent->of[0] = (struct wr_silent_node){ WR_SLICE("edge-2"), WR_SPAN_MS(12900) };
    silent->of[1] = (struct wr_silent_node){ WR_SLICE("a\"\n"), WR_SPAN_S(0) };
    d.silent = silent;
    assert_string_equal(
        body_of(ask("POST /purge?all=1 HTTP/1.1\r\nAccept: application/json\r\n", "")),
        "{\"purged\":true,\"nodes_told\":2,\"nodes\":3,\"silent\":[{\"node\":\"edge-2\",\"seconds\":12},"
        "{\"node\":\"a\\\"\\u000a\",\"seconds\":0}]}\n");
    assert_string_equal(
        body_of(ask("POST /purge?all=1 HTTP/1.1\r\n", "")),
        "purged: 2 of 3 nodes\n"
        "edge-2 has not been heard for 12 s and may serve older copies until it is back\n"
        "a\"? has not been heard since the purge and may serve older copies until it is back\n");
    d.silent = NULL;
    free(silent);
}

static void purges_by_what_is_named(void **state)
{
    static const struct {
        const char *body, *json, *want; /* want NULL: it is refused */
    } cases[] = {
        { "tag=a+b&soft=1", "{\"tag\":\"a b\", \"soft\":true}", "soft tag a b" },
        { "prefix=h%2Fp&soft=0", "{\"soft\":false,\"prefix\":\"h/p\"}", "prefix h/p" },
        { "host=h", "{\"host\":\"h\"}", "host h" },
        { "all=1", "{\"all\":true}", "all 1" },
        { "all=0", "{\"all\":false}", NULL },
        { "tag=a&host=b", "{\"tag\":\"a\",\"host\":\"b\"}", NULL },
        { "all=1&url=http://a/", "{\"all\":true,\"url\":\"http://a/\"}", NULL },
        { "soft=1", "{\"soft\":true}", NULL },
        { "tag=a&tag=b", "{\"tag\":\"a\",\"tag\":\"b\"}", NULL },
        { "tag=a&other=b", "{\"tag\":\"a\",}", NULL },
    };
    (void) state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (int json = 0; json < 2; json++) {
            d.purged[0] = '\0';
            const char *type = json ? "POST /purge HTTP/1.1\r\nContent-Type: application/json\r\n"
                                    : "POST /purge HTTP/1.1\r\n";
            status_is(ask(type, json ? cases[i].json : cases[i].body), cases[i].want ? 200 : 400);
            assert_string_equal(d.purged, cases[i].want ? cases[i].want : "");
        }
}

static void lists_purges(void **state)
{
    (void) state;
    const char *reply = ask("GET /purges HTTP/1.1\r\n", "");
    status_is(reply, 200);
    has(body_of(reply), "2023-11-14T22:13:20.123Z  soft  tag     a \"b\"  (admin on edge-1-7)\n");
    reply = ask("GET /purges HTTP/1.1\r\nAccept: application/json\r\n", "");
    has(body_of(reply), "\"name\":\"a \\\"b\\\"\",\"soft\":true},");
    has(body_of(reply), "\"what\":\"all\",\"name\":\"\",\"soft\":false}");
    d.purge_err = WR_ERR_REDIS_AWAY;
    status_is(ask("GET /purges HTTP/1.1\r\n", ""), 503);
}

/* The answer comes when Redis has confirmed the purge; other clients are served meanwhile. */
static void late_purge_answers_then(void **state)
{
    (void) state;
    d.late = true;
    int fd = dial();
    say(fd,
        "POST /purge?url=http://a/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    while (strcmp(body_of(ask("GET /healthz HTTP/1.1\r\n", "")), "ok\n") != 0 ||
           !__atomic_load_n(&d.done, __ATOMIC_ACQUIRE))
        ;
    wr_note_post(&d.finish);
    status_is(hear(fd), 200);
}

/* If the client or the listener has gone before the purge is over, nothing that was freed is touched. */
static void late_purge_survives_its_client(void **state)
{
    (void) state;
    d.late = true;
    int fd = dial();
    say(fd, "POST /purge?url=http://a/ HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    while (!__atomic_load_n(&d.done, __ATOMIC_ACQUIRE))
        ask("GET /healthz HTTP/1.1\r\n", "");
    close(fd);
    ask("GET /healthz HTTP/1.1\r\n", "");
    wr_note_post(&d.finish);
    status_is(ask("GET /healthz HTTP/1.1\r\n", ""), 200);
    fd = dial(); /* this client is still there when stop() frees the listener, and done() is called after that
                  */
    say(fd, "POST /purge?url=http://b/ HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    while (!__atomic_load_n(&d.done, __ATOMIC_ACQUIRE))
        ask("GET /healthz HTTP/1.1\r\n", "");
    assert_string_equal(d.purged, "http://b/");
    stop_thread();
    end();
    close(fd);
    assert_int_equal(start(NULL), 0);
}

static void reloads_and_shows_errors(void **state)
{
    (void) state;
    status_is(ask("POST /reload HTTP/1.1\r\n", ""), 200);
    d.bad_policy = true;
    const char *reply = ask("POST /reload HTTP/1.1\r\n", "");
    status_is(reply, 422);
    assert_string_equal(body_of(reply), "weir.yaml:1:1: \"quoted\" is wrong\nweir.yaml:2:1: too\n");
    reply = ask("POST /reload HTTP/1.1\r\nAccept: application/json\r\n", "");
    has(body_of(reply), "\"detail\":\"weir.yaml:1:1: \\\"quoted\\\" is wrong\\u000aweir.yaml:2:1: too\"");
}

/* --- clients that misbehave --- */

static void hanging_clients_hold_nobody_up(void **state)
{
    enum { COUNT = 50 };
    int fds[COUNT];
    (void) state;
    for (int i = 0; i < COUNT; i++) {
        fds[i] = dial();
        if (i % 2)
            say(fds[i], "POST /purge HTTP/1.1\r\nContent-Length: 1000\r\n\r\nurl=");
    }
    status_is(ask("GET /healthz HTTP/1.1\r\n", ""), 200);
    for (int i = 0; i < COUNT; i++)
        close(fds[i]);
    status_is(ask("GET /healthz HTTP/1.1\r\n", ""), 200);
}

/* A request that is too large gets an error, or the connection ends; it never purges. */
static void too_much_is_refused(void **state)
{
    const char start_line[] =
        "POST /purge HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nurl=http://a/";
    char piece[4096];
    (void) state;
    memset(piece, 'x', sizeof piece);
    int fd = dial();
    say(fd, start_line);
    for (int i = 0; i < 244 && send(fd, piece, sizeof piece, MSG_NOSIGNAL) > 0; i++)
        ;
    close(fd);
    status_is(ask("GET /healthz HTTP/1.1\r\n", ""), 200);
    assert_string_equal(d.purged, "");
}

static void socket_is_not_for_everybody(void **state)
{
    struct stat st;
    (void) state;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0660);
}

static void address_in_use_is_reported(void **state)
{
    const struct wr_admin_host host = the_host();
    struct wr_loop loop;
    struct wr_buf why = { 0 };
    (void) state;
    assert_int_equal(wr_loop_init(&loop, WR_LOOP_MAIN), 0);
    assert_null(wr_admin_new(&loop, &d.policy, &host, &why));
    wr_buf_add_char(&why, '\0');
    has(why.at, path);
    has(why.at, "in use");
    wr_buf_fini(&why);
    wr_loop_fini(&loop);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

static int make_directory(void **state)
{
    (void) state;
    if (mkdtemp(directory) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/admin.sock", directory);
    return 0;
}

static int remove_directory(void **state)
{
    (void) state;
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(health_follows_the_workers),
        TEST(readiness_tells_of_redis_and_draining),
        TEST(metrics_are_for_prometheus),
        TEST(status_for_people_and_programs),
        TEST(page_is_tied_to_its_nonce),
        TEST(head_has_no_body),
        TEST(wrong_requests_get_a_reason),
        TEST(pages_of_others_change_nothing),
        TEST(purges_by_what_is_named),
        TEST(purge_names_who_is_silent),
        TEST(lists_purges),
        TEST(purges_by_query_form_and_json),
        TEST(late_purge_answers_then),
        TEST(late_purge_survives_its_client),
        TEST(reloads_and_shows_errors),
        TEST(hanging_clients_hold_nobody_up),
        TEST(too_much_is_refused),
        TEST(socket_is_not_for_everybody),
        TEST(address_in_use_is_reported),
    };
    signal(SIGPIPE, SIG_IGN); /* as the daemon does, because evhttp writes to clients that have gone */
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
