/* SPDX-License-Identifier: BSD-2-Clause */
/* The link: calls in the order in which they were sent, each with its own deadline, behind a breaker.
 *
 *   requests  sent and not answered yet, oldest first: replies come in this order
 *   waiting   the calls among them, by deadline
 *
 * A call that times out or is cancelled leaves its request behind, which takes and drops the reply. */
#include "redis/link.h"

#include <stdlib.h>

#include "log/log.h"
#include "redis/clock.h"
#include "redis/condition_priv.h"
#include "redis/outage.h"
#include "redis/pipe_priv.h"
#include "redis/scripts_priv.h"
#include "stats/stats.h"

#define MAX_REQUESTS 8192         /* of one link */
#define MAX_UNWRITTEN (32u << 20) /* bytes */
#define MAX_SPARE 256             /* requests kept for reuse */
#define LATE_IN_A_ROW 5           /* so many calls without a timely reply open the breaker */
#define PROBE_EVERY WR_SPAN_MS(100)
#define PROBE_LEAST WR_SPAN_MS(20) /* a probe answered within this, or redis.timeout, closes it */
#define STUCK WR_SPAN_S(2)         /* breaker open, the oldest request unanswered for so long: dial again */
#define CLOCK_EVERY WR_SPAN_S(1)
#define SHA_LEN 40

enum request_kind { REQUEST_PLAIN, REQUEST_SCRIPT, REQUEST_LOAD, REQUEST_PROBE, REQUEST_CLOCK };

struct wr_link_request {
    struct wr_call *call; /* NULL: nobody waits (any more) */
    enum request_kind kind;
    bool dropped;          /* its call has given up: no second try */
    enum wr_script script; /* SCRIPT, LOAD */
    struct wr_buf tail;    /* SCRIPT by EVALSHA: the arguments after the script, for EVAL */
    size_t tail_argc;
    struct wr_mono sent;
    STAILQ_ENTRY(wr_link_request) entry;
};

struct wr_link {
    struct wr_deferred_free deferred;
    struct wr_loop *loop;
    struct wr_policy *policy;
    struct wr_pipe pipe;
    STAILQ_HEAD(, wr_link_request) requests, spare;
    size_t request_count, spare_count;
    TAILQ_HEAD(wr_call_list, wr_call) waiting;
    struct wr_timer deadline; /* deadline of the first of `waiting` */
    struct wr_timer prober;   /* while the breaker is open */
    bool breaker_open, probe_under_way;
    unsigned late_in_a_row;
    struct wr_redis_condition condition;
    struct wr_clock clock;
    struct wr_mono clock_asked;
    char sha[WR_SCRIPT_COUNT][SHA_LEN]; /* [0] == 0: not known */
    struct wr_buf scratch;
};

/* --- requests --- */

static struct wr_link_request *request_new(struct wr_link *link, enum request_kind kind)
{
    struct wr_link_request *w = STAILQ_FIRST(&link->spare);
    if (w) {
        STAILQ_REMOVE_HEAD(&link->spare, entry);
        link->spare_count--;
        *w = (struct wr_link_request){ .kind = kind };
    } else {
        w = calloc(1, sizeof *w);
        WR_CHECK(w != NULL);
        w->kind = kind;
    }
    w->sent = link->loop->mono;
    STAILQ_INSERT_TAIL(&link->requests, w, entry);
    link->request_count++;
    WR_COUNT(redis_commands);
    WR_GAUGE_UP(redis_queue);
    return w;
}

/* Removes the oldest request. The caller frees it. */
static struct wr_link_request *request_shift(struct wr_link *link)
{
    struct wr_link_request *w = STAILQ_FIRST(&link->requests);
    STAILQ_REMOVE_HEAD(&link->requests, entry);
    link->request_count--;
    WR_GAUGE_DOWN(redis_queue);
    return w;
}

