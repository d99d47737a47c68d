/* SPDX-License-Identifier: BSD-2-Clause */
/* What a flight talks to, in the test's hands: the link, the channel, the Redis store and the origin. Each
 * question stands here until the test answers it; what is cancelled goes. Link this instead of the real ones:
 * the archive's members are then not taken. */
#pragma once

#include "flight/flight_priv.h"

#define OUTSIDE_MOST 64

struct outside {
    bool link_ready;
    struct wr_call *calls[OUTSIDE_MOST]; /* on the link, in their order; one is the question for the lock */
    size_t call_count;
    struct wr_redis_store_read *read;
    struct wr_subscription *subscription;
    enum wr_subscription_state subscription_state;
    const char *word; /* what it has heard */
    struct wr_exchange *exchange;
    struct wr_flow *body; /* of the exchange's answer; borrowed */
    size_t exchanges;
    struct {
        void (*written)(void *ctx, enum wr_err err);
        void *ctx;
    } puts[OUTSIDE_MOST];
    size_t put_count;
    size_t commands; /* commands that nobody waits for */
};
extern struct outside outside;

/* Answers questions that stand. reply: of hiredis, in disguise. */
void outside_answer_call(size_t i, enum wr_err err, const struct wr_reply *reply);
void outside_answer_read(enum wr_err err, struct wr_object *object);
void outside_answer_put(size_t i, enum wr_err err);
void outside_subscription(enum wr_subscription_state state, const char *word);
void outside_head(const struct wr_head *head);
/* The body comes, or breaks off, and the exchange ends. */
void outside_end(enum wr_err err);
