"""Requests of a connection that differ only in values: the credential, the address of the client, the length.

A head that was parsed and answered is kept in pieces, cut where such a value begins and ends. A later request with the
same pieces, and with plain characters between them, differs only in these values, for every parser. So that request
is not parsed again. The pieces hold no credential.
"""

from __future__ import annotations

import re
from typing import Final

from tokenry.edge import Proxies

from ..routes import AUTH, VERIFY
from .request import Request

HEAD_MAX: Final = 2048
_CREDENTIAL, _FORWARDED, _LENGTH, _ID = "credential", "forwarded", "length", "id"
_BEARER: Final = b"Bearer "
_VALUES: Final = {
    b"authorization": _CREDENTIAL,
    b"x-api-key": _CREDENTIAL,
    b"x-api-token": _CREDENTIAL,
    b"x-forwarded-for": _FORWARDED,
    b"content-length": _LENGTH,
    b"x-request-id": _ID,
}
_LENGTHS_MAX: Final = 32
_PLAIN_CREDENTIAL = re.compile(rb"[A-Za-z0-9_.-]{1,512}")
_PLAIN_ADDRESS = re.compile(rb"[0-9A-Fa-f.:]{1,64}")
_PLAIN_LENGTH = re.compile(rb"[1-9][0-9]{0,3}")
_PLAIN_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_PLAIN: Final = {
    _CREDENTIAL: _PLAIN_CREDENTIAL,
    _FORWARDED: _PLAIN_ADDRESS,
    _LENGTH: _PLAIN_LENGTH,
    _ID: _PLAIN_ID,
}
_ELSEWHERE: Final = frozenset((b"cookie", b"traceparent", b"transfer-encoding", b"expect", b"upgrade"))
"""Fields whose requests are always parsed: they hold a credential, or decide what the rest means."""


class Shape:
    """The common parts of the requests of a connection; `asked` is reused for each request."""

    __slots__ = (
        "_ending",
        "_first",
        "_has_length",
        "_last",
        "_lengths",
        "_proxies",
        "_rest",
        "_same",
        "asked",
        "method",
        "route",
    )

    def __init__(self, route: str, asked: Request, proxies: Proxies, pieces: list[bytes], kinds: list[str]) -> None:
        self.route = route
        self.method = asked.method
        self.asked = asked
        self._proxies = proxies
        self._first = pieces[0]
        self._rest = list(zip(kinds, pieces[1:], strict=True))
        self._has_length = _LENGTH in kinds
        self._last: tuple[bytes, bytes | None] | None = None
        self._same = b""
        """The bytes before the length of the last request, if only the body follows its head."""
        self._lengths: dict[int, bytes] = {}
        """The length that followed `_same`, by the number of bytes from there on; try it first for the same number."""
        self._ending = pieces[-1]

    def read(self, data: bytes) -> Request | None:
        """Return the request in these bytes, if they are exactly one request of this shape."""
        same = len(self._same)
        if same and data.startswith(self._same):
            length = self._lengths.get(len(data) - same)
            if length is not None and data.startswith(length, same):
                end = same + len(length)
                if data.startswith(self._ending, end):
                    self.asked.again(data[end + len(self._ending) :])
                    return self.asked
        return self._read(data) if data.startswith(self._first) else None

    def _read(self, data: bytes) -> Request | None:
        begin, place = 0, len(self._first)
        credential, length = b"", b""
        forwarded: bytes | None = None
        request_id: bytes | None = None
        for kind, piece in self._rest:
            begin, end = place, data.find(b"\r", place)
            value = data[place:end]
            if end < 0 or not data.startswith(piece, end) or not _is_plain(kind, value):
                return None
            if kind == _CREDENTIAL:
                credential = value
            elif kind == _FORWARDED:
                forwarded = value
            elif kind == _LENGTH:
                length = value
            else:
                request_id = value
            place = end + len(piece)
        body = data[place:]
        if int(length) != len(body) if self._has_length else body:
            return None
        if kind == _LENGTH:
            self._learn(data[:begin], length, len(data) - begin)
        asked = self.asked
        asked.again(body)
        if (credential, forwarded) != self._last:
            self._last = credential, forwarded
            asked.present(credential.decode())
            if forwarded is not None:
                asked.came_from(self._proxies.found(asked.peer, (forwarded.decode(),)))
        if request_id is not None:
            asked.request_id = request_id
        return asked

    def _learn(self, same: bytes, length: bytes, count: int) -> None:
        """Remember the bytes before the length of a body, and the number of bytes from there on."""
        if same != self._same or len(self._lengths) >= _LENGTHS_MAX:
            self._same, self._lengths = same, {}
        self._lengths[count] = length


def _is_plain(kind: str, value: bytes) -> bool:
    """Return whether every parser reads a value the same way; usual values are recognised without a pattern."""
    if kind == _CREDENTIAL:
        return (len(value) <= 512 and value.replace(b"_", b"").isalnum()) or _PLAIN_CREDENTIAL.fullmatch(
            value
        ) is not None
    if kind == _FORWARDED:
        return (len(value) <= 64 and value.replace(b".", b"").isdigit()) or _PLAIN_ADDRESS.fullmatch(value) is not None
    return _PLAIN[kind].fullmatch(value) is not None


def shape_of(route: str, head: bytes, asked: Request, proxies: Proxies) -> Shape | None:
    """Return the shape of a request that was parsed and answered; None if such requests are always parsed."""
    if len(head) > HEAD_MAX or route not in (VERIFY, AUTH) or (route == AUTH and asked.required is None):
        return None
    pieces: list[bytes] = []
    kinds: list[str] = []
    begin, place = 0, head.find(b"\r\n") + 2
    while place < len(head) - 2:
        end = head.find(b"\r\n", place)
        name, colon, value = head[place:end].partition(b": ")
        name = name.lower()
        if not colon or name in _ELSEWHERE:
            return None
        kind = _VALUES.get(name)
        if kind is not None:
            if name == b"authorization":
                if not value.startswith(_BEARER):  # a single word is a scheme without a credential
                    return None
                value = value[len(_BEARER) :]
            if kind in kinds or _PLAIN[kind].fullmatch(value) is None:
                return None
            pieces.append(head[begin : end - len(value)])
            kinds.append(kind)
            begin = end
        place = end + 2
    if place + 2 != len(head) or _CREDENTIAL not in kinds:
        return None
    like = asked.twin()
    like.fields, like.credentials = [], []
    like.text = like.about = like.proved = None  # the caches hold this credential, as the fields do
    return Shape(route, like, proxies, [*pieces, head[begin:]], kinds)
