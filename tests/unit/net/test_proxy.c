/* The PROXY protocol's header: tables of good and bad ones, each also cut off at every octet. */
#include "test.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "net/proxy.h"

struct parsed {
    enum wr_proxy_status status;
    bool local;
    unsigned char addr[16];
    uint16_t port;
    size_t length;
};

static struct parsed parse(struct wr_slice in)
{
    struct parsed p = { .local = true, .addr = { 0xee }, .port = 7 };
    /* Octets behind the end must not be looked at: the sanitizer sees that in a copy of exact size. */
    char *exact = malloc(in.len ? in.len : 1);
    memcpy(exact, in.at, in.len);
    p.status = wr_proxy_parse(wr_slice(exact, in.len), &p.local, p.addr, &p.port, &p.length);
    free(exact);
    return p;
}

static void address_is(const struct parsed *p, const char *text, uint16_t port)
{
    char got[INET6_ADDRSTRLEN];
    inet_ntop(AF_INET6, p->addr, got, sizeof got);
    assert_string_equal(got, text);
    assert_int_equal(p->port, port);
}

/* Octets of a client behind the header stay unread, and no beginning of it is taken for the whole or for
 * something bad. */
static void whole_header(struct wr_slice header, const char *addr, uint16_t port)
{
    struct wr_buf more = { 0 };
    wr_buf_add_slice(&more, header);
    wr_buf_add_str(&more, "GET / HTTP/1.1\r\n");
    for (size_t len = 0; len < header.len; len++)
        assert_int_equal(parse(wr_slice(more.at, len)).status, WR_PROXY_MORE);
    for (size_t len = header.len; len <= more.len; len++) {
        struct parsed p = parse(wr_slice(more.at, len));
        assert_int_equal(p.status, WR_PROXY_DONE);
        assert_int_equal(p.length, header.len);
        assert_int_equal(p.local, addr == NULL);
        if (addr)
            address_is(&p, addr, port);
        else
            assert_true(p.port == 7 && p.addr[0] == 0xee);
    }
    wr_buf_fini(&more);
}

static void text_headers(void **state)
{
    (void) state;
    whole_header(WR_SLICE("PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n"), "::ffff:192.0.2.1", 56324);
    whole_header(WR_SLICE("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"),
                 "::ffff:255.255.255.255", 65535);
    whole_header(WR_SLICE("PROXY TCP6 2001:db8::1 2001:db8::2 1 0\r\n"), "2001:db8::1", 1);
    whole_header(WR_SLICE("PROXY UNKNOWN\r\n"), NULL, 0);
    whole_header(WR_SLICE("PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n"), NULL, 0);
}

static void bad_text_headers(void **state)
{
    static const char *const bad[] = {
        "PROXY TCP4 192.0.2.1 198.51.100.7 56324\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443 1\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7 65536 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7 56324 65536\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7 -1 443\r\n",
        "PROXY TCP4 192.0.2.1  198.51.100.7 56324 443\r\n",
        "PROXY TCP4 192.0.2.256 198.51.100.7 56324 443\r\n",
        "PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
        "PROXY TCP6 192.0.2.1 198.51.100.7 56324 443\r\n",
        "PROXY TCP5 192.0.2.1 198.51.100.7 56324 443\r\n",
        "PROXY tcp4 192.0.2.1 198.51.100.7 56324 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\n",
        "PROXY \r\n",
        "PROXY TCP4\r\n",
        "proxy UNKNOWN\r\n",
        "GET / HTTP/1.1\r\n",
        "\r\nGET / HTTP/1.1\r\n",
        "PROXYUNKNOWN\r\n",
    };
    (void) state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (parse(wr_slice_str(bad[i])).status != WR_PROXY_BAD)
            fail_msg("taken: %s", bad[i]);
}

