/* SPDX-License-Identifier: BSD-2-Clause */
/* Decides what a client may ask of an admin listener: addresses, rights, the token, and no pages of other
 * sites. */
#include <event2/bufferevent.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "address/cidr.h"
#include "address/ip.h"
#include "admin/admin_priv.h"

#define HOST_ROOM 256

/* --- the peer --- */

struct peer {
    bool local;             /* over a Unix socket: `uid` says who */
    unsigned char addr[16]; /* else */
    unsigned uid;
};

static struct peer peer_of(struct evhttp_request *req)
{
    struct peer peer = { .local = true };
    struct sockaddr_storage at = { 0 };
    socklen_t at_len = sizeof at;
    struct ucred cred = { .uid = (uid_t) -1 };
    socklen_t cred_len = sizeof cred;
    int fd = bufferevent_getfd(evhttp_connection_get_bufferevent(evhttp_request_get_connection(req)));
    if (getpeername(fd, (struct sockaddr *) &at, &at_len) == 0 && at.ss_family != AF_UNIX) {
        peer.local = false;
        if (at.ss_family == AF_INET)
            wr_address_map(&((struct sockaddr_in *) &at)->sin_addr, peer.addr);
        else
            memcpy(peer.addr, &((struct sockaddr_in6 *) &at)->sin6_addr, sizeof peer.addr);
    } else if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &cred_len) == 0) {
        peer.uid = cred.uid;
    }
    return peer;
}

static void name_peer(const struct wr_admin_listener *l, const struct peer *peer, bool by_token)
{
    char *who = l->admin->who, text[WR_ADDRESS_TEXT];
    size_t room = sizeof l->admin->who;
    if (!peer->local)
        wr_address_text(peer->addr, text);
    else
        snprintf(text, sizeof text, "uid %u", peer->uid);
    if (by_token)
        snprintf(who, room, "admin: token %.48s from %s", l->policy->token_name, text);
    else
        snprintf(who, room, "admin: %s", text);
}

/* --- the token --- */

/* Compares two texts in a time that depends on their lengths only, so that nobody can find the token letter
 * by letter. */
static bool same_secret(struct wr_slice given, struct wr_slice secret)
{
    unsigned differs = given.len != secret.len;
    for (size_t i = 0; i < given.len; i++)
        differs |= (unsigned char) given.at[i] ^ (unsigned char) secret.at[i % secret.len];
    return differs == 0;
}

static bool has_token(const struct wr_admin_listener *l, struct evhttp_request *req)
{
    const char *sent = evhttp_find_header(evhttp_request_get_input_headers(req), "Authorization");
    struct wr_slice rest = wr_slice_str(sent ? sent : ""), scheme = wr_slice_cut(&rest, ' ');
    if (l->policy->token == NULL || !wr_slice_eq_nocase(scheme, WR_SLICE("bearer")) || rest.at == NULL)
        return false;
    return same_secret(wr_slice_trim(rest), wr_slice_str(l->policy->token));
}

/* --- no pages of other sites --- */

/* Is the host "localhost" or an address? An attacker's name server can't answer for those. */
static bool is_literal_host(const char *host)
{
    unsigned char raw[16];
    struct wr_slice name = wr_slice_str(host);
    if (name.len > 2 && name.at[0] == '[' && name.at[name.len - 1] == ']')
        return wr_address_read(wr_slice(name.at + 1, name.len - 2), raw) && memchr(name.at, ':', name.len);
    return strcmp(host, "localhost") == 0 || (strchr(host, ':') == NULL && wr_address_read(name, raw));
}

/* Does the request come from a page of another origin? Browsers send Origin with every POST. A foreign page
 * must not drain a node that only the browser's machine can reach: its origin isn't ours, and if its name was
 * made to resolve to us (DNS rebinding), it is still a name. */
