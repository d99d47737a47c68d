/* SPDX-License-Identifier: BSD-2-Clause */
/* Compares two policies and warns of differences that wait for a restart. See wr_policy_hold(). */
#include "main/changes.h"

#include <string.h>

#include "log/log.h"

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

void wr_changes_tell(const struct wr_policy *first, const struct wr_policy *new)
{
    bool listen = first->listen_count != new->listen_count;
    for (size_t i = 0; !listen && i < new->listen_count; i++)
        listen = strcmp(first->listens[i].address.text, new->listens[i].address.text) != 0 ||
                 first->listens[i].proxy_protocol != new->listens[i].proxy_protocol;
    if (listen)
        wr_warn("reload: a change of listen takes effect at the next restart");
    if (first->workers != new->workers)
        wr_warn("reload: a change of workers takes effect at the next restart");
    if (first->memory != new->memory)
        wr_warn("reload: switching memory on or off takes effect at the next restart");
    if (redis_differs(&first->redis, &new->redis))
        wr_warn("reload: a change of redis takes effect at the next restart");
    if (!same_text(first->server_name, new->server_name))
        wr_warn("reload: a change of server_name takes effect at the next restart");
    if (first->has_admin != new->has_admin || !same_text(first->admin.text, new->admin.text))
        wr_warn("reload: a change of admin takes effect at the next restart");
    if (first->access_format != new->access_format || !same_text(first->access_file, new->access_file))
        wr_warn("reload: a change of log.access takes effect at the next restart");
}
