/* SPDX-License-Identifier: BSD-2-Clause */
/* The policy: one immutable snapshot of the YAML file, with all defaults filled in.
 *
 * wr_policy_load() builds it on the start or main thread. All threads share it by counted references. A
 * reload builds another snapshot and swaps the two. Nothing in it changes after loading, and it has no
 * run-time state: code that keeps state per origin or limit finds that state by `index`, or across reloads
 * by name. */
#pragma once

#include "address/address.h"
#include "address/cidr.h"
#include "address/ip.h"
#include "base/units.h"
#include "base/words.h"
#include "http/head.h"
#include "log/access.h"
#include "log/log.h"
#include "policy/remarks.h"
#include "policy/template.h"
#include "policy/tests.h"

/* The words of the enums below (words.def, algorithms.def). */
extern const struct wr_words wr_words_odd_names, wr_words_client_abort, wr_words_drain_order,
    wr_words_admin_rights, wr_words_on_failure, wr_words_redis_away, wr_words_balance, wr_words_algorithm,
    wr_words_limit_mode, wr_words_identity, wr_words_cached_method, wr_words_bypass, wr_words_cookies,
    wr_words_set_cookie, wr_words_scheme;

struct wr_listen {
    struct wr_address address;
    bool proxy_protocol;
    char *health; /* the path that asks whether the node is ready; NULL: none */
};

/* The rights of an admin listener. */
enum wr_right {
#define RIGHT(ID, word, about) WR_RIGHT_##ID,
#include "policy/words.def"
    WR_RIGHT_COUNT
};
#define WR_RIGHTS_ALL ((1u << WR_RIGHT_COUNT) - 1)

#define WR_ADMIN_SOCKET "/run/weir/admin.sock" /* opened if the policy says nothing, and asked by weirctl */
#define WR_ADMIN_DEFAULT "unix:" WR_ADMIN_SOCKET

struct wr_admin_policy {
    struct wr_address address;
    unsigned allow; /* a bit for each enum wr_right: 1 << right */
    struct wr_cidr *from;
    size_t from_count;        /* 0: everybody */
    char *token, *token_name; /* the secret, and the name of its file; NULL: none is needed */
    char **hosts;             /* names that Host may have, NULL-ended; NULL: none */
    const char *file;         /* the file in which it stands, ... */
    int line, column;         /* ... and where; line 0: it stands nowhere */
};

enum wr_odd_names {
#define ODD_NAMES(ID, word) WR_ODD_NAMES_##ID,
#include "policy/words.def"
};

enum wr_client_abort {
#define CLIENT_ABORT(ID, word, about) WR_CLIENT_ABORT_##ID,
#include "policy/words.def"
};

enum wr_drain_order {
#define DRAIN_ORDER(ID, word, about) WR_DRAIN_ORDER_##ID,
#include "policy/words.def"
};

enum wr_on_failure {
#define ON_FAILURE(ID, word, about) WR_ON_FAILURE_##ID,
#include "policy/words.def"
};
enum wr_redis_away {
#define REDIS_AWAY(ID, word, about) WR_REDIS_AWAY_##ID,
#include "policy/words.def"
};

struct wr_policy_redis {
    bool enabled;
    struct wr_address address;                /* IP, NAME or UNIX */
    bool tls;                                 /* rediss://; the reader refuses it where no TLS is built in */
    char *tls_ca, *tls_certificate, *tls_key; /* files; NULL: the system's authorities, no certificate */
    char *tls_server_name;                    /* NULL: the address's host */
    char *user, *password;                    /* NULL: none */
    int db;
    char *namespace_, *keyspace;
    struct wr_span timeout;
    enum wr_on_failure on_failure;
    enum wr_redis_away away;
    struct wr_span max_staleness;
    uint64_t max_object;     /* larger bodies aren't stored in Redis; default 64MB */
    uint64_t chunk;          /* bodies above are cut into chunks of this size; default 512KB */
    struct wr_span lock_ttl; /* of a fetch lock between renewals; default 5s */
};

