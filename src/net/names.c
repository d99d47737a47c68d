/* SPDX-License-Identifier: BSD-2-Clause */
/* Keeps what is known of host names, asks for it anew in time, and wakes those who watch.
 *
 * The lists and what is known are under one lock, which is held for a copy and never across I/O. Everything
 * about asking belongs to the loop. */
#include "net/names.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/rand.h"
#include "log/log.h"
#include "net/dns_priv.h"

/* Seconds. */
#define MIN_TTL 1
#define MAX_TTL 3600
#define NONE_AGAIN 5    /* a name without addresses is asked again so soon */
#define OTHER_AGAIN 60  /* a family without addresses, while the other has some */
#define FIRST_FAILURE 2 /* after no name server has answered; it doubles, up to ... */
#define LONGEST_FAILURE 30
#define KEPT WR_SPAN_S(600) /* a name that nobody watches any more */

/* The addresses of one family that a name is known to have. */
struct name_family {
    struct wr_dns_question question;
    struct wr_name *name;
    enum { NEVER, FOUND, NONE, FAILED } last; /* the last answer */
    struct wr_addresses *known;               /* of the last FOUND, until NONE or too old; or NULL */
    struct wr_mono fresh_until;
    struct wr_mono again; /* when to ask again */
    unsigned failures;    /* in a row */
};

enum { OF_A, OF_AAAA, FAMILIES };

struct wr_name {
    struct wr_names *names;
    char *host;
    /* the loop's only */
    struct wr_timer timer;
    bool started; /* the timer has been made */
    struct name_family family[FAMILIES];
    bool unanswered; /* it has been logged that no name server answers */
    /* under the lock */
    bool fixed; /* from a hosts file, or localhost: never asked. Only the loop changes it later */
    enum wr_name_state state;
    struct wr_addresses *known; /* NULL unless KNOWN */
    struct wr_mono unwatched;   /* since when nobody watches it */
    TAILQ_HEAD(, wr_name_watch) watches;
    TAILQ_ENTRY(wr_name) entry;
};

/* A line of a hosts file. */
struct host_entry {
    char *host;
    struct wr_sockaddr at;
};

struct wr_names {
    struct wr_loop *loop;
    struct wr_dns *dns;
    struct wr_span stale;
    pthread_mutex_t lock;
    TAILQ_HEAD(, wr_name) list; /* as many names as policies have: a list suffices */
    struct host_entry *hosts;
    size_t host_count;
    struct wr_note work; /* there are names that haven't been started */
};

static void lock(const struct wr_names *n)
{
    pthread_mutex_lock((pthread_mutex_t *) (uintptr_t) &n->lock);
}

static void unlock(const struct wr_names *n)
{
    pthread_mutex_unlock((pthread_mutex_t *) (uintptr_t) &n->lock);
}

/* --- lists of addresses --- */

static struct wr_addresses *new_list(size_t room)
{
    struct wr_addresses *a = malloc(sizeof *a + room * sizeof a->list[0]);
    WR_CHECK(a != NULL);
    a->count = 0;
    return a;
}

static int compare(const void *a, const void *b)
{
    return wr_sockaddr_compare(a, b);
}

/* Sorts the list, and leaves out what is there twice. */
static void tidy(struct wr_addresses *a)
{
    size_t kept = 0;
    qsort(a->list, a->count, sizeof a->list[0], compare);
    for (size_t i = 0; i < a->count; i++)
        if (kept == 0 || wr_sockaddr_compare(&a->list[kept - 1], &a->list[i]) != 0)
            a->list[kept++] = a->list[i];
    a->count = kept < WR_MAX_ADDRESSES ? kept : WR_MAX_ADDRESSES;
}

static bool same_list(const struct wr_addresses *a, const struct wr_addresses *b)
{
    if (a == NULL || b == NULL || a->count != b->count)
        return a == b;
    for (size_t i = 0; i < a->count; i++)
        if (wr_sockaddr_compare(&a->list[i], &b->list[i]) != 0)
            return false;
    return true;
}

/* --- what is known, under the lock --- */

/* Takes the list, or NULL, as what is known of the name, and wakes those who watch if it is news. */
static void set_known(struct wr_name *name, enum wr_name_state state, struct wr_addresses *list)
{
    bool news = state != name->state || !same_list(list, name->known);
    free(name->known);
    name->known = list;
    name->state = state;
    struct wr_name_watch *w;
    if (news)
        TAILQ_FOREACH(w, &name->watches, entry)
            wr_note_post(&w->note);
}

