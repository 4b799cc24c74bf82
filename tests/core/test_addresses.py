"""Addresses: lists equal a reference built on `ipaddress`, on many random pairs."""

from __future__ import annotations

import random
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenry.core.addresses import Addresses, canonical, check_list, read
from tokenry.core.errors import FieldError, Invalid

MAPPED = IPv6Network("::ffff:0:0/96")


def plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def networks(entries: list[str]) -> list[IPv4Network | IPv6Network]:
    """Read a list by `ipaddress` alone, with mapped networks as what they stand for."""
    read_entries = []
    for network in map(ip_network, entries):
        if isinstance(network, IPv6Network) and network.subnet_of(MAPPED):
            network = ip_network(f"{plain(network.network_address)}/{network.prefixlen - 96}")
        read_entries.append(network)
    return read_entries


def reference(listed: list[IPv4Network | IPv6Network], address: IPv4Address | IPv6Address) -> bool:
    """Say whether an address is in a list."""
    address = plain(address)
    return any(address in network for network in listed if network.version == address.version)


def some_address(chance: random.Random) -> IPv4Address | IPv6Address:
    """Return an address from few neighbourhoods, so that lists often hold it."""
    kind = chance.randrange(4)
    four = chance.choice([0, 10 << 24, 192 << 24 | 168 << 16, 2**32 - 256]) + chance.randrange(256)
    if kind == 0:
        return IPv4Address(four)
    if kind == 1:
        return IPv6Address(0xFFFF << 32 | four)
    low = chance.choice([0, 1 << 64, 0x20010DB8 << 96, 0xFE80 << 112, 2**128 - 2**16])
    return IPv6Address(low + chance.randrange(2**16))


def some_network(chance: random.Random) -> str:
    address = some_address(chance)
    bits = 32 if address.version == 4 else 128
    keep = chance.choice([bits, bits - 1, bits - 4, bits - 8, bits - 16, bits // 2, 8, 0])
    return str(ip_network(f"{address}/{keep}", strict=False))


def spellings(address: IPv4Address | IPv6Address) -> list[str]:
    if isinstance(address, IPv6Address):
        return [str(address), address.exploded, address.exploded.upper(), f"{address}%eth0"]
    return [str(address), f"::ffff:{address}"]


def test_a_list_equals_the_reference_on_many_random_pairs() -> None:
    chance = random.Random(20261121)
    asked = [some_address(chance) for _ in range(300)]
    addresses = [(address, read(str(address))) for address in asked]
    wrong = []
    for _ in range(700):
        entries = [some_network(chance) for _ in range(chance.randint(1, 4))]
        errors: list[FieldError] = []
        listed, expected = Addresses(check_list("ips", entries, errors)), networks(entries)
        assert not errors
        wrong += [(entries, a) for a, number in addresses if listed.holds(number) != reference(expected, a)]
    assert wrong == []


@given(st.ip_addresses())
def test_every_spelling_of_an_address_is_the_same_address(address: IPv4Address | IPv6Address) -> None:
    assert len({read(text) for text in spellings(address)}) == 1
    assert read(str(address)) == (plain(address).version, int(plain(address)))
    alone = Addresses((canonical(str(address)),))
    assert all(alone.holds(read(text)) for text in spellings(address))


@given(st.ip_addresses(), st.integers(0, 128))
def test_a_canonical_entry_stays_as_it_is(address: IPv4Address | IPv6Address, bits: int) -> None:
    network = ip_network(f"{address}/{min(bits, address.max_prefixlen)}", strict=False)
    for text in (str(address), str(network), network.exploded):
        once = canonical(text)
        assert canonical(once) == once
        assert "/" in once or getattr(ip_address(once), "ipv4_mapped", None) is None


@given(st.text(max_size=50) | st.from_regex(r"[0-9a-f:./%]{0,45}", fullmatch=True))
def test_any_text_is_an_address_or_is_refused(text: str) -> None:
    try:
        read(text)
    except Invalid:
        with pytest.raises(ValueError):
            ip_address(text.partition("%")[0])
    try:
        entry = canonical(text)
    except ValueError:
        return
    assert ip_network(entry).prefixlen >= 0


@pytest.mark.parametrize(
    "text", ["010.0.0.1", "1", "0x7f.1", "127.1", "１２７.0.0.1", "10.0.0.1\n", " 10.0.0.1", "::1 ", "[::1]"]
)
def test_what_the_operating_system_might_read_is_no_address(text: str) -> None:
    with pytest.raises(Invalid):
        read(text)


@given(st.ip_addresses(v=4), st.integers(1, 31))
def test_host_bits_are_refused_with_a_hint(address: IPv4Address, bits: int) -> None:
    network = ip_network(f"{address}/{bits}", strict=False)
    if network.network_address != address:
        with pytest.raises(ValueError, match=f"did you mean {network}"):
            canonical(f"{address}/{bits}")
