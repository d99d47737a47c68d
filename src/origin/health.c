/* SPDX-License-Identifier: BSD-2-Clause */
/* Keeps the health of addresses from the results of requests and active checks. All of it is read and written
 * atomically, because all workers share it. */
#include "origin/health_priv.h"

#include <stdlib.h>

#include "log/log.h"

#define FIRST_SHARE 10 /* percent of its weight, for an address that has just returned */

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
    unsigned refs;                    /* under the lock */
    struct wr_mono idle;              /* under the lock: when the last reference was given back */
    unsigned checkers;                /* the main thread's only, as the next two */
    unsigned good_checks, bad_checks; /* in a row */
    unsigned failures;                /* in a row; atomic, as all fields below */
    unsigned late;                    /* in a row */
    unsigned ended;                   /* in a row */
    int64_t answered_at; /* monotonic, microseconds: when the server last answered a request, to within
                            ANSWER_GRAIN */
    int64_t rest_until;  /* monotonic, microseconds; 0: the server is well */
    bool trying;         /* its rest is over for one request, which tries it */
    bool mute;           /* it rests because it could not be reached, or answered nobody */
    unsigned checked;    /* enum checked */
    int64_t returned_at; /* monotonic, microseconds: when it was well again; 0: never */
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

/* The pause grows twofold with each failure in a row. */
static int64_t rest_after(const struct wr_passive_policy *passive, unsigned failures)
{
    int64_t rest = passive->pause.us;
    while (failures-- > 0 && rest < passive->max_pause.us)
        rest *= 2;
    return rest < passive->max_pause.us ? rest : passive->max_pause.us;
}

/* The server rests. mute: it can't be reached, or answers nobody. why: for the log. */
static void begin_rest(struct wr_backend *s, const struct wr_passive_policy *passive, struct wr_mono mono,
                       bool mute, const char *why)
{
    /* Many requests fail at once when a server dies: they count as one failure. */
    bool tried = __atomic_exchange_n(&s->trying, false, __ATOMIC_RELAXED);
    if (!tried && mono.us < __atomic_load_n(&s->rest_until, __ATOMIC_RELAXED))
        return;
    unsigned before = __atomic_fetch_add(&s->failures, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&s->mute, mute, __ATOMIC_RELAXED);
    __atomic_store_n(&s->rest_until, mono.us + rest_after(passive, before), __ATOMIC_RELAXED);
    if (before == 0)
        wr_warn("origin %s: server %s fails: it is not used for a while: %s", s->origin, s->label, why);
}

static bool is_tried(const struct wr_backend *s)
{
    return __atomic_load_n(&s->trying, __ATOMIC_RELAXED);
}

static void found_late(struct wr_backend *s, const struct wr_passive_policy *passive, struct wr_mono mono)
{
    if (__atomic_add_fetch(&s->late, 1, __ATOMIC_RELAXED) >= passive->timeouts || is_tried(s))
        begin_rest(s, passive, mono, false, "it is late several times in a row");
}

static void found_ended(struct wr_backend *s, const struct wr_passive_policy *passive, struct wr_mono mono)
{
    if (__atomic_add_fetch(&s->ended, 1, __ATOMIC_RELAXED) >= passive->ends || is_tried(s))
        begin_rest(s, passive, mono, false, "it ends connections without an answer");
}

static void found_silent(struct wr_backend *s, const struct wr_passive_policy *passive, struct wr_mono since,
                         struct wr_mono mono)
{
    if (__atomic_load_n(&s->answered_at, __ATOMIC_RELAXED) + ANSWER_GRAIN.us >= since.us)
        found_late(s, passive, mono); /* others have been answered since: perhaps only this request is slow */
    else
        begin_rest(s, passive, mono, true, "it answers nobody");
}

