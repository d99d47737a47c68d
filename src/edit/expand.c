/* SPDX-License-Identifier: BSD-2-Clause */
/* Fills templates. A client's values are encoded as the place where they go requires. */
#include "base/uri.h"
#include "edit/edit.h"
#include "http/date.h"
#include "http/chars.h"
#include "http/onward.h"
#include "http/parameters.h"

static bool unreserved(char c)
{
    return (c >= '0' && c <= '9') || (wr_lower(c) >= 'a' && wr_lower(c) <= 'z') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

/* May the byte stand in a path or query as it came? A backslash doesn't: browsers take it for a slash. */
static bool fits_url(char c)
{
    return unreserved(c) || (c != '\0' && strchr("/?:@!$&'()*+,;=%[]", c) != NULL);
}

/* A group has matched a piece of a decoded path. */
static bool fits_path(char c)
{
    return unreserved(c) || c == '/';
}

void wr_edit_encode(struct wr_text *out, struct wr_slice s, bool (*fits)(char))
{
    for (size_t i = 0; i < s.len; i++) {
        char code[3];
        if (fits(s.at[i]))
            wr_text_char(out, s.at[i]);
        else
            wr_text_add(out,
                        wr_slice(code, (size_t) (wr_percent_write(code, (unsigned char) s.at[i]) - code)));
    }
}

/* "?" and the query, if the request has one. */
static struct wr_slice target_of(const struct wr_head *r, struct wr_arena *arena)
{
    if (r->query.at == NULL)
        return r->path;
    return wr_arena_printf(arena, "%.*s?%.*s", WR_SLICE_ARG(r->path), WR_SLICE_ARG(r->query));
}

static struct wr_slice date_of(struct wr_wall now, struct wr_arena *arena)
{
    char *text = wr_arena_alloc(arena, WR_DATE_LEN + 1);
    wr_date_format(now, text);
    return wr_slice(text, WR_DATE_LEN);
}

static struct wr_slice value_of(const struct wr_template_part *p, const struct wr_edit_source *s,
                                struct wr_arena *arena)
{
    const struct wr_head *r = s->request;
    switch (p->kind) {
    case WR_TEMPLATE_CLIENT:
        return s->client;
    case WR_TEMPLATE_HOST:
        return s->host;
    case WR_TEMPLATE_SCHEME:
        return r->secure ? WR_SLICE("https") : WR_SLICE("http");
    case WR_TEMPLATE_METHOD:
        return r->method_text;
    case WR_TEMPLATE_PATH:
        return r->path;
    case WR_TEMPLATE_QUERY:
        return p->text.at ? wr_query_value(r, p->text, arena) : r->query;
    case WR_TEMPLATE_TARGET:
        return target_of(r, arena);
    case WR_TEMPLATE_HEADER: /* one that never goes to the origin isn't believed here either */
        return wr_onward_value(r, p->text);
    case WR_TEMPLATE_COOKIE:
        return wr_cookie_value(r, p->text);
    case WR_TEMPLATE_ROUTE:
        return s->route->label;
    case WR_TEMPLATE_SERVER_NAME:
        return s->server_name;
    case WR_TEMPLATE_REQUEST_ID:
        return s->request_id;
    case WR_TEMPLATE_TIME:
        return date_of(s->now, arena);
    case WR_TEMPLATE_GROUP:
        return s->groups[p->group];
    case WR_TEMPLATE_TEXT:
        break;
    }
    return p->text;
}

/* Is the part a piece of a URL as the client sent it, so that its encoding stays? */
static bool is_url(const struct wr_template_part *p)
{
    return p->kind == WR_TEMPLATE_PATH || p->kind == WR_TEMPLATE_TARGET || p->kind == WR_TEMPLATE_HOST ||
           (p->kind == WR_TEMPLATE_QUERY && p->text.at == NULL);
}

struct wr_slice wr_edit_fill(const struct wr_template *t, const struct wr_edit_source *s,
                             enum wr_edit_place place, struct wr_arena *arena)
{
    struct wr_text out = { .arena = arena };
    for (size_t i = 0; i < t->count; i++) {
        const struct wr_template_part *p = &t->parts[i];
        struct wr_slice value = value_of(p, s, arena);
        if (place == WR_EDIT_FIELD || (place == WR_EDIT_URL && p->kind == WR_TEMPLATE_TEXT))
            wr_text_add(&out, value);
        else
            wr_edit_encode(&out, value,
                           place == WR_EDIT_PARAMETER     ? unreserved
                           : is_url(p)                    ? fits_url
                           : p->kind == WR_TEMPLATE_GROUP ? fits_path
                                                          : unreserved);
    }
    struct wr_slice text = wr_slice_trim(wr_text_slice(&out));
    bool clean = text.len == 0 || wr_chars_all(text, WR_CHAR_FIELD);
    return clean ? text : wr_slice(NULL, 0);
}
