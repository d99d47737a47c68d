/* SPDX-License-Identifier: BSD-2-Clause */
/* The head of a message: the request line or status line, and the fields, as slices of the bytes it was
 * read from.
 *
 * A head owns nothing: its slices are valid as long as the parsed buffer (or the arena of wr_head_copy()).
 * Values are trimmed. Known field names have an id (fields.def), so that look-ups compare a number. Thread:
 * any. */
#pragma once

#include "base/arena.h"
#include "base/err.h"

/* fields.def: X(ID, "Usual-Spelling", flags) */
enum wr_field_id {
    WR_F_OTHER,
#define X(id, name, flags) WR_F_##id,
#include "http/fields.def"
#undef X
    WR_F_COUNT
};

enum wr_field_flag {
    WR_FF_HOP = 1,        /* hop-by-hop: concerns one connection and is never forwarded (RFC 9110 7.6.1) */
    WR_FF_NO_TRAILER = 2, /* must not stand in trailers (RFC 9110 6.5.1) */
    WR_FF_NO_UPDATE = 4, /* describes the stored content: a 304 neither replaces nor adds it (RFC 9111 3.2) */
    WR_FF_CLIENT = 8,    /* changes the state of one client, such as Set-Cookie: not meant for others */
    WR_FF_EXCHANGE = 16, /* belongs to one client's authentication: never sent to another client */
    WR_FF_CONDITION = 32, /* asks for a part or on a condition (RFC 9110 13.1, 14.2): a cache answers it */
};

struct wr_field {
    struct wr_slice name;  /* as sent */
    struct wr_slice value; /* trimmed */
    uint16_t id;           /* enum wr_field_id */
    uint8_t hidden; /* not forwarded: hop-by-hop, named by Connection, or an odd name that an origin could
                     * take for a known one */
    uint8_t odd;    /* the name has other characters than letters, digits and hyphens */
    uint8_t edited; /* the policy has written it: the same for all clients, or part of the key (`keyed`) */
};

enum wr_method {
    WR_METHOD_OTHER, /* a method without special rules: forwarded as it came */
#define X(ID) WR_METHOD_##ID,
#include "http/methods.def"
#undef X
};

enum wr_framing {
    WR_FRAMING_NONE,   /* no body */
    WR_FRAMING_LENGTH, /* content_length bytes */
    WR_FRAMING_CHUNKED,
    WR_FRAMING_CLOSE, /* responses only: until the connection ends */
};

#define WR_MAX_FIELDS 128

/* The head of a request or a response. `status` is 0 in a request. */
struct wr_head {
    struct wr_field *fields;
    size_t field_count;
    uint64_t known; /* bit (id % 64) is set if a field with that id may be present: absent fields are found
                     * out fast */
    int minor;      /* HTTP/1.minor: 0 or 1 */
    enum wr_framing framing;
    uint64_t content_length; /* with WR_FRAMING_LENGTH */
    bool keep_alive;         /* what version and Connection say about this connection */
    bool upgrade;            /* Connection: upgrade was sent */
    bool odd;                /* a field has an odd name */

    /* request */
    enum wr_method method;
    struct wr_slice method_text;
    struct wr_slice target; /* as sent */
    struct wr_slice host;   /* authority without userinfo: from an absolute-form target, else Host; as sent */
    struct wr_slice path;   /* starts with '/', or "*" for OPTIONS * ; without query */
    struct wr_slice query;  /* after '?', without it; at == NULL: there was no '?' */
    /* Set by the code that knows which peers are trusted; false and NULL for a peer that isn't. */
    bool trusted;         /* its fields about the way here (X-Forwarded-* ...) go on to the origin */
    bool odd_kept;        /* fields with odd names go on to the origin */
    bool secure;          /* the client used https, as a trusted proxy says */
    struct wr_slice site; /* the host that the client named, as a trusted proxy says; at == NULL: use
                           * `host` */
    /* Set by edits of the policy: what the origin gets in place of path, query and host. `path` and so on
     * stay what the client asked for; keys, purges and logs are made of them. */
    bool retargeted;
    struct wr_slice path_sent, query_sent;
    struct wr_slice host_sent; /* at == NULL: not edited */
    struct wr_slice keyed; /* lines for the key: what edits made of things that it doesn't hold otherwise */
    bool expect_continue;
    bool trailers_wanted; /* TE: trailers was sent: trailers may be passed back (RFC 9110 6.5.1) */

