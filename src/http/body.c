/* SPDX-License-Identifier: BSD-2-Clause */
/* Decodes the framing of bodies byte by byte or in runs. The chunked coding is a state machine that refuses
 * whatever RFC 9112 7.1 doesn't allow. */
#include "http/body.h"

#include "http/chars.h"

#define MAX_SIZE_DIGITS 16
#define MAX_LINE 4096            /* most bytes of a chunk-size line with its extensions, or of a trailer */
#define MAX_TRAILERS (64 * 1024) /* most bytes of the trailer section, which is kept in memory */
#define MAX_OVERHEAD (16 * 1024) /* most bytes of extensions, which are skipped ... */
#define OVERHEAD_SHARE 8         /* ... and one more for so many bytes of content */

/* CHUNKED: what the next byte belongs to. */
enum chunk_state {
    SIZE,
    SIZE_BLANK, /* white space after the size: only an extension may follow (RFC 9112 7.1.1) */
    EXTENSION,
    EXTENSION_QUOTED,  /* within a quoted string, ... */
    EXTENSION_ESCAPED, /* ... after its backslash */
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER_START,
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    LAST_LF,
    ENDED,
    BROKEN,
};

void wr_body_reader_init(struct wr_body_reader *r, enum wr_framing framing, uint64_t content_length)
{
    *r = (struct wr_body_reader){ .framing = framing };
    if (framing == WR_FRAMING_LENGTH)
        r->left = content_length;
    r->state = framing == WR_FRAMING_CHUNKED ? SIZE : DATA;
}

void wr_body_reader_fini(struct wr_body_reader *r)
{
    wr_buf_fini(&r->trailers);
}

static int broken(struct wr_body_reader *r, const char *why)
{
    r->why = why;
    return BROKEN;
}

static int size_digit(struct wr_body_reader *r, char c)
{
    if (r->line > MAX_SIZE_DIGITS || r->left > (INT64_MAX >> 4))
        return broken(r, "a chunk size that is too large");
    r->left = r->left << 4 | (unsigned) wr_hex_value(c);
    return SIZE;
}

static int in_size(struct wr_body_reader *r, char c)
{
    if (wr_char_is(c, WR_CHAR_HEX))
        return size_digit(r, c);
    if (r->line == 1)
        return broken(r, "a chunk without a size");
    if (c == '\r')
        return SIZE_LF;
    if (c == ';')
        return EXTENSION;
    return c == ' ' || c == '\t' ? SIZE_BLANK : broken(r, "a chunk size that is not a hexadecimal number");
}

static int in_size_blank(struct wr_body_reader *r, char c)
{
    if (c == ' ' || c == '\t')
        return SIZE_BLANK;
    if (c == '\r' && r->of_origin)
        return SIZE_LF;
    return c == ';' ? EXTENSION : broken(r, "white space behind a chunk size");
}

static int in_extension(struct wr_body_reader *r, char c)
{
    if (c == '\r')
        return SIZE_LF;
    if (c == '"')
        return EXTENSION_QUOTED;
    return wr_char_is(c, WR_CHAR_FIELD) ? EXTENSION : broken(r, "a control character in a chunk extension");
}

static int in_quoted(struct wr_body_reader *r, char c)
{
    if (c == '\r')
        return broken(r, "a quoted string in a chunk extension that does not end");
    if (!wr_char_is(c, WR_CHAR_FIELD))
        return broken(r, "a control character in a chunk extension");
    if (r->state == EXTENSION_ESCAPED)
        return EXTENSION_QUOTED;
    return c == '"' ? EXTENSION : c == '\\' ? EXTENSION_ESCAPED : EXTENSION_QUOTED;
}

static int line_end(struct wr_body_reader *r, char c, int next)
{
    if (c != '\n')
        return broken(r, "a CR without LF in the chunked coding");
    r->line = 0;
    return next;
}

static int in_trailer_name(struct wr_body_reader *r, char c)
{
    if (wr_char_is(c, WR_CHAR_TOKEN))
        return TRAILER_NAME;
    return c == ':' && r->line > 1 ? TRAILER_VALUE : broken(r, "a malformed field name in the trailers");
}

static int in_trailer_start(struct wr_body_reader *r, char c)
{
    if (c == '\r')
        return LAST_LF;
    return c == '\n' && r->of_origin ? ENDED : in_trailer_name(r, c);
}

static int in_trailer_value(struct wr_body_reader *r, char c)
{
    if (c == '\r')
        return TRAILER_LF;
    if (c == '\n' && r->of_origin)
        return line_end(r, c, TRAILER_START);
    return wr_char_is(c, WR_CHAR_FIELD) ? TRAILER_VALUE : broken(r, "a control character in the trailers");
}

