/* SPDX-License-Identifier: BSD-2-Clause */
/* Replaces what a flight calls. Each question is kept until the test answers it or the flight cancels it. */
#include "outside.h"

struct outside outside;

/* --- the link --- */

static enum wr_err put_question(struct wr_call *call)
{
    WR_CHECK(call->request == NULL && outside.call_count < OUTSIDE_MOST);
    if (!outside.link_ready)
        return WR_ERR_REDIS_AWAY;
    call->request = (struct wr_link_request *) &outside;
    outside.calls[outside.call_count++] = call;
    return WR_OK;
}

static void take_question(size_t i)
{
    outside.calls[i]->request = NULL;
    outside.call_count--;
    memmove(&outside.calls[i], &outside.calls[i + 1], (outside.call_count - i) * sizeof outside.calls[0]);
}

bool wr_link_ready(const struct wr_link *link)
{
    (void) link;
    return outside.link_ready;
}

enum wr_err wr_link_send(struct wr_link *link, struct wr_call *call, struct wr_span timeout, size_t argc,
                         const struct wr_slice *argv)
{
    (void) link;
    (void) timeout;
    (void) argc;
    (void) argv;
    return put_question(call);
}

enum wr_err wr_link_script(struct wr_link *link, struct wr_call *call, struct wr_span timeout,
                           enum wr_script script, size_t key_count, const struct wr_slice *keys,
                           size_t arg_count, const struct wr_slice *args)
{
    (void) script;
    (void) key_count;
    (void) arg_count;
    (void) args;
    return wr_link_send(link, call, timeout, 0, keys);
}

void wr_link_tell(struct wr_link *link, size_t argc, const struct wr_slice *argv)
{
    (void) link;
    (void) argc;
    (void) argv;
    outside.commands++;
}

void wr_link_tell_script(struct wr_link *link, enum wr_script script, size_t key_count,
                         const struct wr_slice *keys, size_t arg_count, const struct wr_slice *args)
{
    (void) script;
    (void) key_count;
    (void) arg_count;
    (void) args;
    wr_link_tell(link, 0, keys);
}

void wr_link_learn_clock(struct wr_link *link)
{
    (void) link;
}

void wr_call_cancel(struct wr_call *call)
{
    for (size_t i = 0; i < outside.call_count; i++)
        if (outside.calls[i] == call) {
            take_question(i);
            return;
        }
}

void outside_answer_call(size_t i, enum wr_err err, const struct wr_reply *reply)
{
    struct wr_call *call = outside.calls[i];
    take_question(i);
    call->done(call, err, reply);
}

/* --- the channel, and what Redis reports about changes --- */

void wr_subscription_open(struct wr_subscription *subscription, struct wr_subscriber *subscriber,
                          struct wr_loop *loop, struct wr_slice channel,
                          void (*changed)(struct wr_subscription *))
{
    (void) loop;
    (void) channel;
    WR_CHECK(outside.subscription == NULL);
    *subscription = (struct wr_subscription){ .subscriber = subscriber,
                                              .channel = (struct wr_channel *) &outside,
                                              .changed = changed };
    outside.subscription = subscription;
    outside.subscription_state = WR_SUBSCRIPTION_ASKED;
}

enum wr_subscription_state wr_subscription_state(struct wr_subscription *subscription,
                                                 char out[WR_SUBSCRIPTION_TEXT + 1])
{
    WR_CHECK(subscription == outside.subscription);
    if (out && outside.subscription_state == WR_SUBSCRIPTION_HEARD)
        strcpy(out, outside.word);
    return outside.subscription_state;
}

void wr_subscription_close(struct wr_subscription *subscription)
{
    if (subscription->subscriber == NULL)
        return;
    WR_CHECK(subscription == outside.subscription);
    subscription->subscriber = NULL;
    subscription->channel = NULL;
    outside.subscription = NULL;
}

void outside_subscription(enum wr_subscription_state state, const char *word)
{
    outside.subscription_state = state;
    outside.word = word;
    outside.subscription->changed(outside.subscription);
}

struct wr_mono wr_subscriber_horizon(const struct wr_subscriber *subscriber, struct wr_mono now)
{
    (void) subscriber;
    (void) now;
    return (struct wr_mono){ 0 };
}

bool wr_subscriber_hears(const struct wr_subscriber *subscriber)
{
    (void) subscriber;
    return true;
}

bool wr_subscriber_changed_since(const struct wr_subscriber *subscriber, struct wr_slice key,
                                 struct wr_mono asked)
{
    (void) subscriber;
    (void) key;
    (void) asked;
    return false;
}

/* --- the Redis store --- */

enum wr_err wr_redis_store_get(struct wr_redis_store *s, struct wr_redis_store_read *read,
                               const struct wr_slice host, struct wr_hash hash, struct wr_slice key)
{
    (void) s;
    (void) host;
    (void) hash;
    (void) key;
    WR_CHECK(outside.read == NULL && read->call.request == NULL);
    if (!outside.link_ready)
        return WR_ERR_REDIS_AWAY;
    read->call.request = (struct wr_link_request *) &outside;
    read->arriving = false;
    outside.read = read;
    return WR_OK;
}

