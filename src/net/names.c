/* SPDX-License-Identifier: BSD-2-Clause */
/* Resolves names through hosts files and evdns. Asks for both address families at once and keeps the
 * answers for their TTL. */
#include "net/names.h"

#include <arpa/inet.h>
#include <event2/dns.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/un.h>

#include "log/log.h"

#define MIN_TTL 1 /* seconds: a TTL of 0 would ask once per connection */
#define MAX_TTL 3600
#define NEGATIVE_TTL 5 /* if the answer doesn't give a TTL for "no such name" */
#define FAILURE_TTL 2  /* how long to wait after no name server has answered */
#define SECOND_FAMILY \
    WR_SPAN_MS(50) /* how long the answer of one family waits for the other's (RFC 8305 3) */

enum { ASK_A, ASK_AAAA, ASK_COUNT };

/* A question to the name servers. evdns may call back once more after it has been cancelled. So it is never
 * given a pointer, but a number that is looked up among the open questions. */
struct ask {
    uintptr_t number; /* 0: not asked */
    struct wr_name *name;
    TAILQ_ENTRY(ask) entry;
};

struct wr_name {
    char *host;
    struct wr_names *names;
    struct ask asks[ASK_COUNT];
    bool asking;                          /* the current round of questions isn't over */
    bool fixed;                           /* from a hosts file: never asked */
    enum wr_err err;                      /* of the last finished round */
    enum wr_err failure;                  /* worst of this round: TIMEOUT beats NO_ADDRESS */
    int ttl;                              /* of this round */
    struct wr_addresses round[ASK_COUNT]; /* of this round */
    struct wr_addresses known;            /* addresses of the last round that gave any; without port */
    struct wr_mono again;                 /* monotonic: until then the known answer or failure is used */
    struct wr_timer second;               /* the time for the other family's answer is over */
    TAILQ_HEAD(, wr_name_query) waiting;
    TAILQ_ENTRY(wr_name) entry;
};

struct wr_names {
    struct wr_loop *loop;
    struct evdns_base *dns;     /* NULL: no name server */
    TAILQ_HEAD(, wr_name) list; /* as many names as the policy has: a list suffices */
};

static _Thread_local TAILQ_HEAD(ask_list, ask) asked = { NULL, NULL };
static _Thread_local uintptr_t last_number;

/* --- addresses --- */

static void set_port(struct wr_sockaddr *to, uint16_t port)
{
    if (to->at.ss_family == AF_INET)
        ((struct sockaddr_in *) &to->at)->sin_port = htons(port);
    else if (to->at.ss_family == AF_INET6)
        ((struct sockaddr_in6 *) &to->at)->sin6_port = htons(port);
}

static struct wr_sockaddr of_octets(int family, const void *octets)
{
    struct wr_sockaddr a = { .at.ss_family = (sa_family_t) family };
    if (family == AF_INET) {
        a.len = sizeof(struct sockaddr_in);
        memcpy(&((struct sockaddr_in *) &a.at)->sin_addr, octets, 4);
    } else {
        a.len = sizeof(struct sockaddr_in6);
        memcpy(&((struct sockaddr_in6 *) &a.at)->sin6_addr, octets, 16);
    }
    return a;
}

static void add_address(struct wr_addresses *to, struct wr_sockaddr a)
{
    if (to->count < WR_MAX_ADDRESSES)
        to->list[to->count++] = a;
}

static bool unix_path(const char *path, struct wr_sockaddr *out)
{
    struct sockaddr_un *un = (struct sockaddr_un *) &out->at;
    size_t len = strlen(path);
    if (len >= sizeof un->sun_path)
        return false;
    *out = (struct wr_sockaddr){ .at.ss_family = AF_UNIX };
    memcpy(un->sun_path, path, len + 1);
    out->len = (socklen_t) (offsetof(struct sockaddr_un, sun_path) + len + 1);
    return true;
}