/* Takes one byte of the coding itself (never content) and returns the next state. RFC 9112 7.1. */
static int next_state(struct wr_body_reader *r, char c)
{
    switch ((enum chunk_state) r->state) {
    case SIZE:
        return in_size(r, c);
    case SIZE_BLANK:
        return in_size_blank(r, c);
    case EXTENSION:
        return in_extension(r, c);
    case EXTENSION_QUOTED:
    case EXTENSION_ESCAPED:
        return in_quoted(r, c);
    case SIZE_LF:
        return line_end(r, c, r->left ? DATA : TRAILER_START);
    case DATA_CR:
        return c == '\r' ? DATA_LF : broken(r, "a chunk that is longer than its size says");
    case DATA_LF:
        return line_end(r, c, SIZE);
    case TRAILER_START:
        return in_trailer_start(r, c);
    case TRAILER_NAME:
        return in_trailer_name(r, c);
    case TRAILER_VALUE:
        return in_trailer_value(r, c);
    case TRAILER_LF:
        return line_end(r, c, TRAILER_START);
    case LAST_LF:
        return line_end(r, c, ENDED);
    case DATA:
    case ENDED:
    case BROKEN:
        break; /* never here: eat_coding() handles these */
    }
    return r->state;
}

static bool is_trailer(int state)
{
    return state == TRAILER_NAME || state == TRAILER_VALUE || state == TRAILER_LF;
}

static bool is_extension(int state)
{
    return state == SIZE_BLANK || state == EXTENSION || state == EXTENSION_QUOTED ||
           state == EXTENSION_ESCAPED;
}

/* Takes one byte of the trailer section. A line that ends in LF alone is kept with CR LF. */
static void take_trailer(struct wr_body_reader *r, int before, char c)
{
    bool lf_alone = before == TRAILER_VALUE && c == '\n';
    r->trailer_size += lf_alone ? 2 : 1;
    if (r->trailer_size > MAX_TRAILERS) {
        r->state = broken(r, "trailers of more than 64 KB");
        return;
    }
    if (!r->keep_trailers)
        return;
    if (lf_alone)
        wr_buf_add_char(&r->trailers, '\r');
    wr_buf_add_char(&r->trailers, c);
}

/* Consumes the coding up to the next content, the end or an error. */
static void eat_coding(struct wr_body_reader *r, struct wr_slice *in)
{
    while (in->len > 0 && r->state != DATA && r->state != ENDED && r->state != BROKEN) {
        char c = *in->at++;
        in->len--;
        int before = r->state;
        r->line++;
        r->state = next_state(r, c);
        if (is_extension(r->state))
            r->overhead++;
        if (r->line > MAX_LINE)
            r->state = broken(r, "a chunk extension or a trailer of more than 4 KB");
        else if (r->overhead > MAX_OVERHEAD + r->total / OVERHEAD_SHARE)
            r->state = broken(r, "chunk extensions that are too large for so little content");
        else if (r->state != BROKEN && (is_trailer(r->state) || is_trailer(before)))
            take_trailer(r, before, c);
    }
}

static struct wr_slice take_content(struct wr_body_reader *r, struct wr_slice *in, uint64_t most)
{
    size_t len = in->len < most ? in->len : (size_t) most;
    struct wr_slice out = wr_slice(in->at, len);
    *in = wr_slice_from(*in, len);
    r->total += len;
    return out;
}

static enum wr_body_status eat_counted(struct wr_body_reader *r, struct wr_slice *in, struct wr_slice *out)
{
    if (r->left == 0)
        return WR_BODY_END;
    if (in->len == 0)
        return WR_BODY_MORE;
    *out = take_content(r, in, r->left);
    r->left -= out->len;
    return WR_BODY_DATA;
}

static enum wr_body_status eat_chunked(struct wr_body_reader *r, struct wr_slice *in, struct wr_slice *out)
{
    eat_coding(r, in);
    if (r->state == ENDED)
        return WR_BODY_END;
    if (r->state == BROKEN)
        return WR_BODY_ERROR;
    if (in->len == 0)
        return WR_BODY_MORE;
    *out = take_content(r, in, r->left);
    r->left -= out->len;
    if (r->left == 0)
        r->state = DATA_CR;
    return WR_BODY_DATA;
}

enum wr_body_status wr_body_reader_eat(struct wr_body_reader *r, struct wr_slice *in, struct wr_slice *out)
{
    *out = wr_slice(NULL, 0);
    switch (r->framing) {
    case WR_FRAMING_NONE:
        return WR_BODY_END;
    case WR_FRAMING_LENGTH:
        return eat_counted(r, in, out);
    case WR_FRAMING_CHUNKED:
        return eat_chunked(r, in, out);
    case WR_FRAMING_CLOSE:
        break;
    }
    if (in->len == 0)
        return WR_BODY_MORE;
    *out = take_content(r, in, UINT64_MAX);
    return WR_BODY_DATA;
}

bool wr_body_reader_closed(const struct wr_body_reader *r)
{
    switch (r->framing) {
    case WR_FRAMING_LENGTH:
        return r->left == 0;
    case WR_FRAMING_CHUNKED:
        return r->state == ENDED;
    case WR_FRAMING_NONE:
    case WR_FRAMING_CLOSE:
        break;
    }
    return true;
}

uint64_t wr_body_reader_run(const struct wr_body_reader *r)
{
    switch (r->framing) {
    case WR_FRAMING_LENGTH:
        return r->left;
    case WR_FRAMING_CHUNKED:
        return r->state == DATA ? r->left : 0;
    case WR_FRAMING_CLOSE:
        return SIZE_MAX;
    case WR_FRAMING_NONE:
        break;
    }
    return 0;
}