enum wr_balance {
#define BALANCE(ID, word, about) WR_BALANCE_##ID,
#include "policy/words.def"
};

struct wr_server {
    struct wr_address address;
    unsigned weight; /* 0..100; 0: no new requests */
};

/* How long an answer of an origin is waited for, and how often it is asked for again. A route may have its
 * own. */
struct wr_patience {
    struct wr_span response_timeout; /* until the head of the response */
    struct wr_span idle_timeout;     /* between two pieces of the request or of the response */
    unsigned retries;
};

/* Statuses, and classes of them: 404, or 5 for 5xx. */
struct wr_statuses {
    int *of;
    size_t count;
};

/* Active checks of an origin's addresses. */
struct wr_health_policy {
    char *path; /* NULL: none */
    struct wr_span interval, timeout;
    unsigned rise, fall; /* checks in a row: up again, down */
    struct wr_statuses good;
    char *body;    /* text that the content must have; NULL: any content will do */
    char *host;    /* for Host; NULL: the server's own name */
    unsigned port; /* 0: the server's */
};

/* When requests that fail take an address out. */
struct wr_passive_policy {
    bool off;
    unsigned timeouts, ends;         /* in a row */
    struct wr_span pause, max_pause; /* the first, and the longest */
};

struct wr_origin_policy {
    char *name;
    size_t index;
    struct wr_server *servers;
    size_t server_count;
    enum wr_balance balance;
    struct wr_patience patience;
    double retry_budget;         /* retries for each request, at most: 0..1 */
    struct wr_statuses retry_on; /* upon these another server is asked */
    struct wr_span connect_timeout;
    struct wr_span total_timeout; /* from the choice of a server to the end of the response; 0: no limit */
    unsigned max_connections;     /* per server and worker; 0: no limit */
    unsigned queue;               /* runs that may wait for a connection, per worker; UINT_MAX: any */
    struct wr_span queue_timeout;
    struct wr_span keepalive_timeout; /* of a pooled connection */
    struct wr_health_policy health;
    struct wr_passive_policy passive;
    struct wr_span slow_start; /* how long an address that returns gets less than its share */
    bool rewrite_location;     /* a URL of one of its servers in a response is rewritten (default true) */
    bool pass_host;            /* forward the client's Host (default true); else the server's own name */
};

enum wr_identity_kind {
#define IDENTITY(ID, word) WR_IDENTITY_##ID,
#include "policy/words.def"
};

struct wr_identity_part {
    enum wr_identity_kind kind;
    struct wr_slice name;
};

enum wr_algorithm {
#define ALGORITHM(ID, word, has_burst, about) WR_##ID,
#include "policy/algorithms.def"
    WR_ALGORITHM_COUNT
};
/* Do limits by this algorithm have a burst beside their rate? */
bool wr_algorithm_has_burst(enum wr_algorithm algorithm);

enum wr_limit_mode {
#define LIMIT_MODE(ID, word, about) WR_LIMIT_MODE_##ID,
#include "policy/words.def"
};

struct wr_limit_policy {
    char *name;
    size_t index;
    struct wr_identity_part
        *parts; /* joined; a request that lacks one of them is limited by the others and client */
    size_t part_count;
    enum wr_algorithm algorithm;
    struct wr_rate rate;
    uint64_t burst; /* for algorithms with a burst: how many requests may come at once; default rate.count */
    bool observe;   /* count, never refuse */
};

/* The parts of a stored response's key besides host and path. The key doesn't depend on the scheme. */
struct wr_key_policy {
    bool no_host;  /* leave the host out */
    bool no_query; /* leave the whole query out */
    bool sort_query;
    char **query_keep;     /* patterns, NULL-ended; NULL: keep all */
    char **query_drop;     /* patterns such as utm_* */
    bool strip_query;      /* query parameters left out of the key aren't sent to the origin either */
    char **headers;        /* patterns of names, NULL-ended */
    char **cookies;        /* likewise */
    struct wr_slice match; /* a line that keeps routes apart which share a URL; at NULL: none */
    bool edits;            /* the key also holds values that the route's edits send (wr_head.keyed) */
};

