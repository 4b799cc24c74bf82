"""Where webhooks may go, with a package that nobody here wrote as the oracle."""

from __future__ import annotations

import ipaddress
import socket

import pytest
import ssrfguard
from hypothesis import given
from hypothesis import strategies as st

from tokenry.core import targets
from tokenry.core.errors import FieldError

INSIDE = [
    "127.0.0.1",
    "127.255.255.255",
    "0.0.0.0",
    "0.1.2.3",
    "10.1.2.3",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "169.254.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "192.0.0.192",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.7",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "168.63.129.16",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:10.1.2.3",
    "::ffff:8.8.8.8",
    "::127.0.0.1",
    "64:ff9b::169.254.169.254",
    "64:ff9b::8.8.8.8",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::",
    "2001::1",
    "2001:0:7f00:1::1",
    "2001:db8::1",
    "2001:20::1",
    "3fff::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "100::1",
    "5f00::1",
    "4000::1",
]
OUTSIDE = [
    "8.8.8.8",
    "1.1.1.1",
    "93.184.215.14",
    "172.15.255.255",
    "172.32.0.1",
    "2606:4700:4700::1111",
    "2a00:1450:4001::1",
]
TABLE = ssrfguard.DEFAULT_DENIED


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_inside_is_denied(address: str) -> None:
    assert not targets.is_allowed(address)


@pytest.mark.parametrize("address", OUTSIDE)
def test_a_public_address_is_allowed(address: str) -> None:
    assert targets.is_allowed(address)


def oracle(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return not TABLE.classify(address).blocked


@given(st.ip_addresses())
def test_nothing_is_allowed_that_the_oracle_denies(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    if targets.is_allowed(str(address)):
        assert oracle(address), address


@pytest.mark.parametrize("host", ["0177.0.0.1", "0x7f.1", "2130706433", "127.1", "①②⑦.0.0.1", "１２７.0.0.1"])
def test_the_system_reads_many_forms_as_loopback(host: str) -> None:
    """Why an address is checked when it is connected to, and not only as it is written."""
    flags = socket.AI_NUMERICHOST
    found = socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM, flags=flags)
    assert not targets.is_allowed(str(found[0][4][0]))


def check(url: object, numeric: str | None = None, extra: str = "") -> tuple[str, list[FieldError]]:
    errors: list[FieldError] = []
    return targets.check_url(url, numeric, targets.networks(extra), errors), errors


@pytest.mark.parametrize(
    "url",
    [
        *("https://example.com", "https://example.com:8443/a?b=c", "https://xn--bcher-kva.example/"),
        "https://[2606:4700:4700::1111]/x",
    ],
)
def test_a_url_with_https_and_a_public_host_is_accepted(url: str) -> None:
    numeric = targets.host_of(url) if "[" in url else None
    assert check(url, numeric) == (url, [])


@pytest.mark.parametrize(
    "url",
    [
        *("", "example.com", "ftp://example.com", "https://", "https:///x", "https://a b", "https://user@example.com/"),
        *(
            "https://user:pw@example.com",
            "https://example.com/#x",
            "https://example.com:0/",
            "https://example.com:99999/",
        ),
        *(
            "https://exa\\mple.com/",
            "https://[::1",
            "https://ex\nample.com",
            "https://bücher.example",
            None,
            7,
            b"https://x.y",
        ),
        *("http://example.com/", "https://localhost/", "https://a.localhost./", "https://metadata.google.internal/"),
        "https://x.local",
        "https://" + "a" * 3000 + ".com",
        "https://" + "a" * 64 + ".com",
        "file:///etc/passwd",
        "gopher://example.com",
    ],
)
def test_any_other_url_is_refused(url: object) -> None:
    assert check(url)[1]


def test_networks_that_are_allowed_may_be_reached_without_tls() -> None:
    assert check("http://127.0.0.1:3000/hook", "127.0.0.1")[1]
    assert check("http://127.0.0.1:3000/hook", "127.0.0.1", "127.0.0.0/8, ::1/128")[1] == []
    assert check("http://localhost:3000/hook", None, "127.0.0.0/8 ::1")[1] == []
    assert check("https://10.1.2.3/", "10.1.2.3", "127.0.0.0/8")[1]
    assert check("http://8.8.8.8/", "8.8.8.8", "127.0.0.0/8")[1]


def test_the_parts_of_a_url() -> None:
    assert targets.parse("https://example.com") == targets.Target(True, "example.com", 443, "/")
    target = targets.parse("http://[::1]:3000/a?b=c")
    assert target == targets.Target(False, "::1", 3000, "/a?b=c")
    assert target.authority == "[::1]:3000"
    assert targets.parse("https://example.com/").authority == "example.com"
