/* SPDX-License-Identifier: BSD-2-Clause */
/* The head of a message: request or response line and its fields, as slices over the octets it was read from.
 *
 * A head owns nothing: its slices hold as long as the buffer that was parsed (or wr_head_copy()'s arena).
 * Values are trimmed. Known field names carry an id (fields.def), so that look-ups compare a number. Thread:
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
    WR_FF_HOP = 1,        /* concerns one connection only and is never forwarded (RFC 9110 7.6.1) */
    WR_FF_NO_TRAILER = 2, /* must not stand in trailers (RFC 9110 6.5.1) */
    WR_FF_NO_UPDATE = 4, /* describes the stored content: a 304 neither replaces nor adds it (RFC 9111 3.2) */
    WR_FF_CLIENT = 8,    /* changes the state of the client that gets it, and was made for that one */
    WR_FF_EXCHANGE = 16, /* belongs to one client's authentication: never for another */
};

struct wr_field {
    struct wr_slice name;  /* as sent */
    struct wr_slice value; /* trimmed */
    uint16_t id;           /* enum wr_field_id */
    uint8_t hidden; /* not to be forwarded: hop-by-hop, named by Connection, or a name that passes for a known
                       one */
    uint8_t odd;    /* its name holds more than letters, digits and hyphens */
};

enum wr_method {
    WR_METHOD_OTHER, /* a token we have no special rule for: forwarded as it came */
#define X(ID) WR_METHOD_##ID,
#include "http/methods.def"
#undef X
};

enum wr_framing {
    WR_FRAMING_NONE,   /* no body */
    WR_FRAMING_LENGTH, /* content_length octets */
    WR_FRAMING_CHUNKED,
    WR_FRAMING_CLOSE, /* responses only: until the connection ends */
};

#define WR_MAX_FIELDS 128

/* One head of either kind; `status` is 0 in a request. */
struct wr_head {
    struct wr_field *fields;
    size_t field_count;
    uint64_t known; /* bit (id % 64) set if a field with that id may be present: a quick no */
    int minor;      /* HTTP/1.minor: 0 or 1 */
    enum wr_framing framing;
    uint64_t content_length; /* with WR_FRAMING_LENGTH */
    bool keep_alive;         /* what version and Connection say, of this hop */
    bool upgrade;            /* Connection: upgrade was sent */
    bool odd;                /* a field has an odd name */

    /* request */
    enum wr_method method;
    struct wr_slice method_text;
    struct wr_slice target; /* as sent */
    struct wr_slice host;   /* authority without userinfo: from an absolute-form target, else Host; as sent */
    struct wr_slice path;   /* starts with '/', or "*" for OPTIONS * ; without query */
    struct wr_slice query;  /* after '?', without it; at == NULL: there was no '?' */
    /* These four for whoever knows which peer is believed: false and NULL for one who isn't. */
    bool trusted;         /* what it says of the way here goes on to the origin */
    bool odd_kept;        /* so do fields with odd names */
    bool secure;          /* https, as a proxy says that is believed */
    struct wr_slice site; /* the host that the client named; at == NULL: `host` */
    bool expect_continue;
    bool trailers_wanted; /* TE: trailers was sent: trailers may be passed back (RFC 9110 6.5.1) */

    /* response */
    int status;
    struct wr_slice reason;
};

/* Whose pages a request is for: what the origin is told that the client named. */
static inline struct wr_slice wr_head_site(const struct wr_head *h)
{
    return h->site.at ? h->site : h->host;
}
/* The next field with this id after `after` (NULL: the first), or NULL. For fields that may repeat. */
const struct wr_field *wr_head_next(const struct wr_head *h, enum wr_field_id id,
                                    const struct wr_field *after);
/* The first one, or NULL. */
static inline const struct wr_field *wr_head_get(const struct wr_head *h, enum wr_field_id id)
{
    return h->known >> (id % 64) & 1 ? wr_head_next(h, id, NULL) : NULL;
}
/* By name, for fields without an id too. */
const struct wr_field *wr_head_named(const struct wr_head *h, struct wr_slice name,
                                     const struct wr_field *after);
/* What is left of Max-Forwards in an OPTIONS or TRACE request (RFC 9110 7.6.2). false: it has no such limit.
 */
bool wr_head_max_forwards(const struct wr_head *h, uint64_t *left);
/* May it be sent again when nobody knows whether it was done (RFC 9110 9.2.2)? */
bool wr_method_is_idempotent(enum wr_method method);
/* The id of a field name in any case; WR_F_OTHER if it has none. */
enum wr_field_id wr_field_id_of(struct wr_slice name);
/* Does it consist of letters, digits and hyphens? All others are odd: gateways write '_' for what they can't
 * put into the name of a variable, so that an application can't tell X_Real_IP from X-Real-IP (RFC
 * 3875 4.1.18). */
bool wr_field_name_plain(struct wr_slice name);
/* Could an application take the one name for the other? Odd characters compare as hyphens, letters in any
 * case. */
bool wr_field_name_alike(struct wr_slice a, struct wr_slice b);
/* Is it like what the pattern says, in which a '*' stands for any octets? */
bool wr_field_name_matches(struct wr_slice name, struct wr_slice pattern);
/* The id of the known name that an odd one could be taken for; WR_F_OTHER: none. */
enum wr_field_id wr_field_id_alike(struct wr_slice odd);
/* The name in its usual spelling ("Content-Length") and the flags of an id other than WR_F_OTHER. Static
 * memory. */
struct wr_slice wr_field_name(enum wr_field_id id);
unsigned wr_field_flags(enum wr_field_id id);
/* Joins all values of the field with ", " (RFC 9110 5.3). One value: no copy. None: at == NULL. In the arena.
 */
struct wr_slice wr_head_joined(const struct wr_head *h, enum wr_field_id id, struct wr_arena *arena);
/* A deep copy whose octets and field array live in the arena. */
void wr_head_copy(struct wr_head *to, const struct wr_head *from, struct wr_arena *arena);
