# SPDX-License-Identifier: BSD-2-Clause
"""The PROXY protocol's header before a client's first request: who is believed, who isn't, and what is no header."""

import struct

import pytest

from rig import policy
from rig.answer import Answer
from rig.client import exchange
from rig.wire import Closed

GET = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def v2(command, family, data=b""):
    return SIGNATURE + bytes([0x20 | command, family]) + struct.pack(">H", len(data)) + data


IPV4 = bytes([192, 0, 2, 7, 10, 0, 0, 1]) + struct.pack(">HH", 4711, 80)
IPV6 = bytes.fromhex("20010db8000000000000000000000007" * 2) + struct.pack(">HH", 4711, 80)

TOLD = {
    "v1": (b"PROXY TCP4 192.0.2.7 10.0.0.1 4711 80\r\n", "192.0.2.7"),
    "v1, IPv6": (b"PROXY TCP6 2001:db8::7 2001:db8::1 4711 80\r\n", "2001:db8::7"),
    "v1, unknown": (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
    "v2": (v2(1, 0x11, IPV4), "192.0.2.7"),
    "v2, IPv6": (v2(1, 0x21, IPV6), "2001:db8::7"),
    "v2 with more behind the addresses": (v2(1, 0x11, IPV4 + b"\x04\0\2ab"), "192.0.2.7"),
    "v2, the balancer itself": (v2(0, 0), "127.0.0.1"),
}

UNNAMED = {
    "v1, unknown": b"PROXY UNKNOWN\r\n",
    "v2, unspecified": v2(1, 0),
    "v2, Unix sockets": v2(1, 0x31, bytes(216)),
    "v2, the balancer itself": v2(0, 0),
}


def ssl(bits):
    """The TLV that tells of the client's TLS."""
    return bytes([0x20, 0, 5, bits, 0, 0, 0, 0])


BROKEN = {
    "none": b"",
    "no addresses": b"PROXY TCP4 here there 1 2\r\n",
    "a port too large": b"PROXY TCP4 192.0.2.7 10.0.0.1 99999 80\r\n",
    "LF alone": b"PROXY TCP4 192.0.2.7 10.0.0.1 4711 80\n",
    "no end": b"PROXY TCP4 " + b"1" * 200,
    "v2, too short for its family": v2(1, 0x11, IPV4[:6]),
    "v2, another command": v2(5, 0x11, IPV4),
    "a destination that is none": b"PROXY TCP4 192.0.2.7 here 4711 80\r\n",
    "v2, another family": v2(1, 0x41, IPV4),
    "v2, more behind the addresses that ends too soon": v2(1, 0x11, IPV4 + b"\x04\0\3ab"),
    "v2, half a TLV of TLS": v2(1, 0x11, IPV4 + b"\x20\0\3\1\0\0"),
    "v2, told twice of TLS": v2(1, 0x11, IPV4 + ssl(1) + ssl(0)),
    "version 3": SIGNATURE + b"\x31\x11\0\x0c" + IPV4,
}


@pytest.fixture
def behind(weirs, origin):
    """Factory: a node that expects the header, behind these trusted proxies."""
    origin.on("/", body=b"x")

    def start(trusted, expected=True, route=None, **settings):
        node = weirs({"origins": {"app": policy.origin(origin)}, "routes": [policy.route()]})
        node.terminate()
        node.write({"listen": [{"address": "%s:%d" % node.address, "proxy_protocol": expected}],
                    "trusted_proxies": trusted, "origins": {"app": policy.origin(origin)}, "routes": [route or policy.route()], **settings})
        node.start()
        return node

    return start


def test_the_client_is_who_the_header_names(behind, origin):
    node = behind(["127.0.0.0/8"])
    for header, client in TOLD.values():
        answer, _ = exchange(node.address, header + GET)
        assert (answer.status, origin.last("/").fields["X-Forwarded-For"]) == (200, client)


@pytest.mark.parametrize("header", UNNAMED)
def test_who_is_not_named_is_believed_in_nothing(behind, origin, header):
    """What stands in there was written by anybody, although it comes through a balancer that is trusted."""
    node = behind(["127.0.0.0/8"])
    claims = (b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.9\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\n"
              b"X-Real-IP: 192.0.2.9\r\nForwarded: for=192.0.2.9\r\nConnection: close\r\n\r\n")
    answer, _ = exchange(node.address, UNNAMED[header] + claims)
    seen = origin.last("/").fields
    assert answer.status == 200 and "192.0.2.9" not in str(seen) and "evil" not in str(seen)
    assert (seen["X-Forwarded-For"], seen["X-Forwarded-Proto"]) == ("127.0.0.1", "http")


@pytest.mark.parametrize("header, allowed", [("v1, unknown", False), ("v2, unspecified", False), ("v2, the balancer itself", True)])
def test_who_is_not_named_may_not_purge_by_the_balancers_address(behind, header, allowed):
    node = behind(["127.0.0.0/8"], purge_from=["127.0.0.0/8"])
    answer, _ = exchange(node.address, UNNAMED[header] + GET.replace(b"GET", b"PURGE", 1))
    assert answer.status == (200 if allowed else 403)


TLS = {
    "TLS": (v2(1, 0x11, IPV4 + ssl(1)), "https"),
    "TLS with a certificate, behind another TLV": (v2(1, 0x11, IPV4 + b"\x04\0\1x" + ssl(7)), "https"),
    "IPv6": (v2(1, 0x21, IPV6 + ssl(1)), "https"),
    "unspecified": (v2(1, 0x00, ssl(1)), "https"),
    "no TLS": (v2(1, 0x11, IPV4 + ssl(0)), "http"),
    "nothing": (v2(1, 0x11, IPV4), "http"),
    "the balancer itself": (v2(0, 0x11, IPV4 + ssl(1)), "http"),
}


@pytest.mark.parametrize("said", TLS)
def test_the_header_tells_whether_the_client_spoke_tls(behind, origin, said):
    """Each scheme has pages of its own."""
    header, scheme = TLS[said]
    other = "http" if scheme == "https" else "https"
    node = behind(["127.0.0.0/8"], route=policy.route(cache=True))
    origin.on("/", lambda r: Answer(200, (), r.fields["X-Forwarded-Proto"].encode()))
    for _ in range(2):
        assert exchange(node.address, v2(1, 0x11, IPV4 + ssl(other == "https")) + GET)[0].text == other
        assert exchange(node.address, header + GET)[0].text == scheme
    assert origin.calls("/") == 2


def test_a_proxy_before_the_balancer_is_asked_first(behind, origin):
    """It is named by the header and is trusted: what it says of the client's scheme counts."""
    node = behind(["127.0.0.0/8", "192.0.2.7/32"])
    exchange(node.address, v2(1, 0x11, IPV4 + ssl(1)) + GET.replace(b"\r\n\r\n", b"\r\nX-Forwarded-Proto: http\r\n\r\n"))
    assert origin.last("/").fields["X-Forwarded-Proto"] == "http"


def test_a_header_may_come_byte_by_byte(behind, origin):
    node = behind(["127.0.0.0/8"])
    for header, client in (TOLD["v1"], TOLD["v2"]):
        with node.connect() as connection:
            for byte in header + GET:
                connection.send(bytes([byte]))
            assert connection.read().status == 200
        assert origin.last("/").fields["X-Forwarded-For"] == client


def test_what_is_no_header_ends_the_connection(behind, origin):
    node = behind(["127.0.0.0/8"])
    for header in BROKEN.values():
        with node.connect() as connection, pytest.raises((Closed, ConnectionError)):
            connection.send(header + GET)
            connection.read()
    assert origin.calls() == 0
    assert f"weir_bad_proxy_headers_total {len(BROKEN)}" in node.admin.get("/metrics").text


@pytest.mark.parametrize("trusted, expected", [(["10.0.0.0/8"], True), (["127.0.0.0/8"], False)])
@pytest.mark.parametrize("header", ["v1", "v2"])
def test_who_is_not_believed_is_told_why(behind, origin, trusted, expected, header):
    answer, closed = exchange(behind(trusted, expected).address, TOLD[header][0] + GET)
    assert answer.status == 400 and "PROXY protocol" in answer.text and closed
    assert origin.calls() == 0
