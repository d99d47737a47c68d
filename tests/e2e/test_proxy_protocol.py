"""The PROXY protocol's header before a client's first request: who is believed, who isn't, and what is no header."""

import struct

import pytest

from rig import policy
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

BROKEN = {
    "none": b"",
    "no addresses": b"PROXY TCP4 here there 1 2\r\n",
    "a port too large": b"PROXY TCP4 192.0.2.7 10.0.0.1 99999 80\r\n",
    "LF alone": b"PROXY TCP4 192.0.2.7 10.0.0.1 4711 80\n",
    "no end": b"PROXY TCP4 " + b"1" * 200,
    "v2, too short for its family": v2(1, 0x11, IPV4[:6]),
    "v2, another command": v2(5, 0x11, IPV4),
    "version 3": SIGNATURE + b"\x31\x11\0\x0c" + IPV4,
}


@pytest.fixture
def behind(weirs, origin):
    """Factory: a node that expects the header, behind these trusted proxies."""
    origin.on("/", body=b"x")

    def start(trusted, expected=True):
        node = weirs({"origins": {"app": policy.origin(origin)}, "routes": [policy.route()]})
        node.terminate()
        node.write({"listen": [{"address": "%s:%d" % node.address, "proxy_protocol": expected}],
                    "trusted_proxies": trusted, "origins": {"app": policy.origin(origin)}, "routes": [policy.route()]})
        node.start()
        return node

    return start


def test_the_client_is_who_the_header_names(behind, origin):
    node = behind(["127.0.0.0/8"])
    for header, client in TOLD.values():
        answer, _ = exchange(node.address, header + GET)
        assert (answer.status, origin.last("/").fields["X-Forwarded-For"]) == (200, client)


def test_a_header_may_come_octet_by_octet(behind, origin):
    node = behind(["127.0.0.0/8"])
    for header, client in (TOLD["v1"], TOLD["v2"]):
        with node.connect() as connection:
            for octet in header + GET:
                connection.send(bytes([octet]))
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