bool wr_address_literal(const char *host, uint16_t port, struct wr_sockaddr *out)
{
    unsigned char octets[16];
    char bare[INET6_ADDRSTRLEN];
    size_t len = strlen(host);
    if (host[0] == '/')
        return unix_path(host, out);
    if (host[0] == '[' && len > 2 && host[len - 1] == ']' && len - 2 < sizeof bare) {
        memcpy(bare, host + 1, len - 2);
        bare[len - 2] = '\0';
        host = bare;
    }
    if (inet_pton(AF_INET, host, octets) == 1)
        *out = of_octets(AF_INET, octets);
    else if (inet_pton(AF_INET6, host, octets) == 1)
        *out = of_octets(AF_INET6, octets);
    else
        return false;
    set_port(out, port);
    return true;
}

static void copy_out(struct wr_addresses *out, const struct wr_name *name, uint16_t port)
{
    *out = name->known;
    out->fresh_until = name->again;
    for (size_t i = 0; i < out->count; i++)
        set_port(&out->list[i], port);
}

/* --- names --- */

static struct wr_name *find_name(struct wr_names *n, const char *host)
{
    struct wr_name *name;
    TAILQ_FOREACH(name, &n->list, entry)
        if (strcasecmp(name->host, host) == 0)
            return name;
    return NULL;
}

static void on_second_family_late(struct wr_timer *t);

static struct wr_name *find_or_add(struct wr_names *n, const char *host)
{
    struct wr_name *name = find_name(n, host);
    if (name)
        return name;
    name = calloc(1, sizeof *name);
    WR_CHECK(name != NULL);
    name->host = strdup(host);
    WR_CHECK(name->host != NULL);
    name->names = n;
    TAILQ_INIT(&name->waiting);
    wr_timer_init(&name->second, n->loop, on_second_family_late);
    TAILQ_INSERT_TAIL(&n->list, name, entry);
    return name;
}

static void fix(struct wr_names *n, const char *host, const struct wr_sockaddr *a)
{
    struct wr_name *name = find_or_add(n, host);
    if (!name->fixed)
        name->known.count = 0;
    name->fixed = true;
    name->again = wr_time_add((struct wr_mono){ 0 }, WR_SPAN_MAX);
    add_address(&name->known, *a);
}

void wr_names_hosts(struct wr_names *n, const char *file)
{
    FILE *f = fopen(file, "re");
    char line[1024], *save;
    if (f == NULL)
        return;
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "#\r\n")] = '\0';
        struct wr_sockaddr a;
        const char *address = strtok_r(line, " \t", &save), *host;
        if (address == NULL || address[0] == '/' || !wr_address_literal(address, 0, &a))
            continue;
        while ((host = strtok_r(NULL, " \t", &save)) != NULL)
            fix(n, host, &a);
    }
    fclose(f);
}

/* RFC 6761 6.3: never asked of a name server. */
static bool is_localhost(const char *host)
{
    static const char tail[] = ".localhost";
    size_t len = strlen(host), cut = sizeof tail - 1;
    return strcasecmp(host, tail + 1) == 0 || (len > cut && strcasecmp(host + len - cut, tail) == 0);
}

static void fix_localhost(struct wr_names *n, const char *host)
{
    struct wr_sockaddr a;
    WR_CHECK(wr_address_literal("127.0.0.1", 0, &a));
    fix(n, host, &a);
    WR_CHECK(wr_address_literal("::1", 0, &a));
    fix(n, host, &a);
}

/* --- asking --- */

static int within(int ttl, int least, int most)
{
    return ttl < least ? least : ttl > most ? most : ttl;
}

/* Answers all waiting questions. None is added meanwhile: the result is fresh, even if it is a failure. */
static void answer_waiting(struct wr_name *name)
{
    struct wr_name_query *q;
    while ((q = TAILQ_FIRST(&name->waiting)) != NULL) {
        TAILQ_REMOVE(&name->waiting, q, entry);
        q->name = NULL;
        struct wr_addresses found;
        copy_out(&found, name, q->port);
        q->done(q, found.count ? WR_OK : name->err, found.count ? &found : NULL);
    }
}

static void forget(struct ask *a)
{
    if (a->number)
        TAILQ_REMOVE(&asked, a, entry);
    a->number = 0;
}

