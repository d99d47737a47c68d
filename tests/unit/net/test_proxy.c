/* SPDX-License-Identifier: BSD-2-Clause */
/* The header of the PROXY protocol: tables of good and bad headers, each also cut off at every byte. */
#include "test.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "net/proxy.h"

struct parsed {
    enum wr_proxy_status status;
    struct wr_proxy header;
};

static struct parsed parse(struct wr_slice in)
{
    struct parsed p;
    /* Bytes behind the end must not be looked at: the sanitizer sees that in a copy of exact size. */
    char *exact = malloc(in.len ? in.len : 1);
    memcpy(exact, in.at, in.len);
    p.status = wr_proxy_parse(wr_slice(exact, in.len), &p.header);
    free(exact);
    return p;
}

static void address_is(const struct parsed *p, const char *text, uint16_t port)
{
    char got[INET6_ADDRSTRLEN];
    inet_ntop(AF_INET6, p->header.addr, got, sizeof got);
    assert_string_equal(got, text);
    assert_int_equal(p->header.port, port);
}

/* The client's bytes after the header stay unread. A prefix of the header is neither complete nor an error.
 */
static struct parsed whole(struct wr_slice header, enum wr_proxy_who who)
{
    struct wr_buf more = { 0 };
    struct parsed p = { .status = WR_PROXY_BAD };
    wr_buf_add_slice(&more, header);
    wr_buf_add_str(&more, "GET / HTTP/1.1\r\n");
    for (size_t len = 0; len < header.len; len++)
        assert_int_equal(parse(wr_slice(more.at, len)).status, WR_PROXY_MORE);
    for (size_t len = header.len; len <= more.len; len++) {
        p = parse(wr_slice(more.at, len));
        assert_int_equal(p.status, WR_PROXY_DONE);
        assert_int_equal(p.header.length, header.len);
        assert_int_equal(p.header.who, who);
    }
    wr_buf_fini(&more);
    return p;
}

