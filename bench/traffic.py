"""Requests that never repeat: many keys in rotation, addresses, scope lists and the shape of the body differ.

One description is sent by wrk (as fast as answers come) and by `bench/paced.py` (when each request is due).
"""

import itertools
import json
import os
import random
import string
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tokenry import Tokenry
from tokenry.core.secret import TAIL, make_kid, mint

from .loads import request_bytes

ADDRESSES = 1_000_000
ALLOWED = "10.0.0.0/8"
CREDENTIAL_SIZE = len("tk_live_") + TAIL
_SEQUENCE = 200_000
_starts = itertools.count(0, 300_000)
"""Where each run begins: after the end of the last one, so that no request comes a second time."""
_CREDENTIAL, _IP = "<credential>", "<ip>"
_SCOPES = ('["read:projects"]', '["read:projects"%s"write:time"]', '["write:time"]')
_LUA = """
local credentials, octets, n, i, address = {{}}, {{}}, 0, {start}, {start}
for line in io.lines("{path}") do n = n + 1; credentials[n] = line end
for octet = 0, 99 do octets[octet] = tostring(100 + octet) end
local parts, first, count = {{{parts}}}, {{{first}}}, {count}
local floor = math.floor
request = function()
    i = i + 1
    address = address + {step}
    local credential, part = credentials[i % n + 1], parts[i % count + 1]
    local ip = "10." .. octets[address % 100] .. "." .. octets[floor(address / 100) % 100]
        .. "." .. octets[floor(address / 10000) % 100]
    if first[i % count + 1] then return part[1] .. credential .. part[2] .. ip .. part[3] end
    return part[1] .. ip .. part[2] .. credential .. part[3]
end
"""


class Shape(NamedTuple):
    """A request in three parts: between them stand the credential and the address, in either order."""

    parts: tuple[str, str, str]
    credential_first: bool


class Traffic(NamedTuple):
    """The credentials in the order in which they are presented, and the shapes of the requests."""

    credentials: Sequence[str]
    shapes: Sequence[Shape]
    bad: frozenset[str] = frozenset()
    same: bool = False
    """Whether every request is the same byte for byte."""

    def requests(self, count: int) -> Iterator[tuple[bytes, bool]]:
        """Yield requests, and whether each must be let in."""
        start = next(_starts)
        for number in itertools.repeat(0, count) if self.same else range(start, start + count):
            credential, shape = self.credentials[number % len(self.credentials)], self.shapes[number % len(self.shapes)]
            filled = (credential, _address(number)) if shape.credential_first else (_address(number), credential)
            one, two, three = shape.parts
            yield f"{one}{filled[0]}{two}{filled[1]}{three}".encode(), credential not in self.bad

    def script(self, folder: str) -> str:
        """Return a script that makes wrk send these requests. Use it for one run: a second would repeat them."""
        path = Path(folder, "credentials")
        if not path.exists():
            path.write_text("\n".join(self.credentials[: 1 if self.same else None]))
        shapes = self.shapes[: 1 if self.same else None]
        parts = ", ".join("{" + ", ".join(json.dumps(part) for part in shape.parts) + "}" for shape in shapes)
        return _LUA.format(
            path=path,
            start=0 if self.same else next(_starts),
            step=int(not self.same),
            parts=parts,
            first=", ".join(str(shape.credential_first).lower() for shape in shapes),
            count=len(shapes),
        )


def in_rotation(keys: Sequence[str], *, zipf: bool = False, bad: Sequence[str] = (), share: float = 0.0) -> list[str]:
    """Return credentials in the order in which they are presented; a share of them are bad ones."""
    chance = random.Random(1)
    if zipf:
        weights = list(itertools.accumulate(1 / place for place in range(1, len(keys) + 1)))
        order = chance.choices(keys, cum_weights=weights, k=_SEQUENCE)
    else:
        order = chance.sample(keys, len(keys)) * max(1, _SEQUENCE // len(keys))
    return [chance.choice(bad) if chance.random() < share else one for one in order] if share else order


def questions(caller: str) -> list[Shape]:
    """Return the shapes of `POST /v1/verify`: fields in every order, with and without spaces, three scope lists."""
    fields = {"Authorization": f"Bearer {caller}", "Content-Type": "application/json"}
    shapes = []
    for names in itertools.permutations(("credential", "scopes", "ip")):
        for comma, colon in ((",", ":"), (", ", ": ")):
            for scopes in _SCOPES:
                values = {
                    "credential": f'"{_CREDENTIAL}"',
                    "ip": f'"{_IP}"',
                    "scopes": scopes.replace("%s", comma),
                }
                body = "{" + comma.join(f'"{name}"{colon}{values[name]}' for name in names) + "}"
                shapes.append(_shape("POST", "/v1/verify", fields, body))
    return random.Random(2).sample(shapes, len(shapes))


def presentations() -> list[Shape]:
    """Return the shape of `GET /v1/auth`."""
    fields = {"Authorization": f"Bearer {_CREDENTIAL}", "X-Forwarded-For": _IP, "Accept": "*/*"}
    return [_shape("GET", "/v1/auth", fields, "")]


def bad_keys(tk: Tokenry, good: Sequence[str], count: int) -> list[str]:
    """Return keys that are refused: made up, deleted long ago, mistyped, revoked; as many of each."""
    tag_key = tk._keyring.get().generations[-1].tag_key
    many = tk.keys.issue_many([{"owner": "user", "name": f"revoked {number}"} for number in range(min(count, 200))])
    revoked = []
    for issued in many:
        assert hasattr(issued, "secret"), issued
        tk.keys.revoke(issued.key.id)
        revoked.append(str(issued.secret))
    found: list[str] = []
    known = set(good)
    for number in range(count):
        prefix, text = good[number % len(good)].rpartition("_")[0], good[number % len(good)]
        kid, secret = make_kid(os.urandom(16)), os.urandom(32)
        found += [
            mint(prefix, kid, secret, b"not the keyring"),
            mint(prefix, kid, secret, tag_key),
            text[:20] + random.choice(string.ascii_letters) + text[21:-1] + random.choice(string.digits),
            revoked[number % len(revoked)],
        ]
    return [one for one in found if one not in known]


def _shape(method: str, path: str, fields: dict[str, str], body: str) -> Shape:
    sized = {**fields, "Content-Length": str(len(_filled(body)))} if body else fields
    text = request_bytes(method, path, sized).decode() + body
    first = text.index(_CREDENTIAL) < text.index(_IP)
    one, rest = text.split(_CREDENTIAL if first else _IP)
    two, three = rest.split(_IP if first else _CREDENTIAL)
    return Shape((one, two, three), first)


def _filled(body: str) -> str:
    return body.replace(_CREDENTIAL, "x" * CREDENTIAL_SIZE).replace(_IP, _address(0))


def _address(number: int) -> str:
    return f"10.{100 + number % 100}.{100 + number // 100 % 100}.{100 + number // 10_000 % 100}"