/* Ends the round: keeps what was found and answers all that wait. */
static void end_round(struct wr_name *name)
{
    struct wr_addresses found = name->round[ASK_A];
    for (size_t i = 0; i < name->round[ASK_AAAA].count; i++)
        add_address(&found, name->round[ASK_AAAA].list[i]);
    int ttl = name->ttl;
    name->err = WR_OK;
    if (found.count > 0) {
        name->known = found;
        ttl = within(ttl, MIN_TTL, MAX_TTL);
    } else if (name->failure == WR_ERR_NO_ADDRESS) {
        name->known.count = 0; /* a name server says that there are none: the old answer is no longer true */
        name->err = WR_ERR_NO_ADDRESS;
        ttl = within(ttl == INT32_MAX ? NEGATIVE_TTL : ttl, MIN_TTL, 60);
    } else {
        wr_warn("no name server answers for %s%s", name->host,
                name->known.count ? ": its old addresses are used" : "");
        name->err = WR_ERR_TIMEOUT;
        ttl = FAILURE_TTL;
    }
    name->again = wr_time_add(name->names->loop->mono, WR_SPAN_S(ttl));
    name->asking = false;
    for (int i = 0; i < ASK_COUNT; i++)
        forget(&name->asks[i]);
    wr_timer_clear(&name->second);
    answer_waiting(name);
}

static void on_second_family_late(struct wr_timer *t)
{
    end_round(WR_CONTAINER(t, struct wr_name, second));
}

static void take_answer(struct wr_name *name, int which, int result, int count, int ttl,
                        const void *addresses)
{
    struct wr_addresses *to = &name->round[which];
    const char *octets = addresses;
    int size = which == ASK_A ? 4 : 16;
    if (result == DNS_ERR_NONE && count > 0) {
        for (int i = 0; i < count; i++)
            add_address(to, of_octets(which == ASK_A ? AF_INET : AF_INET6, octets + i * size));
        name->ttl = ttl < name->ttl ? ttl : name->ttl;
        return;
    }
    bool none = result == DNS_ERR_NONE || result == DNS_ERR_NOTEXIST || result == DNS_ERR_NODATA;
    if (!none)
        name->failure = WR_ERR_TIMEOUT;
    else if (ttl > 0 && ttl < name->ttl && name->round[!which].count == 0)
        name->ttl = ttl;
}

static void on_answer(int result, char type, int count, int ttl, void *addresses, void *arg)
{
    struct ask *ask;
    (void) type;
    TAILQ_FOREACH(ask, &asked, entry)
        if (ask->number == (uintptr_t) arg)
            break;
    if (ask == NULL)
        return;
    struct wr_name *name = ask->name;
    int which = ask == &name->asks[ASK_A] ? ASK_A : ASK_AAAA;
    forget(ask);
    wr_loop_tick(name->names->loop);
    take_answer(name, which, result, count, ttl, addresses);
    if (name->asks[!which].number == 0)
        end_round(name);
    else if (name->round[which].count > 0)
        wr_timer_set(&name->second, SECOND_FAMILY);
}

static bool ask_for(struct wr_name *name, int which)
{
    struct evdns_base *dns = name->names->dns;
    struct ask *a = &name->asks[which];
    if (asked.tqh_last == NULL)
        TAILQ_INIT(&asked);
    a->name = name;
    a->number = ++last_number;
    void *arg = (void *) a->number;
    TAILQ_INSERT_TAIL(&asked, a, entry);
    struct evdns_request *sent = which == ASK_A ? evdns_base_resolve_ipv4(dns, name->host, 0, on_answer, arg)
                                                : evdns_base_resolve_ipv6(dns, name->host, 0, on_answer, arg);
    if (sent)
        return true;
    forget(a);
    return false;
}