    /* response */
    int status;
    struct wr_slice reason;
};

/* The fields of a head in the order of their names, for a caller that looks up many names in it. Borrowed. */
struct wr_sorted_fields {
    struct wr_field *of[WR_MAX_FIELDS];
    size_t count;
};

/* Returns the host that the client named, as the origin is told. */
static inline struct wr_slice wr_head_site(const struct wr_head *h)
{
    return h->site.at ? h->site : h->host;
}
/* Return the path and the query that the origin gets. */
static inline struct wr_slice wr_head_path_sent(const struct wr_head *h)
{
    return h->retargeted ? h->path_sent : h->path;
}
static inline struct wr_slice wr_head_query_sent(const struct wr_head *h)
{
    return h->retargeted ? h->query_sent : h->query;
}
/* Returns the next field with this id after `after` (NULL: the first), or NULL. For fields that may be
 * repeated. */
const struct wr_field *wr_head_next(const struct wr_head *h, enum wr_field_id id,
                                    const struct wr_field *after);
/* Returns the first field with this id, or NULL. */
static inline const struct wr_field *wr_head_get(const struct wr_head *h, enum wr_field_id id)
{
    return h->known >> (id % 64) & 1 ? wr_head_next(h, id, NULL) : NULL;
}
/* Sorts the fields by name. Afterwards wr_sorted_find() gives all fields with a name that is alike (see
 * wr_field_name_alike()); *count is their number. Both together cost little more than reading the names once,
 * however many are looked up. */
void wr_head_sort(const struct wr_head *h, struct wr_sorted_fields *out);
struct wr_field *const *wr_sorted_find(const struct wr_sorted_fields *sorted, struct wr_slice name,
                                       size_t *count);
/* The same by name, also for fields without an id. */
const struct wr_field *wr_head_named(const struct wr_head *h, struct wr_slice name,
                                     const struct wr_field *after);
/* Reads the rest of Max-Forwards in an OPTIONS or TRACE request (RFC 9110 7.6.2). Returns false if the
 * request has no such limit. */
bool wr_head_max_forwards(const struct wr_head *h, uint64_t *left);
/* Returns how many elements of Via name this proxy, in any case (RFC 9110 7.6.3): the request has been here
 * so often. */
unsigned wr_head_via_count(const struct wr_head *h, struct wr_slice proxy);
/* Is the method idempotent: may the request be sent again when nobody knows whether it was performed (RFC
 * 9110 9.2.2)? */
bool wr_method_is_idempotent(enum wr_method method);
/* Returns the id of a field name in any case, or WR_F_OTHER if it has none. */
enum wr_field_id wr_field_id_of(struct wr_slice name);
/* Does the name have only letters, digits and hyphens? All other names are called odd. Gateways write '_'
 * for each character that a variable's name can't have, so an application can't tell X_Real_IP from
 * X-Real-IP (RFC 3875 4.1.18). */
bool wr_field_name_plain(struct wr_slice name);
/* Could an application take one name for the other? Odd characters compare as hyphens, letters in any
 * case. */
bool wr_field_name_alike(struct wr_slice a, struct wr_slice b);
/* Does the name match the pattern, compared in the same way? A '*' stands for any number of bytes. */
bool wr_field_name_matches(struct wr_slice name, struct wr_slice pattern);
/* Returns the id of the known name that an odd one could be taken for, or WR_F_OTHER. */
enum wr_field_id wr_field_id_alike(struct wr_slice odd);
/* Return the usual spelling of a name ("Content-Length") and its flags. id: not WR_F_OTHER. Static memory. */
struct wr_slice wr_field_name(enum wr_field_id id);
unsigned wr_field_flags(enum wr_field_id id);
/* Joins all values of the field with ", " (RFC 9110 5.3). A single value isn't copied; otherwise the text
 * lies in the arena. No field: at == NULL. */
struct wr_slice wr_head_joined(const struct wr_head *h, enum wr_field_id id, struct wr_arena *arena);
/* Makes a deep copy, whose bytes and field array lie in the arena. */
void wr_head_copy(struct wr_head *to, const struct wr_head *from, struct wr_arena *arena);
