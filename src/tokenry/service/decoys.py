"""Decoys: keys that grant nothing. A caller that presents one has found it where you left it.

A verification finds no row for a decoy, as for the secret of a deleted key. The flush looks up afterwards which of the
missing secrets were decoys.
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
"""At most so many addresses that use one decoy are recorded in an hour."""

_IPV6_NETWORK: Final = 64


def tell_used(context: Context, missing: dict[str, dict[str | None, int]]) -> None:
    """Record the use of decoys among missing secrets: once an hour for each address (IPv6: each /64).

    Each decoy whose use is recorded is taken out of `missing`. One that fails is moved to the end, for the next time.
    """
    with context.store.read() as rows:
        found = {one.kid: one for one in rows.watch.decoys(list(missing), context.now())}
    for one in [found[kid] for kid in missing if kid in found]:
        places = missing.pop(one.kid)
        try:
            with suppress(NotFound):
                _record_use(context, one, places)
        except BaseException:
            missing[one.kid] = places
            raise


def _record_use(context: Context, decoy: Decoy, places: Mapping[str | None, int]) -> None:
    with context.changing(decoy.tenant, NOT_GIVEN) as change:
        noticed = change.rows.watch.count_notices(change.tenant, decoy.key_id, change.now)
        for ip, count in places.items():
            if noticed >= PLACES_MAX:
                break
            if change.rows.watch.first_notice(change.tenant, decoy.key_id, _network(ip), change.now):
                noticed += 1
                used = {"kid": decoy.kid, "ip": ip, "count": count}
                change.record("key.decoy_used", decoy.key_id, None, used, owner=decoy.owner)


def _network(ip: str | None) -> str:
    """Return the IPv4 address, or the /64 of an IPv6 address, since one sender can use every address of a /64."""
    if ip is None:
        return "unknown"
    try:
        address = ip_address(ip)
    except ValueError:
        return "unknown"
    return ip if address.version == 4 else str(ip_network((address, _IPV6_NETWORK), strict=False))
