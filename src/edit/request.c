/* SPDX-License-Identifier: BSD-2-Clause */
/* Edits of the request to the origin. */
#include "base/uri.h"
#include "edit/edit.h"
#include "http/target.h"

/* Appends a line for the key: the value of an edit that the rest of the key doesn't decide. */
static void add_key_line(struct wr_head *head, const char *what, struct wr_slice name, struct wr_slice value,
                         struct wr_arena *arena)
{
    struct wr_text text = { .arena = arena };
    wr_text_add(&text, head->keyed);
    wr_text_add(&text, WR_SLICE("\nsent:"));
    wr_text_add(&text, wr_slice_str(what));
    for (size_t i = 0; i < name.len; i++)
        wr_text_char(&text, wr_lower(name.at[i]));
    wr_text_char(&text, '=');
    wr_text_add(&text, value);
    head->keyed = wr_text_slice(&text);
}

/* --- fields --- */

static void add_field(struct wr_head *head, const struct wr_field_write *w, struct wr_slice value)
{
    bool odd = w->id == WR_F_OTHER && !wr_field_name_plain(w->name);
    head->fields[head->field_count++] = (struct wr_field){
        .name = w->name, .value = value, .id = (uint16_t) w->id, .odd = odd, .edited = true
    };
    head->known |= UINT64_C(1) << (w->id % 64);
    head->odd |= odd;
}

/* Host is what the edit makes of the request, if that is a host at all. */
static unsigned edit_host(const struct wr_request_edits *e, const struct wr_edit_source *s,
                          struct wr_head *head, struct wr_arena *arena)
{
    struct wr_slice host = wr_edit_fill(&e->host, s, WR_EDIT_FIELD, arena);
    bool good = host.at && host.len > 0 && wr_authority_valid(host);
    if (good)
        head->host_sent = host;
    if (e->host_keyed)
        add_key_line(head, "", WR_SLICE("host"), good ? host : WR_SLICE(""), arena);
    return !good;
}

unsigned wr_edit_request(const struct wr_request_edits *e, const struct wr_edit_source *s,
                         struct wr_head *head, struct wr_arena *arena)
{
    const struct wr_field_edits *fields = &e->fields;
    const struct wr_field *from = head->fields;
    size_t count = head->field_count;
    unsigned dropped = 0;
    head->fields = wr_arena_alloc(arena, (count + fields->write_count + 1) * sizeof *head->fields);
    head->field_count = 0;
    for (size_t i = 0; i < count; i++)
        if (!wr_edit_drops(fields, from[i].name))
            head->fields[head->field_count++] = from[i];
    for (size_t i = 0; i < fields->write_count; i++) {
        const struct wr_field_write *w = &fields->writes[i];
        struct wr_slice value = wr_edit_fill(&w->value, s, WR_EDIT_FIELD, arena);
        dropped += value.at == NULL;
        if (value.len > 0)
            add_field(head, w, value);
        if (w->keyed)
            add_key_line(head, "", w->name, value, arena);
    }
    if (e->host.parts)
        dropped += edit_host(e, s, head, arena);
    return dropped;
}

/* --- target --- */

/* Cuts the path off at the front, if it stands there as whole segments. Returns false if it doesn't. */
static bool cut_path(struct wr_slice *path, struct wr_slice front)
{
    if (!wr_slice_starts(*path, front) || (path->len > front.len && path->at[front.len] != '/'))
        return false;
    *path = wr_slice_from(*path, front.len);
    return true;
}

static bool fits_decoded(char c)
{
    return c > ' ' && c < 0x7f && strchr("%?#\"<>\\^`{|}", c) == NULL;
}

static struct wr_slice encoded_path(struct wr_slice path, struct wr_arena *arena)
{
    struct wr_text out = { .arena = arena };
    wr_edit_encode(&out, path, fits_decoded);
    return wr_text_slice(&out);
}

/* A route compares the path in another form than it came in. Where its spelling hides what is to be cut off,
 * that form is sent. */
