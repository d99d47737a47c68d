/* weirctl: asks and tells a running weir over its admin listener. Blocking and simple: one request, one
 * answer. */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netdb.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/units.h"

#define DEFAULT_SOCKET "/run/weir/admin.sock"
#define PATIENCE_SECONDS 30

enum { EXIT_REFUSED = 1, EXIT_USAGE = 2 }; /* also 1: no answer at all */

/* options without a letter; in the order of main()'s scopes */
enum { PURGE_TAG = 256, PURGE_PREFIX, PURGE_HOST, PURGE_ALL, PURGE_SOFT };

struct asking {
    const char *where; /* path of a socket, or http://host:port */
    bool json;
    /* what purge is to purge, unless it is a URL */
    const char *what, *name;
    unsigned purges; /* how many such things were named */
    bool soft;
};

struct reply {
    int status;
    struct wr_buf text;   /* all that came */
    struct wr_slice body; /* in it */
};

/* --- the connection --- */

static int complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static int complain(const char *fmt, ...)
{
    va_list ap;
    fputs("weirctl: ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    return -1;
}

static const char *advice(int err)
{
    switch (err) {
    case ENOENT:
        return " (is weir running, and does its policy have an admin section? -s names another socket)";
    case EACCES:
        return " (the socket belongs to weir's user and group: try as root or as a member)";
    case ECONNREFUSED:
        return " (nobody listens there: weir is not running)";
    default:
        return "";
    }
}

static int connect_unix(const char *path)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof at.sun_path)
        return complain("%s: the path is too long for a socket", path);
    strcpy(at.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *) &at, sizeof at) < 0) {
        int err = errno;
        if (fd >= 0)
            close(fd);
        return complain("cannot connect to %s: %s%s", path, strerror(err), advice(err));
    }
    return fd;
}

/* "http://host:port", a slash behind it allowed. */
static bool split_http(const char *where, char host[256], char port[8])
{
    const char *at = where + strlen("http://"), *colon = strrchr(at, ':');
    size_t host_len = colon ? (size_t) (colon - at) : 0,
           port_len = colon ? strspn(colon + 1, "0123456789") : 0;
    if (host_len > 2 && at[0] == '[' && at[host_len - 1] == ']') {
        at++;
        host_len -= 2;
    }
    if (host_len == 0 || host_len > 255 || port_len == 0 || port_len > 5 ||
        (colon[1 + port_len] && strcmp(colon + 1 + port_len, "/") != 0))
        return false;
    memcpy(host, at, host_len);
    host[host_len] = '\0';
    memcpy(port, colon + 1, port_len);
    port[port_len] = '\0';
    return true;
}

static int connect_tcp(const char *where)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    struct addrinfo *found;
    char host[256], port[8];
    if (!split_http(where, host, port))
        return complain("%s is not http://HOST:PORT", where);
    int wrong = getaddrinfo(host, port, &hints, &found), fd = -1, err = 0;
    if (wrong)
        return complain("%s: %s", host, gai_strerror(wrong));
    for (const struct addrinfo *ai = found; ai && fd < 0; ai = ai->ai_next) {
        fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0 && connect(fd, ai->ai_addr, ai->ai_addrlen) < 0) {
            err = errno;
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(found);
    return fd >= 0 ? fd : complain("cannot connect to %s: %s%s", where, strerror(err), advice(err));
}

static bool is_http(const char *where)
{
    return strncmp(where, "http://", 7) == 0;
}

static int connect_to(const char *where)
{
    const struct timeval patience = { PATIENCE_SECONDS, 0 };
    int fd = is_http(where) ? connect_tcp(where) : connect_unix(where);
    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    }
    return fd;
}

/* --- one request --- */

static bool send_all(int fd, struct wr_slice left)
{
    while (left.len > 0) {
        ssize_t n = send(fd, left.at, left.len, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0)
            left = wr_slice(left.at + n, left.len - (size_t) n);
    }
    return true;
}

static bool receive_all(int fd, struct wr_buf *in)
{
    for (;;) {
        char *at = wr_buf_reserve(in, 16 * 1024);
        ssize_t n = recv(fd, at, 16 * 1024, 0);
        if (n == 0)
            return true;
        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0)
            in->len += (size_t) n;
    }
}

/* "HTTP/1.x NNN ...", fields, an empty line, and the body up to the end: the request was HTTP/1.0. */
static bool read_reply(struct reply *r)
{
    struct wr_slice text = wr_buf_slice(&r->text), code = wr_slice(NULL, 0);
    const char *end = text.len > 12 ? memmem(text.at, text.len, "\r\n\r\n", 4) : NULL;
    uint64_t status;
    if (end == NULL || memcmp(text.at, "HTTP/1.", 7) != 0)
        return false;
    code = wr_slice(text.at + 9, 3);
    if (!wr_slice_u64(code, 999, &status))
        return false;
    r->status = (int) status;
    r->body = wr_slice(end + 4, text.len - (size_t) (end + 4 - text.at));
    return true;
}

