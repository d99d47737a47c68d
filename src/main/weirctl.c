/* SPDX-License-Identifier: BSD-2-Clause */
/* weirctl: the command line that asks a running weir over its admin listener. It blocks: one request, one
 * answer. */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "main/weirctl_priv.h"
#include "policy/policy.h"
#include "policy/policy_error.h"

#define TOKEN_ROOM 4096

/* options without a short form */
enum { PURGE_TAG = 256, PURGE_PREFIX, PURGE_HOST, PURGE_ALL, PURGE_SOFT, OF_ROUTE, OF_ORIGIN, TOKEN_FILE };

/* Prints the answer, to stdout if all is well, else to stderr; with --json always to stdout. Returns the exit
 * status. */
static int show(const struct wr_asking *a, struct wr_asked *r)
{
    bool well = r->status / 100 == 2;
    FILE *to = well || a->json ? stdout : stderr;
    if (to == stderr)
        fputs("weirctl: ", stderr);
    fwrite(r->body.at, 1, r->body.len, to);
    wr_buf_fini(&r->text);
    return well ? 0 : WR_EXIT_REFUSED;
}

/* --- the commands --- */

static int get(const struct wr_asking *a, const char *target)
{
    struct wr_asked r;
    return wr_ctl_ask(a, "GET", target, wr_slice(NULL, 0), &r) ? show(a, &r) : WR_EXIT_REFUSED;
}

static int post(const struct wr_asking *a, const char *target, struct wr_slice body)
{
    struct wr_asked r;
    return wr_ctl_ask(a, "POST", target, body, &r) ? show(a, &r) : WR_EXIT_REFUSED;
}

/* Sends a form, and frees it. */
static int post_form(const struct wr_asking *a, const char *target, struct wr_buf *form)
{
    int status = post(a, target, wr_buf_slice(form));
    wr_buf_fini(form);
    return status;
}

static int do_status(const struct wr_asking *a, const char *argument)
{
    (void) argument;
    return get(a, "/status");
}

static int do_stats(const struct wr_asking *a, const char *argument)
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

/* Purges one thing: a URL, or what --tag, --prefix, --host or --all names. */
static int do_purge(const struct wr_asking *a, const char *url)
{
    struct wr_buf form = { 0 };
    if (a->purges + (url != NULL) != 1) {
        wr_ctl_complain("purge needs one of URL, --tag T, --prefix HOST/PATH, --host H and --all");
        return WR_EXIT_USAGE;
    }
    add_encoded(&form, url ? "url" : a->what, url ? url : a->name);
    if (a->soft)
        add_encoded(&form, "soft", "1");
    return post_form(a, "/purge", &form);
}

static int do_purges(const struct wr_asking *a, const char *argument)
{
    (void) argument;
    return get(a, "/purges");
}

static int do_reload(const struct wr_asking *a, const char *argument)
{
    (void) argument;
    return post(a, "/reload", WR_SLICE(""));
}

static int do_maintenance(const struct wr_asking *a, const char *state)
{
    struct wr_buf form = { 0 };
    if (a->route && a->origin) {
        wr_ctl_complain("maintenance takes one of --route and --origin");
        return WR_EXIT_USAGE;
    }
    add_encoded(&form, "state", state);
    if (a->route || a->origin)
        add_encoded(&form, a->route ? "route" : "origin", a->route ? a->route : a->origin);
    return post_form(a, "/maintenance", &form);
}

static int do_servers(const struct wr_asking *a, const char *argument)
{
    (void) argument;
    return get(a, "/servers");
}

static int do_server(const struct wr_asking *a, const char *name)
{
    struct wr_buf form = { 0 };
    add_encoded(&form, "server", name);
    add_encoded(&form, "order", a->second);
    return post_form(a, "/server", &form);
}

static int do_drain(const struct wr_asking *a, const char *argument)
{
    (void) argument;
    return post(a, "/drain", WR_SLICE(""));
}

static int do_undrain(const struct wr_asking *a, const char *argument)
{
    (void) argument;
    return post(a, "/undrain", WR_SLICE(""));
}

/* --- the command line --- */

static const struct command {
    const char *name, *argument, *help;
    int (*run)(const struct wr_asking *a, const char *argument);
    bool optional; /* the argument may be left out */
} commands[] = {
    { "status", NULL, "the state of the node", do_status, false },
    { "stats", NULL, "every counter, its value and meaning", do_stats, false },
    { "top", NULL, "the counters that grow, every second, until Ctrl-C", wr_ctl_top, false },
    { "purge", "URL", "purge a URL on every node, or what the options below say", do_purge, true },
    { "purges", NULL, "the latest purges of the fleet: when, what, by whom", do_purges, false },
    { "reload", NULL, "read the policy again", do_reload, false },
    { "maintenance", "on|off", "answer with 503, or serve again, what the options below say", do_maintenance,
      false },
    { "servers", NULL, "the addresses of servers: state, why, requests, times", do_servers, false },
    { "server", "NAME enable|drain|disable", "use a server, or no more", do_server, false },
    { "drain", NULL, "be not ready but serve on, then finish open requests and exit", do_drain, false },
    { "undrain", NULL, "be ready again, while the node still accepts", do_undrain, false },
};