static struct wr_slice stripped(struct wr_slice path, struct wr_slice front, struct wr_arena *arena)
{
    struct wr_slice plain = wr_policy_path(path, arena);
    if (cut_path(&path, front))
        return path;
    return cut_path(&plain, front) ? encoded_path(plain, arena) : path;
}

/* Fills `replace`. In it {path} is the path that `strip` has left. at == NULL: the value was dropped. */
static struct wr_slice replaced(const struct wr_request_edits *e, const struct wr_edit_source *s,
                                struct wr_head *head, struct wr_slice path, struct wr_arena *arena)
{
    struct wr_head request = *s->request;
    struct wr_edit_source left = *s;
    request.path = path;
    left.request = &request;
    path = wr_edit_fill(&e->replace, &left, WR_EDIT_URL, arena);
    if (e->replace_keyed)
        add_key_line(head, "", WR_SLICE("/"), path, arena);
    return path;
}

static unsigned edit_path(const struct wr_request_edits *e, const struct wr_edit_source *s,
                          struct wr_head *head, struct wr_arena *arena)
{
    struct wr_slice path = e->strip.at ? stripped(head->path, e->strip, arena) : head->path, new;
    unsigned dropped = 0;
    if (e->replace.parts) {
        new = replaced(e, s, head, path, arena);
        dropped = new.at == NULL;
        path = new.at ? new : path;
    }
    if (e->prefix.at)
        path = wr_arena_printf(arena, "%.*s%.*s", WR_SLICE_ARG(e->prefix), WR_SLICE_ARG(path));
    head->path_sent = path.len > 0 ? path : WR_SLICE("/");
    return dropped;
}

static bool drops_parameter(const struct wr_request_edits *e, struct wr_slice name, struct wr_arena *arena)
{
    char *plain = wr_arena_alloc(arena, name.len);
    name = wr_slice(plain, wr_form_decode(plain, name, NULL)); /* as origins read it */
    for (size_t i = 0; i < e->query_write_count; i++)
        if (wr_slice_eq(name, e->query_writes[i].name))
            return true;
    for (char **p = e->query_drops; p && *p; p++)
        if (wr_slice_matches(name, wr_slice_str(*p), NULL))
            return true;
    return false;
}

static void add_parameter(struct wr_text *out, struct wr_slice text)
{
    if (out->len > 0)
        wr_text_char(out, '&');
    wr_text_add(out, text);
}

static unsigned edit_query(const struct wr_request_edits *e, const struct wr_edit_source *s,
                           struct wr_head *head, struct wr_arena *arena)
{
    struct wr_text out = { .arena = arena };
    struct wr_slice rest = head->query, text;
    unsigned dropped = 0;
    while ((text = wr_slice_cut(&rest, '&')).at != NULL) {
        struct wr_slice value = text, name = wr_slice_cut(&value, '=');
        if (!drops_parameter(e, name, arena))
            add_parameter(&out, text);
    }
    for (size_t i = 0; i < e->query_write_count; i++) {
        const struct wr_parameter_write *w = &e->query_writes[i];
        struct wr_slice value = wr_edit_fill(&w->value, s, WR_EDIT_PARAMETER, arena);
        dropped += value.at == NULL;
        if (value.len > 0)
            add_parameter(&out,
                          wr_arena_printf(arena, "%.*s=%.*s", WR_SLICE_ARG(w->name), WR_SLICE_ARG(value)));
        if (w->keyed)
            add_key_line(head, "?", w->name, value, arena);
    }
    head->query_sent = out.len > 0 ? wr_text_slice(&out) : wr_slice(NULL, 0);
    return dropped;
}

unsigned wr_edit_target(const struct wr_request_edits *e, const struct wr_edit_source *s,
                        struct wr_head *head, struct wr_arena *arena)
{
    head->retargeted = true;
    head->path_sent = head->path;
    head->query_sent = head->query;
    if (head->path.at[0] != '/') /* OPTIONS * asks the server, not a resource of it */
        return 0;
    unsigned dropped = edit_path(e, s, head, arena);
    if (e->query_drops || e->query_write_count)
        dropped += edit_query(e, s, head, arena);
    return dropped;
}
