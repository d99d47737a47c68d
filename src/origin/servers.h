/* SPDX-License-Identifier: BSD-2-Clause */
/* The servers of the policy, for those who run them: what their addresses do, and orders to use a server no
 * more. Thread: main. */
#pragma once

#include "base/words.h"
#include "origin/exchange.h"

/* What an address does. */
enum wr_server_state {
#define STATE(ID, word, about) WR_SERVER_##ID,
#include "origin/servers.def"
};
extern const struct wr_words wr_words_server_state;

/* What the operator has ordered. */
enum wr_server_order {
#define ORDER(ID, word, about) WR_ORDER_##ID,
#include "origin/servers.def"
};
extern const struct wr_words wr_words_server_order;

/* One address of a server; or a server of which no address is known. Valid during the call only. */
struct wr_server_facts {
    const char *origin, *server; /* as in the policy */
    const char *address;         /* NULL: the server's text is the address, or none is known */
    enum wr_server_state state;
    const char *why;      /* it is in that state; "": it is well */
    struct wr_span since; /* how long it has been */
    struct wr_span rest;  /* how long it still rests; 0: it doesn't */
    unsigned weight;
    int64_t active;                 /* requests under way */
    uint64_t requests;              /* that it was given; one that is sent again counts again */
    uint64_t failed;                /* without a whole response */
    uint64_t status_5xx;            /* responses */
    uint64_t answers, answer_us;    /* heads, and the time until they came, summed up in microseconds */
    struct wr_span recently;        /* a moving average of that time; 0: no head has come yet */
    uint64_t checks, checks_failed; /* active ones */
};

/* Calls each() for all addresses of all servers of the policy in force, in its order. */
void wr_servers_each(struct wr_backends *b, struct wr_mono mono,
                     void (*each)(void *arg, const struct wr_server_facts *facts), void *arg);
/* Gives an order to the servers of this name: a server as in the policy, or ORIGIN/SERVER. The order holds
 * until another one is given, the process ends, or a policy comes that doesn't name the server. who: for the
 * log. Returns how many servers have this name. */
unsigned wr_servers_order(struct wr_backends *b, const char *who, struct wr_slice name,
                          enum wr_server_order order, struct wr_mono mono);
