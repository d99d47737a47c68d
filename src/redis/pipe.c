/* SPDX-License-Identifier: BSD-2-Clause */
/* Dials, greets and reads one connection to Redis by driving hiredis's context. Dials again with jittered
 * backoff when it ends. */
#include "redis/pipe_priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/util.h>
#include <hiredis.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/rand.h"
#include "log/log.h"
#include "redis/outage.h"
#include "stats/stats.h"

#define BACKOFF_FIRST_MS 50
#define BACKOFF_MOST_MS 2000
#define GREETING_TIME WR_SPAN_S(2) /* from dialling to the reply to the last greeting */
#define STEADY_TIME WR_SPAN_S(2)   /* open for so long: the backoff begins anew */
#define READ_SIZE (16 * 1024)      /* hiredis reads so much at once; if less comes, the socket is empty */
#define READS_PER_TURN 16          /* after so many, other events of the loop get their turn */
#define REPLY_MAX (128 << 20)      /* bytes of one unfinished reply; no reply to weir comes near */

/* --- how commands look on the connection --- */

static void add_count(struct wr_buf *out, char type, size_t n)
{
    wr_buf_add_char(out, type);
    wr_buf_add_number(out, (int64_t) n);
    wr_buf_add(out, "\r\n", 2);
}

void wr_resp_head(struct wr_buf *out, size_t argc)
{
    add_count(out, '*', argc);
}

void wr_resp_arg(struct wr_buf *out, struct wr_slice arg)
{
    add_count(out, '$', arg.len);
    wr_buf_add_slice(out, arg);
    wr_buf_add(out, "\r\n", 2);
}

/* --- ends --- */

static const char *const trouble_text[] = {
#define X(ID, text) [WR_PIPE_##ID] = text,
#include "redis/troubles.def"
#undef X
};

static void log_trouble(struct wr_pipe *p, enum wr_pipe_trouble why, struct wr_slice detail)
{
    unsigned bit = 1u << why;
    if ((p->logged & bit) != 0 || why == WR_PIPE_REDIAL)
        return;
    if (p->logged == 0)
        wr_outage_begins(WR_OUTAGE_PIPE);
    p->logged |= bit;
    bool begins = wr_outage_begins(WR_OUTAGE_PIPE_KINDS + why);
    wr_log(begins ? WR_LOG_P_WARN : WR_LOG_P_DEBUG, "redis %s (%s): %s%s%.*s", p->policy->address.text,
           p->name, trouble_text[why], detail.len ? ": " : "", WR_SLICE_ARG(detail));
}

/* Ends this connection's trouble. Returns true if there was trouble and no connection of the process is
 * left in it. */
static bool end_trouble(struct wr_pipe *p)
{
    bool was = p->logged != 0;
    for (unsigned why = 0; p->logged >> why; why++)
        if (p->logged >> why & 1)
            wr_outage_ends(WR_OUTAGE_PIPE_KINDS + why);
    p->logged = 0;
    return was && wr_outage_ends(WR_OUTAGE_PIPE);
}

static void drop_event(struct event **event)
{
    if (*event)
        event_free(*event);
    *event = NULL;
}

static void set_unwritten(struct wr_pipe *p, size_t bytes)
{
    p->unwritten = bytes;
    wr_charge_set(&p->charge, bytes);
}

static void hang_up(struct wr_pipe *p)
{
    drop_event(&p->on_readable);
    drop_event(&p->on_writable);
    wr_timer_clear(&p->timer);
    p->resolving = false;
    wr_tls_end(p->tls);
    if (p->ctx)
        redisFree(p->ctx);
    p->ctx = NULL;
    set_unwritten(p, 0);
    p->held_back = false;
    p->state = WR_PIPE_DOWN;
}

static struct wr_span backoff(struct wr_pipe *p)
{
    int64_t ms = p->failures < 6 ? BACKOFF_FIRST_MS << p->failures : BACKOFF_MOST_MS;
    if (ms > BACKOFF_MOST_MS)
        ms = BACKOFF_MOST_MS;
    p->failures++;
    return (struct wr_span){ (int64_t) ((double) ms * 1000 * (0.5 + wr_rand_unit() / 2)) };
}

void wr_pipe_cut(struct wr_pipe *p, enum wr_pipe_trouble why, struct wr_slice detail)
{
    bool was_open = p->state == WR_PIPE_OPEN;
    if (p->state == WR_PIPE_DOWN)
        return;
    log_trouble(p, why, detail); /* before the context is freed: detail may be its text */
    hang_up(p);
    if (was_open && wr_time_since(p->loop->mono, p->opened_at).us >= STEADY_TIME.us)
        p->failures = 0;
    wr_timer_set(&p->timer, backoff(p));
    if (was_open)
        p->closed(p);
}

