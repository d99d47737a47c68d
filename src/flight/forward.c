#include "flight/forward.h"

#include "http/serialise.h"

/* Forwarded, X-Forwarded-Port, -Prefix, X-Real-IP and the like: an origin believes these because it believes us. */
static bool tells_who_asks(const struct wr_field *f)
{
    static const struct wr_slice prefix = WR_SLICE_INIT("X-Forwarded-");
    switch (f->id) {
    case WR_F_FORWARDED:
    case WR_F_X_REAL_IP:
    case WR_F_X_CLIENT_IP:
    case WR_F_TRUE_CLIENT_IP:
    case WR_F_CF_CONNECTING_IP:
        return true;
    default:
        return f->name.len > prefix.len && wr_slice_eq_nocase(wr_slice(f->name.at, prefix.len), prefix);
    }
}

static bool replaced_by_us(const struct wr_field *f, bool own_conditions, bool trusted)
{
    if (!trusted && tells_who_asks(f))
        return true;
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
    write_via(out, order->request, via);
    if (order->forwarded_for.len)
        wr_head_write_field(out, WR_SLICE("X-Forwarded-For"), order->forwarded_for);
    wr_head_write_field(out, WR_SLICE("X-Forwarded-Proto"), order->forwarded_proto);
    if (order->forwarded_host.len)
        wr_head_write_field(out, WR_SLICE("X-Forwarded-Host"), order->forwarded_host);
    wr_head_write_field(out, WR_SLICE("X-Request-ID"), order->request_id);
}

void wr_forward_write(struct wr_buf *out, const struct wr_flight_order *order, struct wr_slice via, bool own_conditions)
{
    const struct wr_head *r = order->request;
    uint64_t left;
    bool counts = wr_head_max_forwards(r, &left);
    write_line_and_host(out, order, own_conditions);
    for (size_t i = 0; i < r->field_count; i++) {
        const struct wr_field *f = &r->fields[i];
        if (replaced_by_us(f, own_conditions, order->trusted) || (counts && f->id == WR_F_MAX_FORWARDS))
            continue;
        wr_head_write_field(out, f->name, f->value);
    }
    write_about_us(out, order, via);
    if (counts) /* which is not 0: that ended with us */
        wr_head_write_number(out, WR_SLICE("Max-Forwards"), (int64_t) (left <= INT64_MAX ? left - 1 : INT64_MAX));
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