static bool from_foreign_page(struct evhttp_request *req)
{
    struct evkeyvalq *fields = evhttp_request_get_input_headers(req);
    const char *origin = evhttp_find_header(fields, "Origin"), *host = evhttp_find_header(fields, "Host");
    if (origin == NULL)
        return false;
    struct evhttp_uri *uri = evhttp_uri_parse(origin);
    const char *name = uri ? evhttp_uri_get_host(uri) : NULL;
    const char *authority = strstr(origin, "://");
    bool ours = name && authority && host && strcmp(authority + 3, host) == 0 && is_literal_host(name);
    if (uri)
        evhttp_uri_free(uri);
    return !ours;
}

/* Copies the host in Host without its port. Returns false if there is none, or no end to it. */
static bool host_of(struct evhttp_request *req, char host[HOST_ROOM])
{
    const char *field = evhttp_find_header(evhttp_request_get_input_headers(req), "Host");
    size_t len = field ? strlen(field) : 0;
    const char *colon = field ? strrchr(field, ':') : NULL;
    if (colon && (field[0] != '[' || colon[-1] == ']'))
        len = (size_t) (colon - field);
    if (len == 0 || len >= HOST_ROOM)
        return false;
    memcpy(host, field, len);
    host[len] = '\0';
    return true;
}

/* Is the listener asked by a name that is known to be its own? A request without Host isn't a browser's. */
static bool is_known_host(const struct wr_admin_listener *l, struct evhttp_request *req)
{
    char host[HOST_ROOM], own[HOST_ROOM] = "";
    if (evhttp_find_header(evhttp_request_get_input_headers(req), "Host") == NULL)
        return true;
    if (!host_of(req, host))
        return false;
    if (is_literal_host(host) || strcasecmp(host, l->admin->server_name) == 0 ||
        (gethostname(own, sizeof own - 1) == 0 && strcasecmp(host, own) == 0))
        return true;
    for (char **name = l->policy->hosts; name && *name; name++)
        if (strcasecmp(host, *name) == 0)
            return true;
    return false;
}

/* --- all together --- */

static void refuse_right(const struct wr_admin_listener *l, struct evhttp_request *req, enum wr_right right)
{
    struct wr_buf why = { 0 };
    const char *between = "";
    wr_buf_printf(&why, "This needs the right \"%s\". This listener allows only ",
                  wr_words_text(&wr_words_admin_rights, right));
    for (size_t i = 0; i < WR_RIGHT_COUNT; i++) {
        if ((l->policy->allow & 1u << i) == 0)
            continue;
        wr_buf_printf(&why, "%s%s", between, wr_words_text(&wr_words_admin_rights, i));
        between = ", ";
    }
    wr_buf_add_str(&why, " (admin.allow in the policy).");
    wr_admin_problem(req, 403, wr_buf_slice(&why));
    wr_buf_fini(&why);
}

bool wr_admin_may(const struct wr_admin_listener *l, struct evhttp_request *req, enum wr_right right)
{
    const struct wr_admin_policy *p = l->policy;
    const struct peer peer = peer_of(req);
    bool free_to_ask = right == WR_RIGHT_HEALTH, by_token = has_token(l, req);
    if (p->from_count > 0 && !peer.local && !wr_cidr_has(p->from, p->from_count, peer.addr)) {
        wr_admin_problem(req, 403, WR_SLICE("This address may not ask here (admin.from in the policy)."));
    } else if ((p->allow & 1u << right) == 0) {
        refuse_right(l, req, right);
    } else if (p->token && !by_token && !free_to_ask) {
        evhttp_add_header(evhttp_request_get_output_headers(req), "WWW-Authenticate",
                          "Bearer realm=\"weir\"");
        wr_admin_problem(req, 401, WR_SLICE("This needs the token: Authorization: Bearer TOKEN."));
    } else if (!peer.local && !by_token && !free_to_ask && !is_known_host(l, req)) {
        wr_admin_problem(
            req, 403,
            WR_SLICE("The host in Host is not known to be this node's: ask by address, or name the host in "
                     "admin.hosts in the policy."));
    } else if (from_foreign_page(req)) {
        wr_admin_problem(req, 403, WR_SLICE("A page of another origin may not do that."));
    } else {
        name_peer(l, &peer, by_token);
        return true;
    }
    return false;
}