/* Beginning TLS, reading or writing has failed. */
static void lose(struct wr_pipe *p)
{
    struct wr_slice tls = p->tls ? wr_tls_why(p->tls) : wr_slice(NULL, 0);
    if (tls.len)
        wr_pipe_cut(p, WR_PIPE_TLS, tls);
    else
        wr_pipe_cut(p, WR_PIPE_CLOSED_BY_PEER, wr_slice_str(p->ctx->errstr));
}

/* --- writing --- */

static void flush(struct wr_pipe *p)
{
    int done = 0;
    if (p->ctx == NULL)
        return;
    if (p->tls)
        wr_tls_forget_errors();
    if (redisBufferWrite(p->ctx, &done) != REDIS_OK)
        lose(p);
    else if (done)
        set_unwritten(p, 0);
    else if (p->tls && wr_tls_wants_read(p->tls))
        p->held_back = true;
    else
        WR_CHECK(event_add(p->on_writable, NULL) == 0);
}

/* Runs after a turn in which commands were sent: all of them leave in one write. */
static void on_flush(evutil_socket_t fd, short what, void *arg)
{
    struct wr_pipe *p = arg;
    (void) fd;
    (void) what;
    wr_loop_tick(p->loop);
    if (p->state >= WR_PIPE_GREETING && !event_pending(p->on_writable, EV_WRITE, NULL))
        flush(p);
}

void wr_pipe_say_raw(struct wr_pipe *p, struct wr_slice bytes)
{
    WR_CHECK(p->state >= WR_PIPE_GREETING);
    WR_CHECK(redisAppendFormattedCommand(p->ctx, bytes.at, bytes.len) == REDIS_OK);
    if (p->unwritten == 0)
        event_active(p->on_flush, EV_WRITE, 0);
    set_unwritten(p, p->unwritten + bytes.len);
}

void wr_pipe_say(struct wr_pipe *p, size_t argc, const struct wr_slice *argv)
{
    wr_buf_clear(&p->scratch);
    wr_resp_head(&p->scratch, argc);
    for (size_t i = 0; i < argc; i++)
        wr_resp_arg(&p->scratch, argv[i]);
    wr_pipe_say_raw(p, wr_buf_slice(&p->scratch));
}

/* --- greeting --- */

static void greet(struct wr_pipe *p, size_t argc, const struct wr_slice *argv)
{
    wr_pipe_say(p, argc, argv);
    p->greetings_left++;
}

/* CLIENT SETNAME takes neither spaces nor control characters. */
static void greet_name(struct wr_pipe *p)
{
    char clean[128];
    size_t len = strlen(p->name) < sizeof clean ? strlen(p->name) : sizeof clean;
    for (size_t i = 0; i < len; i++)
        clean[i] = p->name[i] > ' ' && p->name[i] <= '~' ? p->name[i] : '_';
    greet(p, 3, (struct wr_slice[]){ WR_SLICE("CLIENT"), WR_SLICE("SETNAME"), wr_slice(clean, len) });
}

static void begin_greeting(struct wr_pipe *p)
{
    const struct wr_policy_redis *policy = p->policy;
    p->state = WR_PIPE_GREETING;
    p->greetings_left = 0;
    struct wr_slice user = wr_slice_str(policy->user), password = wr_slice_str(policy->password);
    if (policy->password && policy->user)
        greet(p, 3, (struct wr_slice[]){ WR_SLICE("AUTH"), user, password });
    else if (policy->password)
        greet(p, 2, (struct wr_slice[]){ WR_SLICE("AUTH"), password });
    if (policy->db != 0) {
        char db[16];
        int len = snprintf(db, sizeof db, "%d", policy->db);
        greet(p, 2, (struct wr_slice[]){ WR_SLICE("SELECT"), wr_slice(db, (size_t) len) });
    }
    greet_name(p);
    /* Refused while Redis loads or wants a password. */
    greet(p, 1, (struct wr_slice[]){ WR_SLICE("PING") });
}

static void come_up(struct wr_pipe *p)
{
    p->state = WR_PIPE_OPEN;
    p->opened_at = p->loop->mono;
    wr_timer_clear(&p->timer);
    if (end_trouble(p))
        wr_info("redis %s (%s): connected again", p->policy->address.text, p->name);
    if (p->has_been_open)
        WR_COUNT(redis_reconnects);
    p->has_been_open = true;
    p->opened(p);
}

/* Checks the reply to a greeting. An error to CLIENT SETNAME or PING may come from an ACL, which is fine;
 * the errors named here are not. */
