/* SPDX-License-Identifier: BSD-2-Clause */
/* Edits: fills the policy's templates, and changes requests and responses as a route says. Pure. Thread: any.
 *
 * Where an edit of a request depends on more than the cache's key holds, its value becomes part of the key
 * (wr_head.keyed). So nobody gets a page that an edit made for somebody else. */
#pragma once

#include "cache/text.h"
#include "policy/policy.h"

/* The values that fill the placeholders of templates. */
struct wr_edit_source {
    const struct wr_head *request; /* as the client sent it */
    const struct wr_route *route;
    struct wr_slice host; /* of the client's URL, in lower case, without port */
    struct wr_slice server_name;
    struct wr_slice client, request_id; /* needed only where the template uses them */
    struct wr_wall now;
    struct wr_slice groups[WR_MAX_GROUPS]; /* of the route's path_regex */
};

/* Where a filled text goes. */
enum wr_edit_place {
    WR_EDIT_FIELD,     /* a field's value: as it is */
    WR_EDIT_URL,       /* a URL or a path: paths and queries as they came, all else percent-encoded */
    WR_EDIT_PARAMETER, /* a query parameter's value: all percent-encoded that means something there */
};

/* Appends the text, percent-encoded except for what fits(). */
void wr_edit_encode(struct wr_text *out, struct wr_slice s, bool (*fits)(char));
/* Fills a template. Returns at == NULL if the text must not stand in that place: it would hold CR, LF, NUL or
 * another control character. The text lies in the arena. */
struct wr_slice wr_edit_fill(const struct wr_template *t, const struct wr_edit_source *s,
                             enum wr_edit_place place, struct wr_arena *arena);
/* Returns the URL to which a redirect leads (Location). In the arena. */
struct wr_slice wr_edit_location(const struct wr_redirect *redirect, const struct wr_edit_source *s,
                                 struct wr_arena *arena);

/* These three return how many values they dropped because of such a character. */

/* Edits the fields of a request. head->fields becomes a new array in the arena; head->host_sent and the lines
 * of head->keyed are set. s->request must be another head. */
unsigned wr_edit_request(const struct wr_request_edits *e, const struct wr_edit_source *s,
                         struct wr_head *head, struct wr_arena *arena);
/* Edits path and query: sets retargeted, path_sent and query_sent of the head from its path and query, and
 * appends to head->keyed. To be called once, when head->query is what would be sent without edits. */
unsigned wr_edit_target(const struct wr_request_edits *e, const struct wr_edit_source *s,
                        struct wr_head *head, struct wr_arena *arena);
/* Appends the fields that an edit of a response writes, each with CR LF. */
unsigned wr_edit_write_fields(const struct wr_field_edits *e, const struct wr_edit_source *s,
                              struct wr_buf *out, struct wr_arena *arena);

/* Does the edit drop a field of this name? */
bool wr_edit_drops(const struct wr_field_edits *e, struct wr_slice name);
/* Appends lines of fields, each with its CR LF, without those that the edit drops. */
void wr_edit_write_kept(const struct wr_field_edits *e, struct wr_slice lines, struct wr_buf *out);
