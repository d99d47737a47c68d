/* SPDX-License-Identifier: BSD-2-Clause */
/* weir: the daemon's command line. It checks or explains the policy, or serves by it. */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "log/log.h"
#include "main/explain_print.h"
#include "main/load.h"
#include "main/server.h"
#include "main/systemd.h"

#define DEFAULT_POLICY "/etc/weir/weir.yaml"

static int weir_usage(FILE *out)
{
    fputs("usage: weir [-c FILE] [-t]\n"
          "       weir explain [-c FILE] [-a CLIENT-ADDRESS] [-H 'NAME: VALUE']... METHOD URL\n"
          "\n"
          "  -c FILE         the policy (default " DEFAULT_POLICY ")\n"
          "  -t              check the policy and exit: 0 if it is good, else 1\n"
          "  -V, --version   print the version\n"
          "  -h, --help      print this help\n"
          "\n"
          "explain shows which route, key, limits and lifetime a request would get.\n"
          "See weir(8), weir.yaml(5) and weirctl(8).\n",
          out);
    return out == stderr ? 2 : 0;
}

/* Writes lines for a person, or into the journal with their priority. */
static void tell(enum wr_log_priority priority, const struct wr_buf *lines)
{
    if (wr_systemd_reads_stderr())
        wr_log_lines(priority, wr_buf_slice(lines));
    else if (lines->len)
        fwrite(lines->at, 1, lines->len, stderr);
}

static struct wr_policy *load(const char *file)
{
    struct wr_buf errors = { 0 };
    struct wr_policy *policy = wr_load(file, &errors);
    tell(WR_LOG_P_ERROR, &errors);
    wr_buf_fini(&errors);
    return policy;
}

static int check(const char *file)
{
    struct wr_policy *policy = load(file);
    struct wr_buf warnings = { 0 };
    if (policy == NULL)
        return 1;
    wr_policy_warnings(policy, &warnings);
    tell(WR_LOG_P_WARN, &warnings);
    wr_buf_fini(&warnings);
    printf("%s: the policy is good: routes: %zu, origins: %zu, limits: %zu\n", file, policy->route_count,
           policy->origin_count, policy->limit_count);
    wr_policy_unref(policy);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct option words[] = { { "help", no_argument, NULL, 'h' },
                                           { "version", no_argument, NULL, 'V' },
                                           { 0 } };
    const char *file = DEFAULT_POLICY;
    bool only_check = false;
    int option;
    if (argc > 1 && strcmp(argv[1], "explain") == 0)
        return wr_explain_main(argc - 1, argv + 1);
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
        return check(file);
    struct wr_policy *policy = load(file);
    return policy ? wr_server_run(policy) : 1;
}