struct wr_status_ttl {
    int status; /* 404, or 5 for 5xx */
    struct wr_span ttl;
};

enum wr_bypass_kind {
#define BYPASS(ID, word) WR_BYPASS_##ID,
#include "policy/words.def"
};

struct wr_bypass {
    enum wr_bypass_kind kind;
    struct wr_slice name; /* pattern */
};

/* Which cookies may change a response. A response that is fresh only by the policy's ttl or by a heuristic
 * isn't used for requests with such cookies. */
enum wr_cookies {
#define COOKIES(ID, word) WR_COOKIES_##ID, /* PASS: any; IGNORE: none; ... */
#include "policy/words.def"
    WR_COOKIES_NAMED, /* ... those of cookie_names. With IGNORE and NAMED, Vary: Cookie is decided by those
                       * cookies alone */
};

/* FIRST: Set-Cookie goes only to the request that made weir fetch the response. STORE: it is stored if the
 * origin itself says that the response may be shared. */
enum wr_set_cookie {
#define SET_COOKIE(ID, word) WR_SET_COOKIE_##ID,
#include "policy/words.def"
};

enum wr_cached_method {
#define CACHED_METHOD(ID) WR_CACHED_METHOD_##ID,
#include "policy/words.def"
};

struct wr_cache_policy {
    bool enabled;
    bool has_ttl, override; /* ttl is for responses without a lifetime of their own; with override, for all */
    struct wr_span ttl;
    double jitter;        /* 0..1 */
    struct wr_span grace; /* stale-while-revalidate where the origin names none */
    struct wr_span stale_if_error;
    bool has_grace, has_stale_if_error;
    double early_refresh; /* XFetch's beta; 0: off */
    struct wr_key_policy key;
    bool methods_post; /* POST is cached only if the policy names it */
    struct wr_status_ttl *status_ttls;
    size_t status_ttl_count;
    enum wr_cookies cookies;
    char **cookie_names; /* patterns, NULL-ended; NULL without NAMED */
    enum wr_set_cookie set_cookie;
    double heuristic; /* share of the time since Last-Modified (RFC 9111 4.2.2); 0: no guesses */
    struct wr_bypass *bypasses;
    size_t bypass_count;
    char *target;                /* targeted field besides CDN-Cache-Control (RFC 9213), NULL: none */
    struct wr_span pass_ttl;     /* how long a pass marker is remembered; default 2m */
    unsigned max_variants;       /* of one URL, in each store, ... */
    uint64_t max_variants_size;  /* ... and together */
    struct wr_span lock_timeout; /* the longest wait for another node's fetch; default 10s */
    bool show_key;               /* Cache-Status tells the key */
    bool ignore_client;          /* don't obey request Cache-Control/Pragma */
};

/* A field that an edit writes. */
struct wr_field_write {
    struct wr_slice name;
    enum wr_field_id id;
    struct wr_template value;
    bool
        keyed; /* of a request: the value is part of the key, because the rest of the key doesn't decide it */
};

/* Edits of the fields of a message: first fields are dropped, then others are written. */
struct wr_field_edits {
    char **
        drops; /* patterns of names, NULL-ended: those that `set` writes, and those of `remove`; NULL: none */
    struct wr_field_write *writes; /* of `set` and `add` */
    size_t write_count;
    unsigned uses; /* WR_USES() of all values */
};

struct wr_parameter_write {
    struct wr_slice name;
    struct wr_template value;
    bool keyed;
};

