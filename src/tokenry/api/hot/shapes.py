"""Requests of a connection that differ only in values: the credential, the address of the client, the length.

A head that was parsed and answered is kept in pieces, cut where such a value stands. A later request with the same
pieces, and with values of plain characters between them, means the same to every parser but for these values. So it is
not parsed again. The pieces hold no credential.
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
    """What the requests of a connection have in common; `asked` stands for each of them in turn."""

    __slots__ = ("_first", "_has_length", "_last", "_proxies", "_rest", "asked", "method", "route", "size")

    def __init__(self, route: str, asked: Request, proxies: Proxies, pieces: list[bytes], kinds: list[str]) -> None:
        self.route = route
        self.method = asked.method
        self.asked = asked
        self.size = 0
        """How long the head of the last request was."""
        self._proxies = proxies
        self._first = pieces[0]
        self._rest = [(_PLAIN[kind].fullmatch, kind, piece) for kind, piece in zip(kinds, pieces[1:], strict=True)]
        self._has_length = _LENGTH in kinds
        self._last: tuple[bytes, bytes | None] | None = None

    def read(self, data: bytes) -> Request | None:
        """Return the request that some bytes are, if they are one of this shape and nothing else."""
        if not data.startswith(self._first):
            return None
        place = len(self._first)
        values: dict[str, bytes] = {}
        for is_plain, kind, piece in self._rest:
            end = data.find(b"\r\n", place)
            if end < 0 or not data.startswith(piece, end):
                return None
            values[kind] = value = data[place:end]
            if is_plain(value) is None:
                return None
            place = end + len(piece)
        body = data[place:]
        if int(values[_LENGTH]) != len(body) if self._has_length else body:
            return None
        self.size = place
        return self._filled(values, body)

    def _filled(self, values: dict[str, bytes], body: bytes) -> Request:
        asked = self.asked
        asked.again(body)
        credential, forwarded = values[_CREDENTIAL], values.get(_FORWARDED)
        if (credential, forwarded) != self._last:
            self._last = credential, forwarded
            asked.about = asked.proved = None
            asked.text = credential.decode()
            if forwarded is not None:
                asked.client = self._proxies.client(asked.peer, (forwarded.decode(),))
        if _ID in values:
            asked.request_id = values[_ID]
        return asked


def shape_of(route: str, head: bytes, asked: Request, proxies: Proxies) -> Shape | None:
    """Return the shape of a request that was parsed and answered; None for one whose like is parsed every time."""
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
                if not value.startswith(_BEARER):  # one word alone is a scheme, and no credential
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
    like.fields, like.credentials, like.about, like.proved = [], [], None, None  # which hold this credential
    return Shape(route, like, proxies, [*pieces, head[begin:]], kinds)
