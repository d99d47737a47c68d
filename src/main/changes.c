#include "main/changes.h"

#include <string.h>

#include "log/log.h"

static bool same_text(const char *a, const char *b)
{
    return (a == NULL) == (b == NULL) && (a == NULL || strcmp(a, b) == 0);
}

static bool same_tls(const struct wr_policy_redis *a, const struct wr_policy_redis *b)
{
    return a->tls == b->tls && same_text(a->tls_ca, b->tls_ca) && same_text(a->tls_certificate, b->tls_certificate) &&
           same_text(a->tls_key, b->tls_key) && same_text(a->tls_server_name, b->tls_server_name);
}

/* on_failure and lock_ttl are asked for at each use, and take effect at once. */
static bool redis_differs(const struct wr_policy_redis *a, const struct wr_policy_redis *b)
{
    return a->enabled != b->enabled || !same_text(a->address.text, b->address.text) || !same_text(a->user, b->user) ||
           !same_text(a->password, b->password) || a->db != b->db || !same_tls(a, b) || !same_text(a->namespace_, b->namespace_) ||
           !same_text(a->keyspace, b->keyspace) || a->timeout.us != b->timeout.us ||
           a->max_staleness.us != b->max_staleness.us || a->max_object != b->max_object || a->chunk != b->chunk;
}

void wr_changes_tell(const struct wr_policy *old, const struct wr_policy *new)
{
    bool listen = old->listen_count != new->listen_count;
    for (size_t i = 0; !listen && i < new->listen_count; i++)
        listen = strcmp(old->listens[i].address.text, new->listens[i].address.text) != 0 ||
                 old->listens[i].proxy_protocol != new->listens[i].proxy_protocol;
    if (listen)
        wr_warn("reload: a change of listen takes effect at the next restart");
    if (old->workers != new->workers)
        wr_warn("reload: a change of workers takes effect at the next restart");
    if (old->memory != new->memory || old->memory_size != new->memory_size)
        wr_warn("reload: a change of memory takes effect at the next restart");
    if (redis_differs(&old->redis, &new->redis))
        wr_warn("reload: a change of redis takes effect at the next restart");
    if (!same_text(old->server_name, new->server_name))
        wr_warn("reload: a change of server_name takes effect at the next restart");
    if (old->has_admin != new->has_admin || !same_text(old->admin.text, new->admin.text))
        wr_warn("reload: a change of admin takes effect at the next restart");
    if (old->access_format != new->access_format || !same_text(old->access_file, new->access_file))
        wr_warn("reload: a change of log.access takes effect at the next restart");
}
