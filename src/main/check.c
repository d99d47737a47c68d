/* SPDX-License-Identifier: BSD-2-Clause */
/* Checks a policy for a person or for a program. */
#include "main/check.h"

#include <getopt.h>
#include <stdio.h>

#include "base/json.h"
#include "main/load.h"
#include "main/systemd.h"

void wr_check_tell(const struct wr_remarks *findings, enum wr_severity severity)
{
    struct wr_buf lines = { 0 };
    wr_remarks_print(findings, severity, &lines);
    if (wr_systemd_reads_stderr())
        wr_log_lines(severity == WR_SEVERITY_ERROR ? WR_LOG_P_ERROR : WR_LOG_P_WARN, wr_buf_slice(&lines));
    else if (lines.len)
        fwrite(lines.at, 1, lines.len, stderr);
    wr_buf_fini(&lines);
}

static void print_json(const char *file, bool good, const struct wr_remarks *findings)
{
    struct wr_buf out = { 0 };
    wr_buf_add_str(&out, "{\"file\": ");
    wr_json_string(&out, wr_slice_str(file));
    wr_buf_printf(&out, ", \"good\": %s, \"findings\": ", good ? "true" : "false");
    wr_remarks_json(findings, &out);
    wr_buf_add_str(&out, "}\n");
    fwrite(out.at, 1, out.len, stdout);
    wr_buf_fini(&out);
}

int wr_check(const char *file, bool json)
{
    struct wr_remarks findings = { 0 };
    struct wr_policy *policy = wr_load(file, &findings);
    bool good = policy != NULL;
    if (good)
        wr_policy_warnings(policy, &findings);
    if (json) {
        print_json(file, good, &findings);
    } else {
        wr_check_tell(&findings, WR_SEVERITY_ERROR);
        wr_check_tell(&findings, WR_SEVERITY_WARNING);
    }
    if (good && !json)
        printf("%s: the policy is good: routes: %zu, origins: %zu, limits: %zu, tests: %zu\n", file,
               policy->route_count, policy->origin_count, policy->limit_count, policy->test_count);
    wr_policy_unref(policy);
    wr_remarks_fini(&findings);
    return good ? 0 : 1;
}

static int check_usage(void)
{
    fputs("usage: weir check [--json] [FILE]\n", stderr);
    return 2;
}

int wr_check_main(int argc, char **argv)
{
    static const struct option words[] = { { "json", no_argument, NULL, 'j' }, { 0 } };
    const char *file = WR_POLICY_FILE;
    bool json = false;
    int option;
    optind = 1;
    opterr = 0;
    while ((option = getopt_long(argc, argv, "c:", words, NULL)) != -1) {
        if (option == 'j')
            json = true;
        else if (option == 'c')
            file = optarg;
        else
            return check_usage();
    }
    if (argc - optind > 1)
        return check_usage();
    return wr_check(optind < argc ? argv[optind] : file, json);
}
