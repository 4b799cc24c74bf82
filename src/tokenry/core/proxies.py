"""The address of the client: the peer, or the address that a trusted proxy names in `X-Forwarded-For`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .addresses import Address, Addresses, canonical, read
from .errors import FieldError, Invalid, shown
from .memo import ENTRY_BYTES, length, remembering

_HOP_MAX = 128
UNIX = "unix"
"""The entry that trusts whoever may connect to a unix socket, where peers have no address."""


class Proxies:
    """The proxies that are trusted, as addresses and networks."""

    def __init__(self, entries: Iterable[str]) -> None:
        """Read the entries; raise Invalid, which names every bad one."""
        errors: list[FieldError] = []
        networks: list[str] = []
        entries = tuple(entries)
        for entry in entries:
            try:
                if entry != UNIX:
                    networks.append(canonical(entry))
            except ValueError as error:
                errors.append(FieldError("trusted_proxies", "bad_address", f"{shown(entry)} {error}"))
        if errors:
            raise Invalid(errors)
        self._trusts_unix = UNIX in entries
        self._networks = Addresses(tuple(networks))
        self._trusted = remembering(length, each_max=ENTRY_BYTES + 128)(self._is_listed)

    def trusts(self, peer: str | None) -> bool:
        """Tell whether a peer is a trusted proxy; None is one without an address."""
        return self._trusts_unix if peer is None else self._trusted(peer)

    def client(self, peer: str | None, forwarded: Sequence[str] = ()) -> str | None:
        """Return the address of the client, None when it is unknown.

        `forwarded` are the values of every `X-Forwarded-For` in their order. A trusted peer's right-most hop that is
        not a trusted proxy is the client; when all of them are, the left-most is. From any other peer a forwarded
        address is a claim of a stranger, and the client is unknown: it may well be behind a proxy that nobody listed.
        """
        found = self.found(peer, forwarded)
        return None if found is None else found[0]

    def found(self, peer: str | None, forwarded: Sequence[str] = ()) -> tuple[str, Address] | None:
        """Return the address of the client as text and read, None when it is unknown."""
        if not forwarded:
            return None if peer is None else _read(peer)
        if not self.trusts(peer):
            return None
        found = None
        for text in reversed(forwarded[0].split(",") if len(forwarded) == 1 else ",".join(forwarded).split(",")):
            found = _read(text.strip(" \t"))
            if found is None or not self._networks.holds(found[1]):
                return found
        return found

    def _is_listed(self, address: str) -> bool:
        try:
            return self._networks.holds(read(address))
        except Invalid:
            return False


def _read(hop: str) -> tuple[str, Address] | None:
    """Return the address of a hop, which may carry a port and a zone, as text and read; None for what is none."""
    if len(hop) > _HOP_MAX:
        return None
    if ":" in hop:
        if hop.startswith("["):
            hop = hop[1:].partition("]")[0]
        elif hop.count(":") == 1:
            hop = hop.partition(":")[0]
    hop = hop.partition("%")[0]
    try:
        return hop, read(hop)
    except Invalid:
        return None