/* false: it has been said why. */
static bool ask(const struct asking *a, const char *method, const char *target, struct wr_slice body,
                struct reply *r)
{
    struct wr_buf out = { 0 };
    *r = (struct reply){ 0 };
    int fd = connect_to(a->where);
    if (fd < 0)
        return false;
    wr_buf_printf(&out, "%s %s HTTP/1.0\r\nHost: localhost\r\nAccept: %s\r\n", method, target,
                  a->json ? "application/json" : "text/plain");
    if (body.at)
        wr_buf_printf(&out, "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %zu\r\n",
                      body.len);
    wr_buf_add_str(&out, "\r\n");
    wr_buf_add_slice(&out, body);
    bool sent = send_all(fd, wr_buf_slice(&out));
    bool came = sent && receive_all(fd, &r->text);
    if (!came)
        complain("%s: %s", a->where, errno == EAGAIN ? "no answer in time" : strerror(errno));
    else if (!read_reply(r)) {
        complain("%s: the answer is not weir's", a->where);
        came = false;
    }
    close(fd);
    wr_buf_fini(&out);
    return came;
}

/* Shows the answer to a person or a program, and what it means to the shell. With --json the answer goes to
 * stdout whatever it says. */
static int show(const struct asking *a, struct reply *r)
{
    bool well = r->status / 100 == 2;
    FILE *to = well || a->json ? stdout : stderr;
    if (to == stderr)
        fputs("weirctl: ", stderr);
    fwrite(r->body.at, 1, r->body.len, to);
    wr_buf_fini(&r->text);
    if (fflush(to) != 0)
        return EXIT_REFUSED;
    return well ? 0 : EXIT_REFUSED;
}

/* --- the commands --- */

static int get(const struct asking *a, const char *target)
{
    struct reply r;
    return ask(a, "GET", target, wr_slice(NULL, 0), &r) ? show(a, &r) : EXIT_REFUSED;
}

static int post(const struct asking *a, const char *target, struct wr_slice body)
{
    struct reply r;
    return ask(a, "POST", target, body, &r) ? show(a, &r) : EXIT_REFUSED;
}

static int do_status(const struct asking *a, const char *argument)
{
    (void) argument;
    return get(a, "/status");
}

static int do_stats(const struct asking *a, const char *argument)
{
    (void) argument;
    return get(a, "/stats");
}

static void add_encoded(struct wr_buf *form, const char *name, const char *value)
{
    wr_buf_printf(form, "%s%s=", form->len ? "&" : "", name);
    for (const char *c = value; *c; c++)
        if ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
            strchr("-._~", *c))
            wr_buf_add_char(form, *c);
        else
            wr_buf_printf(form, "%%%02X", (unsigned) (unsigned char) *c);
}

/* Exactly one thing at a time: a URL, or what --tag, --prefix, --host or --all say. */
static int do_purge(const struct asking *a, const char *url)
{
    struct wr_buf form = { 0 };
    if (a->purges + (url != NULL) != 1) {
        complain("purge needs one of URL, --tag T, --prefix HOST/PATH, --host H and --all");
        return EXIT_USAGE;
    }
    add_encoded(&form, url ? "url" : a->what, url ? url : a->name);
    if (a->soft)
        add_encoded(&form, "soft", "1");
    int status = post(a, "/purge", wr_buf_slice(&form));
    wr_buf_fini(&form);
    return status;
}

static int do_purges(const struct asking *a, const char *argument)
{
    (void) argument;
    return get(a, "/purges");
}

static int do_reload(const struct asking *a, const char *argument)
{
    (void) argument;
    return post(a, "/reload", WR_SLICE(""));
}

static int do_drain(const struct asking *a, const char *argument)
{
    (void) argument;
    return post(a, "/drain", WR_SLICE(""));
}

/* --- top: what grows, each second --- */

#define TOP_ROWS 128

struct row {
    char name[64], help[128];
    uint64_t value, before;
};

struct sample {
    struct row rows[TOP_ROWS];
    size_t count;
    struct wr_time at;
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void) number;
    interrupted = 1;
}

/* A line of /stats: "name value  help". */
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