static void greeting_answered(struct wr_pipe *p, const struct wr_reply *r)
{
    bool last = --p->greetings_left == 0;
    bool needed = p->greetings_left >= 2; /* AUTH, SELECT */
    bool full = wr_reply_is_error(r, "ERR max number of clients");
    struct wr_slice text = wr_reply_slice(r);
    if (wr_reply_is_error(r, "LOADING") || wr_reply_is_error(r, "MASTERDOWN"))
        wr_pipe_cut(p, WR_PIPE_LOADING, wr_slice(NULL, 0));
    else if (wr_reply_is_error(r, "NOAUTH") || wr_reply_is_error(r, "WRONGPASS"))
        wr_pipe_cut(p, WR_PIPE_LOGIN, text);
    else if (full || (needed && wr_reply_kind(r) == WR_REPLY_ERROR))
        wr_pipe_cut(p, WR_PIPE_REFUSED, text);
    else if (last)
        come_up(p);
}

/* --- reading --- */

static void take_replies(struct wr_pipe *p)
{
    redisContext *ctx = p->ctx;
    while (p->ctx == ctx) {
        void *reply = NULL;
        if (redisReaderGetReply(ctx->reader, &reply) != REDIS_OK) {
            wr_pipe_cut(p, WR_PIPE_GARBAGE, wr_slice_str(ctx->reader->errstr));
            return;
        }
        if (reply == NULL) {
            if (ctx->reader->len > REPLY_MAX)
                wr_pipe_cut(p, WR_PIPE_GARBAGE, WR_SLICE("a reply without end"));
            return;
        }
        if (p->state == WR_PIPE_GREETING)
            greeting_answered(p, reply);
        else
            p->reply(p, reply);
        freeReplyObject(reply);
    }
}

static void read_all(struct wr_pipe *p)
{
    redisContext *ctx = p->ctx;
    for (int i = 0; i < READS_PER_TURN && p->ctx == ctx; i++) {
        size_t before = ctx->reader->len;
        if (p->tls)
            wr_tls_forget_errors();
        if (redisBufferRead(ctx) != REDIS_OK) {
            lose(p);
            return;
        }
        bool more = ctx->reader->len - before >= READ_SIZE || (p->tls && wr_tls_holds_more(p->tls));
        take_replies(p);
        if (!more)
            return;
    }
}

/* Does what TLS has left open: a write that waited for this read, a read that must write, and bytes inside
 * OpenSSL that no socket reports. */
static void after_reading(struct wr_pipe *p)
{
    bool held_back = p->held_back;
    p->held_back = false;
    if (wr_tls_holds_more(p->tls))
        event_active(p->on_readable, EV_READ, 0);
    if (wr_tls_wants_write(p->tls))
        WR_CHECK(event_add(p->on_writable, NULL) == 0);
    else if (held_back)
        flush(p);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct wr_pipe *p = arg;
    (void) fd;
    (void) what;
    wr_loop_tick(p->loop);
    redisContext *ctx = p->ctx;
    read_all(p);
    if (p->tls && ctx != NULL && p->ctx == ctx)
        after_reading(p);
}

/* --- dialling --- */

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct wr_pipe *p = arg;
    (void) what;
    wr_loop_tick(p->loop);
    if (p->state == WR_PIPE_DIALLING) {
        int failed = 0;
        socklen_t len = sizeof failed;
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &len) != 0)
            failed = errno;
        if (failed) {
            wr_pipe_cut(p, WR_PIPE_UNREACHABLE, wr_slice_str(strerror(failed)));
            return;
        }
        if (p->tls && !wr_tls_begin(p->tls, p->ctx)) {
            lose(p);
            return;
        }
        WR_CHECK(event_add(p->on_readable, NULL) == 0);
        begin_greeting(p);
    } else if (p->tls) {
        event_active(p->on_readable, EV_READ, 0); /* perhaps a read had to write first */
    }
    flush(p);
}

static void watch_connect(struct wr_pipe *p, redisContext *ctx)
{
    p->ctx = ctx;
    if (ctx == NULL || ctx->err) {
        wr_pipe_cut(p, WR_PIPE_UNREACHABLE, ctx ? wr_slice_str(ctx->errstr) : WR_SLICE("no memory"));
        return;
    }
    evutil_make_socket_closeonexec(ctx->fd);
    p->on_readable = event_new(p->loop->base, ctx->fd, EV_READ | EV_PERSIST, on_readable, p);
    p->on_writable = event_new(p->loop->base, ctx->fd, EV_WRITE, on_writable, p);
    WR_CHECK(p->on_readable != NULL && p->on_writable != NULL);
    WR_CHECK(event_add(p->on_writable, NULL) == 0);
}

/* Connects to an address in digits, because hiredis resolves names with getaddrinfo(), which blocks. If a
 * name has several addresses, each failure tries the next. */
