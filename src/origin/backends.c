/* SPDX-License-Identifier: BSD-2-Clause */
/* Keeps what the process knows of addresses, and the operator's orders about servers. */
#include <stdlib.h>

#include "log/log.h"
#include "origin/backend_priv.h"

#define KEPT WR_SPAN_S(600) /* an entry that nobody uses any more */

static const struct wr_word states[] = {
#define STATE(ID, word, about) [WR_SERVER_##ID] = { #word, about },
#include "origin/servers.def"
};
const struct wr_words wr_words_server_state = WR_WORDS(states);

static const struct wr_word orders[] = {
#define ORDER(ID, word, about) [WR_ORDER_##ID] = { #word, about },
#include "origin/servers.def"
};
const struct wr_words wr_words_server_order = WR_WORDS(orders);

struct wr_backends {
    pthread_mutex_t lock;
    struct wr_backend *list;
    struct wr_order *orders; /* other than `enable`; under the lock */
    struct wr_names *names;
    struct wr_origins *probes; /* on the main loop; NULL: none */
    struct wr_policy *policy;  /* counted; in force, NULL: none yet */
};

/* What the operator has ordered for a server, whatever addresses it has. */
struct wr_order {
    struct wr_order *next;
    char *origin, *server;
    enum wr_server_order what;
    struct wr_mono at;
};

struct wr_backends *wr_backends_new(struct wr_names *names)
{
    struct wr_backends *b = calloc(1, sizeof *b);
    WR_CHECK(b != NULL && pthread_mutex_init(&b->lock, NULL) == 0);
    b->names = names;
    return b;
}

struct wr_names *wr_backends_names(struct wr_backends *b)
{
    return b->names;
}

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void free_backend(struct wr_backend *s)
{
    free(s->origin);
    free(s->server);
    free(s->address);
    free(s->label);
    free(s);
}

/* --- orders; all under the lock --- */

static bool is_of(const struct wr_backend *s, const char *origin, const char *server)
{
    return strcmp(s->origin, origin) == 0 && strcmp(s->server, server) == 0;
}

static bool is_for(const struct wr_order *order, const char *origin, const char *server)
{
    return strcmp(order->origin, origin) == 0 && strcmp(order->server, server) == 0;
}

/* Has the server's addresses know the order. */
static void tell_order(struct wr_backends *b, const struct wr_order *order, enum wr_server_order what)
{
    for (struct wr_backend *s = b->list; s; s = s->next)
        if (is_of(s, order->origin, order->server)) {
            s->ordered_at = order->at;
            __atomic_store_n(&s->order, what, __ATOMIC_RELAXED);
        }
}

static void drop_order(struct wr_backends *b, struct wr_order **at)
{
    struct wr_order *order = *at;
    tell_order(b, order, WR_ORDER_ENABLE);
    *at = order->next;
    free(order->origin);
    free(order->server);
    free(order);
}

static struct wr_order **order_of(struct wr_backends *b, const char *origin, const char *server)
{
    struct wr_order **at = &b->orders;
    while (*at && !is_for(*at, origin, server))
        at = &(*at)->next;
    return at;
}

static void give_order(struct wr_backends *b, const char *origin, const char *server,
                       enum wr_server_order what, struct wr_mono mono)
{
    struct wr_order **at = order_of(b, origin, server), *order = *at;
    if (order)
        drop_order(b, at);
    if (what == WR_ORDER_ENABLE)
        return;
    order = calloc(1, sizeof *order);
    WR_CHECK(order != NULL);
    *order = (struct wr_order){ b->orders, wr_slice_dup(wr_slice_str(origin)),
                                wr_slice_dup(wr_slice_str(server)), what, mono };
    b->orders = order;
    tell_order(b, order, what);
}

static bool has_server(const struct wr_policy *policy, const struct wr_order *order)
{
    for (size_t i = 0; i < policy->origin_count; i++)
        for (size_t k = 0; k < policy->origins[i].server_count; k++)
            if (is_for(order, policy->origins[i].name, policy->origins[i].servers[k].address.text))
                return true;
    return false;
}

/* --- all of them --- */

void wr_backends_free(struct wr_backends *b)
{
    if (b == NULL)
        return;
    wr_probes_free(b->probes);
    struct wr_backend *s;
    while ((s = b->list) != NULL) {
        b->list = s->next;
        free_backend(s);
    }
    while (b->orders)
        drop_order(b, &b->orders);
    wr_policy_unref(b->policy);
    pthread_mutex_destroy(&b->lock);
    free(b);
}

void wr_backends_watch(struct wr_backends *b, struct wr_loop *main_loop, struct wr_policy *policy)
{
    struct wr_origins *old = b->probes;
    b->probes = policy ? wr_probes_new(b, main_loop, policy) : NULL;
    wr_probes_free(old);
    pthread_mutex_lock(&b->lock);
    for (struct wr_order **at = &b->orders; policy && *at;)
        if (has_server(policy, *at))
            at = &(*at)->next;
        else
            drop_order(b, at);
    pthread_mutex_unlock(&b->lock);
    struct wr_policy *before = b->policy;
    b->policy = policy ? wr_policy_ref(policy) : NULL;
    wr_policy_unref(before);
}