static void weirctl_usage(FILE *to)
{
    fputs("usage: weirctl [-s SOCKET|HOST:PORT] [--token-file FILE] [--json] COMMAND\n\n", to);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        const struct command *c = &commands[i];
        fprintf(to, "  %-12s%-8s%s\n", c->name, c->argument ? c->argument : "", c->help);
    }
    fputs("\npurge takes instead of a URL:\n"
          "      --tag T            all responses with this tag or group\n"
          "      --prefix HOST/PATH all URLs with this prefix\n"
          "      --host HOST        all URLs of this host\n"
          "      --all              everything\n"
          "      --soft             with any of these: make responses stale instead of removing them\n",
          to);
    fputs("\nmaintenance takes, for less than all origins:\n"
          "      --route NAME       the route of this name\n"
          "      --origin NAME      all routes that ask this origin\n",
          to);
    fputs("\n  -s, --socket     the address of weir's admin listener; default: WEIR_SOCKET in the "
          "environment,\n"
          "                   or " WR_ADMIN_SOCKET "\n"
          "      --token-file file with the listener's token; default: WEIR_TOKEN_FILE in the environment\n"
          "      --json       print JSON\n"
          "  -h, --help       print this help\n"
          "  -V, --version    print the version\n",
          to);
}

static const struct command *command_of(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static void complain_of_command(const char *name)
{
    struct wr_arena arena = { 0 };
    struct wr_guess guess = wr_guess_for(wr_slice_str(name));
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        wr_guess_offer(&guess, wr_slice_str(commands[i].name));
    wr_ctl_complain("there is no command \"%s\"%s; --help lists all", name, wr_guess_text(&guess, &arena));
    wr_arena_fini(&arena);
}

/* Reads the first line of the file into token. Returns false after it has said why it can't. */
static bool read_token(const char *file, char token[static TOKEN_ROOM])
{
    FILE *f = fopen(file, "re");
    bool got = f && fgets(token, TOKEN_ROOM, f) != NULL;
    if (!got)
        wr_ctl_complain("can't read %s: %s", file, f && !ferror(f) ? "it is empty" : strerror(errno));
    if (f)
        fclose(f);
    token[got ? strcspn(token, "\r\n") : 0] = '\0';
    return got;
}

/* Returns how many words a command line with this command has. */
static int words_of(const struct command *c)
{
    return c->argument == NULL ? 1 : strchr(c->argument, ' ') ? 3 : 2;
}

static int run(struct wr_asking *a, int words, char **word)
{
    const struct command *c = words > 0 ? command_of(word[0]) : NULL;
    if (c == NULL && words > 0) {
        complain_of_command(word[0]);
        return WR_EXIT_USAGE;
    }
    if (c == NULL) {
        weirctl_usage(stderr);
        return WR_EXIT_USAGE;
    }
    if (strcmp(c->name, "purge") != 0 && (a->purges || a->soft)) {
        wr_ctl_complain("--tag, --prefix, --host, --all and --soft belong to purge");
        return WR_EXIT_USAGE;
    }
    if (strcmp(c->name, "maintenance") != 0 && (a->route || a->origin)) {
        wr_ctl_complain("--route and --origin belong to maintenance");
        return WR_EXIT_USAGE;
    }
    if (words != words_of(c) && !(c->optional && words == 1)) {
        wr_ctl_complain("%s %s%s", c->name, c->argument ? "needs " : "takes no argument",
                        c->argument ? c->argument : "");
        return WR_EXIT_USAGE;
    }
    a->second = words > 2 ? word[2] : NULL;
    return c->run(a, words > 1 ? word[1] : NULL);
}

static const char *socket_path(const char *where)
{
    return strncmp(where, "unix:", 5) == 0 ? where + 5 : where;
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
        { "route", required_argument, NULL, OF_ROUTE },
        { "origin", required_argument, NULL, OF_ORIGIN },
        { "token-file", required_argument, NULL, TOKEN_FILE },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },
        { NULL, 0, NULL, 0 },
    };
    const char *where = getenv("WEIR_SOCKET"), *token_file = getenv("WEIR_TOKEN_FILE");
    char token[TOKEN_ROOM] = "";
    struct wr_asking a = { .where = socket_path(where && *where ? where : WR_ADMIN_SOCKET) };
    for (int c, at = 0; (c = getopt_long(argc, argv, "s:hV", options, &at)) != -1;) {
        switch (c) {
        case 's':
            a.where = socket_path(optarg);
            break;
        case 'j':
            a.json = true;
            break;
        case PURGE_TAG:
        case PURGE_PREFIX:
        case PURGE_HOST:
        case PURGE_ALL:
            a.what = options[at].name; /* the option is named after the scope */
            a.name = c == PURGE_ALL ? "1" : optarg;
            a.purges++;
            break;
        case PURGE_SOFT:
            a.soft = true;
            break;
        case OF_ROUTE:
            a.route = optarg;
            break;
        case OF_ORIGIN:
            a.origin = optarg;
            break;
        case TOKEN_FILE:
            token_file = optarg;
            break;
        case 'h':
            weirctl_usage(stdout);
            return wr_ctl_end_output(0);
        case 'V':
            puts("weirctl " PACKAGE_VERSION);
            return wr_ctl_end_output(0);
        default:
            return WR_EXIT_USAGE;
        }
    }
    if (token_file && *token_file && !read_token(token_file, token))
        return WR_EXIT_REFUSED;
    a.token = *token ? token : NULL;
    return wr_ctl_end_output(run(&a, argc - optind, argv + optind));
}
