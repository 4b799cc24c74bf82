"""Decoys: keys that open nothing, so that whoever tries one has found it where it was left.

A verification does not know a decoy: it finds no row, as for the secret of a deleted key. Which of the missing secrets
were decoys is looked up afterwards, in the flush.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from ipaddress import ip_address, ip_network
from typing import Final

from tokenry.core.errors import NotFound
from tokenry.core.model import NOT_GIVEN
from tokenry.core.watch_ports import Decoy

from .context import Context

PLACES_MAX: Final = 100
"""From so many addresses the use of one decoy is told of within an hour."""

_IPV6_NETWORK: Final = 64


def tell_used(context: Context, missing: Mapping[str, Mapping[str | None, int]]) -> None:
    """Tell of those missing secrets that are decoys: once an hour for each address (IPv6: each /64)."""
    with context.store.read() as rows:
        found = rows.watch.decoys(list(missing), context.now())
    for one in found:
        with suppress(NotFound):
            _tell(context, one, missing[one.kid])


def _tell(context: Context, decoy: Decoy, places: Mapping[str | None, int]) -> None:
    with context.changing(decoy.tenant, NOT_GIVEN) as change:
        told = change.rows.watch.count_notices(change.tenant, decoy.key_id, change.now)
        for ip, count in places.items():
            if told >= PLACES_MAX:
                break
            if change.rows.watch.first_notice(change.tenant, decoy.key_id, _network(ip), change.now):
                told += 1
                used = {"kid": decoy.kid, "ip": ip, "count": count}
                change.record("key.decoy_used", decoy.key_id, None, used, owner=decoy.owner)


def _network(ip: str | None) -> str:
    """Return what one sender can hardly leave: an IPv4 address, or the /64 of an IPv6 address."""
    if ip is None:
        return "unknown"
    try:
        address = ip_address(ip)
    except ValueError:
        return "unknown"
    return ip if address.version == 4 else str(ip_network((address, _IPV6_NETWORK), strict=False))