/* Edits of the request to the origin. */
struct wr_request_edits {
    struct wr_field_edits fields;
    struct wr_template host; /* parts NULL: Host is sent as the origin's pass_host says */
    bool host_keyed;
    struct wr_slice strip, prefix; /* at NULL: none */
    struct wr_template replace;    /* parts NULL: none */
    bool replace_keyed;
    char **query_drops; /* patterns of parameters, NULL-ended; NULL: none */
    struct wr_parameter_write *query_writes;
    size_t query_write_count;
    bool any;      /* there is an edit */
    bool target;   /* path, query or Host are edited */
    unsigned uses; /* WR_USES() of all templates */
};

/* A file, or a text of the policy, that is sent as it is. */
struct wr_page {
    struct wr_slice body;
    const char *type; /* media type; NULL: there is no page */
};

struct wr_error_page {
    int status; /* 502, or 5 for 5xx */
    struct wr_page page;
};

struct wr_error_pages {
    struct wr_error_page *pages;
    size_t count;
    bool origin; /* for the origin's own 5xx too */
};
/* Returns the page for a status, or else for its class; NULL: there is none. */
const struct wr_page *wr_error_page(const struct wr_error_pages *pages, int status);

struct wr_redirect {
    struct wr_template to;
    int status;
};

struct wr_respond {
    int status;
    struct wr_field_edits headers;
    struct wr_page page;
};

struct wr_maintenance {
    bool on;
    struct wr_span retry_after;
    struct wr_page page;
};

/* Which clients a route serves: those in `allow` (if it is given) that aren't in `deny`. */
struct wr_admission {
    struct wr_cidr *allow, *deny;
    size_t allow_count, deny_count;
    bool only; /* allow is given */
};

/* The source of the answers of a route. */
enum wr_route_answer { WR_ANSWER_ORIGIN, WR_ANSWER_REDIRECT, WR_ANSWER_RESPOND };

enum wr_match_path_kind { WR_MATCH_EXACT, WR_MATCH_PREFIX, WR_MATCH_GLOB };

struct wr_match_path {
    enum wr_match_path_kind kind;
    struct wr_slice text; /* as wr_policy_path() gives it; PREFIX: without the '*' */
};

#define WR_MAX_GROUPS 10 /* of a regular expression: the whole match, and {1} to {9} */

struct wr_regex {
    void *code; /* private to match.c; NULL: none */
    struct wr_slice text;
    unsigned groups;
};

enum wr_scheme {
#define SCHEME(ID, word) WR_SCHEME_##ID,
#include "policy/words.def"
};

enum wr_match_of { WR_MATCH_HEADER, WR_MATCH_QUERY, WR_MATCH_COOKIE };

/* A condition on a field, a parameter or a cookie: it is absent, or there and matches one of the patterns. */
struct wr_match_value {
    enum wr_match_of of;
    struct wr_slice name;
    bool absent;
    struct wr_slice *patterns;
    size_t count; /* 0: any value will do */
};

/* Which requests a route takes: those that fulfil all of these. A count of 0: anything. */
struct wr_match {
    struct wr_slice *hosts; /* "*.example.com" matches every name below */
    size_t host_count;
    struct wr_match_path *paths;
    size_t path_count;
    struct wr_regex regex;
    struct wr_slice *methods;
    size_t method_count;
    enum wr_scheme scheme;
    struct wr_match_value *values;
    size_t value_count;
    struct wr_cidr *clients;
    size_t client_count;
    bool of_clients;          /* `client` is given */
    struct wr_match *except;  /* `not`: requests that fulfil all of this don't match; or NULL */
    bool checked;             /* host, prefix and method alone don't decide: wr_match_fails() does */
    bool beyond_url;          /* the URL and the method alone don't decide */
    struct wr_slice key_line; /* with beyond_url: the key's line, which keeps such routes apart */
};

#define WR_MAX_ROUTE_LIMITS 8
#define WR_MAX_PIECES 65536u /* of one body in Redis */

