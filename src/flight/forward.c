#include "flight/forward.h"

#include "http/serialise.h"

static bool replaced_by_us(const struct wr_field *f, bool own_conditions)
{
    switch (f->id) {
    case WR_F_HOST:
    case WR_F_CONTENT_LENGTH:
    case WR_F_VIA:
    case WR_F_X_FORWARDED_FOR:
    case WR_F_X_FORWARDED_PROTO:
    case WR_F_X_FORWARDED_HOST:
    case WR_F_X_REQUEST_ID:
        return true;
    case WR_F_IF_MATCH:
    case WR_F_IF_NONE_MATCH:
    case WR_F_IF_MODIFIED_SINCE:
    case WR_F_IF_UNMODIFIED_SINCE:
    case WR_F_IF_RANGE:
    case WR_F_RANGE:
        return own_conditions;
    default:
        return f->hidden;
    }
}

/* What earlier hops said, then our own element. */
static void list_field(struct wr_buf *out, struct wr_slice name, const struct wr_head *request, enum wr_field_id id,
                       bool believe, struct wr_slice own)
{
    const struct wr_field *f = NULL;
    wr_buf_add_slice(out, name);
    while (believe && (f = wr_head_next(request, id, f)) != NULL)
        if (f->value.len > 0) {
            wr_buf_add_slice(out, f->value);
            wr_buf_add(out, ", ", 2);
        }
    wr_buf_add_slice(out, own);
    wr_buf_add(out, "\r\n", 2);
}

static void write_line_and_host(struct wr_buf *out, const struct wr_flight_order *order, bool own_conditions)
{
    const struct wr_head *r = order->request;
    const struct wr_origin_policy *origin = order->route->origin;
    wr_buf_add_slice(out, own_conditions ? WR_SLICE("GET") : r->method_text);
    wr_buf_add_char(out, ' ');
    wr_buf_add_slice(out, r->path);
    if (r->query.at) {
        wr_buf_add_char(out, '?');
        wr_buf_add_slice(out, r->query);
    }
    wr_buf_add_str(out, " HTTP/1.1\r\n");
    bool theirs = origin->pass_host && r->host.len;
    wr_head_write_field(out, WR_SLICE("Host"), theirs ? r->host : wr_slice_str(origin->servers[0].address.text));
}

static void write_about_us(struct wr_buf *out, const struct wr_flight_order *order, struct wr_slice via)
{
    const struct wr_head *r = order->request;
    bool believe = order->forwarded_for.at != NULL;
    list_field(out, WR_SLICE("Via: "), r, WR_F_VIA, true, via);
    list_field(out, WR_SLICE("X-Forwarded-For: "), r, WR_F_X_FORWARDED_FOR, believe, order->client);
    const struct wr_field *f = believe ? wr_head_get(r, WR_F_X_FORWARDED_PROTO) : NULL;
    wr_head_write_field(out, WR_SLICE("X-Forwarded-Proto"), f ? f->value : WR_SLICE("http"));
    f = believe ? wr_head_get(r, WR_F_X_FORWARDED_HOST) : NULL;
    wr_head_write_field(out, WR_SLICE("X-Forwarded-Host"), f ? f->value : r->host);
    wr_head_write_field(out, WR_SLICE("X-Request-ID"), order->request_id);
}

void wr_forward_write(struct wr_buf *out, const struct wr_flight_order *order, struct wr_slice via, bool own_conditions)
{
    const struct wr_head *r = order->request;
    write_line_and_host(out, order, own_conditions);
    for (size_t i = 0; i < r->field_count; i++) {
        const struct wr_field *f = &r->fields[i];
        if (replaced_by_us(f, own_conditions))
            continue;
        wr_head_write_field(out, f->name, f->value);
    }
    write_about_us(out, order, via);
    if (r->trailers_wanted && !own_conditions)
        wr_buf_add_str(out, "TE: trailers\r\nConnection: TE\r\n");
    if (order->stale && own_conditions)
        wr_build_conditions(order->stale, out);
    if (order->body && order->body_chunked)
        wr_buf_add_str(out, "Transfer-Encoding: chunked\r\n");
    else if (r->framing == WR_FRAMING_LENGTH && !own_conditions)
        wr_head_write_framing(out, WR_FRAMING_LENGTH, r->content_length);
    wr_buf_add(out, "\r\n", 2);
}