/* RFC 6761 6.3: never asked of a name server. */
static bool is_localhost(const char *host)
{
    static const char tail[] = ".localhost";
    size_t len = strlen(host), cut = sizeof tail - 1;
    return strcasecmp(host, tail + 1) == 0 || (len > cut && strcasecmp(host + len - cut, tail) == 0);
}

/* Gives the addresses that are known without asking, or NULL. */
static struct wr_addresses *without_asking(const struct wr_names *n, const char *host)
{
    static const char *const loopback[] = { "127.0.0.1", "::1" };
    struct wr_addresses *list = new_list(n->host_count + 2);
    for (size_t i = 0; i < n->host_count; i++)
        if (strcasecmp(n->hosts[i].host, host) == 0)
            list->list[list->count++] = n->hosts[i].at;
    for (size_t i = 0; i < 2 && list->count < 2 && is_localhost(host); i++)
        WR_CHECK(wr_address_literal(loopback[i], 0, &list->list[list->count++]));
    tidy(list);
    if (list->count > 0)
        return list;
    free(list);
    return NULL;
}

static void fix_if_known(struct wr_name *name)
{
    struct wr_addresses *list = without_asking(name->names, name->host);
    name->fixed = list != NULL;
    if (list)
        set_known(name, WR_NAME_KNOWN, list);
}

static struct wr_name *find_or_add(struct wr_names *n, const char *host)
{
    struct wr_name *name;
    TAILQ_FOREACH(name, &n->list, entry)
        if (strcasecmp(name->host, host) == 0)
            return name;
    name = calloc(1, sizeof *name);
    WR_CHECK(name != NULL);
    name->host = strdup(host);
    WR_CHECK(name->host != NULL);
    name->names = n;
    TAILQ_INIT(&name->watches);
    TAILQ_INSERT_TAIL(&n->list, name, entry);
    fix_if_known(name);
    return name;
}

/* --- asking: the loop's part --- */

/* Puts together what is known of both families. */
static void publish(struct wr_name *name)
{
    const struct name_family *f = name->family;
    struct wr_addresses *list = new_list(2 * WR_MAX_ADDRESSES);
    bool waits = false, failed = false;
    for (int i = 0; i < FAMILIES; i++) {
        for (size_t k = 0; f[i].known && k < f[i].known->count; k++)
            list->list[list->count++] = f[i].known->list[k];
        waits = waits || f[i].last == NEVER;
        failed = failed || f[i].last == FAILED;
    }
    tidy(list);
    bool known = list->count > 0;
    if (!known) {
        free(list);
        list = NULL;
    }
    if (name->fixed || (!known && waits)) { /* a hosts file has been read meanwhile; or there is no news */
        free(list);
        return;
    }
    lock(name->names);
    set_known(name, known ? WR_NAME_KNOWN : failed ? WR_NAME_UNANSWERED : WR_NAME_NONE, list);
    unlock(name->names);
}

/* Returns when a family is asked again. Nodes of a fleet don't ask all at once: a part is left to chance. */
static struct wr_span pause_after(const struct name_family *f, int ttl)
{
    const struct name_family *other = &f->name->family[f == &f->name->family[OF_A] ? OF_AAAA : OF_A];
    int64_t s = 0;
    switch (f->last) {
    case FOUND:
        return (struct wr_span){ (int64_t) (ttl * (double) WR_US_PER_S * (0.8 + wr_rand_unit() / 10)) };
    case NONE:
        s = other->known ? OTHER_AGAIN : NONE_AGAIN;
        break;
    case FAILED:
        s = FIRST_FAILURE << (f->failures < 5 ? f->failures - 1 : 4);
        s = s < LONGEST_FAILURE ? s : LONGEST_FAILURE;
        break;
    case NEVER:
        break;
    }
    return (struct wr_span){ (int64_t) ((double) (s * WR_US_PER_S) * (0.9 + wr_rand_unit() / 5)) };
}

static void log_trouble(struct wr_name *name)
{
    bool failed = false;
    for (int i = 0; i < FAMILIES; i++)
        failed = failed || name->family[i].last == FAILED;
    if (failed == name->unanswered)
        return;
    name->unanswered = failed;
    if (failed)
        wr_warn("no name server answers for %s%s", name->host,
                name->family[OF_A].known || name->family[OF_AAAA].known ? ": its old addresses are used"
                                                                        : "");
    else
        wr_info("name servers answer for %s again", name->host);
}

