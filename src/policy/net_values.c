/* SPDX-License-Identifier: BSD-2-Clause */
/* Readers of values about the network: addresses, address blocks, Redis's URL, its password and its files. */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "address/address.h"
#include "base/uri.h"
#include "http/target.h"
#include "policy/reader.h"

static const char *meant(struct wr_policy_reader *r, const char *host, struct wr_slice port)
{
    return wr_arena_printf(r->errors->arena, " (did you mean \"%s:%.*s\"?)", host, WR_SLICE_ARG(port)).at;
}

static bool is_port(struct wr_slice s)
{
    uint64_t n;
    return wr_slice_u64(s, 65535, &n) && n > 0;
}

/* Suggests a valid address for a listener's address that isn't one. */
static const char *guess_bind(struct wr_policy_reader *r, struct wr_slice text)
{
    struct wr_slice rest = text, host = wr_slice_cut(&rest, ':');
    if (rest.at == NULL)
        return is_port(host) ? meant(r, "0.0.0.0", host) : "";
    if (!is_port(rest))
        return "";
    if (host.len == 0 || wr_slice_eq(host, WR_SLICE("*")))
        return meant(r, "0.0.0.0", rest);
    return wr_slice_eq(host, WR_SLICE("localhost")) ? meant(r, "127.0.0.1", rest) : "";
}

void wr_read_bind_address(struct wr_policy_reader *r, const struct wr_option *o,
                          const struct wr_tree_node *node, void *at)
{
    struct wr_address *address = at;
    const char *reason = wr_address_parse(node->text, r->arena, address);
    if (reason == NULL && address->kind == WR_ADDRESS_NAME)
        reason = "a listener has an IP address, not a host name";
    if (reason)
        wr_policy_reader_error(r, o, node, "\"%.*s\": %s%s", WR_SLICE_ARG(node->text), reason,
                               guess_bind(r, node->text));
}

void wr_read_authority(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                       void *at)
{
    if (!wr_authority_valid(node->text))
        wr_policy_reader_error(r, o, node, "\"%.*s\" is not a host, with or without a port",
                               WR_SLICE_ARG(node->text));
    *(char **) at = wr_policy_reader_copy(r, node->text);
}

void wr_read_server_address(struct wr_policy_reader *r, const struct wr_option *o,
                            const struct wr_tree_node *node, void *at)
{
    struct wr_address *address = at;
    struct wr_slice text = node->text, http = WR_SLICE("http://");
    if (wr_slice_starts(text, http)) {
        wr_policy_reader_error(r, o, node, "a server is host:port, not a URL (did you mean \"%.*s\"?)",
                               (int) strcspn(text.at + http.len, "/"), text.at + http.len);
        return;
    }
    if (wr_slice_starts(text, WR_SLICE("https://"))) {
        wr_policy_reader_error(r, o, node,
                               "this build has no TLS: servers are spoken to by HTTP, as host:port");
        return;
    }
    const char *reason = wr_address_parse(text, r->arena, address);
    if (reason == NULL && address->kind == WR_ADDRESS_SYSTEMD)
        reason = "systemd passes sockets to listeners only";
    if (reason)
        wr_policy_reader_error(r, o, node, "\"%.*s\": %s", WR_SLICE_ARG(text), reason);
}

/* Is it an IP address, or one with a port? An IPv6 address with a port stands in brackets. */
static bool is_name_server(struct wr_policy_reader *r, struct wr_slice text)
{
    struct wr_address address;
    struct wr_cidr alone;
    if (memchr(text.at, '/', text.len) == NULL && wr_cidr_parse(text, &alone) == NULL)
        return true;
    return wr_address_parse(text, r->arena, &address) == NULL && address.kind == WR_ADDRESS_IP;
}

void wr_read_name_servers(struct wr_policy_reader *r, const struct wr_option *o,
                          const struct wr_tree_node *node, void *at)
{
    struct wr_policy *p = at;
    struct wr_buf all = { 0 };
    const struct wr_tree_node *item;
    for (size_t i = 0; (item = wr_policy_reader_next(r, o, node, &i)) != NULL;) {
        if (is_name_server(r, item->text))
            wr_buf_printf(&all, all.len ? ",%.*s" : "%.*s", WR_SLICE_ARG(item->text));
        else
            wr_policy_reader_error(r, o, item, "\"%.*s\": a name server is an IP address, or IP address:port",
                                   WR_SLICE_ARG(item->text));
    }
    if (all.len)
        p->dns_servers = wr_policy_reader_copy(r, wr_buf_slice(&all));
    wr_buf_fini(&all);
}

