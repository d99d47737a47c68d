/* SPDX-License-Identifier: BSD-2-Clause */
/* Decides which fields of a request reach the origin. Keys, Vary and limits use the same rules as the code
 * that forwards. */
#include "http/onward.h"

/* Is it a name that begins with X-Forwarded- and goes on after that, such as X-Forwarded-Port? */
static bool is_forwarded(struct wr_slice name)
{
    static const struct wr_slice prefix = WR_SLICE_INIT("X-Forwarded-");
    return name.len > prefix.len && wr_field_name_alike(wr_slice(name.at, prefix.len), prefix);
}

/* Does the field say who the client is? An origin believes such fields because it trusts weir. */
static bool tells_who_asks(enum wr_field_id id, struct wr_slice name)
{
    switch (id) {
    case WR_F_FORWARDED:
    case WR_F_X_REAL_IP:
    case WR_F_X_CLIENT_IP:
    case WR_F_TRUE_CLIENT_IP:
    case WR_F_CF_CONNECTING_IP:
        return true;
    default:
        return is_forwarded(name);
    }
}

/* What happens to a field that isn't hidden? */
static enum wr_onward way(enum wr_field_id id, struct wr_slice name, bool trusted, bool whole)
{
    switch (id) {
    case WR_F_HOST:
    case WR_F_CONTENT_LENGTH:
    case WR_F_VIA:
    case WR_F_X_FORWARDED_FOR:
    case WR_F_X_FORWARDED_PROTO:
    case WR_F_X_FORWARDED_HOST:
    case WR_F_X_REQUEST_ID:
        return WR_ONWARD_OURS;
    default:
        if (whole && wr_field_flags(id) & WR_FF_CONDITION)
            return WR_ONWARD_OURS;
        return !trusted && tells_who_asks(id, name) ? WR_ONWARD_DROPPED : WR_ONWARD_SENT;
    }
}

bool wr_onward_tells_who(struct wr_slice name)
{
    return tells_who_asks(wr_field_id_of(name), name);
}

enum wr_onward wr_onward(const struct wr_head *request, const struct wr_field *f, bool whole)
{
    if (f->edited)
        return WR_ONWARD_SENT;
    if (f->hidden || (f->odd && !request->odd_kept))
        return WR_ONWARD_DROPPED;
    return way((enum wr_field_id) f->id, f->name, request->trusted, whole);
}

static bool answers_to(const struct wr_field *f, enum wr_field_id id, struct wr_slice name)
{
    if (id != WR_F_OTHER && !f->odd)
        return f->id == id;
    return f->id == WR_F_OTHER && wr_field_name_alike(f->name, name);
}

const struct wr_field *wr_onward_next(const struct wr_head *request, enum wr_field_id id,
                                      struct wr_slice name, bool whole, const struct wr_field *after)
{
    if (!(request->known >> (id % 64) & 1) && !request->odd)
        return NULL;
    for (const struct wr_field *f = after ? after + 1 : request->fields;
         f < request->fields + request->field_count; f++)
        if (answers_to(f, id, name) && wr_onward(request, f, whole) == WR_ONWARD_SENT)
            return f;
    return NULL;
}

bool wr_onward_ours(const struct wr_head *request, enum wr_field_id id, struct wr_slice *value)
{
    switch (id) {
    case WR_F_HOST:
        *value = request->host;
        return true;
    case WR_F_X_FORWARDED_HOST:
        *value = wr_head_site(request);
        return true;
    case WR_F_X_FORWARDED_PROTO:
        *value = request->secure ? WR_SLICE("https") : WR_SLICE("http");
        return true;
    default:
        return false;
    }
}

const struct wr_field *wr_onward_matching(const struct wr_head *request, struct wr_slice pattern, bool whole,
                                          const struct wr_field *after)
{
    for (const struct wr_field *f = after ? after + 1 : request->fields;
         f < request->fields + request->field_count; f++)
        if (wr_field_name_matches(f->name, pattern) && wr_onward(request, f, whole) == WR_ONWARD_SENT)
            return f;
    return NULL;
}

struct wr_slice wr_onward_value(const struct wr_head *request, struct wr_slice name)
{
    enum wr_field_id id = wr_field_id_of(name);
    struct wr_slice value;
    if (memchr(name.at, '*', name.len)) {
        const struct wr_field *matching = wr_onward_matching(request, name, false, NULL);
        return matching ? matching->value : wr_slice(NULL, 0);
    }
    if (wr_onward_ours(request, id, &value))
        return value;
    const struct wr_field *f = wr_onward_next(request, id, name, false, NULL);
    return f ? f->value : wr_slice(NULL, 0);
}

bool wr_onward_differs(enum wr_field_id id)
{
    return id == WR_F_X_FORWARDED_FOR || id == WR_F_X_REQUEST_ID || id == WR_F_VIA;
}

bool wr_onward_reaches(struct wr_slice name, bool whole)
{
    static const struct wr_head none;
    enum wr_field_id id = wr_field_id_of(name);
    struct wr_slice value;
    if (id == WR_F_OTHER)
        return wr_field_name_plain(name) || !wr_onward_forged(name);
    if (wr_onward_ours(&none, id, &value))
        return true;
    return !(wr_field_flags(id) & WR_FF_HOP) && way(id, wr_field_name(id), true, whole) == WR_ONWARD_SENT;
}

bool wr_onward_forged(struct wr_slice odd)
{
    enum wr_field_id id = wr_field_id_alike(odd);
    return wr_field_flags(id) & WR_FF_HOP || way(id, odd, false, true) != WR_ONWARD_SENT;
}

bool wr_onward_as_trailer(const struct wr_field *f)
{
    enum wr_field_id id = f->odd ? wr_field_id_alike(f->name) : (enum wr_field_id) f->id;
    return !(wr_field_flags(id) & (WR_FF_HOP | WR_FF_NO_TRAILER)) && !is_forwarded(f->name);
}
