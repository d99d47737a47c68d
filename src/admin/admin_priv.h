/* SPDX-License-Identifier: BSD-2-Clause */
/* The inside of the admin room: the listener, how it answers, and a function for each endpoint. Thread: main.
 */
#pragma once

#include <event2/http.h>

#include "admin/admin.h"
#include "admin/input.h"
#include "net/listener.h"

#define WR_ADMIN_STALL WR_SPAN_S(10) /* a loop that hasn't turned for so long is taken to hang */

struct wr_admin_purge;

/* One of the listeners. */
struct wr_admin_listener {
    struct wr_admin *admin;
    const struct wr_admin_policy *policy;
    struct wr_listen listen;
    struct wr_listener *socket;
    struct evhttp *http;
};

struct wr_admin {
    struct wr_loop *loop;
    struct wr_admin_host host;
    const char *server_name;
    struct wr_admin_listener *listeners;
    size_t listener_count;
    struct wr_wall started;             /* wall clock */
    LIST_HEAD(, wr_admin_purge) purges; /* requests whose answers are still to come */
    char who[128]; /* who asks, while an endpoint's function runs: "admin: uid 0", "admin: 192.0.2.1" */
};

/* --- who may what (rights.c) --- */

/* May this client use an endpoint that needs this right? If so, writes a->who. If not, it has answered. */
bool wr_admin_may(const struct wr_admin_listener *l, struct evhttp_request *req,
                  enum wr_right right) WR_MUST_USE;

/* --- what is asked (act.c) --- */

/* Reads the parameters out of the query and the body of a request, as wr_admin_params() says. Returns NULL,
 * or what is wrong (static text). The caller frees the values in either case. */
const char *wr_admin_read(struct evhttp_request *req, struct wr_admin_param *params,
                          size_t count) WR_MUST_USE;

/* --- answers (answer.c) --- */

/* Sends the body and empties it. The answer says that it must not be stored and that its type must not be
 * guessed. */
void wr_admin_answer(struct evhttp_request *req, int status, const char *type, struct wr_buf *body);
/* Sends a line of text. */
void wr_admin_text(struct evhttp_request *req, int status, const char *text);
/* Sends an error, as text, or as problem details (RFC 9457) if the client prefers JSON. detail: any text,
 * which may have several lines. */
void wr_admin_problem(struct evhttp_request *req, int status, struct wr_slice detail);
/* Says that something was done: {"KEY":"value"}, or a line with both. */
void wr_admin_done(struct evhttp_request *req, int status, const char *key, struct wr_slice value);
/* Appends a member of a JSON object, and a comma. */
void wr_admin_add_text(struct wr_buf *body, const char *name, struct wr_slice value);
/* Does the client's Accept prefer JSON? */
bool wr_admin_wants_json(struct evhttp_request *req);

/* --- one function for each endpoint --- */

#define X(path, methods, right, name, manual) \
    void wr_admin_##name(struct wr_admin *a, struct evhttp_request *req);
#include "admin/endpoints.def"
#undef X
/* Forgets the answers that purges still owe: their clients get none. */
void wr_admin_forget_purges(struct wr_admin *a);
