/* SPDX-License-Identifier: BSD-2-Clause */
/* weir: the daemon's command line. It checks or explains the policy, or serves by it. */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "main/check.h"
#include "main/explain_print.h"
#include "main/load.h"
#include "main/server.h"
#include "policy/schema.h"

static int weir_usage(FILE *out)
{
    fputs("usage: weir [-c FILE] [-t]\n"
          "       weir check [--json] [FILE]\n"
          "       weir explain [-c FILE] [-a CLIENT-ADDRESS] [-H 'NAME: VALUE']... METHOD URL\n"
          "       weir schema\n"
          "\n"
          "  -c FILE         the policy (default " WR_POLICY_FILE ")\n"
          "  -t              check the policy and exit: 0 if it is good, else 1\n"
          "  -V, --version   print the version\n"
          "  -h, --help      print this help\n"
          "\n"
          "check tells all mistakes of a policy, as -t does; with --json for programs.\n"
          "schema prints a JSON Schema of policies, for editors.\n"
          "explain shows which route, key, limits and lifetime a request would get.\n"
          "See weir(8), weir.yaml(5) and weirctl(8).\n",
          out);
    return out == stderr ? 2 : 0;
}

/* Returns NULL after it has told why. */
static struct wr_policy *load(const char *file)
{
    struct wr_remarks findings = { 0 };
    struct wr_policy *policy = wr_load(file, &findings);
    wr_check_tell(&findings, WR_SEVERITY_ERROR);
    wr_remarks_fini(&findings);
    return policy;
}

static int print_schema(int argc, char **argv)
{
    struct wr_buf out = { 0 };
    (void) argv;
    if (argc > 1) {
        fputs("usage: weir schema\n", stderr);
        return 2;
    }
    wr_schema_write(&out);
    bool written = fwrite(out.at, 1, out.len, stdout) == out.len && fflush(stdout) == 0;
    wr_buf_fini(&out);
    return written ? 0 : 1;
}

/* Finds the command of this name; NULL: it is none. */
static int (*command_of(const char *name))(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } commands[] = {
        { "check", wr_check_main },
        { "explain", wr_explain_main },
        { "schema", print_schema },
    };
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(commands[i].name, name) == 0)
            return commands[i].run;
    return NULL;
}

int main(int argc, char **argv)
{
    static const struct option words[] = { { "help", no_argument, NULL, 'h' },
                                           { "version", no_argument, NULL, 'V' },
                                           { 0 } };
    const char *file = WR_POLICY_FILE;
    bool only_check = false;
    int option;
    int (*run)(int argc, char **argv) = argc > 1 ? command_of(argv[1]) : NULL;
    if (run)
        return run(argc - 1, argv + 1);
    while ((option = getopt_long(argc, argv, "c:thV", words, NULL)) != -1) {
        switch (option) {
        case 'c':
            file = optarg;
            break;
        case 't':
            only_check = true;
            break;
        case 'V':
            puts(PACKAGE_STRING);
            return 0;
        case 'h':
            return weir_usage(stdout);
        default:
            return weir_usage(stderr);
        }
    }
    if (optind < argc)
        return weir_usage(stderr);
    if (only_check)
        return wr_check(file, false);
    struct wr_policy *policy = load(file);
    return policy ? wr_server_run(policy) : 1;
}