static void request_free(struct wr_link *link, struct wr_link_request *w)
{
    wr_buf_fini(&w->tail);
    if (link->spare_count == MAX_SPARE) {
        free(w);
        return;
    }
    STAILQ_INSERT_HEAD(&link->spare, w, entry);
    link->spare_count++;
}

/* --- calls --- */

static void arm_deadline(struct wr_link *link)
{
    const struct wr_call *first = TAILQ_FIRST(&link->waiting);
    if (first)
        wr_timer_set(&link->deadline, wr_time_since(first->due, link->loop->mono));
    else
        wr_timer_clear(&link->deadline);
}

/* Inserts a call by its deadline. Most calls have the same timeout, so the place is at the end or close to
 * it. */
static void call_wait(struct wr_link *link, struct wr_call *call, struct wr_link_request *request,
                      struct wr_mono due)
{
    call->link = link;
    call->request = request;
    call->due = due;
    request->call = call;
    struct wr_call *before = TAILQ_LAST(&link->waiting, wr_call_list);
    while (before && wr_time_before(due, before->due))
        before = TAILQ_PREV(before, wr_call_list, entry);
    if (before)
        TAILQ_INSERT_AFTER(&link->waiting, before, call, entry);
    else
        TAILQ_INSERT_HEAD(&link->waiting, call, entry);
    if (before == NULL)
        arm_deadline(link);
}

/* Removes the call from all lists: the link no longer knows it. */
static void call_detach(struct wr_call *call)
{
    TAILQ_REMOVE(&call->link->waiting, call, entry);
    call->request->call = NULL;
    call->request = NULL;
}

static void call_end(struct wr_call *call, enum wr_err err, const struct wr_reply *reply)
{
    call_detach(call);
    call->done(call, err, reply);
}

void wr_call_cancel(struct wr_call *call)
{
    if (call->request == NULL)
        return;
    call->request->dropped = true;
    call_detach(call);
}

/* --- the breaker --- */

static void send_probe(struct wr_link *link)
{
    link->probe_under_way = true;
    request_new(link, REQUEST_PROBE);
    wr_pipe_say(&link->pipe, 1, (struct wr_slice[]){ WR_SLICE("PING") });
}

static void open_breaker(struct wr_link *link)
{
    if (link->breaker_open || link->pipe.state != WR_PIPE_OPEN)
        return;
    link->breaker_open = true;
    WR_COUNT(redis_breaker_opens);
    wr_log(wr_outage_begins(WR_OUTAGE_BREAKER) ? WR_LOG_P_WARN : WR_LOG_P_DEBUG,
           "redis %s (%s): %u replies in a row were late: not used until it replies in time",
           link->policy->redis.address.text, link->pipe.name, link->late_in_a_row);
    send_probe(link);
    wr_timer_set(&link->prober, PROBE_EVERY);
}

/* Returns true if this was the last open breaker of the process. */
static bool reset_breaker(struct wr_link *link)
{
    bool last = link->breaker_open && wr_outage_ends(WR_OUTAGE_BREAKER);
    link->breaker_open = link->probe_under_way = false;
    link->late_in_a_row = 0;
    wr_timer_clear(&link->prober);
    return last;
}

static void on_prober(struct wr_timer *timer)
{
    struct wr_link *link = WR_CONTAINER(timer, struct wr_link, prober);
    const struct wr_link_request *oldest = STAILQ_FIRST(&link->requests);
    if (!link->breaker_open)
        return;
    if (oldest && wr_time_since(link->loop->mono, oldest->sent).us > STUCK.us) {
        wr_pipe_cut(&link->pipe, WR_PIPE_SILENT, WR_SLICE("dialling again"));
        return;
    }
    if (!link->probe_under_way)
        send_probe(link);
    wr_timer_set(&link->prober, PROBE_EVERY);
}