static void text_header_has_a_maximum(void **state)
{
    char endless[200] = "PROXY UNKNOWN ";
    (void) state;
    memset(endless + 14, 'x', sizeof endless - 14);
    assert_int_equal(parse(wr_slice(endless, 106)).status, WR_PROXY_MORE);
    assert_int_equal(parse(wr_slice(endless, 107)).status, WR_PROXY_BAD);
    assert_int_equal(parse(wr_slice(endless, sizeof endless)).status, WR_PROXY_BAD);
    memcpy(endless + 105, "\r\n", 2);
    assert_int_equal(parse(wr_slice(endless, sizeof endless)).status, WR_PROXY_DONE);
}

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V4                                                                                                   \
    "\xc0\x00\x02\x01"                                                                                       \
    "\xc6\x33\x64\x07"                                                                                       \
    "\xdc\x04"                                                                                               \
    "\x01\xbb"
#define V6A "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
#define V6B "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02"

static void binary_headers(void **state)
{
    (void) state;
    whole_header(WR_SLICE(SIGNATURE "\x21\x11\x00\x0c" V4), "::ffff:192.0.2.1", 56324);
    whole_header(WR_SLICE(SIGNATURE "\x21\x11\x00\x13" V4 "\x03\x00\x04"
                                    "\xa1\xb2\xc3\xd4"),
                 "::ffff:192.0.2.1", 56324);
    whole_header(WR_SLICE(SIGNATURE "\x21\x12\x00\x0c" V4), "::ffff:192.0.2.1", 56324);
    whole_header(WR_SLICE(SIGNATURE "\x21\x21\x00\x24" V6A V6B "\x00\x50\x00\x51"), "2001:db8::1", 80);
    whole_header(WR_SLICE(SIGNATURE "\x20\x00\x00\x00"), NULL, 0);    /* LOCAL */
    whole_header(WR_SLICE(SIGNATURE "\x20\x11\x00\x0c" V4), NULL, 0); /* LOCAL: addresses don't count */
    whole_header(WR_SLICE(SIGNATURE "\x21\x00\x00\x00"), NULL, 0);    /* UNSPEC */
    whole_header(WR_SLICE(SIGNATURE "\x21\x00\x00\x03"
                                    "abc"),
                 NULL, 0);
}

static void bad_binary_headers(void **state)
{
    const struct wr_slice bad[] = {
        WR_SLICE(SIGNATURE "\x11\x11\x00\x0c" V4), /* version 1 */
        WR_SLICE(SIGNATURE "\x31\x11\x00\x0c" V4), /* version 3 */
        WR_SLICE(SIGNATURE "\x22\x11\x00\x0c" V4), /* neither LOCAL nor PROXY */
        WR_SLICE(SIGNATURE "\x21\x11\x00\x0b" V4), /* too short for IPv4 */
        WR_SLICE(SIGNATURE "\x21\x11\x00\x00"),
        WR_SLICE(SIGNATURE "\x21\x21\x00\x0c" V4),                     /* too short for IPv6 */
        WR_SLICE(SIGNATURE "\x21\x21\x00\x23" V6A V6B "\x00\x50\x00"), /* by one octet */
        WR_SLICE("\r\n\r\n\0\r\nQUIX\n\x21\x11\x00\x0c" V4),
    };
    (void) state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(parse(bad[i]).status, WR_PROXY_BAD);
}

/* A wrong octet anywhere in the signature is seen at that octet. */
static void signature_is_checked_octet_by_octet(void **state)
{
    (void) state;
    for (size_t i = 0; i < 12; i++) {
        char wrong[12];
        memcpy(wrong, SIGNATURE, 12);
        wrong[i] ^= 0x40;
        assert_int_equal(parse(wr_slice(wrong, i)).status, WR_PROXY_MORE);
        assert_int_equal(parse(wr_slice(wrong, i + 1)).status, WR_PROXY_BAD);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_headers),
        cmocka_unit_test(bad_text_headers),
        cmocka_unit_test(text_header_has_a_maximum),
        cmocka_unit_test(binary_headers),
        cmocka_unit_test(bad_binary_headers),
        cmocka_unit_test(signature_is_checked_octet_by_octet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
