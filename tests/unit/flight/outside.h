/* SPDX-License-Identifier: BSD-2-Clause */
/* Replaces what a flight calls: the link, the channel, the Redis store and the origin. Each question is kept
 * here until the test answers it or the flight cancels it. A test links this file before libweir.a, so the
 * linker doesn't take the real ones from the archive. */
#pragma once

#include "flight/flight_priv.h"

#define OUTSIDE_MOST 64

struct outside {
    bool link_ready;
    struct wr_call *calls[OUTSIDE_MOST]; /* on the link, in order; one of them asks for the lock */
    size_t call_count;
    struct wr_redis_store_read *read;
    struct wr_subscription *subscription;
    enum wr_subscription_state subscription_state;
    const char *word; /* the message that the subscription has heard */
    struct wr_exchange *exchange;
    struct wr_flow *body; /* content of the exchange's response; borrowed */
    size_t exchanges;
    struct {
        void (*written)(void *ctx, enum wr_err err);
        void *ctx;
    } puts[OUTSIDE_MOST];
    size_t put_count;
    size_t commands; /* commands whose replies no stage waits for */
};
extern struct outside outside;

/* Answers a question that is open. reply: one of hiredis's, cast. */
void outside_answer_call(size_t i, enum wr_err err, const struct wr_reply *reply);
void outside_answer_read(enum wr_err err, struct wr_object *object);
void outside_answer_put(size_t i, enum wr_err err);
void outside_subscription(enum wr_subscription_state state, const char *word);
void outside_head(const struct wr_head *head);
/* Ends the exchange: the body is whole, or breaks off with `err`. */
void outside_end(enum wr_err err);