static void note_block(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *item,
                       const char *reason)
{
    struct wr_cidr block;
    char text[INET6_ADDRSTRLEN] = "";
    struct wr_slice rest = item->text, addr = wr_slice_cut(&rest, '/');
    bool v4 = memchr(addr.at, ':', addr.len) == NULL;
    uint64_t bits;
    /* with the address alone it parses, so the prefix is wrong */
    if (rest.at && wr_slice_u64(rest, v4 ? 32 : 128, &bits) && wr_cidr_parse(addr, &block) == NULL) {
        block.bits = (unsigned) bits + (v4 ? 96 : 0);
        wr_cidr_mask(&block);
        inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? block.addr + 12 : block.addr, text, sizeof text);
        wr_policy_reader_error(r, o, item, "\"%.*s\": %s (did you mean \"%s/%.*s\"?)",
                               WR_SLICE_ARG(item->text), reason, text, WR_SLICE_ARG(rest));
        return;
    }
    wr_policy_reader_error(r, o, item, "\"%.*s\": %s", WR_SLICE_ARG(item->text), reason);
}

struct wr_cidr *wr_policy_reader_blocks(struct wr_policy_reader *r, const struct wr_option *o,
                                        const struct wr_tree_node *node, size_t *count)
{
    size_t items = wr_tree_node_items(node);
    struct wr_cidr *blocks = wr_arena_zalloc(r->arena, (items ? items : 1) * sizeof *blocks);
    const struct wr_tree_node *item;
    *count = 0;
    for (size_t i = 0; (item = wr_policy_reader_next(r, o, node, &i)) != NULL;) {
        const char *reason = wr_cidr_parse(item->text, &blocks[*count]);
        if (reason)
            note_block(r, o, item, reason);
        else
            ++*count;
    }
    return blocks;
}

void wr_read_trusted(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                     void *at)
{
    struct wr_policy *p = at;
    p->trusted = wr_policy_reader_blocks(r, o, node, &p->trusted_count);
}

void wr_read_purgers(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                     void *at)
{
    struct wr_policy *p = at;
    p->purgers = wr_policy_reader_blocks(r, o, node, &p->purger_count);
}

void wr_read_admin_from(struct wr_policy_reader *r, const struct wr_option *o,
                        const struct wr_tree_node *node, void *at)
{
    struct wr_admin_policy *admin = at;
    admin->from = wr_policy_reader_blocks(r, o, node, &admin->from_count);
    if (wr_tree_node_items(node) == 0)
        wr_policy_reader_error(r, o, node,
                               "an empty list lets nobody connect: leave the key out for everybody");
}

/* Decodes percent-encoding into the policy's arena. Returns NULL if it is malformed or would contain a
 * NUL. */
static char *decode_percent(struct wr_policy_reader *r, struct wr_slice s)
{
    char *out = wr_arena_alloc(r->arena, s.len + 1);
    bool broken;
    size_t len = wr_percent_decode(out, s, &broken);
    out[len] = '\0';
    return broken || strlen(out) < len ? NULL : out;
}

/* "user:password" or "user" or ":password". */
static const char *set_credentials(struct wr_policy_reader *r, struct wr_policy_redis *redis,
                                   struct wr_slice text)
{
    struct wr_slice rest = text, user = wr_slice_cut(&rest, ':');
    redis->user = user.len ? decode_percent(r, user) : NULL;
    redis->password = rest.len ? decode_percent(r, rest) : NULL;
    if ((user.len && redis->user == NULL) || (rest.len && redis->password == NULL))
        return "two hex digits must follow a % in user or password: write %25 for a literal %";
    return NULL;
}

static const char *set_database(struct wr_policy_redis *redis, struct wr_slice text)
{
    uint64_t db = 0;
    if (text.len && !wr_slice_u64(text, 1000000, &db))
        return "the database is a number, such as redis://127.0.0.1:6379/0";
    redis->db = (int) db;
    return NULL;
}

static const char *set_unix(struct wr_policy_reader *r, struct wr_policy_redis *redis, struct wr_slice path)
{
    struct wr_slice query = path, db = { "", 0 };
    path = wr_slice_cut(&query, '?');
    if (query.at && !wr_slice_starts(query, WR_SLICE("db=")))
        return "only db=NUMBER may follow the ?";
    if (query.at)
        db = wr_slice_from(query, 3);
    const char *reason = wr_address_set_unix(path, r->arena, &redis->address);
    return reason ? reason : set_database(redis, db);
}

static const char *set_server(struct wr_policy_reader *r, struct wr_policy_redis *redis,
                              struct wr_slice place)
{
    struct wr_slice db = place, host = wr_slice_cut(&db, '/'), port = WR_SLICE("6379");
    const char *bracket = memrchr(host.at, ']', host.len), *colon = memrchr(host.at, ':', host.len);
    if (colon && (bracket == NULL || colon > bracket)) {
        port = wr_slice(colon + 1, (size_t) (host.at + host.len - colon - 1));
        host.len = (size_t) (colon - host.at);
    }
    const char *reason = wr_address_set(host, port, r->arena, &redis->address);
    return reason ? reason : set_database(redis, db);
}

