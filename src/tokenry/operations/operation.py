"""One operation: a call of the library, its request, its answer, and which callers may make it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

from ..core.deprecation import Deprecated
from ..core.memo import KIB
from .answers import Answer
from .fields import ARGUMENTS, LISTS, on_wire

HEADERS: Final = {"idempotency_key": "Idempotency-Key", "if_version": "If-Match"}
"""The arguments that travel in a header field."""

_NONE: Final[Mapping[str, Any]] = MappingProxyType({})
_NOT_SENT: Final = frozenset(("self", "tenant", "by", "origins", "each", *HEADERS))


class Reach(Enum):
    """The subject of an operation, which decides the callers that may use it."""

    TENANT = "one tenant: its own operators, and those of the installation"
    INSTALLATION = "the installation: its operators only"
    SELF = "the presented key itself: any key"
    HOLDER = "the credential in the body: anybody who holds it"


class Rule(NamedTuple):
    """The requirements for a caller: the reach, and a scope (none for the key itself or the holder of a credential)."""

    reach: Reach
    scope: str | None = None

    @property
    def reads(self) -> bool:
        """Whether the scope is one for reading."""
        return self.scope is not None and self.scope.endswith(":read")


@dataclass(frozen=True)
class Operation:
    """One operation.

    Names in the braces of `path` are arguments of the call. The others are the query of GET and DELETE, else the body;
    the parameter names of `method` are their names, and `types` says where a name has another type than elsewhere.
    One that `streams` also answers with server-sent events, and may `wait`.
    """

    id: str
    verb: str
    path: str
    rule: Rule
    method: Callable[..., Any]
    answer: Answer[Any]
    status: int = 200
    renames: Mapping[str, str] = field(default_factory=lambda: _NONE)
    types: Mapping[str, Any] = field(default_factory=lambda: _NONE)
    defaults: Mapping[str, Any] = field(default_factory=lambda: _NONE)
    summary: str = ""
    in_tenant: bool = True
    streams: bool = False
    deprecated: Deprecated | None = None

    @property
    def noun(self) -> str:
        """The group that the call belongs to."""
        return self.id.partition(".")[0]

    @property
    def call(self) -> str:
        """The name of the call in its group."""
        return self.id.partition(".")[2]

    @property
    def reads_query(self) -> bool:
        """Whether the arguments are the query rather than the body."""
        return self.verb in ("GET", "DELETE")

    @cached_property
    def about(self) -> str:
        """The first sentence of the library's docstring, without what only Python needs to know."""
        line = (inspect.getdoc(self.method) or "").partition("\n")[0]
        sentence = line.partition(". ")[0].partition("; raise ")[0].rstrip(".")
        return self.summary or f"{sentence}."

    @cached_property
    def signature(self) -> inspect.Signature:
        """The signature of the library's call."""
        return inspect.signature(self.method)

    @property
    def parameters(self) -> Mapping[str, inspect.Parameter]:
        """The parameters of the library's call."""
        return self.signature.parameters

    @cached_property
    def in_path(self) -> tuple[str, ...]:
        """The arguments that the path names, in their order."""
        return tuple(part[1:-1] for part in self.path.split("/") if part[:1] == "{")

    @cached_property
    def headers(self) -> dict[str, str]:
        """The header field of each argument that travels in one."""
        return {name: header for name, header in HEADERS.items() if name in self.parameters}

    @cached_property
    def names(self) -> dict[str, str]:
        """The name on the wire of each argument in the query or the body."""
        apart = _NOT_SENT if self.in_tenant else _NOT_SENT - {"tenant"}
        sent = [name for name in self.parameters if name not in apart and name not in self.in_path]
        return {name: self.renames.get(name, on_wire(name)) for name in sent}

    @cached_property
    def request(self) -> type[msgspec.Struct] | None:
        """The type of the query or the body; None where there are no arguments."""
        fields = [self._field(name) for name in self.names]
        name = "".join(part.title() for part in self.id.replace(".", "_").split("_")) + "Request"
        return msgspec.defstruct(name, fields, forbid_unknown_fields=True, kw_only=True) if fields else None

    @cached_property
    def body_max(self) -> int:
        """How many bytes a body may have: enough for the longest values of its fields."""
        if "rows" in self.names:
            return 8 * 1024 * KIB
        if "keys" in self.names:
            return 1024 * KIB
        return 64 * KIB if LISTS.isdisjoint(self.names) else 256 * KIB

    def _field(self, name: str) -> tuple[str, Any, Any]:
        """Return one field of the request. A value that is left out stays as it is, or is the library's default."""
        parameter = self.parameters[name]
        kind = self.types.get(name, ARGUMENTS.get(name))
        if kind is None:
            raise TypeError(f"operation {self.id}: argument {name!r} needs a type in fields.ARGUMENTS")
        if "None" in str(parameter.annotation) and not self.reads_query:
            kind = kind | None
        default = self.defaults.get(name, parameter.default)
        if default is inspect.Parameter.empty:
            return name, kind, msgspec.field(name=self.names[name])
        return name, kind | UnsetType, msgspec.field(name=self.names[name], default=UNSET)

    def wire_name(self, name: str) -> str:
        """Return the name on the wire of any argument, for an error that names it."""
        return self.headers.get(name) or self.names.get(name) or name


def of_noun(noun: str, path: str, scope: str) -> Callable[..., Operation]:
    """Return a function that makes operations of one noun, which share their path and the scope they need."""

    def make(call: str, request: str, method: Callable[..., Any], answer: Answer[Any], **options: Any) -> Operation:
        verb, _, rest = request.partition(" ")
        reads = options.pop("reads", verb == "GET")
        reach = options.pop("reach", Reach.TENANT)
        rule = Rule(
            reach, None if reach in (Reach.SELF, Reach.HOLDER) else f"tokenry:{scope}:{'read' if reads else 'write'}"
        )
        return Operation(f"{noun}.{call}", verb, path + rest, rule, method, answer, **options)

    return make


def by_id(operations: Iterable[Operation]) -> dict[str, Operation]:
    """Return operations by their ids; raise ValueError for two with one id."""
    found: dict[str, Operation] = {}
    for one in operations:
        if one.id in found:
            raise ValueError(f"two operations have the id {one.id}")
        found[one.id] = one
    return found