struct wr_route {
    char *name; /* NULL: none */
    size_t index;
    struct wr_match match;
    const struct wr_origin_policy *origin; /* NULL unless `answer` is ORIGIN */
    struct wr_patience patience;           /* what the route leaves open is that of its origin */
    char **upgrades; /* protocols that a request may switch to, ended by NULL; NULL: none */
    const struct wr_limit_policy **limits; /* at most WR_MAX_ROUTE_LIMITS */
    size_t limit_count;
    struct wr_cache_policy cache;
    struct wr_request_edits request;
    struct wr_field_edits response; /* of the answer, as it is delivered */
    struct wr_admission access;
    enum wr_route_answer answer;
    struct wr_redirect redirect;
    struct wr_respond respond;
    struct wr_maintenance maintenance;
    struct wr_error_pages error_pages;
    bool by_itself; /* the origin is never asked: another answer, or maintenance */
    bool switched;  /* atomic: maintenance is switched on at run time (maintenance.h); all else is constant */
    const char *file; /* the file in which it stands, ... */
    int line;         /* ... and where, for explain */
    struct wr_slice
        label; /* the name, or the line (of an included file: its name too): for the log and {route} */
};

struct wr_policy {
    unsigned refs; /* atomic */
    char *file;
    char *server_name;
    unsigned workers; /* never 0 */
    struct wr_listen *listens;
    size_t listen_count;
    struct wr_admin_policy *admins;
    size_t admin_count;
    enum wr_log_priority log_level;
    enum wr_access_format access_format;
    char *access_file; /* NULL: stderr */
    struct wr_cidr *trusted;
    size_t trusted_count;
    struct wr_cidr *purgers; /* purge_from: who may send PURGE */
    size_t purger_count;
    char *dns_servers;        /* "192.0.2.53,[2001:db8::53]:5353"; NULL: those of resolv.conf */
    struct wr_span dns_stale; /* how long addresses are used after their TTL while no name server answers */
    struct wr_policy_redis redis;
    bool memory;
    uint64_t memory_size, memory_max_object;
    uint64_t memory_in_flight;
    /* client: */
    struct wr_span header_timeout, idle_timeout, send_timeout, body_timeout;
    unsigned max_tunnels; /* requests that have switched the protocol, of all workers; 0: no limit */
    struct wr_span tunnel_timeout;
    struct wr_span request_timeout; /* from the head to the last byte of the answer; 0: no limit */
    uint64_t min_rate;              /* bytes per second, of heads, bodies and readers; 0: no limit */
    struct wr_span min_rate_grace;  /* over which min_rate is measured */
    uint64_t buffer_body;           /* so much of a body is read before the origin is asked */
    enum wr_client_abort abort;
    uint64_t max_head, max_target, max_body;   /* max_body 0: no limit */
    enum wr_odd_names odd_names;               /* of request fields from strangers */
    unsigned max_connections;                  /* over all workers; beyond it 503 */
    struct wr_span drain_delay, drain_timeout; /* serving though unready; then finishing */
    enum wr_drain_order drain_order;
    struct wr_origin_policy *origins;
    size_t origin_count;
    struct wr_limit_policy *limits;
    size_t limit_count;
    struct wr_route *routes;
    size_t route_count;
    struct wr_policy_test *tests;
    size_t test_count;
    struct wr_route_index *route_index; /* host by hash, path by trie; private to route.c */
    struct wr_policy *from; /* counted: the policy whose arena holds what wr_policy_hold() took over; NULL:
                             * none */
    struct wr_arena *arena; /* everything else above lies in it */
};

/* Reads and checks the file and those that it includes. Returns a snapshot with one reference, which the
 * caller owns. On failure returns NULL and appends every error to *findings. Thread: start or main, because
 * it reads a file. */
struct wr_policy *wr_policy_read(const char *file, struct wr_remarks *findings) WR_MUST_USE;
/* The same; appends every error to *errors, a line each: "file:line:column: text (did you mean ...?)". */
struct wr_policy *wr_policy_load(const char *file, struct wr_buf *errors) WR_MUST_USE;
/* The same from bytes. `name` stands for the file in messages; files that it names are looked for beside it.
 * Thread: any, but files are read from disk. */
