"""Who the client is."""

import pytest

from tokenry.edge import Proxies
from tokenry.types import Invalid

PROXY, CLIENT = "10.0.0.1", "203.0.113.7"
PROXIES = Proxies(["10.0.0.0/8", "2001:db8:1::/48"])


def test_without_a_forwarded_address_the_peer_is_the_client() -> None:
    assert PROXIES.client(CLIENT) == CLIENT
    assert PROXIES.client(PROXY) == PROXY
    assert PROXIES.client(None) is None
    assert PROXIES.client("a name that some server gives") is None


def test_a_forwarded_address_from_a_stranger_makes_the_client_unknown() -> None:
    assert PROXIES.client(CLIENT, ["198.51.100.1"]) is None
    assert PROXIES.client(CLIENT, [""]) is None
    assert Proxies([]).client("127.0.0.1", ["198.51.100.1"]) is None


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        (["203.0.113.7"], "203.0.113.7"),
        (["198.51.100.1, 203.0.113.7"], "203.0.113.7"),
        (["198.51.100.1", "203.0.113.7"], "203.0.113.7"),
        (["203.0.113.7, 10.0.0.2,10.0.0.3"], "203.0.113.7"),
        (["203.0.113.7", "10.0.0.2"], "203.0.113.7"),
        (["10.0.0.2, 10.0.0.3"], "10.0.0.2"),
        (["203.0.113.7:4711"], "203.0.113.7"),
        (["[2001:db8::7]:4711"], "2001:db8::7"),
        (["[2001:db8::7]"], "2001:db8::7"),
        (["2001:db8::7"], "2001:db8::7"),
        (["2001:db8::7, 2001:db8:1::5"], "2001:db8::7"),
        (["::ffff:10.0.0.9, ::ffff:203.0.113.7"], "::ffff:203.0.113.7"),
        (["203.0.113.7, ::ffff:10.0.0.9"], "203.0.113.7"),
    ],
)
def test_behind_a_trusted_proxy_the_right_most_untrusted_hop_is_the_client(forwarded: list[str], client: str) -> None:
    assert PROXIES.client(PROXY, forwarded) == client


@pytest.mark.parametrize(
    "forwarded", ["", "unknown", "_hidden", "203.0.113.7, ", "203.0.113.7, nonsense", "1.2.3", "0x7f.1"]
)
def test_a_hop_that_is_no_address_makes_the_client_unknown(forwarded: str) -> None:
    assert PROXIES.client(PROXY, [forwarded]) is None


def test_a_hop_has_at_most_128_characters() -> None:
    for length, client in ((128, "2001:db8::7"), (129, None)):
        hop = "2001:db8::7%".ljust(length, "z")
        assert PROXIES.client(PROXY, [hop]) == client


def test_what_a_client_claims_left_of_nonsense_is_never_believed() -> None:
    assert PROXIES.client(PROXY, ["10.1.1.1, nonsense, 10.0.0.2"]) is None


def test_peers_of_a_unix_socket_are_trusted_when_that_is_said() -> None:
    assert Proxies(["unix"]).client(None, [CLIENT]) == CLIENT
    assert Proxies(["10.0.0.0/8"]).client(None, [CLIENT]) is None
    assert Proxies(["unix"]).client(PROXY, [CLIENT]) is None


def test_a_proxy_is_trusted_in_every_form_of_its_address() -> None:
    assert PROXIES.trusts("::ffff:10.0.0.1")
    assert not PROXIES.trusts("::ffff:11.0.0.1")
    assert not PROXIES.trusts("nonsense")


def test_every_bad_entry_is_named() -> None:
    with pytest.raises(Invalid) as refused:
        Proxies(["10.0.0.1/8", "localhost", "10.0.0.0/8"])
    assert [error.field for error in refused.value.errors] == ["trusted_proxies"] * 2
    assert "localhost" in refused.value.message