static void probe_answered(struct wr_link *link, struct wr_span took)
{
    struct wr_span patience = link->policy->redis.timeout;
    if (patience.us < PROBE_LEAST.us)
        patience = PROBE_LEAST;
    link->probe_under_way = false;
    if (took.us > patience.us)
        return;
    if (reset_breaker(link))
        wr_info("redis %s (%s): replies in time again", link->policy->redis.address.text, link->pipe.name);
}

static void on_deadline(struct wr_timer *timer)
{
    struct wr_link *link = WR_CONTAINER(timer, struct wr_link, deadline);
    struct wr_call *call;
    struct wr_mono now = link->loop->mono;
    while ((call = TAILQ_FIRST(&link->waiting)) != NULL && !wr_time_before(now, call->due)) {
        WR_COUNT(redis_timeouts);
        call->request->dropped = true;
        if (++link->late_in_a_row >= LATE_IN_A_ROW)
            open_breaker(link);
        call_end(call, WR_ERR_TIMEOUT, NULL);
    }
    arm_deadline(link);
}

/* --- replies --- */

static void say_eval(struct wr_link *link, enum wr_script script, bool by_sha, size_t tail_argc,
                     struct wr_slice tail)
{
    wr_buf_clear(&link->scratch);
    wr_resp_head(&link->scratch, tail_argc + 2);
    wr_resp_arg(&link->scratch, by_sha ? WR_SLICE("EVALSHA") : WR_SLICE("EVAL"));
    wr_resp_arg(&link->scratch, by_sha ? wr_slice(link->sha[script], SHA_LEN) : wr_script_text(script));
    wr_buf_add_slice(&link->scratch, tail);
    wr_pipe_say_raw(&link->pipe, wr_buf_slice(&link->scratch));
}

/* Redis has forgotten the script (SCRIPT FLUSH, a restart, a failover): repeats the call with the script's
 * text, which Redis stores again. The deadline stays. */
static void eval_again(struct wr_link *link, struct wr_link_request *forgotten)
{
    struct wr_link_request *w = request_new(link, REQUEST_PLAIN);
    say_eval(link, forgotten->script, false, forgotten->tail_argc, wr_buf_slice(&forgotten->tail));
    if (forgotten->call == NULL)
        return;
    w->call = forgotten->call;
    w->call->request = w;
    forgotten->call = NULL;
}

static void learn_sha(struct wr_link *link, enum wr_script script, const struct wr_reply *reply)
{
    struct wr_slice sha = wr_reply_slice(reply);
    if (wr_reply_kind(reply) == WR_REPLY_STRING && sha.len == SHA_LEN)
        memcpy(link->sha[script], sha.at, SHA_LEN);
}

static void learn_clock(struct wr_link *link, struct wr_mono sent, const struct wr_reply *reply)
{
    uint64_t s, us;
    if (wr_slice_u64(wr_reply_slice(wr_reply_at(reply, 0)), INT32_MAX * INT64_C(1000), &s) &&
        wr_slice_u64(wr_reply_slice(wr_reply_at(reply, 1)), 999999, &us))
        wr_clock_learn(&link->clock, sent, wr_time_monotonic(),
                       (struct wr_redis_time){ (int64_t) (s * 1000000 + us) });
}

static void request_answered(struct wr_link *link, struct wr_link_request *w, const struct wr_reply *reply)
{
    switch (w->kind) {
    case REQUEST_PROBE:
        probe_answered(link, wr_time_since(link->loop->mono, w->sent));
        return;
    case REQUEST_LOAD:
        learn_sha(link, w->script, reply);
        return;
    case REQUEST_CLOCK:
        learn_clock(link, w->sent, reply);
        return;
    case REQUEST_SCRIPT:
        if (!w->dropped && wr_reply_is_error(reply, "NOSCRIPT")) {
            eval_again(link, w);
            return;
        }
        break;
    case REQUEST_PLAIN:
        break;
    }
    if (w->call == NULL)
        return;
    link->late_in_a_row = 0;
    call_end(w->call, WR_OK, reply);
}

