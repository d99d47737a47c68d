/* IDENTIFY: who asks. The peer's address, or, if the peer is a trusted proxy, what X-Forwarded-For or Forwarded says:
 * the rightmost address that is not itself a trusted proxy's. */
#include <arpa/inet.h>

#include "base/rand.h"
#include "http/target.h"
#include "txn/txn.h"

static bool trusted(const struct wr_txn *t, const unsigned char addr[16])
{
    const struct wr_policy *p = t->tenure->policy;
    return wr_cidr_has(p->trusted, p->trusted_count, addr);
}

static bool parse_addr(struct wr_slice s, unsigned char out[16])
{
    char text[64];
    s = wr_slice_trim(s);
    if (s.len >= 2 && s.at[0] == '"' && s.at[s.len - 1] == '"')
        s = wr_slice(s.at + 1, s.len - 2);
    if (s.len > 0 && s.at[0] == '[') {
        const char *end = memchr(s.at, ']', s.len);
        if (end == NULL)
            return false;
        s = wr_slice(s.at + 1, (size_t) (end - s.at) - 1);
    } else {
        const char *colon = s.len ? memchr(s.at, ':', s.len) : NULL;
        if (colon && memchr(colon + 1, ':', s.len - (size_t) (colon + 1 - s.at)) == NULL)
            s.len = (size_t) (colon - s.at); /* 192.0.2.1:4711 */
    }
    if (s.len == 0 || s.len >= sizeof text)
        return false;
    memcpy(text, s.at, s.len);
    text[s.len] = '\0';
    if (inet_pton(AF_INET6, text, out) == 1)
        return true;
    memcpy(out, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
    return inet_pton(AF_INET, text, out + 12) == 1;
}

/* The for= of one element of Forwarded (RFC 7239 4). */
static struct wr_slice forwarded_for(struct wr_slice element)
{
    while (element.at) {
        struct wr_slice pair = wr_slice_trim(wr_slice_cut(&element, ';'));
        if (pair.len > 4 && wr_slice_eq_nocase(wr_slice(pair.at, 4), WR_SLICE("for=")))
            return wr_slice(pair.at + 4, pair.len - 4);
    }
    return wr_slice(NULL, 0);
}

static struct wr_slice first_of(const struct wr_head *h, enum wr_field_id id)
{
    const struct wr_field *f = wr_head_get(h, id);
    struct wr_slice rest = f ? f->value : WR_SLICE("");
    return wr_slice_trim(wr_slice_cut(&rest, ','));
}

/* The scheme and the host that the client gave the first proxy, as the origin is going to be told: what it answers depends on
 * them. */
static void learn_site(struct wr_head *h)
{
    struct wr_slice host = first_of(h, WR_F_X_FORWARDED_HOST);
    h->secure = wr_slice_eq_nocase(first_of(h, WR_F_X_FORWARDED_PROTO), WR_SLICE("https"));
    if (wr_authority_valid(host))
        h->site = host;
}

/* Walks the list from its end while what it names is a trusted proxy. */
static void walk_back(struct wr_txn *t, struct wr_slice list, bool is_forwarded)
{
    while (list.len > 0) {
        size_t at = list.len;
        while (at > 0 && list.at[at - 1] != ',')
            at--;
        struct wr_slice element = wr_slice(list.at + at, list.len - at);
        unsigned char addr[16];
        if (is_forwarded)
            element = forwarded_for(element);
        if (element.at == NULL || !parse_addr(element, addr))
            return; /* "unknown", an obfuscated name, or nonsense: the last one known is the best there is */
        memcpy(t->client_addr, addr, 16);
        if (!trusted(t, addr))
            return;
        list.len = at > 0 ? at - 1 : 0;
    }
}

struct wr_slice wr_txn_client(struct wr_txn *t)
{
    if (t->client.at || !t->identified)
        return t->client;
    char *text = wr_arena_alloc(&t->arena, WR_ADDRESS_TEXT);
    wr_address_text(t->client_addr, text);
    return t->client = wr_slice_str(text);
}

static bool is_token(struct wr_slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] <= ' ' || s.at[i] >= 0x7f)
            return false;
    return s.len > 0 && s.len <= 128;
}

struct wr_slice wr_txn_request_id(struct wr_txn *t)
{
    if (t->request_id.at || !t->identified)
        return t->request_id;
    const struct wr_field *f = t->trusted_peer ? wr_head_get(&t->head, WR_F_X_REQUEST_ID) : NULL;
    if (f && is_token(f->value))
        return t->request_id = f->value;
    uint64_t a = wr_rand_u64(), b = wr_rand_u64();
    char *text = wr_arena_alloc(&t->arena, WR_HASH_HEX + 1);
    wr_hash_hex((struct wr_hash){ a, b }, text);
    return t->request_id = wr_slice(text, WR_HASH_HEX);
}

enum wr_txn_stage wr_txn_identify_enter(struct wr_txn *t)
{
    const struct wr_peer *peer = &t->conn->peer;
    memcpy(t->client_addr, peer->addr, 16);
    t->trusted_peer = peer->local || trusted(t, peer->addr);
    if (t->trusted_peer) {
        struct wr_slice list = wr_head_joined(&t->head, WR_F_X_FORWARDED_FOR, &t->arena);
        bool is_forwarded = list.at == NULL;
        if (is_forwarded)
            list = wr_head_joined(&t->head, WR_F_FORWARDED, &t->arena);
        walk_back(t, list, is_forwarded);
        learn_site(&t->head);
    }
    t->identified = true;
    if (t->head.method == WR_METHOD_PURGE && t->tenure->policy->purger_count > 0)
        return wr_txn_purge(t);
    return t->route ? WR_TXN_LIMIT : wr_txn_refuse(t, WR_ERR_NO_ROUTE, NULL);
}

/* Only a PURGE has waited. */
enum wr_txn_stage wr_txn_identify_resume(struct wr_txn *t)
{
    return wr_txn_purged(t);
}
