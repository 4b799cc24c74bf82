"""Finds the operation of a path. A part is compared before it is decoded: an id may hold an encoded slash."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple
from urllib.parse import unquote

from tokenry.edge import missing
from tokenry.edge.problems import Failed, problem
from tokenry.operations import Operation

from .reading import check_url

_OWNERS: Final = ("external_id", "owner")
_ID_MAX: Final = 255


class Route(NamedTuple):
    """The operations, by their verbs, of the paths that have one argument between `before` and `after`."""

    before: str
    after: str
    of_owner: bool
    operations: dict[str, Operation]

    def part(self, raw: str) -> str | None:
        """Return the argument in a path; None for another path."""
        part = raw[len(self.before) : len(raw) - len(self.after)]
        if not part or not raw.startswith(self.before) or not raw.endswith(self.after):
            return None
        # An owner's id may hold slashes that nobody encoded.
        return part if self.of_owner or "/" not in part else None


class Router:
    """The paths of a table of operations."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._fixed: dict[str, dict[str, Operation]] = {}
        routes: dict[tuple[str, str], Route] = {}
        for one in operations:
            before, opens, rest = one.path.partition("{")
            if opens:
                name, _, after = rest.partition("}")
                route = routes.setdefault((before, after), Route(before, after, name in _OWNERS, {}))
                route.operations[one.verb] = one
            else:
                self._fixed.setdefault(one.path, {})[one.verb] = one
        # The longest end first: "/v1/owners/a/disable" is no owner called "a/disable".
        self._routes: dict[tuple[str, str], list[Route]] = {}
        for route in sorted(routes.values(), key=lambda route: -len(route.after)):
            self._routes.setdefault((_noun(route.before), _end(route.after)), []).append(route)

    def find(self, verb: str, raw: str) -> tuple[Operation, dict[str, str]]:
        """Return the operation of a path and the argument in it; raise Failed."""
        found, part = self._fixed.get(raw), None
        if found is None:
            noun, end = _noun(raw), _end(raw)
            for route in (*self._routes.get((noun, end), ()), *self._routes.get((noun, ""), ())):
                part = route.part(raw)
                if part is not None:
                    found = route.operations
                    break
            else:
                raise Failed(problem("not_found", "There is no such route."))
        operation = found.get(verb)
        if operation is None:
            raise Failed(problem("method_not_allowed", headers=[("Allow", ", ".join(sorted(found)))]))
        if part is None:
            return operation, {}
        check_url(part.encode("latin-1"))
        return operation, {operation.in_path[0]: unquote(part)}


def _noun(path: str) -> str:
    """Return the second part of a path: `keys` of "/v1/keys/key_1"."""
    return path.split("/", 3)[2] if path.count("/") > 1 else ""


def _end(path: str) -> str:
    """Return the part after the last slash: `revoke` of "/v1/keys/key_1/revoke", nothing of a path without a slash."""
    return path[path.rfind("/") + 1 :] if "/" in path else ""


def check_path(operation: Operation, given: dict[str, str]) -> None:
    """Raise NotFound for a text that cannot be an owner's id, unless the operation creates the owner."""
    for name in _OWNERS:
        text = given.get(name, "x")
        if operation.verb != "PUT" and (len(text) > _ID_MAX or not text.isprintable()):
            raise missing("owner", text)
