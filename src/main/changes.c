/* SPDX-License-Identifier: BSD-2-Clause */
/* Compares two policies: which differences wait for a restart? See wr_policy_hold(). */
#include "main/changes.h"

#include <string.h>

static bool same_text(const char *a, const char *b)
{
    return (a == NULL) == (b == NULL) && (a == NULL || strcmp(a, b) == 0);
}

static bool same_tls(const struct wr_policy_redis *a, const struct wr_policy_redis *b)
{
    return a->tls == b->tls && same_text(a->tls_ca, b->tls_ca) &&
           same_text(a->tls_certificate, b->tls_certificate) && same_text(a->tls_key, b->tls_key) &&
           same_text(a->tls_server_name, b->tls_server_name);
}

/* on_failure, away, lock_ttl, max_object and chunk aren't compared: they take effect at once. */
static bool redis_differs(const struct wr_policy_redis *a, const struct wr_policy_redis *b)
{
    return a->enabled != b->enabled || !same_text(a->address.text, b->address.text) ||
           !same_text(a->user, b->user) || !same_text(a->password, b->password) || a->db != b->db ||
           !same_tls(a, b) || !same_text(a->namespace_, b->namespace_) ||
           !same_text(a->keyspace, b->keyspace) || a->timeout.us != b->timeout.us ||
           a->max_staleness.us != b->max_staleness.us;
}

static bool listens_differ(const struct wr_policy *a, const struct wr_policy *b)
{
    bool differ = a->listen_count != b->listen_count;
    for (size_t i = 0; !differ && i < a->listen_count; i++)
        differ = !same_text(a->listens[i].address.text, b->listens[i].address.text) ||
                 a->listens[i].proxy_protocol != b->listens[i].proxy_protocol ||
                 !same_text(a->listens[i].health, b->listens[i].health);
    return differ;
}

static bool names_differ(char **a, char **b)
{
    for (; a && b && *a && *b; a++, b++)
        if (strcmp(*a, *b) != 0)
            return true;
    return (a && *a) || (b && *b);
}

static bool admin_differs(const struct wr_admin_policy *a, const struct wr_admin_policy *b)
{
    return !same_text(a->address.text, b->address.text) || a->allow != b->allow ||
           !same_text(a->token, b->token) || !same_text(a->token_name, b->token_name) ||
           a->from_count != b->from_count ||
           (a->from_count && memcmp(a->from, b->from, a->from_count * sizeof *a->from) != 0) ||
           names_differ(a->hosts, b->hosts);
}

static bool admins_differ(const struct wr_policy *a, const struct wr_policy *b)
{
    bool differ = a->admin_count != b->admin_count;
    for (size_t i = 0; !differ && i < a->admin_count; i++)
        differ = admin_differs(&a->admins[i], &b->admins[i]);
    return differ;
}

static void add(struct wr_buf *out, bool differs, const char *option)
{
    if (differs)
        wr_buf_printf(out, "%s%s", out->len ? ", " : "", option);
}

void wr_changes_pending(const struct wr_policy *runs, const struct wr_policy *new, struct wr_buf *out)
{
    add(out, !same_text(runs->server_name, new->server_name), "server_name");
    add(out, runs->workers != new->workers, "workers");
    add(out, listens_differ(runs, new), "listen");
    add(out, admins_differ(runs, new), "admin");
    add(out, runs->access_format != new->access_format || !same_text(runs->access_file, new->access_file),
        "log.access");
    add(out, redis_differs(&runs->redis, &new->redis), "redis");
    add(out, runs->memory != new->memory, "memory");
}
