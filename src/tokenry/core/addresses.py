"""Address lists: reading them into canonical form, and asking whether a client address is in one.

`::ffff:a.b.c.d` is the IPv4 address a.b.c.d everywhere. Lists are compiled into integer ranges once; an ask is one
`inet_pton` and a few comparisons.
"""

from __future__ import annotations

import ipaddress
from itertools import islice
from socket import AF_INET, AF_INET6, inet_pton
from struct import Struct

from .errors import LIST_MAX, FieldError, Invalid, shown
from .lists import is_list

ENTRIES_MAX = 256
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
_MAPPED_PREFIX = bytes(10) + b"\xff\xff"
_of_4_bytes = Struct(">I").unpack

Address = tuple[int, int]
"""A client address: (version, number)."""


def canonical(entry: object) -> str:
    """Return a list entry in canonical form; raise ValueError with a reason that names what is wrong."""
    if not isinstance(entry, str):
        raise ValueError("must be a text")
    text = entry.strip()
    if "%" in text:
        raise ValueError("zones are not supported")
    try:
        if "/" not in text:
            address = ipaddress.ip_address(text)
            mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
            return str(mapped or address)
        if not text.rpartition("/")[2].isdecimal():
            raise ValueError("a netmask is no number of bits")
        network = ipaddress.ip_network(text)
    except ValueError as error:
        if "host bits" in str(error):
            raise ValueError(f"has host bits set: did you mean {ipaddress.ip_network(text, strict=False)}?") from None
        raise ValueError("is not an IP address or CIDR network") from None
    if isinstance(network, ipaddress.IPv6Network) and network.subnet_of(_MAPPED):
        base = network.network_address.ipv4_mapped
        return f"{base}/{network.prefixlen - 96}"
    return str(network)


def check_list(field: str, entries: object, errors: list[FieldError]) -> tuple[str, ...]:
    """Return a list in canonical form, each entry once; name every bad one in `errors`."""
    if not is_list(entries):
        errors.append(FieldError(field, "not_a_list", "addresses are a list of texts"))
        return ()
    listed = tuple(islice(entries, LIST_MAX + 1))
    if len(listed) > LIST_MAX:
        errors.append(FieldError(field, "too_many", f"an address list holds at most {ENTRIES_MAX} entries"))
        return ()
    seen: dict[str, None] = {}
    for entry in listed:
        try:
            seen[canonical(entry)] = None
        except ValueError as error:
            errors.append(FieldError(field, "bad_address", f"{shown(entry)} {error}"))
    if len(seen) > ENTRIES_MAX:
        errors.append(FieldError(field, "too_many", f"an address list holds at most {ENTRIES_MAX} entries"))
    return tuple(seen)


def read(ip: str) -> Address:
    """Read a client address; raise Invalid. A zone (`%eth0`) says nothing about who it is and is dropped."""
    text = ip.partition("%")[0] if "%" in ip else ip
    try:
        if ":" not in text:
            (number,) = _of_4_bytes(inet_pton(AF_INET, text))
            return 4, number
        raw = inet_pton(AF_INET6, text)
    except (OSError, ValueError):
        raise Invalid.one(
            "ip", "bad_address", f"{shown(ip)} is not an IP address; pass None when it is unknown"
        ) from None
    if raw.startswith(_MAPPED_PREFIX):
        return 4, int.from_bytes(raw[12:], "big")
    return 6, int.from_bytes(raw, "big")


class Addresses:
    """An address list, compiled into ranges."""

    __slots__ = ("_four", "_six", "entries")

    def __init__(self, entries: tuple[str, ...]) -> None:
        self.entries = entries
        networks = [ipaddress.ip_network(entry) for entry in entries]
        ranges = [(n.version, int(n.network_address), int(n.broadcast_address)) for n in networks]
        self._four = tuple((low, high) for version, low, high in ranges if version == 4)
        self._six = tuple((low, high) for version, low, high in ranges if version == 6)

    def holds(self, address: Address) -> bool:
        """Tell whether a client address is in the list."""
        version, number = address
        for low, high in self._four if version == 4 else self._six:
            if low <= number <= high:
                return True
        return False


def compiled(entries: tuple[str, ...]) -> Addresses | None:
    """Return the compiled list; None for an empty one (no restriction)."""
    return Addresses(entries) if entries else None