static struct wr_backend *make_backend(const char *origin, const char *server, const char *address)
{
    struct wr_backend *s = aligned_alloc(_Alignof(struct wr_backend), sizeof *s);
    struct wr_buf label = { 0 };
    WR_CHECK(s != NULL);
    *s = (struct wr_backend){ .changed_at = wr_time_monotonic().us };
    s->origin = wr_slice_dup(wr_slice_str(origin));
    s->server = wr_slice_dup(wr_slice_str(server));
    s->address = address ? wr_slice_dup(wr_slice_str(address)) : NULL;
    wr_buf_printf(&label, address ? "%s at %s" : "%s", server, address);
    wr_buf_add(&label, "", 1);
    s->label = label.at;
    return s;
}

struct wr_backend *wr_backend_ref(struct wr_backends *b, const char *origin, const char *server,
                                  const char *address)
{
    pthread_mutex_lock(&b->lock);
    struct wr_backend *s = b->list;
    while (s && (!is_of(s, origin, server) || !same_text(s->address, address)))
        s = s->next;
    if (s == NULL) {
        const struct wr_order *order = *order_of(b, origin, server);
        s = make_backend(origin, server, address);
        s->next = b->list;
        b->list = s;
        if (order)
            tell_order(b, order, order->what);
    }
    s->refs++;
    pthread_mutex_unlock(&b->lock);
    return s;
}

void wr_backend_unref(struct wr_backends *b, struct wr_backend *s, struct wr_mono mono)
{
    struct wr_backend **at = &b->list;
    pthread_mutex_lock(&b->lock);
    s->refs--;
    s->idle = mono;
    while ((s = *at) != NULL) { /* and frees what has been unused for long */
        if (s->refs == 0 && wr_time_since(mono, s->idle).us > KEPT.us) {
            *at = s->next;
            free_backend(s);
        } else {
            at = &s->next;
        }
    }
    pthread_mutex_unlock(&b->lock);
}

/* --- for those who run the servers --- */

static void tell_server(struct wr_backends *b, struct wr_mono mono, struct wr_server_facts facts,
                        void (*each)(void *arg, const struct wr_server_facts *facts), void *arg)
{
    size_t known = 0;
    for (struct wr_backend *s = b->list; s; s = s->next) {
        if (s->refs == 0 || !is_of(s, facts.origin, facts.server))
            continue;
        known++;
        wr_backend_facts(s, mono, &facts);
        if (facts.weight == 0 && facts.state < WR_SERVER_DRAINED) {
            facts.state = WR_SERVER_DRAINED;
            facts.why = "its weight is 0";
        }
        each(arg, &facts);
    }
    if (known == 0) {
        facts.state = WR_SERVER_UNKNOWN;
        facts.why = "its name has no address, or no name server answers";
        each(arg, &facts);
    }
}

void wr_servers_each(struct wr_backends *b, struct wr_mono mono,
                     void (*each)(void *arg, const struct wr_server_facts *facts), void *arg)
{
    const struct wr_policy *policy = b->policy;
    pthread_mutex_lock(&b->lock);
    for (size_t i = 0; policy && i < policy->origin_count; i++)
        for (size_t k = 0; k < policy->origins[i].server_count; k++) {
            const struct wr_server *server = &policy->origins[i].servers[k];
            tell_server(b, mono,
                        (struct wr_server_facts){ .origin = policy->origins[i].name,
                                                  .server = server->address.text,
                                                  .why = "",
                                                  .weight = server->weight },
                        each, arg);
        }
    pthread_mutex_unlock(&b->lock);
}

/* Is this the server's name, or ORIGIN/SERVER? */
static bool is_named(struct wr_slice name, const char *origin, const char *server)
{
    struct wr_slice rest = name;
    if (wr_slice_eq(name, wr_slice_str(server)))
        return true;
    return wr_slice_eq(wr_slice_cut(&rest, '/'), wr_slice_str(origin)) && rest.at &&
           wr_slice_eq(rest, wr_slice_str(server));
}

unsigned wr_servers_order(struct wr_backends *b, const char *who, struct wr_slice name,
                          enum wr_server_order order, struct wr_mono mono)
{
    const struct wr_policy *policy = b->policy;
    unsigned count = 0;
    pthread_mutex_lock(&b->lock);
    for (size_t i = 0; policy && i < policy->origin_count; i++)
        for (size_t k = 0; k < policy->origins[i].server_count; k++) {
            const char *origin = policy->origins[i].name,
                       *server = policy->origins[i].servers[k].address.text;
            if (!is_named(name, origin, server))
                continue;
            count++;
            give_order(b, origin, server, order, mono);
            wr_info("origin %s: server %s: %s asked for (%s)", origin, server,
                    wr_words_text(&wr_words_server_order, order), who);
        }
    pthread_mutex_unlock(&b->lock);
    return count;
}