static void on_link_reply(struct wr_pipe *pipe, const struct wr_reply *reply)
{
    struct wr_link *link = WR_CONTAINER(pipe, struct wr_link, pipe);
    if (STAILQ_EMPTY(&link->requests)) {
        wr_pipe_cut(pipe, WR_PIPE_GARBAGE, WR_SLICE("a reply that nobody asked for"));
        return;
    }
    struct wr_link_request *w = request_shift(link);
    wr_stats_observe(WR_STAT_redis_1ms, wr_time_since(link->loop->mono, w->sent));
    if (wr_reply_kind(reply) == WR_REPLY_ERROR)
        WR_COUNT(redis_errors);
    request_answered(link, w, reply);
    request_free(link, w);
    wr_redis_condition_watch(&link->condition, pipe, reply);
}

/* --- the connection comes and goes --- */

static void ask_clock(struct wr_link *link)
{
    link->clock_asked = link->loop->mono;
    request_new(link, REQUEST_CLOCK);
    wr_pipe_say(&link->pipe, 1, (struct wr_slice[]){ WR_SLICE("TIME") });
}

static void on_opened(struct wr_pipe *pipe)
{
    struct wr_link *link = WR_CONTAINER(pipe, struct wr_link, pipe);
    link->clock.known = false; /* it may be another server's */
    ask_clock(link);
    memset(link->sha, 0, sizeof link->sha);
    for (enum wr_script s = 0; s < WR_SCRIPT_COUNT; s++) {
        request_new(link, REQUEST_LOAD)->script = s;
        wr_pipe_say(pipe, 3, (struct wr_slice[]){ WR_SLICE("SCRIPT"), WR_SLICE("LOAD"), wr_script_text(s) });
    }
}

/* Ends all calls under way with REDIS_AWAY, in the order in which they were sent. */
static void end_all_calls(struct wr_link *link)
{
    reset_breaker(link);
    while (!STAILQ_EMPTY(&link->requests)) {
        struct wr_link_request *w = request_shift(link);
        struct wr_call *call = w->call;
        if (call)
            call_detach(call);
        request_free(link, w);
        if (call)
            call->done(call, WR_ERR_REDIS_AWAY, NULL);
    }
}

static void on_closed(struct wr_pipe *pipe)
{
    end_all_calls(WR_CONTAINER(pipe, struct wr_link, pipe));
}

struct wr_link *wr_link_new(struct wr_loop *loop, struct wr_policy *policy, struct wr_names *names,
                            const char *name)
{
    struct wr_link *link = calloc(1, sizeof *link);
    WR_CHECK(link != NULL);
    link->loop = loop;
    link->policy = wr_policy_ref(policy);
    STAILQ_INIT(&link->requests);
    STAILQ_INIT(&link->spare);
    TAILQ_INIT(&link->waiting);
    wr_timer_init(&link->deadline, loop, on_deadline);
    wr_timer_init(&link->prober, loop, on_prober);
    link->pipe.opened = on_opened;
    link->pipe.reply = on_link_reply;
    link->pipe.closed = on_closed;
    wr_pipe_init(&link->pipe, loop, &policy->redis, names, name);
    return link;
}

static void free_link(struct wr_deferred_free *deferred)
{
    struct wr_link *link = WR_CONTAINER(deferred, struct wr_link, deferred);
    struct wr_link_request *w;
    while ((w = STAILQ_FIRST(&link->spare)) != NULL) {
        STAILQ_REMOVE_HEAD(&link->spare, entry);
        free(w);
    }
    wr_timer_fini(&link->deadline);
    wr_timer_fini(&link->prober);
    wr_buf_fini(&link->scratch);
    wr_policy_unref(link->policy);
    free(link);
}

void wr_link_free(struct wr_link *link)
{
    if (link == NULL)
        return;
    wr_pipe_fini(&link->pipe);
    end_all_calls(link);
    wr_redis_condition_fini(&link->condition);
    wr_timer_clear(&link->deadline);
    wr_loop_defer_free(link->loop, &link->deferred, free_link);
}

