"""Detection of tampering with the audit log: a MAC for every entry, and a chain over all entries of a tenant.

The MAC is written with the entry, in the same transaction as the change. The chain is made afterwards by one sealer per
tenant, so that no change waits for another. A head is the end of a chain, signed: kept elsewhere, it proves later that
nothing was cut off.
"""

from __future__ import annotations

import hmac
import json

from .keyring import Generation, Keyring
from .model import Entry, micros
from .secret import joined, keyed_digest

_CUT = "cut:"
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode


def entry_mac(generation: Generation, tenant_id: str, entry: Entry) -> str:
    """Return the MAC over everything that an entry says."""
    words = [tenant_id, entry.id, str(micros(entry.at)), entry.actor, entry.action, entry.subject]
    rest = [_plain(part) for part in (entry.before, entry.after, entry.ip, entry.request_id)]
    if entry.trace_id is not None:  # entries of before there were traces keep their MAC
        rest.append(_plain(entry.trace_id))
    return _mac(generation, "audit entry", *words, *rest)


def chain_link(generation: Generation, before: str, position: int, mac: str) -> str:
    """Return the link that binds an entry to its place and to everything in front of it."""
    return _mac(generation, "audit chain", before, str(position), mac)


def head_signature(generation: Generation, tenant_id: str, position: int, chain: str, at: int) -> str:
    """Return the signature of a head: the end of a chain, and when it was there."""
    return f"{generation.id}:{_mac(generation, 'audit head', tenant_id, str(position), chain, str(at))}"


def is_signed(keyring: Keyring, signature: str, tenant_id: str, position: int, chain: str, at: int) -> bool:
    """Tell whether a head was signed by a generation that the keyring still has."""
    generation = keyring.get(signature.partition(":")[0])
    return generation is not None and same(head_signature(generation, tenant_id, position, chain, at), signature)


def is_cut_signed(keyring: Keyring, signature: str, tenant_id: str, position: int, chain: str) -> bool:
    """Tell whether a checkpoint was signed by a generation that the keyring still has."""
    return is_signed(keyring, signature, tenant_id, position, _CUT + chain, 0)


def cut_signature(generation: Generation, tenant_id: str, position: int, chain: str) -> str:
    """Return the signature of the checkpoint behind which entries were cut: the chain begins there."""
    return head_signature(generation, tenant_id, position, _CUT + chain, 0)


def same(one: str, other: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(one.encode(), other.encode())


def _mac(generation: Generation, domain: str, *parts: str) -> str:
    return keyed_digest(generation.audit_key, joined(domain, *parts)).hex()


def _plain(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, str):
        return json.dumps(value)
    return _encode(dict(value))  # type: ignore[call-overload]