/* addr: the client that the header names; NULL: it names none. */
static void whole_header(struct wr_slice header, const char *addr, uint16_t port)
{
    struct parsed p = whole(header, addr ? WR_PROXY_CLIENT : WR_PROXY_UNKNOWN);
    if (addr)
        address_is(&p, addr, port);
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
        "PROXY TCP4 192.0.2.1 here 56324 443\r\n",
        "PROXY TCP6 2001:db8::1 198.51.100.7 1 2\r\n",
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
#define V4             \
    "\xc0\x00\x02\x01" \
    "\xc6\x33\x64\x07" \
    "\xdc\x04"         \
    "\x01\xbb"
#define SSL(bits) "\x20\x00\x05" bits "\0\0\0\0"
#define ZEROS27 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define UNIX_ADDRESSES ZEROS27 ZEROS27 ZEROS27 ZEROS27 ZEROS27 ZEROS27 ZEROS27 ZEROS27 /* 216 bytes */
#define V6A "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
#define V6B "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02"

static void binary_headers(void **state)
{
    (void) state;
    whole_header(WR_SLICE(SIGNATURE "\x21\x11\x00\x0c" V4), "::ffff:192.0.2.1", 56324);
    whole_header(WR_SLICE(SIGNATURE "\x21\x11\x00\x13" V4 "\x03\x00\x04"
                                    "\xa1\xb2\xc3\xd4"),
                 "::ffff:192.0.2.1", 56324);
    whole_header(WR_SLICE(SIGNATURE "\x21\x21\x00\x24" V6A V6B "\x00\x50\x00\x51"), "2001:db8::1", 80);
    whole_header(WR_SLICE(SIGNATURE "\x21\x00\x00\x00"), NULL, 0);    /* UNSPEC */
    whole_header(WR_SLICE(SIGNATURE "\x21\x12\x00\x0c" V4), NULL, 0); /* datagrams */
    whole_header(WR_SLICE(SIGNATURE "\x21\x31\x00\xd8" UNIX_ADDRESSES), NULL, 0);
}

/* Only its length counts (2.2 of the protocol). */
static void headers_of_the_balancer_itself(void **state)
{
    (void) state;
    whole(WR_SLICE(SIGNATURE "\x20\x00\x00\x00"), WR_PROXY_BALANCER);
    whole(WR_SLICE(SIGNATURE "\x20\x11\x00\x0c" V4), WR_PROXY_BALANCER);
    whole(WR_SLICE(SIGNATURE "\x20\x00\x00\x03"
                             "abc"),
          WR_PROXY_BALANCER);
    whole(WR_SLICE(SIGNATURE "\x20\xff\x00\x00"), WR_PROXY_BALANCER);
    assert_false(whole(WR_SLICE(SIGNATURE "\x20\x00\x00\x08" SSL("\x01")), WR_PROXY_BALANCER).header.secure);
}

static void ssl_tells_the_scheme(void **state)
{
    static const struct {
        struct wr_slice header;
        enum wr_proxy_who who;
        bool secure;
    } cases[] = {
        { WR_SLICE_INIT(SIGNATURE "\x21\x11\x00\x0c" V4), WR_PROXY_CLIENT, false },
        { WR_SLICE_INIT(SIGNATURE "\x21\x11\x00\x14" V4 SSL("\x01")), WR_PROXY_CLIENT, true },
        { WR_SLICE_INIT(SIGNATURE "\x21\x11\x00\x14" V4 SSL("\x07")), WR_PROXY_CLIENT, true },
        { WR_SLICE_INIT(SIGNATURE "\x21\x11\x00\x14" V4 SSL("\x06")), WR_PROXY_CLIENT,
          false }, /* certificates are not TLS */
        { WR_SLICE_INIT(SIGNATURE "\x21\x11\x00\x1c" V4 "\x04\x00\x05"
                                  "\x20\0\1\1\1" SSL("\x01")),
          WR_PROXY_CLIENT, true },
        { WR_SLICE_INIT(SIGNATURE "\x21\x11\x00\x14" V4 "\x30\x00\x05\x01\0\0\0\0"), WR_PROXY_CLIENT, false },
        { WR_SLICE_INIT(SIGNATURE "\x21\x11\x00\x1e" V4 "\x20\x00\x0f\x01\0\0\0\0"
                                  "\x21\x00\x07"
                                  "TLSv1.3"),
          WR_PROXY_CLIENT, true },
        { WR_SLICE_INIT(SIGNATURE "\x21\x21\x00\x2c" V6A V6B "\x00\x50\x00\x51" SSL("\x01")), WR_PROXY_CLIENT,
          true },
        { WR_SLICE_INIT(SIGNATURE "\x21\x00\x00\x08" SSL("\x01")), WR_PROXY_UNKNOWN, true },
        { WR_SLICE_INIT(SIGNATURE "\x21\x31\x00\xe0" UNIX_ADDRESSES SSL("\x01")), WR_PROXY_UNKNOWN, true },
    };
    (void) state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (whole(cases[i].header, cases[i].who).header.secure != cases[i].secure)
            fail_msg("case %zu", i);
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
        WR_SLICE(SIGNATURE "\x21\x21\x00\x23" V6A V6B "\x00\x50\x00"), /* by one byte */
        WR_SLICE(SIGNATURE "\x21\x41\x00\x0c" V4),                     /* no such family */
        WR_SLICE(SIGNATURE "\x21\x13\x00\x0c" V4),                     /* no such protocol */
        WR_SLICE(SIGNATURE "\x21\x31\x00\x0c" V4),                     /* too short for Unix sockets */
        WR_SLICE(SIGNATURE "\x21\x00\x00\x03"
                           "abc"), /* what follows the addresses isn't type, length and value ... */
        WR_SLICE(SIGNATURE "\x21\x11\x00\x0d" V4 "\x04"),
        WR_SLICE(SIGNATURE "\x21\x11\x00\x0e" V4 "\x04\x00"),
        WR_SLICE(SIGNATURE "\x21\x11\x00\x10" V4 "\x04\x00\x02\x00"), /* ... or longer than the header */
        WR_SLICE(SIGNATURE "\x21\x11\x00\x13" V4
                           "\x20\x00\x04\x01\0\0\0"), /* SSL too short for its own head */
        WR_SLICE(SIGNATURE "\x21\x11\x00\x16" V4 "\x20\x00\x07\x01\0\0\0\0\x21\x00"), /* and cut off inside */
        WR_SLICE(SIGNATURE "\x21\x11\x00\x17" V4 "\x20\x00\x08\x01\0\0\0\0\x21\x00\x01"),
        WR_SLICE(SIGNATURE "\x21\x11\x00\x1c" V4 SSL("\x01")
                     SSL("\x00")), /* two TLVs that contradict each other */
        WR_SLICE("\r\n\r\n\0\r\nQUIX\n\x21\x11\x00\x0c" V4),
    };
    (void) state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(parse(bad[i]).status, WR_PROXY_BAD);
}

/* Any bytes give a result, and no byte beyond the end is read: each parse gets a copy of exact size. */
static void any_bytes(void **state)
{
    uint64_t seed = 1;
    (void) state;
    for (int round = 0; round < 200000; round++) {
        char text[64];
        memcpy(text, SIGNATURE, 12);
        for (size_t i = 12; i < sizeof text; i++) {
            seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            unsigned byte = (unsigned) (seed >> 33);
            text[i] = (char) (i > 15 && byte & 0x700 ? byte & 0x27
                                                     : byte); /* mostly short lengths and TLV_SSL */
        }
        text[12] = (char) (0x20 | (text[12] & 1));
        text[13] = (char) (text[13] & 0x33);
        text[14] = 0;
        text[15] = (char) (text[15] & 0x2f);
        struct parsed p = parse(wr_slice(text, sizeof text));
        assert_true(p.status != WR_PROXY_MORE &&
                    (p.status == WR_PROXY_BAD || p.header.length <= sizeof text));
    }
}

/* A wrong byte in the signature is refused as soon as it comes. */
static void signature_is_checked_byte_by_byte(void **state)
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
        cmocka_unit_test(headers_of_the_balancer_itself),
        cmocka_unit_test(ssl_tells_the_scheme),
        cmocka_unit_test(bad_binary_headers),
        cmocka_unit_test(any_bytes),
        cmocka_unit_test(signature_is_checked_byte_by_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
