/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes the request's head for the origin: request line, Host, the client's fields that may go on, and
 * weir's own fields. http/onward.c decides which of the client's fields go on. */
#include "flight/forward.h"

#include "http/onward.h"
#include "http/serialise.h"

/* Writes Via: the elements of earlier hops, then weir's own (RFC 9110 7.6.3). */
static void write_via(struct wr_buf *out, const struct wr_head *request, struct wr_slice via)
{
    const struct wr_field *f = NULL;
    wr_buf_add_str(out, "Via: ");
    while ((f = wr_head_next(request, WR_F_VIA, f)) != NULL)
        if (f->value.len > 0) {
            wr_buf_add_slice(out, f->value);
            wr_buf_add(out, ", ", 2);
        }
    wr_buf_add_slice(out, via);
    wr_buf_add(out, "\r\n", 2);
}

static void write_line_and_host(struct wr_buf *out, const struct wr_flight_order *order, bool own_conditions)
{
    const struct wr_head *r = order->request;
    const struct wr_origin_policy *origin = order->route->origin;
    wr_buf_add_slice(out, own_conditions ? WR_SLICE("GET") : r->method_text);
    wr_buf_add_char(out, ' ');
    struct wr_slice query = wr_head_query_sent(r);
    wr_buf_add_slice(out, wr_head_path_sent(r));
    if (query.at) {
        wr_buf_add_char(out, '?');
        wr_buf_add_slice(out, query);
    }
    wr_buf_add_str(out, " HTTP/1.1\r\n");
    bool theirs = origin->pass_host && r->host.len;
    wr_head_write_field(out, WR_SLICE("Host"),
                        r->host_sent.at ? r->host_sent
                        : theirs        ? r->host
                                        : wr_slice_str(origin->servers[0].address.text));
}

static void write_ours(struct wr_buf *out, const struct wr_head *request, enum wr_field_id id)
{
    struct wr_slice value;
    if (wr_onward_ours(request, id, &value) && value.len)
        wr_head_write_field(out, wr_field_name(id), value);
}

static void write_about_us(struct wr_buf *out, const struct wr_flight_order *order, struct wr_slice via)
{
    write_via(out, order->request, via);
    if (order->forwarded_for.len)
        wr_head_write_field(out, WR_SLICE("X-Forwarded-For"), order->forwarded_for);
    write_ours(out, order->request, WR_F_X_FORWARDED_PROTO);
    write_ours(out, order->request, WR_F_X_FORWARDED_HOST);
    wr_head_write_field(out, WR_SLICE("X-Request-ID"), order->request_id);
}

void wr_forward_write(struct wr_buf *out, const struct wr_flight_order *order, struct wr_slice via,
                      bool own_conditions)
{
    const struct wr_head *r = order->request;
    uint64_t left;
    bool counts = wr_head_max_forwards(r, &left);
    write_line_and_host(out, order, own_conditions);
    for (size_t i = 0; i < r->field_count; i++) {
        const struct wr_field *f = &r->fields[i];
        if (wr_onward(r, f, own_conditions) == WR_ONWARD_SENT && !(counts && f->id == WR_F_MAX_FORWARDS))
            wr_head_write_field(out, f->name, f->value);
    }
    write_about_us(out, order, via);
    if (counts) /* it isn't 0: such a request isn't forwarded */
        wr_head_write_number(out, WR_SLICE("Max-Forwards"),
                             (int64_t) (left <= INT64_MAX ? left - 1 : INT64_MAX));
    if (r->trailers_wanted && !own_conditions)
        wr_buf_add_str(out, "TE: trailers\r\nConnection: TE\r\n");
    if (order->upgrade.protocol[0]) {
        wr_buf_add_str(out, "Connection: upgrade\r\n");
        wr_head_write_field(out, WR_SLICE("Upgrade"), wr_slice_str(order->upgrade.protocol));
    }
    if (order->stale && own_conditions)
        wr_build_conditions(order->stale, out);
    if (order->body && order->body_chunked)
        wr_buf_add_str(out, "Transfer-Encoding: chunked\r\n");
    else if (r->framing == WR_FRAMING_LENGTH && !own_conditions)
        wr_head_write_framing(out, WR_FRAMING_LENGTH, r->content_length);
    wr_buf_add(out, "\r\n", 2);
}
