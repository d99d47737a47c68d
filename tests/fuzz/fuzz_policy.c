/* SPDX-License-Identifier: BSD-2-Clause */
/* Policy files. Reading any bytes must give either a policy that finds routes, or errors. */
#include "fuzz.h"

#include "policy/policy.h"

const char fuzz_corpus[] = "policy";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wr_buf errors = { 0 };
    struct wr_policy *p = wr_policy_parse(wr_slice((const char *) data, size), "fuzz", &errors);
    WR_CHECK((p == NULL) == (errors.len > 0));
    if (p) {
        WR_CHECK(p->workers > 0 && p->listen_count > 0 && p->route_count > 0);
        for (size_t i = 0; i < p->route_count; i++)
            WR_CHECK(p->routes[i].origin != NULL && p->routes[i].origin->server_count > 0);
        (void) wr_policy_route(p, WR_SLICE("a.example.com"), WR_SLICE("/static/x"), WR_SLICE("GET"));
    }
    wr_policy_unref(p);
    wr_buf_fini(&errors);
    return 0;
}