static void drop(struct name_family *f)
{
    free(f->known);
    f->known = NULL;
}

static void set_timer(struct wr_name *name)
{
    struct wr_mono soonest = { INT64_MAX };
    for (int i = 0; i < FAMILIES; i++)
        if (!name->family[i].question.open && wr_time_before(name->family[i].again, soonest))
            soonest = name->family[i].again;
    if (soonest.us == INT64_MAX)
        return; /* the answers set it */
    struct wr_span left = wr_time_since(soonest, name->names->loop->mono);
    wr_timer_set(&name->timer, left.us > 0 ? left : WR_SPAN_MS(0));
}

static void on_family(struct wr_dns_question *q, enum wr_dns_result result, const struct wr_sockaddr *list,
                      size_t count, int ttl)
{
    struct name_family *f = WR_CONTAINER(q, struct name_family, question);
    struct wr_name *name = f->name;
    struct wr_mono now = name->names->loop->mono;
    ttl = ttl < MIN_TTL ? MIN_TTL : ttl > MAX_TTL ? MAX_TTL : ttl;
    f->last = result == WR_DNS_FOUND ? FOUND : result == WR_DNS_NONE ? NONE : FAILED;
    f->failures = f->last == FAILED ? f->failures + 1 : 0;
    if (f->last == FOUND) {
        drop(f);
        f->known = new_list(count);
        f->known->count = count;
        memcpy(f->known->list, list, count * sizeof *list);
        f->fresh_until = wr_time_add(now, WR_SPAN_S(ttl));
    } else if (f->last == NONE || !wr_time_before(now, wr_time_add(f->fresh_until, name->names->stale))) {
        drop(f);
    }
    f->again = wr_time_add(now, pause_after(f, ttl));
    log_trouble(name);
    publish(name);
    set_timer(name);
}

static void ask_what_is_due(struct wr_name *name)
{
    struct wr_names *n = name->names;
    for (int i = 0; i < FAMILIES; i++) {
        struct name_family *f = &name->family[i];
        if (!f->question.open && !wr_time_before(n->loop->mono, f->again))
            wr_dns_ask(n->dns, &f->question, name->host);
    }
}

static void free_name(struct wr_name *name)
{
    for (int i = 0; i < FAMILIES; i++)
        drop(&name->family[i]);
    if (name->started)
        wr_timer_fini(&name->timer);
    free(name->known);
    free(name->host);
    free(name);
}

/* Takes a name that nobody has watched for long out of the list. Returns true if it has been freed. */
static bool forget(struct wr_name *name)
{
    struct wr_names *n = name->names;
    bool open = false;
    for (int i = 0; i < FAMILIES; i++)
        open = open || name->family[i].question.open;
    lock(n);
    bool unused = !open && TAILQ_EMPTY(&name->watches) &&
                  wr_time_since(n->loop->mono, name->unwatched).us > KEPT.us;
    if (unused)
        TAILQ_REMOVE(&n->list, name, entry);
    unlock(n);
    if (unused)
        free_name(name);
    return unused;
}

static void on_name_timer(struct wr_timer *t)
{
    struct wr_name *name = WR_CONTAINER(t, struct wr_name, timer);
    if (forget(name) || name->fixed)
        return;
    ask_what_is_due(name);
    set_timer(name);
}

static void start_name(struct wr_name *name)
{
    static const int family[] = { [OF_A] = AF_INET, [OF_AAAA] = AF_INET6 };
    name->started = true;
    for (int i = 0; i < FAMILIES; i++) {
        name->family[i].name = name;
        name->family[i].question.done = on_family;
        name->family[i].question.family = family[i];
    }
    wr_timer_init(&name->timer, name->names->loop, on_name_timer);
}

/* Gives the first name that waits to be started, or NULL. */
static struct wr_name *first_new(struct wr_names *n)
{
    struct wr_name *name;
    lock(n);
    TAILQ_FOREACH(name, &n->list, entry)
        if (!name->started && !name->fixed)
            break;
    unlock(n);
    return name;
}

static void on_work(struct wr_note *note)
{
    struct wr_names *n = WR_CONTAINER(note, struct wr_names, work);
    struct wr_name *name;
    while (n->dns && (name = first_new(n)) != NULL) {
        start_name(name);
        ask_what_is_due(name);
        set_timer(name);
    }
}

/* --- hosts files --- */

