/* SPDX-License-Identifier: BSD-2-Clause */
/* Keeps the health of addresses from the results of requests and active checks. All of it is read and written
 * atomically, because all workers share it. */
#include "origin/health_priv.h"

#include <stdlib.h>

#include "log/log.h"

#define FIRST_REST WR_SPAN_S(1)
#define LONGEST_REST 30 /* seconds */
#define LATE_IN_A_ROW 3
#define ENDED_IN_A_ROW 5
#define FAILED_CHECKS 2 /* so many in a row: down. One good check: up */

/* The time of an answer is kept only so exactly, so that a busy server's answers don't move a cache line each
 * time. */
#define ANSWER_GRAIN WR_SPAN_MS(100)
#define CLOCK_MAY_ERR WR_SPAN_S(5)
#define CLOCK_LOG_EVERY WR_SPAN_S(60) /* at most */
#define KEPT WR_SPAN_S(600)           /* an entry that nobody uses any more */

enum checked { UNCHECKED, CHECKED_UP, CHECKED_DOWN };

struct wr_backend {
    char *origin, *server;
    char *address; /* NULL: the server's text is the address */
    char *label;   /* both, for messages */
    struct wr_backend *next;
    unsigned refs;       /* under the lock */
    struct wr_mono idle; /* under the lock: when the last reference was given back */
    unsigned checkers;   /* the main thread's only */
    unsigned failures;   /* in a row; atomic, as all fields below */
    unsigned late;       /* in a row */
    unsigned ended;      /* in a row */
    int64_t answered_at; /* monotonic, microseconds: when the server last answered a request, to within
                            ANSWER_GRAIN */
    int64_t rest_until;  /* monotonic, microseconds; 0: the server is well */
    bool trying;         /* its rest is over for one request, which tries it */
    unsigned checked;    /* enum checked */
    unsigned bad_checks;
    bool clock_wrong;
    int64_t clock_logged; /* monotonic, microseconds: when a wrong or right clock was last logged; 0: never */
};

struct wr_backends {
    pthread_mutex_t lock;
    struct wr_backend *list;
    struct wr_names *names;
    struct wr_origins *probes; /* on the main loop; NULL: none */
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

static void free_backend(struct wr_backend *s)
{
    free(s->origin);
    free(s->server);
    free(s->address);
    free(s->label);
    free(s);
}

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
    pthread_mutex_destroy(&b->lock);
    free(b);
}

void wr_backends_watch(struct wr_backends *b, struct wr_loop *main_loop, struct wr_policy *policy)
{
    struct wr_origins *old = b->probes;
    b->probes = policy ? wr_probes_new(b, main_loop, policy) : NULL;
    wr_probes_free(old);
}

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static char *copy_text(const char *text)
{
    char *copy = text ? strdup(text) : NULL;
    WR_CHECK(text == NULL || copy != NULL);
    return copy;
}