static void connect_to(struct wr_pipe *p, const struct wr_sockaddr *address)
{
    const struct sockaddr *to = (const struct sockaddr *) &address->at;
    char digits[INET6_ADDRSTRLEN];
    const void *bytes = &((const struct sockaddr_in *) to)->sin_addr;
    if (to->sa_family == AF_INET6)
        bytes = &((const struct sockaddr_in6 *) to)->sin6_addr;
    WR_CHECK(inet_ntop(to->sa_family, bytes, digits, sizeof digits) != NULL);
    watch_connect(p, redisConnectNonBlock(digits, p->policy->address.port));
}

/* Connects to the server's name, as soon as an address of it is known. */
static void connect_by_name(struct wr_pipe *p)
{
    struct wr_addresses *found;
    enum wr_name_state state = wr_names_read(&p->watch, p->policy->address.port, &found);
    p->resolving = state == WR_NAME_ASKED;
    if (state == WR_NAME_KNOWN)
        connect_to(p, &found->list[p->failures % found->count]);
    else if (state == WR_NAME_NONE)
        wr_pipe_cut(p, WR_PIPE_UNREACHABLE, WR_SLICE("its name has no address"));
    else if (state == WR_NAME_UNANSWERED)
        wr_pipe_cut(p, WR_PIPE_UNREACHABLE, WR_SLICE("no name server answers for its name"));
    free(found);
}

static void on_name_changed(struct wr_name_watch *w)
{
    struct wr_pipe *p = WR_CONTAINER(w, struct wr_pipe, watch);
    if (p->resolving)
        connect_by_name(p);
}

static void dial(struct wr_pipe *p)
{
    const struct wr_address *address = &p->policy->address;
    struct wr_sockaddr literal;
    p->state = WR_PIPE_DIALLING;
    wr_timer_set(&p->timer, GREETING_TIME);
    if (p->policy->tls && p->tls == NULL)
        wr_pipe_cut(p, WR_PIPE_TLS, WR_SLICE("the files of redis.tls could not be read"));
    else if (address->kind == WR_ADDRESS_UNIX)
        watch_connect(p, redisConnectUnixNonBlock(address->host));
    else if (wr_address_literal(address->host, address->port, &literal))
        connect_to(p, &literal);
    else
        connect_by_name(p);
}

static void on_pipe_timer(struct wr_timer *timer)
{
    struct wr_pipe *p = WR_CONTAINER(timer, struct wr_pipe, timer);
    if (p->state == WR_PIPE_DOWN)
        dial(p);
    else if (p->state == WR_PIPE_DIALLING)
        wr_pipe_cut(p, WR_PIPE_UNREACHABLE, WR_SLICE("timed out"));
    else
        wr_pipe_cut(p, WR_PIPE_SILENT,
                    p->tls ? WR_SLICE("timed out (is it a port for TLS?)") : WR_SLICE("timed out"));
}

void wr_pipe_init(struct wr_pipe *p, struct wr_loop *loop, const struct wr_policy_redis *policy,
                  struct wr_names *names, const char *name)
{
    struct wr_sockaddr literal;
    p->loop = loop;
    p->policy = policy;
    p->name = wr_slice_dup(wr_slice_str(name));
    p->on_flush = event_new(loop->base, -1, 0, on_flush, p);
    WR_CHECK(p->on_flush != NULL);
    struct wr_buf why = { 0 };
    p->tls = policy->tls ? wr_tls_new(policy, &why) : NULL;
    if (why.len)
        wr_error("redis.tls: %.*s", WR_SLICE_ARG(wr_buf_slice(&why)));
    wr_buf_fini(&why);
    if (policy->address.kind != WR_ADDRESS_UNIX && !wr_address_literal(policy->address.host, 0, &literal))
        wr_names_watch(names, &p->watch, policy->address.host, loop, on_name_changed);
    wr_timer_init(&p->timer, loop, on_pipe_timer);
    wr_timer_set(&p->timer, WR_SPAN_MS(0));
}

/* Commands said in this turn leave before the end, as far as the kernel takes it at once. */
static void write_the_last(struct wr_pipe *p)
{
    int done;
    if (p->state != WR_PIPE_OPEN || p->unwritten == 0)
        return;
    if (p->tls)
        wr_tls_forget_errors();
    (void) !redisBufferWrite(p->ctx, &done);
}

void wr_pipe_fini(struct wr_pipe *p)
{
    write_the_last(p);
    hang_up(p);
    end_trouble(p);
    drop_event(&p->on_flush);
    wr_timer_fini(&p->timer);
    wr_buf_fini(&p->scratch);
    wr_names_unwatch(&p->watch);
    wr_tls_free(p->tls);
    p->tls = NULL;
    free(p->name);
    p->name = NULL;
}
