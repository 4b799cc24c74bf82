"""Finding the operation of a path. Parts of a path are compared before they are decoded: an id may hold a slash."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple
from urllib.parse import unquote

from tokenry.operations import Operation
from tokenry.types import NotFound

from ..problems import Failed, problem
from .reading import check_url

_OWNERS: Final = ("external_id", "owner")
_ID_MAX: Final = 255


class Route(NamedTuple):
    """The operations of one path, by their verbs."""

    pattern: re.Pattern[str]
    operations: dict[str, Operation]


class Router:
    """The paths of a table of operations."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._fixed: dict[str, dict[str, Operation]] = {}
        routes: dict[str, Route] = {}
        for one in operations:
            if one.in_path:
                route = routes.setdefault(_shape(one.path), Route(re.compile(_pattern(one.path)), {}))
                route.operations[one.verb] = one
            else:
                self._fixed.setdefault(one.path, {})[one.verb] = one
        # An owner's id may hold slashes that nobody encoded. The longest path is tried first.
        self._routes = sorted(routes.values(), key=lambda route: -route.pattern.pattern.count("/"))

    def find(self, verb: str, raw: str) -> tuple[Operation, dict[str, str]]:
        """Return the operation of a path and the arguments in it; raise Failed."""
        found, parts = self._fixed.get(raw), tuple[str, ...]()
        if found is None:
            for route in self._routes:
                match = route.pattern.fullmatch(raw)
                if match is not None:
                    found, parts = route.operations, match.groups()
                    break
            else:
                raise Failed(problem("not_found", "There is no such route."))
        operation = found.get(verb)
        if operation is None:
            raise Failed(problem("method_not_allowed", headers=[("Allow", ", ".join(sorted(found)))]))
        return operation, dict(zip(operation.in_path, map(_decoded, parts), strict=True))


def check_path(operation: Operation, given: dict[str, str]) -> None:
    """Raise NotFound for a text that can be the id of no owner, where it is not to be made one."""
    for name in _OWNERS:
        text = given.get(name, "x")
        if operation.verb != "PUT" and (len(text) > _ID_MAX or not text.isprintable()):
            raise NotFound("there is no such owner here")


def _decoded(part: str) -> str:
    check_url(part.encode("latin-1"))
    return unquote(part)


def _shape(path: str) -> str:
    return re.sub(r"\{\w+\}", "{}", path)


def _pattern(path: str) -> str:
    parts = re.split(r"\{(\w+)\}", path)
    return "".join(re.escape(part) if at % 2 == 0 else _part(part) for at, part in enumerate(parts))


def _part(name: str) -> str:
    return "(.+)" if name in _OWNERS else "([^/]+)"
