"""Turns calls of the library into requests, by the table of operations and the library's signatures."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import update_wrapper
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any
from urllib.parse import quote
from uuid import UUID

import msgspec

from ..core.credits import Credits, Hold
from ..core.errors import Invalid
from ..core.fields import key_listed, keys_listed, rows_listed
from ..core.holds import AsyncHeldCredits, HeldCredits, held
from ..core.lengths import seconds
from ..core.limits import Limit
from ..core.model import NOT_GIVEN, Head, Owner
from ..core.scopes import ScopesAsked
from ..core.secret import Secret, holds_credential
from ..core.walking import named, walk
from ..operations import Operation
from ..operations.fields import LENGTHS, on_wire
from .wire import Sending

Send = Callable[[Sending], Any]
_CREDENTIALS = frozenset(("secret", "refresh", "access"))
"""The arguments that are credentials. A secret is refused as any other argument."""


class Group:
    """Calls that are sent, all of one noun."""

    def __init__(self, send: Send, tenant: Any = NOT_GIVEN, walk: Callable[..., Any] = walk) -> None:
        self._send = send
        self._tenant = tenant
        self._walk = walk


def slug(tenant: object) -> str:
    """Return the slug of a tenant; raise Invalid for anything else.

    None is refused: a server looks in one tenant, and a forgotten slug must not mean `default`.
    """
    if not isinstance(tenant, str):
        raise Invalid.one("tenant", "not_a_text", "tenant is the slug of a tenant, such as 'default'")
    return tenant


def own_signature(of_library: inspect.Signature) -> inspect.Signature:
    """Return the signature of a client's call: the library's without the group, and without `by`."""
    parameters = [part for part in of_library.parameters.values() if part.name not in ("self", "by")]
    return of_library.replace(parameters=parameters)


class iterate:
    """The `iterate` of a group whose `list` returns pages."""

    def __init__(self, method: Callable[..., Any]) -> None:
        self.__wrapped__ = method

    def __get__(self, group: Any, owner: type | None = None) -> Any:
        if group is None:
            return self
        walk, pages = group._walk, group.list
        walked = named(self.__wrapped__, lambda *args, **asked: walk(pages, *args, **asked))
        walked.__signature__ = own_signature(walked.__signature__)
        return walked


class call:
    """A call of a group: the name and the parameters of the library, sent as an operation says."""

    def __init__(self, operation: Operation) -> None:
        self._operation = operation
        self.__wrapped__ = operation.method
        self.__doc__ = operation.method.__doc__

    def __get__(self, group: Group | None, owner: type | None = None) -> Any:
        if group is None:
            return self

        def send(*args: Any, **kwargs: Any) -> Any:
            given = self._operation.signature.bind(group, *args, **kwargs).arguments
            given.pop("self")
            return group._send(self._sent(group, given))

        send.__signature__ = own_signature(self._operation.signature)  # type: ignore[attr-defined]
        return update_wrapper(send, self.__wrapped__)

    def _sent(self, group: Group, given: dict[str, Any]) -> Sending:
        return self.sending(given, group._tenant)

    def sending(self, given: dict[str, Any], tenant: Any) -> Sending:
        """Return the request of a call with these arguments, in a tenant unless they name one."""
        operation = self._operation
        given = {name: value for name, value in given.items() if value is not NOT_GIVEN}
        if "by" in given:
            message = "by= belongs to the library alone: a server knows who asks by the key of the client"
            raise Invalid.one("by", "not_here", message)
        tenant = given.pop("tenant", tenant)
        query = {"tenant": slug(tenant)} if operation.in_tenant and tenant is not NOT_GIVEN else {}
        headers = {}
        if given.get("idempotency_key") is not None:
            headers["Idempotency-Key"] = str(given["idempotency_key"])
        if given.get("if_version") is not None:
            headers["If-Match"] = f'"{given["if_version"]}"'
        path = operation.path
        for name in operation.in_path:
            path = path.replace(f"{{{name}}}", quote(_in_url(name, _text(given[name])), safe=""))
        fields = {wire: _value(name, given[name]) for name, wire in operation.names.items() if name in given}
        body: dict[str, Any] | None = fields
        if operation.reads_query:
            query |= {name: _in_url(name, value) for name, value in fields.items() if value is not None}
            body = None
        wait = float(fields.get("wait") or 0)
        return Sending(
            operation.verb, path, query, body, headers, operation.answer.read, route=operation.path, wait=wait
        )


class reserving(call):
    """The call of `credits.reserve`: what it returns can be settled, which is one more call."""

    def _sent(self, group: Group, given: dict[str, Any]) -> Sending:
        sending, there = super()._sent(group, given), {name: given[name] for name in ("tenant",) if name in given}
        kind: type[Hold] = HeldCredits if group._walk is walk else AsyncHeldCredits

        def read(found: Any) -> Hold:
            hold, settle = sending.read(found), group.settle  # type: ignore[attr-defined]
            return held(kind, hold, lambda amount: settle(hold.key, hold.id, amount, **there))

        return dataclasses.replace(sending, read=read)


class importing(call):
    """The call of `imports.run`, whose rows are read here, and which passes each result to `each`."""

    def _sent(self, group: Group, given: dict[str, Any]) -> Sending:
        each = given.pop("each", None)
        sending = super()._sent(group, given)

        def read(found: Any) -> Any:
            summary = sending.read(found)
            for result in summary.results if each is not None else ():
                each(result)
            return summary

        return dataclasses.replace(sending, read=read)


def _value(name: str, value: Any) -> Any:
    """Return an argument as it travels."""
    if isinstance(value, Secret) and name in _CREDENTIALS:
        return str(value)
    if name == "keys":  # each with the arguments of `issue`
        return [_key(one) for one in keys_listed(value)]
    if name == "rows":
        return [_row(one) for one in rows_listed(value)]
    if name in LENGTHS and isinstance(value, timedelta):
        return seconds(value)
    return jsonable(value)


def _key(key: Any) -> Any:
    """Return the arguments of a key as they travel; raise Invalid when one is given by two names."""
    found = {on_wire(str(name)): _value(name, part) for name, part in key_listed(key).items()}
    if len(found) < len(key):
        raise Invalid.one("keys", "ambiguous", "one argument of a key is given by two names; leave one out")
    return found


def _row(row: Any) -> Any:
    """Return a key of another system as it travels: a line of NDJSON is read, and else left to the server."""
    if isinstance(row, bytes):
        try:
            row = msgspec.json.decode(row)
        except msgspec.DecodeError:
            row = None
        return row if isinstance(row, dict) else {}
    return msgspec.to_builtins(row)


def jsonable(value: Any) -> Any:
    """Return an argument as JSON can hold it; raise Invalid for a type that no call takes, a secret above all."""
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, (UUID, IPv4Address, IPv6Address, IPv4Network, IPv6Network)):
        return str(value)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise Invalid.one("time", "not_a_moment", "a moment must be a datetime with a time zone")
        return value.isoformat()
    if isinstance(value, Owner):
        return value.external_id
    if isinstance(value, (Limit, Credits, Head)):
        return {name: jsonable(part) for name, part in dataclasses.asdict(value).items()}
    if isinstance(value, Mapping):
        return {str(name): jsonable(part) for name, part in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [jsonable(part) for part in value]
    raise Invalid.one("arguments", "bad_type", f"a {type(value).__name__} can be no part of a call")


def _in_url(name: str, value: Any) -> Any:
    """Return a part of a URL; raise Invalid for a credential, which every log on the way would hold."""
    if isinstance(value, str) and holds_credential(value):
        raise Invalid.one(name, "holds_credential", "a key or a token is never a part of a URL")
    return value


def _text(value: Any) -> str:
    text = str(jsonable(value))
    if text in ("", ".", ".."):  # a path cannot hold these segments
        raise Invalid.one("id", "bad_id", "an id of a path cannot be empty, '.' or '..'")
    return text


def question(
    presented: object,
    scopes: ScopesAsked | None,
    ip: object,
    cost: int,
    tenant: str | None,
    environment: str | None,
    audience: str | None,
) -> dict[str, Any]:
    """Return the body of a question; a credential that is not a text is sent as an empty one, which is `malformed`."""
    asked = {
        "credential": str(presented) if isinstance(presented, (str, Secret)) else "",
        "scopes": jsonable(scopes),
        "ip": jsonable(ip),
        "tenant": tenant,
        "environment": environment,
        "audience": audience,
    }
    return {name: value for name, value in asked.items() if value is not None} | ({} if cost == 1 else {"cost": cost})