/* Starts a round of questions. Returns false if there is no name server to ask; the name's error says so. */
static bool start_round(struct wr_name *name)
{
    if (name->asking)
        return true;
    name->failure = WR_ERR_NO_ADDRESS;
    name->ttl = INT32_MAX;
    name->round[ASK_A].count = name->round[ASK_AAAA].count = 0;
    if (name->names->dns) {
        bool v4 = ask_for(name, ASK_A), v6 = ask_for(name, ASK_AAAA);
        name->asking = v4 || v6;
    }
    if (!name->asking) {
        name->err = WR_ERR_NO_ADDRESS;
        name->again = wr_time_add(name->names->loop->mono, WR_SPAN_S(FAILURE_TTL));
    }
    return name->asking;
}

bool wr_names_lookup(struct wr_names *n, struct wr_name_query *q, const char *host, uint16_t port,
                     struct wr_addresses *out)
{
    out->count = 0;
    if (wr_address_literal(host, port, &out->list[0])) {
        out->count = 1;
        out->fresh_until = wr_time_add((struct wr_mono){ 0 }, WR_SPAN_MAX);
        return true;
    }
    struct wr_name *name = find_name(n, host);
    if (name == NULL) {
        name = find_or_add(n, host);
        if (is_localhost(host))
            fix_localhost(n, host);
    }
    /* A fresh answer, a name known not to exist, or a failure a moment ago, where even a stale answer is
     * used. */
    if (wr_time_before(n->loop->mono, name->again) || !start_round(name)) {
        copy_out(out, name, port);
        return true;
    }
    q->name = name;
    q->port = port;
    TAILQ_INSERT_TAIL(&name->waiting, q, entry);
    return false;
}

void wr_names_cancel(struct wr_name_query *q)
{
    if (q->name == NULL)
        return;
    TAILQ_REMOVE(&q->name->waiting, q, entry);
    q->name = NULL;
}

/* --- life --- */

/* Logs evdns's messages at debug level only: end_round() logs what matters. */
static void on_dns_message(int warning, const char *message)
{
    (void) warning;
    wr_debug("name servers: %s", message);
}

static void quieten_dns(void)
{
    evdns_set_log_fn(on_dns_message);
}

static struct evdns_base *new_dns(struct wr_loop *loop, const char *name_servers)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT; /* one function for the whole process */
    WR_CHECK(pthread_once(&once, quieten_dns) == 0);
    struct evdns_base *dns = evdns_base_new(loop->base, 0);
    WR_CHECK(dns != NULL);
    if (name_servers == NULL)
        (void) evdns_base_resolv_conf_parse(dns, DNS_OPTION_SEARCH | DNS_OPTION_NAMESERVERS | DNS_OPTION_MISC,
                                            "/etc/resolv.conf");
    else if (evdns_base_nameserver_ip_add(dns, name_servers) != 0)
        wr_error("not the address of a name server: %s", name_servers);
    if (evdns_base_count_nameservers(dns) == 0) {
        evdns_base_free(dns, 0);
        return NULL;
    }
    /* Two tries of two seconds each: a connect time-out is usually shorter anyway. */
    WR_CHECK(evdns_base_set_option(dns, "timeout:", "2") == 0);
    WR_CHECK(evdns_base_set_option(dns, "attempts:", "2") == 0);
    return dns;
}

struct wr_names *wr_names_new(struct wr_loop *loop, const char *name_servers)
{
    struct wr_names *n = calloc(1, sizeof *n);
    WR_CHECK(n != NULL);
    n->loop = loop;
    TAILQ_INIT(&n->list);
    n->dns = new_dns(loop, name_servers);
    wr_names_hosts(n, "/etc/hosts");
    return n;
}

void wr_names_free(struct wr_names *n)
{
    if (n == NULL)
        return;
    if (n->dns)
        evdns_base_free(n->dns, 0);
    struct wr_name *name;
    while ((name = TAILQ_FIRST(&n->list)) != NULL) {
        WR_CHECK(TAILQ_EMPTY(&name->waiting));
        TAILQ_REMOVE(&n->list, name, entry);
        for (int i = 0; i < ASK_COUNT; i++)
            forget(&name->asks[i]);
        wr_timer_fini(&name->second);
        free(name->host);
        free(name);
    }
    free(n);
}
