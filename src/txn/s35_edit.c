/* SPDX-License-Identifier: BSD-2-Clause */
/* EDIT: changes the request as its route says, before anything chooses by it: limits, key, Vary. Only routes
 * with such edits come here. Answers are edited when they are delivered, so an edit needs no purge. */
#include "http/serialise.h"
#include "stats/stats.h"
#include "txn/txn.h"

struct wr_edit_source wr_txn_edit_source(struct wr_txn *t, unsigned uses)
{
    const struct wr_head *came = wr_txn_came(t);
    struct wr_edit_source s = {
        .request = came,
        .route = t->route,
        .server_name = t->worker->shared->name,
        .now = t->worker->loop.now,
    };
    if (uses & WR_USES(HOST))
        s.host = wr_policy_host(wr_head_site(came), &t->arena);
    if (uses & WR_USES(CLIENT))
        s.client = wr_txn_client(t);
    if (uses & WR_USES(REQUEST_ID))
        s.request_id = wr_txn_request_id(t);
    if (uses & WR_USES(GROUP))
        wr_regex_match(&t->route->match.regex, wr_policy_path(came->path, &t->arena), &t->arena, s.groups);
    return s;
}

static void count_dropped(unsigned dropped)
{
    if (dropped > 0)
        WR_COUNT_N(edits_dropped, dropped);
}

enum wr_txn_stage wr_txn_edit_enter(struct wr_txn *t)
{
    const struct wr_request_edits *edits = &t->route->request;
    struct wr_head *came = wr_arena_alloc(&t->arena, sizeof *came);
    *came = t->head;
    t->came = came;
    struct wr_edit_source s = wr_txn_edit_source(t, edits->uses);
    count_dropped(wr_edit_request(edits, &s, &t->head, &t->arena));
    return WR_TXN_LIMIT;
}

enum wr_txn_stage wr_txn_edit_resume(struct wr_txn *t)
{
    (void) t;
    return WR_TXN_WAIT;
}

void wr_txn_edit_target(struct wr_txn *t)
{
    if (!t->route->request.target)
        return;
    struct wr_edit_source s = wr_txn_edit_source(t, t->route->request.uses);
    count_dropped(wr_edit_target(&t->route->request, &s, &t->head, &t->arena));
}

void wr_txn_edit_write(struct wr_txn *t, const struct wr_field_edits *edits)
{
    struct wr_edit_source s = wr_txn_edit_source(t, edits->uses);
    count_dropped(wr_edit_write_fields(edits, &s, &t->out, &t->arena));
}

static bool has_edits(const struct wr_field_edits *edits)
{
    return edits->drops || edits->write_count;
}

/* Writes the head anew, without the fields that the edit drops and with those that it writes. The frame's
 * buffer is still empty: the two change places. */
void wr_txn_edit_head(struct wr_txn *t)
{
    const struct wr_field_edits *edits = t->route ? &t->route->response : NULL;
    if (edits == NULL || !has_edits(edits))
        return;
    struct wr_buf plain = t->out;
    struct wr_slice stored = t->stored_head, own = wr_buf_slice(&plain);
    struct wr_slice *first = stored.len ? &stored : &own, line = wr_slice_cut(first, '\n');
    t->out = t->frame;
    wr_buf_clear(&t->out);
    wr_buf_add(&t->out, line.at, line.len + 1); /* the status line */
    wr_edit_write_kept(edits, stored.at ? stored : wr_slice("", 0), &t->out);
    wr_edit_write_kept(edits, own, &t->out);
    wr_txn_edit_write(t, edits);
    t->stored_head = wr_slice(NULL, 0);
    t->frame = plain;
    wr_buf_clear(&t->frame);
}

void wr_txn_add_trailers(struct wr_txn *t, struct wr_slice trailers, struct wr_buf *out)
{
    if (t->route && t->route->response.drops)
        wr_edit_write_kept(&t->route->response, trailers, out);
    else
        wr_buf_add_slice(out, trailers);
}

void wr_txn_add_interim(struct wr_txn *t, const struct wr_head *head, struct wr_buf *out)
{
    for (const struct wr_field *f = head->fields; f < head->fields + head->field_count; f++)
        if (!f->hidden && !(t->route && wr_edit_drops(&t->route->response, f->name)))
            wr_head_write_field(out, f->name, f->value);
}