/* --- asking --- */

bool wr_link_ready(const struct wr_link *link)
{
    return link->pipe.state == WR_PIPE_OPEN && !link->breaker_open && link->request_count < MAX_REQUESTS &&
           link->pipe.unwritten < MAX_UNWRITTEN;
}

static bool admits(const struct wr_link *link)
{
    if (wr_link_ready(link))
        return true;
    WR_COUNT(redis_refused);
    return false;
}

static struct wr_link_request *put_command(struct wr_link *link, size_t argc, const struct wr_slice *argv)
{
    struct wr_link_request *w = request_new(link, REQUEST_PLAIN);
    wr_pipe_say(&link->pipe, argc, argv);
    return w;
}

static struct wr_link_request *put_script(struct wr_link *link, enum wr_script script, size_t key_count,
                                          const struct wr_slice *keys, size_t arg_count,
                                          const struct wr_slice *args)
{
    WR_CHECK(key_count > 0);
    bool by_sha = link->sha[script][0] != '\0';
    struct wr_link_request *w = request_new(link, REQUEST_SCRIPT);
    struct wr_buf count = { 0 };
    wr_buf_printf(&count, "%zu", key_count);
    wr_resp_arg(&w->tail, wr_buf_slice(&count));
    wr_buf_fini(&count);
    for (size_t i = 0; i < key_count; i++)
        wr_resp_arg(&w->tail, keys[i]);
    for (size_t i = 0; i < arg_count; i++)
        wr_resp_arg(&w->tail, args[i]);
    w->script = script;
    w->tail_argc = 1 + key_count + arg_count;
    say_eval(link, script, by_sha, w->tail_argc, wr_buf_slice(&w->tail));
    return w;
}

struct wr_mono wr_link_since(const struct wr_link *link)
{
    return link->pipe.opened_at;
}

struct wr_span wr_link_ahead(const struct wr_link *link)
{
    const struct wr_loop *loop = link->loop;
    struct wr_redis_time there = wr_clock_at(&link->clock,
                                             loop->wall_read); /* when the wall clock showed loop->now */
    return (struct wr_span){ wr_time_is_set(there) ? there.us - loop->now.us : 0 };
}

void wr_link_learn_clock(struct wr_link *link)
{
    if (wr_link_ready(link) && wr_time_since(link->loop->mono, link->clock_asked).us >= CLOCK_EVERY.us)
        ask_clock(link);
}

enum wr_err wr_link_send(struct wr_link *link, struct wr_call *call, struct wr_span timeout, size_t argc,
                         const struct wr_slice *argv)
{
    WR_CHECK(call->done != NULL && call->request == NULL && argc > 0);
    if (!admits(link))
        return WR_ERR_REDIS_AWAY;
    call_wait(link, call, put_command(link, argc, argv), wr_time_add(link->loop->mono, timeout));
    return WR_OK;
}

enum wr_err wr_link_script(struct wr_link *link, struct wr_call *call, struct wr_span timeout,
                           enum wr_script script, size_t key_count, const struct wr_slice *keys,
                           size_t arg_count, const struct wr_slice *args)
{
    WR_CHECK(call->done != NULL && call->request == NULL);
    if (!admits(link))
        return WR_ERR_REDIS_AWAY;
    struct wr_link_request *w = put_script(link, script, key_count, keys, arg_count, args);
    call_wait(link, call, w, wr_time_add(link->loop->mono, timeout));
    return WR_OK;
}

void wr_link_tell(struct wr_link *link, size_t argc, const struct wr_slice *argv)
{
    if (admits(link))
        put_command(link, argc, argv);
}

void wr_link_tell_script(struct wr_link *link, enum wr_script script, size_t key_count,
                         const struct wr_slice *keys, size_t arg_count, const struct wr_slice *args)
{
    if (admits(link))
        put_script(link, script, key_count, keys, arg_count, args);
}