void wr_redis_store_cancel(struct wr_redis_store_read *read)
{
    read->call.request = NULL;
    if (outside.read == read)
        outside.read = NULL;
}

void outside_answer_read(enum wr_err err, struct wr_object *object)
{
    struct wr_redis_store_read *read = outside.read;
    wr_redis_store_cancel(read);
    read->done(read, err, object);
}

void wr_redis_store_put(struct wr_redis_store *s, struct wr_object *object, struct wr_span keep,
                        struct wr_redis_store_arrival *arrived, void (*written)(void *ctx, enum wr_err err),
                        void *ctx)
{
    (void) s;
    (void) object;
    (void) keep;
    (void) arrived;
    WR_CHECK(outside.put_count < OUTSIDE_MOST);
    outside.puts[outside.put_count].written = written;
    outside.puts[outside.put_count++].ctx = ctx;
}

void outside_answer_put(size_t i, enum wr_err err)
{
    void (*written)(void *, enum wr_err) = outside.puts[i].written;
    void *ctx = outside.puts[i].ctx;
    outside.put_count--;
    memmove(&outside.puts[i], &outside.puts[i + 1], (outside.put_count - i) * sizeof outside.puts[0]);
    if (written)
        written(ctx, err);
}

void wr_redis_store_add_variant(struct wr_redis_store *s, const struct wr_object *marker,
                                const struct wr_object *variant, struct wr_span keep,
                                const struct wr_variants_bound *most)
{
    (void) s;
    (void) marker;
    (void) variant;
    (void) keep;
    (void) most;
}

void wr_redis_store_use_variant(struct wr_redis_store *s, const struct wr_object *marker,
                                const struct wr_object *variant)
{
    (void) s;
    (void) marker;
    (void) variant;
}

void wr_redis_store_drop(struct wr_redis_store *s, struct wr_slice host, struct wr_hash hash)
{
    (void) s;
    (void) host;
    (void) hash;
}

struct wr_redis_store_arrival *wr_redis_store_arrive(struct wr_redis_store *s, struct wr_object *object,
                                                     const struct wr_redis_store_lock *lock,
                                                     struct wr_span keep, void (*alive)(void *ctx),
                                                     void (*lost)(void *ctx), void *ctx)
{
    (void) s;
    (void) object;
    (void) lock;
    (void) keep;
    (void) alive;
    (void) lost;
    (void) ctx;
    return NULL;
}

bool wr_redis_store_arrival_streams(const struct wr_redis_store_arrival *a)
{
    (void) a;
    return false;
}

void wr_redis_store_arrival_free(struct wr_redis_store_arrival *a)
{
    (void) a;
}

void wr_redis_store_arrival_let_go(struct wr_redis_store_arrival *a)
{
    (void) a;
}

/* --- the origin --- */

uint64_t wr_redis_store_most(const struct wr_redis_store *s, size_t head)
{
    (void) s;
    (void) head;
    return UINT64_MAX;
}

struct wr_origins *wr_origins_new(struct wr_loop *loop, struct wr_policy *policy,
                                  struct wr_backends *backends)
{
    (void) loop;
    (void) policy;
    (void) backends;
    return NULL;
}

void wr_origins_free(struct wr_origins *o)
{
    (void) o;
}

enum wr_err wr_exchange_start(struct wr_exchange *x, struct wr_origins *origins)
{
    (void) origins;
    WR_CHECK(outside.exchange == NULL);
    outside.exchange = x;
    outside.exchanges++;
    return WR_OK;
}

void wr_exchange_into(struct wr_exchange *x, struct wr_flow *flow)
{
    WR_CHECK(outside.exchange == x && outside.body == NULL);
    outside.body = wr_flow_ref(flow);
}

void wr_exchange_clock(struct wr_exchange *x, struct wr_span error)
{
    (void) x;
    (void) error;
}

bool wr_exchange_silent(struct wr_exchange *x)
{
    (void) x;
    return true;
}

/* Refuses the second exchange: there is only one server. */
enum wr_err wr_exchange_start_beside(struct wr_exchange *x, struct wr_origins *origins,
                                     const struct wr_exchange *first, bool same)
{
    (void) x;
    (void) origins;
    (void) first;
    (void) same;
    return WR_ERR_ORIGIN_REFUSED;
}

static void close_exchange(enum wr_err err)
{
    outside.exchange = NULL;
    if (outside.body)
        wr_flow_end(outside.body, err, wr_slice(NULL, 0));
    wr_flow_unref(outside.body);
    outside.body = NULL;
}

void wr_exchange_cancel(struct wr_exchange *x)
{
    if (outside.exchange == x)
        close_exchange(WR_ERR_CANCELLED);
}

void outside_head(const struct wr_head *head)
{
    struct wr_exchange *x = outside.exchange;
    WR_CHECK(x != NULL);
    x->sent = x->answered = wr_time_wall();
    x->on_head(x, head);
}

void outside_end(enum wr_err err)
{
    struct wr_exchange *x = outside.exchange;
    if (outside.body && err == WR_OK)
        wr_flow_append(outside.body, WR_SLICE("content"));
    close_exchange(err);
    x->on_end(x, err);
}