static bool take_sample(const struct asking *a, const struct sample *before, struct sample *s)
{
    struct reply r;
    struct wr_slice line;
    if (!ask(a, "GET", "/stats", wr_slice(NULL, 0), &r))
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

static void draw(const struct asking *a, struct sample *s, double seconds)
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

static int do_top(const struct asking *asked, const char *argument)
{
    static struct sample samples[2]; /* large */
    const struct sigaction on_signal = { .sa_handler = on_interrupt };
    const struct asking a = { .where = asked->where };
    (void) argument;
    if (asked->json) {
        complain("top has no --json: ask for stats --json now and then");
        return EXIT_USAGE;
    }
    sigaction(SIGINT, &on_signal, NULL);
    sigaction(SIGTERM, &on_signal, NULL);
    if (!take_sample(&a, &samples[1], &samples[0]))
        return EXIT_REFUSED;
    for (int now = 1; !interrupted; now = !now) {
        const struct timespec second = { 1, 0 };
        nanosleep(&second, NULL);
        if (interrupted)
            break;
        if (!take_sample(&a, &samples[!now], &samples[now]))
            return EXIT_REFUSED;
        double seconds = (double) wr_time_since(samples[now].at, samples[!now].at).us / (double) WR_US_PER_S;
        draw(&a, &samples[now], seconds);
    }
    putchar('\n');
    return 0;
}

/* --- the command line --- */

static const struct command {
    const char *name, *argument, *help;
    int (*run)(const struct asking *a, const char *argument);
    bool optional; /* the argument is */
} commands[] = {
    { "status", NULL, "how the node is", do_status, false },
    { "stats", NULL, "every counter", do_stats, false },
    { "top", NULL, "what grows, each second, until Ctrl-C", do_top, false },
    { "purge", "URL", "drop what is stored of a URL, on every node; or of what the options below say", do_purge, true },
    { "purges", NULL, "the latest purges of the fleet: when, what, by whom", do_purges, false },
    { "reload", NULL, "read the policy again", do_reload, false },
    { "drain", NULL, "take no more connections, finish, end", do_drain, false },
};

static void usage(FILE *to)
{
    fputs("usage: weirctl [-s SOCKET|http://HOST:PORT] [--json] COMMAND\n\n", to);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        const struct command *c = &commands[i];
        fprintf(to, "  %-7s%-6s%s\n", c->name, c->argument ? c->argument : "", c->help);
    }
    fputs("\npurge takes instead of a URL:\n"
          "      --tag T            what carries this tag or group\n"
          "      --prefix HOST/PATH what begins so\n"
          "      --host HOST        all of a host\n"
          "      --all              everything\n"
          "      --soft             with any of these: stale, refreshed behind, instead of gone\n",
          to);
    fputs("\n  -s, --socket  where weir's admin listener is; default: " DEFAULT_SOCKET "\n"
          "      --json    answers for programs\n"
          "  -h, --help    this text\n"
          "  -V, --version the version\n",
          to);
}

static const struct command *command_of(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static int run(const struct asking *a, int words, char **word)
{
    const struct command *c = words > 0 ? command_of(word[0]) : NULL;
    if (c == NULL) {
        if (words > 0)
            complain("there is no command %s", word[0]);
        usage(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(c->name, "purge") != 0 && (a->purges || a->soft)) {
        complain("--tag, --prefix, --host, --all and --soft belong to purge");
        return EXIT_USAGE;
    }
    if (words != (c->argument ? 2 : 1) && !(c->optional && words == 1)) {
        complain("%s %s%s", c->name, c->argument ? "needs one " : "takes no argument",
                 c->argument ? c->argument : "");
        return EXIT_USAGE;
    }
    return c->run(a, words > 1 ? word[1] : NULL);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        { "socket", required_argument, NULL, 's' },
        { "json", no_argument, NULL, 'j' },
        { "tag", required_argument, NULL, PURGE_TAG },
        { "prefix", required_argument, NULL, PURGE_PREFIX },
        { "host", required_argument, NULL, PURGE_HOST },
        { "all", no_argument, NULL, PURGE_ALL },
        { "soft", no_argument, NULL, PURGE_SOFT },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },
        { NULL, 0, NULL, 0 },
    };
    static const char *const scopes[] = { "tag", "prefix", "host", "all" };
    struct asking a = { .where = DEFAULT_SOCKET };
    for (int c; (c = getopt_long(argc, argv, "s:hV", options, NULL)) != -1;) {
        switch (c) {
        case 's':
            a.where = strncmp(optarg, "unix:", 5) == 0 ? optarg + 5 : optarg;
            break;
        case 'j':
            a.json = true;
            break;
        case PURGE_TAG:
        case PURGE_PREFIX:
        case PURGE_HOST:
        case PURGE_ALL:
            a.what = scopes[c - PURGE_TAG];
            a.name = c == PURGE_ALL ? "1" : optarg;
            a.purges++;
            break;
        case PURGE_SOFT:
            a.soft = true;
            break;
        case 'h':
            usage(stdout);
            return 0;
        case 'V':
            puts("weirctl " PACKAGE_VERSION);
            return 0;
        default:
            return EXIT_USAGE;
        }
    }
    return run(&a, argc - optind, argv + optind);
}
