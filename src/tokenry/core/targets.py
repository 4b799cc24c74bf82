"""Where webhooks may go: the URL of an endpoint, and the addresses that may be connected to.

The table is explicit. `ipaddress.is_global` calls NAT64 and 6to4 forms of internal addresses global.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias
from urllib.parse import urlsplit

from .errors import ConfigError, FieldError, shown

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

URL_MAX: Final = 2000
DENIED_IPV4: Final = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3"),
        "168.63.129.16/32",  # the metadata of Azure
    )
)
ALLOWED_IPV6: Final = ipaddress.IPv6Network("2000::/3")
"""Every other part of IPv6 is denied: loopback, mapped, NAT64, link-local, private, multicast."""
DENIED_IPV6: Final = tuple(
    ipaddress.IPv6Network(network)
    # Teredo and other protocols, documentation, 6to4, AS112, segment routing.
    for network in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)
_LOCAL_NAMES: Final = ("localhost", "localdomain", "local", "internal", "home.arpa", "lan", "intranet")


class Target(NamedTuple):
    """The parts of an endpoint's URL that a connection needs."""

    is_tls: bool
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The `Host` field."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.is_tls else 80) else f"{host}:{self.port}"


def networks(text: str) -> tuple[Network, ...]:
    """Return the networks of a list with commas or spaces; raise ConfigError."""
    try:
        return tuple(ipaddress.ip_network(part) for part in text.replace(",", " ").split())
    except ValueError:
        message = f"webhook_networks is a list of networks such as '10.2.0.0/16, ::1/128', not {shown(text)}"
        raise ConfigError(message) from None


def is_allowed(address: str, extra: Sequence[Network] = ()) -> bool:
    """Tell whether an address may be connected to: a public one, or one of the `extra` networks."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:  # also one with a zone, which is link-local
        return False
    if any(found.version == network.version and found in network for network in extra):
        return True
    if isinstance(found, ipaddress.IPv4Address):
        return not any(found in network for network in DENIED_IPV4)
    if found.scope_id is not None:
        return False
    return found in ALLOWED_IPV6 and not any(found in network for network in DENIED_IPV6)


def parse(url: str) -> Target:
    """Return the parts of a URL that was checked."""
    parts = urlsplit(url)
    is_tls = parts.scheme == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(is_tls, parts.hostname or "", parts.port or (443 if is_tls else 80), path)


def check_url(value: object, numeric: str | None, extra: Sequence[Network], errors: list[FieldError]) -> str:
    """Return the URL of an endpoint; name what is wrong with it.

    `numeric` is the address that the host of it is written as, in whatever form the system reads, or None for a name.
    """
    mistake = _mistake(value, numeric, extra)
    if mistake is None:
        return str(value)
    errors.append(FieldError("url", *mistake))
    return ""


def host_of(value: object) -> str:
    """Return the host of a URL, empty when it has none."""
    try:
        return (urlsplit(value).hostname or "") if isinstance(value, str) else ""
    except ValueError:
        return ""


def _mistake(value: object, numeric: str | None, extra: Sequence[Network]) -> tuple[str, str] | None:
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or " " in value:
        return "bad_url", "must be a URL in ASCII, such as https://example.com/hooks"
    if len(value) > URL_MAX:
        return "too_long", f"may have at most {URL_MAX} characters"
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        return "bad_url", f"{shown(value)} is not a URL"
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host or port == 0:
        return "bad_url", "must begin with https:// and name a host"
    if parts.username is not None or parts.password is not None or parts.fragment or "\\" in value:
        return "bad_url", "may hold no user, password or fragment: the signature says who sends"
    if len(host) > 253 or any(len(part) > 63 for part in host.split(".")):
        return "bad_url", f"{shown(host)} is not the name of a host"
    is_extra = numeric is not None and is_allowed(numeric, extra) and not is_allowed(numeric)
    is_local = numeric is None and host.rstrip(".").rpartition(".")[2] in _LOCAL_NAMES
    is_local |= numeric is None and host.rstrip(".").endswith(".home.arpa")
    if (numeric is not None and not is_allowed(numeric, extra)) or (is_local and not extra):
        rule = "an endpoint needs a public address, or one that webhook_networks allows"
        return "denied_address", f"{shown(host)} is internal: {rule}"
    if parts.scheme == "http" and not (is_extra or (is_local and extra)):
        return "not_https", "must begin with https://; http:// is for addresses that webhook_networks allows"
    return None