struct wr_policy *wr_policy_parse(struct wr_slice text, const char *name, struct wr_buf *errors) WR_MUST_USE;
/* Appends what is allowed but dangerous. Thread: any. */
void wr_policy_warnings(const struct wr_policy *p, struct wr_remarks *findings);
/* Thread: any. */
struct wr_policy *wr_policy_ref(struct wr_policy *p);
void wr_policy_unref(struct wr_policy *p);

/* For a reload: replaces the options in `p` that take effect only at a restart by those of `first`, the
 * policy with which the process started. So a policy always shows what is in force. No other thread may
 * know p yet. Thread: main. */
void wr_policy_hold(struct wr_policy *p, struct wr_policy *first);

/* Returns an authority in the form that wr_policy_route() expects: without port and final dot, in lower
 * case. In the arena. Thread: any. */
struct wr_slice wr_policy_host(struct wr_slice authority, struct wr_arena *arena);
/* Returns a path in the form that wr_policy_route() expects: percent-encoding decoded, dot segments
 * resolved, several slashes as one. Returns `path` itself if it has that form, else a copy in the arena.
 * Thread: any. */
struct wr_slice wr_policy_path(struct wr_slice path, struct wr_arena *arena);
/* A request, as routes see it. */
struct wr_route_ask {
    struct wr_slice host, path, method; /* as the two functions above return them */
    const struct wr_head *head;  /* with what is known of a trusted peer; NULL: only the URL is known, and all
                                  * other conditions may hold */
    const unsigned char *client; /* 16 bytes; with head */
    struct wr_arena *arena;
    size_t from; /* routes before this one don't count */
    bool broken; /* set: a regular expression took too long, so the result is wrong */
};
/* Returns the first route that matches, or NULL. Only those routes are checked whose host and path fit, so
 * the cost doesn't grow with the number of others. Thread: any. */
const struct wr_route *wr_policy_route_of(const struct wr_policy *p, struct wr_route_ask *asked);
/* Says which condition of the route the request doesn't fulfil, by its key in the policy; NULL: it fulfils
 * all of them. Thread: any. */
const char *wr_match_fails(const struct wr_match *m, struct wr_route_ask *asked);
/* Matches the whole regular expression against a path. Returns 1, 0, or -1 if that would take too long.
 * groups: what the groups have matched, WR_MAX_GROUPS of them; or NULL. */
int wr_regex_match(const struct wr_regex *regex, struct wr_slice path, struct wr_arena *arena,
                   struct wr_slice *groups);
/* Returns the first route that the URL alone may match, or NULL: the same without a head. host and path: as
 * the two functions above return them. The cost doesn't grow with the number of routes. Thread: any. */
const struct wr_route *wr_policy_route(const struct wr_policy *p, struct wr_slice host, struct wr_slice path,
                                       struct wr_slice method);
/* Is the route in maintenance, by the policy or by a switch? Thread: any. */
static inline bool wr_route_maintained(const struct wr_route *route)
{
    return route->maintenance.on || __atomic_load_n(&route->switched, __ATOMIC_RELAXED);
}
/* Does the route answer without its origin at present? Thread: any. */
static inline bool wr_route_by_itself(const struct wr_route *route)
{
    return route->by_itself || __atomic_load_n(&route->switched, __ATOMIC_RELAXED);
}
/* Does the list name the status, or its class? Thread: any. */
static inline bool wr_statuses_have(const struct wr_statuses *list, int status)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->of[i] == status || list->of[i] == status / 100)
            return true;
    return false;
}
/* Does the route serve a client of this address (16 bytes)? Thread: any. */
static inline bool wr_policy_lets_in(const struct wr_route *route, const unsigned char client[16])
{
    const struct wr_admission *a = &route->access;
    return !(a->deny_count && wr_cidr_has(a->deny, a->deny_count, client)) &&
           (!a->only || wr_cidr_has(a->allow, a->allow_count, client));
}