static void recover(struct wr_backend *s, struct wr_mono mono)
{
    /* In the common case this only reads, so no cache line moves between workers. */
    if (__atomic_load_n(&s->late, __ATOMIC_RELAXED))
        __atomic_store_n(&s->late, 0, __ATOMIC_RELAXED);
    if (__atomic_load_n(&s->ended, __ATOMIC_RELAXED))
        __atomic_store_n(&s->ended, 0, __ATOMIC_RELAXED);
    if (__atomic_load_n(&s->failures, __ATOMIC_RELAXED) == 0)
        return;
    __atomic_store_n(&s->returned_at, mono.us, __ATOMIC_RELAXED);
    __atomic_store_n(&s->trying, false, __ATOMIC_RELAXED);
    __atomic_store_n(&s->rest_until, 0, __ATOMIC_RELAXED);
    if (__atomic_exchange_n(&s->failures, 0, __ATOMIC_RELAXED))
        wr_info("origin %s: server %s answers again", s->origin, s->label);
}

unsigned wr_backend_share(const struct wr_backend *s, struct wr_mono mono, struct wr_span slow_start)
{
    int64_t since = __atomic_load_n(&s->returned_at, __ATOMIC_RELAXED), passed = mono.us - since;
    if (since == 0 || passed >= slow_start.us)
        return 100;
    int64_t share = passed * 100 / slow_start.us;
    return share < FIRST_SHARE ? FIRST_SHARE : (unsigned) share;
}

static void found_answer(struct wr_backend *s, struct wr_mono mono)
{
    if (mono.us - __atomic_load_n(&s->answered_at, __ATOMIC_RELAXED) > ANSWER_GRAIN.us)
        __atomic_store_n(&s->answered_at, mono.us, __ATOMIC_RELAXED);
    recover(s, mono);
}

void wr_backend_found(struct wr_backend *s, const struct wr_passive_policy *passive, enum wr_finding finding,
                      struct wr_mono since, struct wr_mono mono)
{
    if (finding == WR_FOUND_ANSWER) {
        found_answer(s, mono);
        return;
    }
    if (passive->off)
        return;
    switch (finding) {
    case WR_FOUND_ANSWER:
        break;
    case WR_FOUND_UNREACHABLE:
        begin_rest(s, passive, mono, true, "it can't be reached");
        break;
    case WR_FOUND_SILENCE:
        found_silent(s, passive, since, mono);
        break;
    case WR_FOUND_LATE:
        found_late(s, passive, mono);
        break;
    case WR_FOUND_END:
        found_ended(s, passive, mono);
        break;
    }
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
    s->good_checks = s->bad_checks = 0;
}

/* A check shows that an address can be reached and answers. It doesn't show that an address answers requests
 * which passes all checks and fails those. */
static void good_check(struct wr_backend *s, bool was_down, unsigned rise, struct wr_mono mono)
{
    s->bad_checks = 0;
    s->good_checks++;
    if (was_down && s->good_checks < rise)
        return;
    __atomic_store_n(&s->checked, CHECKED_UP, __ATOMIC_RELAXED);
    if (was_down || __atomic_load_n(&s->mute, __ATOMIC_RELAXED))
        recover(s, mono);
    if (!was_down)
        return;
    __atomic_store_n(&s->returned_at, mono.us, __ATOMIC_RELAXED);
    wr_info("origin %s: server %s is up again", s->origin, s->label);
}

static void bad_check(struct wr_backend *s, bool was_down, unsigned fall, const char *why)
{
    s->good_checks = 0;
    s->bad_checks++;
    if (was_down || s->bad_checks < fall)
        return;
    __atomic_store_n(&s->checked, CHECKED_DOWN, __ATOMIC_RELAXED);
    wr_warn("origin %s: server %s is down: its health checks fail: %s", s->origin, s->label, why);
}

void wr_backend_checked(struct wr_backend *s, const struct wr_health_policy *health, struct wr_mono mono,
                        const char *why)
{
    bool was_down = __atomic_load_n(&s->checked, __ATOMIC_RELAXED) == CHECKED_DOWN;
    if (why)
        bad_check(s, was_down, health->fall, why);
    else
        good_check(s, was_down, health->rise, mono);
}