static struct wr_backend *make_backend(const char *origin, const char *server, const char *address)
{
    struct wr_backend *s = calloc(1, sizeof *s);
    struct wr_buf label = { 0 };
    WR_CHECK(s != NULL);
    s->origin = copy_text(origin);
    s->server = copy_text(server);
    s->address = copy_text(address);
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
    while (s && (strcmp(s->origin, origin) != 0 || strcmp(s->server, server) != 0 ||
                 !same_text(s->address, address)))
        s = s->next;
    if (s == NULL) {
        s = make_backend(origin, server, address);
        s->next = b->list;
        b->list = s;
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

enum wr_health wr_backend_health(struct wr_backend *s, struct wr_mono mono)
{
    if (__atomic_load_n(&s->checked, __ATOMIC_RELAXED) == CHECKED_DOWN)
        return WR_HEALTH_DOWN;
    int64_t until = __atomic_load_n(&s->rest_until, __ATOMIC_RELAXED);
    if (until == 0)
        return WR_HEALTH_UP;
    return mono.us < until ? WR_HEALTH_SHUNNED : WR_HEALTH_TRIAL;
}

bool wr_backend_try(struct wr_backend *s, struct wr_mono mono, struct wr_span patience)
{
    int64_t until = __atomic_load_n(&s->rest_until, __ATOMIC_RELAXED);
    if (until == 0 || until > mono.us ||
        !__atomic_compare_exchange_n(&s->rest_until, &until, mono.us + patience.us, false, __ATOMIC_RELAXED,
                                     __ATOMIC_RELAXED))
        return false;
    __atomic_store_n(&s->trying, true, __ATOMIC_RELAXED);
    return true;
}

void wr_backend_untried(struct wr_backend *s, struct wr_mono mono)
{
    if (__atomic_exchange_n(&s->trying, false, __ATOMIC_RELAXED))
        __atomic_store_n(&s->rest_until, mono.us, __ATOMIC_RELAXED);
}

void wr_backend_unreachable(struct wr_backend *s, struct wr_mono mono)
{
    /* Many requests fail at once when a server dies: they count as one failure. */
    bool tried = __atomic_exchange_n(&s->trying, false, __ATOMIC_RELAXED);
    if (!tried && mono.us < __atomic_load_n(&s->rest_until, __ATOMIC_RELAXED))
        return;
    unsigned before = __atomic_fetch_add(&s->failures, 1, __ATOMIC_RELAXED);
    int64_t rest = FIRST_REST.us << (before < 5 ? before : 5);
    if (rest > LONGEST_REST * WR_US_PER_S)
        rest = LONGEST_REST * WR_US_PER_S;
    __atomic_store_n(&s->rest_until, mono.us + rest, __ATOMIC_RELAXED);
    if (before == 0)
        wr_warn("origin %s: server %s fails: it is not used for a while", s->origin, s->label);
}

void wr_backend_late(struct wr_backend *s, struct wr_mono mono)
{
    if (__atomic_add_fetch(&s->late, 1, __ATOMIC_RELAXED) >= LATE_IN_A_ROW)
        wr_backend_unreachable(s, mono);
}

void wr_backend_ended(struct wr_backend *s, struct wr_mono mono)
{
    unsigned in_a_row = __atomic_add_fetch(&s->ended, 1, __ATOMIC_RELAXED);
    if (in_a_row >= ENDED_IN_A_ROW || __atomic_load_n(&s->trying, __ATOMIC_RELAXED))
        wr_backend_unreachable(s, mono);
}

void wr_backend_silent(struct wr_backend *s, struct wr_mono since, struct wr_mono mono)
{
    if (__atomic_load_n(&s->answered_at, __ATOMIC_RELAXED) + ANSWER_GRAIN.us >= since.us)
        wr_backend_late(s, mono); /* others have been answered since: perhaps only this request is slow */
    else
        wr_backend_unreachable(s, mono);
}

static void recover(struct wr_backend *s)
{
    /* In the common case this only reads, so no cache line moves between workers. */
    if (__atomic_load_n(&s->late, __ATOMIC_RELAXED))
        __atomic_store_n(&s->late, 0, __ATOMIC_RELAXED);
    if (__atomic_load_n(&s->ended, __ATOMIC_RELAXED))
        __atomic_store_n(&s->ended, 0, __ATOMIC_RELAXED);
    if (__atomic_load_n(&s->failures, __ATOMIC_RELAXED) == 0)
        return;
    __atomic_store_n(&s->trying, false, __ATOMIC_RELAXED);
    __atomic_store_n(&s->rest_until, 0, __ATOMIC_RELAXED);
    if (__atomic_exchange_n(&s->failures, 0, __ATOMIC_RELAXED))
        wr_info("origin %s: server %s answers again", s->origin, s->label);
}

void wr_backend_answered(struct wr_backend *s, struct wr_mono mono)
{
    if (mono.us - __atomic_load_n(&s->answered_at, __ATOMIC_RELAXED) > ANSWER_GRAIN.us)
        __atomic_store_n(&s->answered_at, mono.us, __ATOMIC_RELAXED);
    recover(s);
}

void wr_backend_clock(struct wr_backend *s, struct wr_span error, struct wr_mono mono)
{
    bool wrong = error.us > CLOCK_MAY_ERR.us || error.us < -CLOCK_MAY_ERR.us;
    int64_t logged = __atomic_load_n(&s->clock_logged, __ATOMIC_RELAXED);
    if (wrong == __atomic_load_n(&s->clock_wrong, __ATOMIC_RELAXED) ||
        (logged && mono.us - logged < CLOCK_LOG_EVERY.us) ||
        !__atomic_compare_exchange_n(&s->clock_logged, &logged, mono.us, false, __ATOMIC_RELAXED,
                                     __ATOMIC_RELAXED))
        return;
    __atomic_store_n(&s->clock_wrong, wrong, __ATOMIC_RELAXED);
    if (wrong)
        wr_warn("origin %s: the clock of server %s is %lld seconds %s: its Date doesn't tell how old a "
                "response is",
                s->origin, s->label, llabs(wr_span_s(error)), error.us > 0 ? "ahead" : "behind");
    else
        wr_info("origin %s: the clock of server %s is right again", s->origin, s->label);
}

void wr_backend_check_begins(struct wr_backend *s)
{
    s->checkers++;
}

void wr_backend_check_ends(struct wr_backend *s)
{
    if (--s->checkers > 0)
        return;
    __atomic_store_n(&s->checked, UNCHECKED, __ATOMIC_RELAXED);
    __atomic_store_n(&s->bad_checks, 0, __ATOMIC_RELAXED);
}

void wr_backend_checked(struct wr_backend *s, bool ok)
{
    unsigned bad = ok ? 0 : __atomic_load_n(&s->bad_checks, __ATOMIC_RELAXED) + 1;
    __atomic_store_n(&s->bad_checks, bad, __ATOMIC_RELAXED);
    unsigned was = __atomic_load_n(&s->checked, __ATOMIC_RELAXED), is = was;
    if (ok)
        is = CHECKED_UP;
    else if (bad >= FAILED_CHECKS)
        is = CHECKED_DOWN;
    if (ok)
        recover(s);
    if (is == was)
        return;
    __atomic_store_n(&s->checked, is, __ATOMIC_RELAXED);
    if (is == CHECKED_DOWN)
        wr_warn("origin %s: server %s is down: its health checks fail", s->origin, s->label);
    else if (was == CHECKED_DOWN)
        wr_info("origin %s: server %s is up again", s->origin, s->label);
}
