/* SPDX-License-Identifier: BSD-2-Clause */
/* Applies RFC 9112 6 and 9.3 to a parsed head. Refuses every message whose length two readers could
 * understand differently. */
#include "http/framing.h"

#include "http/chars.h"

const char wr_framing_unknown_coding[] = "a transfer coding that is not implemented: chunked alone is";

/* Is it a list of codings that could be implemented, followed by chunked? "identity" is no such coding. */
static bool ends_in_chunked(struct wr_slice codings)
{
    unsigned others = 0;
    bool chunked = false;
    struct wr_list list = wr_list(codings);
    struct wr_slice coding;
    while (wr_list_next(&list, &coding)) {
        struct wr_slice name = wr_slice_trim(wr_slice_cut(&coding, ';'));
        if (chunked || !wr_chars_all(name, WR_CHAR_TOKEN) || wr_slice_eq_nocase(name, WR_SLICE("identity")))
            return false;
        chunked = wr_slice_eq_nocase(name, WR_SLICE("chunked"));
        if (chunked && coding.at) /* chunked has no parameters */
            return false;
        others += !chunked;
    }
    return chunked && others > 0;
}

/* Reads Content-Length and Transfer-Encoding together, for both kinds of message. */
static const char *read_lengths(struct wr_head *h, bool *chunked, bool *has_length, uint64_t *length)
{
    struct wr_field *coding = (struct wr_field *) wr_head_get(h, WR_F_TRANSFER_ENCODING);
    struct wr_field *field = (struct wr_field *) wr_head_get(h, WR_F_CONTENT_LENGTH);
    *chunked = coding != NULL;
    *has_length = field != NULL;
    if (coding && field)
        return "Content-Length together with Transfer-Encoding";
    if (coding) {
        if (h->minor == 0)
            return "Transfer-Encoding in HTTP/1.0";
        if (wr_head_next(h, WR_F_TRANSFER_ENCODING, coding))
            return "more than one Transfer-Encoding field";
        if (!wr_slice_eq_nocase(coding->value, WR_SLICE("chunked")))
            return ends_in_chunked(coding->value) ? wr_framing_unknown_coding
                                                  : "a transfer coding other than one final chunked";
        coding->hidden = 1;
    }
    if (field) {
        if (wr_head_next(h, WR_F_CONTENT_LENGTH, field))
            return "more than one Content-Length field";
        if (!wr_slice_u64(field->value, INT64_MAX, length))
            return "Content-Length is not a number of bytes";
        field->hidden = 1;
    }
    return NULL;
}

const char *wr_framing_of_request(struct wr_head *h)
{
    bool chunked, has_length;
    uint64_t length = 0;
    const char *why = read_lengths(h, &chunked, &has_length, &length);
    if (why)
        return why;
    h->framing = chunked ? WR_FRAMING_CHUNKED : has_length ? WR_FRAMING_LENGTH : WR_FRAMING_NONE;
    h->content_length = length;
    if (h->method == WR_METHOD_TRACE && (chunked || length > 0))
        return "TRACE with content"; /* RFC 9110 9.3.8 */
    return NULL;
}

/* The rules of RFC 9112 6.3, in their order. */
const char *wr_framing_of_response(struct wr_head *h, enum wr_method method)
{
    bool chunked, has_length;
    uint64_t length = 0;
    const char *why = read_lengths(h, &chunked, &has_length, &length);
    if (why)
        return why;
    h->framing = WR_FRAMING_NONE;
    bool bodiless_status = h->status < 200 || h->status == 204;
    if (bodiless_status && (chunked || length > 0)) {
        /* The response has no body whatever its fields say (RFC 9112 6.3), but this origin may think it
         * sent one. */
        if (h->status < 200)
            return "an interim response that announces a body";
        h->keep_alive = false;
    }
    if (bodiless_status || h->status == 304 || method == WR_METHOD_HEAD)
        return NULL;
    if (chunked) {
        h->framing = WR_FRAMING_CHUNKED;
    } else if (has_length) {
        h->framing = WR_FRAMING_LENGTH;
        h->content_length = length;
    } else {
        h->framing = WR_FRAMING_CLOSE;
        h->keep_alive = false;
    }
    return NULL;
}

static void hide_nominated(const struct wr_sorted_fields *sorted, struct wr_slice name)
{
    size_t count;
    if (wr_field_id_of(name) != WR_F_OTHER)
        return; /* hop-by-hop fields are hidden by their flag; all other known ones are end-to-end */
    struct wr_field *const *alike = wr_sorted_find(sorted, name, &count);
    for (size_t i = 0; i < count; i++)
        if (alike[i]->id == WR_F_OTHER)
            alike[i]->hidden = 1;
}

#define MAX_OPTIONS 64

static const char *read_connection(struct wr_head *h, bool *close, bool *keep)
{
    struct wr_sorted_fields sorted;
    unsigned options = 0;
    sorted.count = 0; /* not sorted yet: most requests name no field here */
    for (const struct wr_field *f = wr_head_get(h, WR_F_CONNECTION); f;
         f = wr_head_next(h, WR_F_CONNECTION, f)) {
        struct wr_list list = wr_list(f->value);
        struct wr_slice option;
        while (wr_list_next(&list, &option)) {
            if (!wr_chars_all(option, WR_CHAR_TOKEN))
                return "Connection is not a list of names";
            if (++options > MAX_OPTIONS)
                return "Connection names too many options";
            if (wr_slice_eq_nocase(option, WR_SLICE("close")))
                *close = true;
            else if (wr_slice_eq_nocase(option, WR_SLICE("keep-alive")))
                *keep = true;
            else if (wr_slice_eq_nocase(option, WR_SLICE("upgrade")))
                h->upgrade = true;
            else {
                if (sorted.count == 0)
                    wr_head_sort(h, &sorted);
                hide_nominated(&sorted, option);
            }
        }
    }
    return NULL;
}

static bool wants_trailers(const struct wr_head *h)
{
    for (const struct wr_field *f = wr_head_get(h, WR_F_TE); f; f = wr_head_next(h, WR_F_TE, f)) {
        struct wr_list list = wr_list(f->value);
        struct wr_slice item;
        while (wr_list_next(&list, &item))
            if (wr_slice_eq_nocase(item, WR_SLICE("trailers")))
                return true;
    }
    return false;
}

const char *wr_connection_settle(struct wr_head *h)
{
    bool close = false, keep = false;
    h->upgrade = false;
    const char *why = read_connection(h, &close, &keep);
    if (why)
        return why;
    h->keep_alive = !close && (h->minor >= 1 || keep); /* RFC 9112 9.3 */
    h->trailers_wanted = wants_trailers(h);
    return NULL;
}