/* Messages never repeat the URL: it may hold a password. */
void wr_read_redis_url(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                       void *at)
{
    struct wr_policy_redis *redis = at;
    struct wr_slice text = node->text, tcp = WR_SLICE("redis://"), tls = WR_SLICE("rediss://"),
                    local = WR_SLICE("unix://");
    redis->tls = wr_slice_starts(text, tls);
    if (redis->tls && !HAVE_REDIS_TLS) {
        wr_policy_reader_error(
            r, o, node,
            "this build has no TLS (it needs hiredis 1.0 or newer with hiredis_ssl): rediss:// can't be "
            "used, only redis:// and unix://");
        return;
    }
    bool is_unix = wr_slice_starts(text, local);
    if (!is_unix && !redis->tls && !wr_slice_starts(text, tcp)) {
        wr_policy_reader_error(
            r, o, node, "a URL begins with redis://, rediss:// or unix://, such as redis://127.0.0.1:6379/0");
        return;
    }
    size_t skip = is_unix ? local.len : redis->tls ? tls.len : tcp.len;
    struct wr_slice rest = wr_slice_from(text, skip);
    const char *host = memrchr(rest.at, '@', rest.len), *reason = NULL;
    if (host) {
        reason = set_credentials(r, redis, wr_slice(rest.at, (size_t) (host - rest.at)));
        rest = wr_slice(host + 1, (size_t) (rest.at + rest.len - host - 1));
    }
    if (reason == NULL)
        reason = is_unix ? set_unix(r, redis, rest) : set_server(r, redis, rest);
    redis->address.text =
        (char *) wr_arena_printf(r->arena, "%s%.*s", is_unix ? "unix:" : "", WR_SLICE_ARG(rest)).at;
    if (reason)
        wr_policy_reader_error(r, o, node, "%s", reason);
}

struct wr_slice wr_policy_reader_locate(struct wr_policy_reader *r, const struct wr_tree_node *name)
{
    const char *credentials = getenv("CREDENTIALS_DIRECTORY"), *from = r->errors->files[name->place.file],
               *slash = strrchr(from, '/');
    if (name->text.at[0] == '/')
        return name->text;
    if (credentials && *credentials)
        return wr_arena_printf(r->arena, "%s/%s", credentials, name->text.at);
    return wr_arena_printf(r->arena, "%.*s%s", slash ? (int) (slash + 1 - from) : 0, from, name->text.at);
}

/* Tries to read the file now, so that an unreadable file is reported with its place in the policy. */
void wr_read_file(struct wr_policy_reader *r, const struct wr_option *o, const struct wr_tree_node *node,
                  void *at)
{
    char *path = wr_policy_reader_copy(r, wr_policy_reader_locate(r, node));
    if (access(path, R_OK) != 0)
        wr_policy_reader_error(r, o, node, "can't read %s: %s", path, strerror(errno));
    *(char **) at = path;
}

/* Returns the first line of the file, or NULL after an error was noted. kind: what it should be. */
static char *read_secret(struct wr_policy_reader *r, const struct wr_option *o,
                         const struct wr_tree_node *node, const char *kind)
{
    char text[4096];
    const char *path = wr_policy_reader_locate(r, node).at;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text);
    if (got < 0)
        wr_policy_reader_error(r, o, node, "can't read %s: %s", path, strerror(errno));
    else if (got == (ssize_t) sizeof text)
        wr_policy_reader_error(r, o, node, "%s is too long for a %s", path, kind);
    if (fd >= 0)
        close(fd);
    if (got < 0 || got == (ssize_t) sizeof text)
        return NULL;
    size_t len = 0;
    while (len < (size_t) got && text[len] != '\n' && text[len] != '\r' && text[len] != '\0')
        len++;
    if (len == 0) {
        wr_policy_reader_error(r, o, node, "the first line of %s is empty", path);
        return NULL;
    }
    return wr_policy_reader_copy(r, wr_slice(text, len));
}

void wr_read_password_file(struct wr_policy_reader *r, const struct wr_option *o,
                           const struct wr_tree_node *node, void *at)
{
    struct wr_policy_redis *redis = at;
    if (redis->password) {
        wr_policy_reader_error(r, o, node, "the URL holds a password already: remove one of the two");
        return;
    }
    redis->password = read_secret(r, o, node, "password");
}

#define SHORTEST_TOKEN 16 /* characters; less can be guessed */

void wr_read_token_file(struct wr_policy_reader *r, const struct wr_option *o,
                        const struct wr_tree_node *node, void *at)
{
    struct wr_admin_policy *admin = at;
    const char *slash = strrchr(node->text.at, '/');
    admin->token = read_secret(r, o, node, "token");
    admin->token_name = wr_policy_reader_copy(r, wr_slice_str(slash ? slash + 1 : node->text.at));
    if (admin->token && strlen(admin->token) < SHORTEST_TOKEN)
        wr_policy_reader_error(r, o, node, "the token has less than %d characters and could be guessed",
                               SHORTEST_TOKEN);
    if (admin->token && admin->token[strcspn(admin->token, " \t")])
        wr_policy_reader_error(r, o, node, "the token holds a space, which can't be sent");
}