static void add_host(struct wr_names *n, const char *host, const struct wr_sockaddr *at)
{
    if ((n->host_count & (n->host_count - 1)) == 0) { /* a power of two: no room is left */
        n->hosts = realloc(n->hosts, (n->host_count ? 2 * n->host_count : 1) * sizeof *n->hosts);
        WR_CHECK(n->hosts != NULL);
    }
    struct host_entry *e = &n->hosts[n->host_count++];
    *e = (struct host_entry){ strdup(host), *at };
    WR_CHECK(e->host != NULL);
}

static void read_hosts(struct wr_names *n, const char *file)
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
            add_host(n, host, &a);
    }
    fclose(f);
}

static void clear_hosts(struct wr_names *n)
{
    for (size_t i = 0; i < n->host_count; i++)
        free(n->hosts[i].host);
    free(n->hosts);
    n->hosts = NULL;
    n->host_count = 0;
}

void wr_names_hosts(struct wr_names *n, const char *file)
{
    struct wr_name *name;
    lock(n);
    read_hosts(n, file);
    TAILQ_FOREACH(name, &n->list, entry)
        fix_if_known(name);
    unlock(n);
}

/* --- watching --- */

static void on_note(struct wr_note *note)
{
    struct wr_name_watch *w = WR_CONTAINER(note, struct wr_name_watch, note);
    w->changed(w);
}

void wr_names_watch(struct wr_names *n, struct wr_name_watch *w, const char *host, struct wr_loop *loop,
                    void (*changed)(struct wr_name_watch *w))
{
    wr_note_init(&w->note, loop, on_note);
    w->changed = changed;
    lock(n);
    w->name = find_or_add(n, host);
    TAILQ_INSERT_TAIL(&w->name->watches, w, entry);
    bool fixed = w->name->fixed;
    unlock(n);
    if (!fixed)
        wr_note_post(&n->work);
}

void wr_names_unwatch(struct wr_name_watch *w)
{
    struct wr_name *name = w->name;
    if (name == NULL)
        return;
    struct wr_names *n = name->names;
    lock(n);
    TAILQ_REMOVE(&name->watches, w, entry);
    name->unwatched = w->note.loop->mono;
    unlock(n);
    w->name = NULL;
    wr_note_fini(&w->note);
}

enum wr_name_state wr_names_read(const struct wr_name_watch *w, uint16_t port, struct wr_addresses **out)
{
    const struct wr_name *name = w->name;
    *out = NULL;
    lock(name->names);
    enum wr_name_state state = name->state;
    if (name->known) {
        size_t count = name->known->count;
        *out = new_list(count);
        memcpy(*out, name->known, sizeof **out + count * sizeof(*out)->list[0]);
    }
    unlock(name->names);
    for (size_t i = 0; *out && i < (*out)->count; i++)
        wr_sockaddr_port(&(*out)->list[i], port);
    return state;
}

/* --- life --- */

struct wr_names *wr_names_new(struct wr_loop *loop)
{
    struct wr_names *n = calloc(1, sizeof *n);
    WR_CHECK(n != NULL && pthread_mutex_init(&n->lock, NULL) == 0);
    n->loop = loop;
    TAILQ_INIT(&n->list);
    wr_note_init(&n->work, loop, on_work);
    return n;
}

void wr_names_configure(struct wr_names *n, const char *servers, struct wr_span stale)
{
    struct wr_name *name;
    n->stale = stale;
    wr_dns_free(n->dns);
    n->dns = wr_dns_new(n->loop, servers);
    lock(n);
    clear_hosts(n);
    unlock(n);
    wr_names_hosts(n, "/etc/hosts");
    lock(n);
    TAILQ_FOREACH(name, &n->list, entry)
        if (name->started) {
            for (int i = 0; i < FAMILIES; i++)
                name->family[i].again = n->loop->mono;
            wr_timer_set(&name->timer, WR_SPAN_MS(0));
        }
    unlock(n);
    wr_note_post(&n->work);
}

void wr_names_free(struct wr_names *n)
{
    if (n == NULL)
        return;
    wr_dns_free(n->dns);
    struct wr_name *name;
    while ((name = TAILQ_FIRST(&n->list)) != NULL) {
        WR_CHECK(TAILQ_EMPTY(&name->watches));
        TAILQ_REMOVE(&n->list, name, entry);
        free_name(name);
    }
    clear_hosts(n);
    wr_note_fini(&n->work);
    pthread_mutex_destroy(&n->lock);
    free(n);
}
