/* SPDX-License-Identifier: BSD-2-Clause */
/* The admin room's inside: the listener, one answer, what each path does. Thread: main. */
#pragma once

#include <event2/http.h>

#include "admin/admin.h"
#include "net/listener.h"

#define WR_ADMIN_STALL WR_SPAN_S(10) /* a loop that has not turned for so long hangs */

struct wr_admin_purge;

struct wr_admin {
    struct wr_loop *loop;
    struct wr_admin_host host;
    struct wr_listener *listener;
    struct evhttp *http;
    struct wr_wall started;             /* wall */
    LIST_HEAD(, wr_admin_purge) purges; /* whose answers are still to come */
};

/* --- answers (answer.c) --- */

/* Sends the body and empties it. Tells that it is never to be stored nor guessed at. */
void wr_admin_answer(struct evhttp_request *req, int status, const char *type, struct wr_buf *body);
void wr_admin_text(struct evhttp_request *req, int status, const char *text);
/* What went wrong: text, or problem details (RFC 9457) for whom JSON is dearer. detail: anything, many lines
 * perhaps. */
void wr_admin_problem(struct evhttp_request *req, int status, struct wr_slice detail);
/* Done: {"KEY":"value"} or the value on a line. */
void wr_admin_done(struct evhttp_request *req, int status, const char *key, const char *value);
bool wr_admin_wants_json(struct evhttp_request *req);

/* --- what the paths do --- */

#define X(path, methods, name, manual) void wr_admin_##name(struct wr_admin *a, struct evhttp_request *req);
#include "admin/endpoints.def"
#undef X
/* The answers that purges still owe are forgotten. */
void wr_admin_forget_purges(struct wr_admin *a);
