/* SPDX-License-Identifier: BSD-2-Clause */
/* What a policy does with a request, computed by the functions that serve requests. Nothing here asks Redis
 * or an origin, and nothing prints: main/explain_print.c does that.
 *
 * Thread: any. */
#pragma once

#include "cache/key.h"
#include "cache/rules.h"
#include "edit/edit.h"
#include "http/upgrade.h"

/* The request that is explained. */
struct wr_explain_ask {
    struct wr_slice method, url; /* a URL, or a path if the fields name a Host */
    struct wr_slice fields;      /* a line "NAME: VALUE" with CR LF for each */
    unsigned char client[16];    /* the address of the peer: the client, or a trusted proxy that names it */
    struct wr_wall now;
};

/* Who answers the request. */
enum wr_explained_by {
    WR_EXPLAINED_NO_ROUTE,    /* 404 */
    WR_EXPLAINED_REFUSED,     /* 403: the route doesn't admit the client */
    WR_EXPLAINED_MAINTENANCE, /* 503 */
    WR_EXPLAINED_REDIRECT,
    WR_EXPLAINED_RESPOND,
    WR_EXPLAINED_ORIGIN, /* or the cache, if .cache says so */
};

/* What the cache has to do with it. */
enum wr_explained_cache {
    WR_EXPLAINED_OFF,  /* nothing: the route stores nothing */
    WR_EXPLAINED_PASS, /* nothing: .rules.detail says why */
    WR_EXPLAINED_USED,
};

struct wr_explained_limit {
    const struct wr_limit_policy *limit;
    struct wr_slice who; /* whom it counts */
    struct wr_slice key; /* in Redis; at NULL: no Redis */
};

/* The explanation. All texts lie in its arena, or are borrowed from the policy. */
struct wr_explained {
    const struct wr_policy *policy; /* borrowed: must outlive the explanation */
    struct wr_explain_ask ask;      /* texts borrowed until the end of wr_explain() only */
    unsigned char address[16];      /* the client's: the peer's, or what a trusted peer says */
    struct wr_slice client;         /* the same as text */
    struct wr_head came;            /* as the client sends it */
    struct wr_head sent;            /* as the origin gets it */
    struct wr_route_ask asked;      /* for wr_match_fails() */
    const struct wr_route *route;   /* NULL: none */
    enum wr_explained_by by;
    int status; /* of the answer; 0: the origin's */
    struct wr_explained_limit limits[WR_MAX_ROUTE_LIMITS];
    size_t limit_count;
    enum wr_explained_cache cache;
    struct wr_request_rules rules;  /* unless .cache is OFF */
    const struct wr_bypass *bypass; /* with PASS: the condition of `bypass` that it fulfils; or NULL */
    bool content;                   /* it has content */
    struct wr_upgrade upgrade;      /* the protocol that it asks to switch to, which makes it PASS; or "" */
    struct wr_slice cookie;         /* the first cookie that counts; at NULL: none, or OFF */
    struct wr_slice head_sent;      /* with ORIGIN: the request as the origin gets it, lines with CR LF */
    struct wr_key key;              /* with USED */
    struct wr_slice redis_key;      /* with USED: the key in Redis; at NULL: no Redis */
    struct wr_slice location;       /* with REDIRECT */
    struct wr_slice answer_fields;  /* what edits write into the answer: lines with CR LF */
    struct wr_field fields[WR_MAX_FIELDS];
    struct wr_arena arena;
};

/* Explains the request. Returns false and a line in *errors if it is none: the reason, and the status with
 * which it would be refused. *e needn't be initialised; wr_explain_fini() frees it in either case. It is
 * large: some KB. */
bool wr_explain(struct wr_explained *e, const struct wr_policy *policy, const struct wr_explain_ask *ask,
                struct wr_buf *errors) WR_MUST_USE;
void wr_explain_fini(struct wr_explained *e);
/* The URL that was asked for, in the arena. */
struct wr_slice wr_explained_url(struct wr_explained *e);
/* Returns how many routes were tried in vain: those before the one that matches, or all. */
size_t wr_explained_passed_over(const struct wr_explained *e);
/* Says why the request passes the cache by, in the arena. With PASS only. */
struct wr_slice wr_explained_why_pass(struct wr_explained *e);
/* Cuts the next line off a text of lines and returns it without its CR LF; len 0: there is none. */
static inline struct wr_slice wr_explained_line(struct wr_slice *rest)
{
    struct wr_slice line = rest->len > 0 ? wr_slice_cut(rest, '\n') : wr_slice(NULL, 0);
    if (line.len > 0 && line.at[line.len - 1] == '\r')
        line.len--;
    return line;
}
/* Appends the explanation as a JSON object and a line break (main/explain_json.c). */
void wr_explained_json(struct wr_explained *e, struct wr_buf *out);
