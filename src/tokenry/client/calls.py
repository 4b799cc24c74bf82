"""How a call of the library becomes a request: one table for all groups, with the library's own signatures."""

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

from ..core.errors import Invalid
from ..core.limits import Limit
from ..core.model import NOT_GIVEN, Head, Owner
from ..core.secret import Secret
from .wire import Sending

Send = Callable[[Sending], Any]
_DAY = timedelta(days=1)
_IN_DAYS = frozenset(("expires_in", "expires_in_default", "expires_in_max", "within", "expiring_within"))
_CREDENTIALS = frozenset(("secret_or_kid", "id_or_refresh_token", "refresh", "access"))
"""The arguments that are credentials; a secret is a part of no other."""

_NOT_HERE = "belongs to the library alone: a server knows who asks by the key of the client"


class Group:
    """Calls that are sent. Its subclasses say which call of the library is which request."""

    def __init__(self, send: Send, tenant: Any = NOT_GIVEN) -> None:
        self._send = send
        self._tenant = tenant


def slug(tenant: object) -> str:
    """Return the slug of a tenant; raise Invalid for anything else.

    Never `default` for who forgot to say which, nor "any": a server looks in one.
    """
    if not isinstance(tenant, str):
        raise Invalid.one("tenant", "not_a_text", "tenant is the slug of a tenant, such as 'default'")
    return tenant


class call:
    """A call of a group: the name, parameters and words are the library's, the rest stands here.

    Names in the braces of `path` are filled in. Other arguments are the query of GET and DELETE, else the body;
    `names` renames them there.
    """

    def __init__(self, method: Callable[..., Any], request: str, read: Callable[[Any], Any], **names: str) -> None:
        self._verb, self._path = request.split(" ")
        self._read = read
        self._names = names
        self._signature = inspect.signature(method)
        self.__wrapped__ = method
        self.__doc__ = method.__doc__

    def __get__(self, group: Group | None, owner: type | None = None) -> Any:
        if group is None:
            return self

        def send(*args: Any, **kwargs: Any) -> Any:
            given = self._signature.bind(group, *args, **kwargs).arguments
            given.pop("self")
            return group._send(self._sending(given, group._tenant))

        return update_wrapper(send, self.__wrapped__)

    def _sending(self, given: dict[str, Any], tenant: Any) -> Sending:
        given = {name: value for name, value in given.items() if value is not NOT_GIVEN}
        if "by" in given:
            raise Invalid.one("by", "not_here", f"by= {_NOT_HERE}")
        tenant = given.pop("tenant", tenant)
        is_asked = tenant is not NOT_GIVEN and "tenant" in self._signature.parameters
        query = {"tenant": slug(tenant)} if is_asked else {}
        headers = {}
        if given.get("idempotency_key") is not None:
            headers["Idempotency-Key"] = str(given["idempotency_key"])
        if given.get("if_version") is not None:
            headers["If-Match"] = f'"{given["if_version"]}"'
        path = self._path
        for name in [name for name in given if f"{{{name}}}" in path]:
            path = path.replace(f"{{{name}}}", quote(_text(given.pop(name)), safe=""))
        rest = {name: value for name, value in given.items() if name not in ("idempotency_key", "if_version")}
        fields = dict(self._field(name, value) for name, value in rest.items())
        if self._verb in ("GET", "DELETE"):
            query |= {name: value for name, value in fields.items() if value is not None}
            return Sending(self._verb, path, query, None, headers, self._read)
        return Sending(self._verb, path, query, fields, headers, self._read)

    def _field(self, name: str, value: Any) -> tuple[str, Any]:
        written = self._names.get(name, name)
        if isinstance(value, Secret) and name in _CREDENTIALS:
            return written, str(value)
        if name == "keys":  # many, each with the arguments of `issue`
            return written, [dict(self._field(*pair) for pair in one.items()) for one in map(dict, value)]
        if name in _IN_DAYS and (value is None or isinstance(value, timedelta)):
            return f"{written}_days", value if value is None else _number(value / _DAY)
        if isinstance(value, timedelta):
            return f"{written}_seconds", _number(value.total_seconds())
        return written, jsonable(value)


def jsonable(value: Any) -> Any:
    """Return an argument as JSON can hold it; raise Invalid for what no call takes, a secret above all."""
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
    if isinstance(value, (Limit, Head)):
        return {name: jsonable(part) for name, part in dataclasses.asdict(value).items()}
    if isinstance(value, Mapping):
        return {str(name): jsonable(part) for name, part in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [jsonable(part) for part in value]
    raise Invalid.one("arguments", "bad_type", f"a {type(value).__name__} can be no part of a call")


def _text(value: Any) -> str:
    text = str(jsonable(value))
    if text in ("", ".", ".."):  # which a path cannot hold
        raise Invalid.one("id", "bad_id", "an id of a path cannot be empty, '.' or '..'")
    return text


def _number(value: float) -> int | float:
    return int(value) if value == int(value) else value
