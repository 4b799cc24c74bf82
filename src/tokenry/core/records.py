"""How records look at rest: one column for each field, found by name and read by the field's type.

A new field of a record is a line in `model` and a column in `store.tables`. Every statement that selects or writes the
record, the hot lookup, and the grant that remembers it take their columns from here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import fields
from datetime import timedelta
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Final, Generic, TypeVar

import msgspec

from . import credits as credit_rules
from .credits import Credits
from .limits import CountedLimit, Limit, LimitOf, compiled, counted_for
from .memo import KIB, MIB, remembering
from .model import Key, Owner, SecretInfo, Session, Tenant, moment, moment_or_none

T = TypeVar("T")

_NOT_RENAMED: Final[Mapping[str, str]] = MappingProxyType({})


def _size(stored: Any, value: object) -> int:
    return 5 * len(stored)


@remembering(_size, bytes_max=4 * MIB, each_max=32 * KIB)
def texts(stored: str) -> tuple[str, ...]:
    """Return a stored list of texts."""
    return tuple(json.loads(stored))


@remembering(_size, bytes_max=4 * MIB, each_max=8 * KIB)
def limits(stored: str) -> tuple[Limit, ...]:
    """Return a stored list of limits."""
    return compiled(json.loads(stored))


@remembering(lambda key, _: 8 * len(key[1]), bytes_max=4 * MIB, each_max=8 * KIB)
def _counted_limits(key: tuple[LimitOf, str]) -> tuple[CountedLimit, ...]:
    of, stored = key
    return counted_for(of, limits(stored))


def counted_limits(of: LimitOf, stored: str) -> tuple[CountedLimit, ...]:
    """Return a stored list of limits as they are counted for a key, an owner or a tenant."""
    return () if stored == "[]" else _counted_limits((of, stored))


@remembering(_size, bytes_max=MIB, each_max=KIB)
def credits(stored: str) -> Credits:
    """Return stored credits."""
    return credit_rules.compiled(json.loads(stored))


def credits_or_none(stored: str | None) -> Credits | None:
    """Return stored credits, None for a key without any."""
    return None if stored is None else credits(stored)


def _texts_or_none(stored: str | None) -> tuple[str, ...] | None:
    return None if stored is None else texts(stored)


def _length(stored: int) -> timedelta:
    return timedelta(microseconds=stored)


def _length_or_none(stored: int | None) -> timedelta | None:
    return None if stored is None else timedelta(microseconds=stored)


decode: Final[Callable[[Any], Any]] = msgspec.json.Decoder().decode
encode: Final = msgspec.json.Encoder().encode

_READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "bool": bool,
    "datetime": moment,
    "datetime | None": moment_or_none,
    "timedelta": _length,
    "timedelta | None": _length_or_none,
    "tuple[str, ...]": texts,
    "tuple[str, ...] | None": _texts_or_none,
    "tuple[Limit, ...]": limits,
    "Credits | None": credits_or_none,
    "Mapping[str, Any]": decode,
}
_AS_IT_IS: Final = "{0}"
_new: Final = object.__new__
_READ: Final = "read_{1}({0})"
_SOURCES: Final[dict[Any, str]] = {
    credits_or_none: "None if {0} is None else read_{1}({0})",
    moment: "epoch + length(0, 0, {0})",
    moment_or_none: "None if {0} is None else epoch + length(0, 0, {0})",
    texts: "() if {0} == '[]' else read_{1}({0})",
    limits: "() if {0} == '[]' else read_{1}({0})",
}
"""How a value is read where most values need no call."""
_AS_STORED: Final = ("str", "str | None", "int")


class Stored(Generic[T]):
    """The fields of one kind of record that are columns.

    The other fields are `given` when a record is read. `renamed` says which columns have other names than their fields.
    """

    def __init__(
        self,
        kind: type[T],
        given: Iterable[str] = (),
        renamed: Mapping[str, str] = _NOT_RENAMED,
        untold: Collection[str] = (),
    ) -> None:
        self._kind = kind
        self._given = frozenset(given)
        self._renamed = renamed
        self._untold = untold
        kept = [one for one in fields(kind) if one.name not in self._given]  # type: ignore[arg-type]
        self.names = tuple([one.name for one in kept])
        self._values = attrgetter(*self.names)
        self.columns = tuple([renamed.get(name, name) for name in self.names])
        readers = {one.name: _reader(kind, one) for one in kept}
        self.record: Callable[..., T] = self._maker(kind, readers)
        """Build the record of stored values, in the order of `columns`, and of the `given` fields by their names.

        Values behind those of the columns are for somebody else.
        """
        names = [one.name for one in fields(kind) if one.name not in self._untold]  # type: ignore[arg-type]
        self.build: Callable[..., Any] = self._maker(msgspec.defstruct(kind.__name__, names, gc=False), readers, names)
        """Build the same to be written as JSON and for nothing else: that takes a third of the time of a record."""

    def without(self, *names: str, untold: Collection[str] = ()) -> Stored[T]:
        """Return the same kind of record with fewer columns: the reader knows these fields otherwise.

        Those in `untold` are not even written as JSON.
        """
        return Stored(self._kind, self._given.union(names, untold), self._renamed, untold)

    def place(self, name: str) -> int:
        """Return the place of a field among the columns."""
        return self.names.index(name)

    def row(self, record: T) -> dict[str, Any]:
        """Return the values of a record by column."""
        return dict(zip(self.columns, self._values(record), strict=True))

    def _maker(
        self, kind: type, readers: Mapping[str, Callable[[Any], Any] | None], order: Collection[str] = ()
    ) -> Callable[..., Any]:
        """Return a function that was compiled for these fields: a loop over them takes half as long again.

        It sets the slots of a frozen dataclass themselves, which takes a third of the time of its `__init__`. A struct
        takes its fields in their `order`.
        """
        known: dict[str, Any] = {"kind": kind, "new": _new, "epoch": moment(0), "length": timedelta}
        parts = {name: name for name in self._given}
        for place, (name, read) in enumerate(readers.items()):
            known[f"read_{name}"] = read
            parts[name] = _SOURCES.get(read, _READ if read else _AS_IT_IS).format(f"values[{place}]", name)
        known |= {f"set_{name}": getattr(kind, name).__set__ for name in order or parts}
        given = "".join([f", {name}" for name in (("*", *sorted(self._given)) if self._given else ())])
        if order:
            lines = [f"return kind({', '.join([parts[name] for name in order])})"]
        else:
            lines = ["one = new(kind)", *[f"set_{name}(one, {part})" for name, part in parts.items()], "return one"]
        source = "\n    ".join([f"def make(values{given}):", *lines])
        exec(source, known)  # noqa: S102 - of the names of fields, nothing else
        make: Callable[..., T] = known["make"]
        return make


def _reader(kind: type, field: Any) -> Callable[[Any], Any] | None:
    """Return the function that converts a stored field; None when the field is stored as it is."""
    if field.type in _AS_STORED or field.type.startswith("Literal["):
        return None
    if field.type not in _READERS:
        raise TypeError(f"{kind.__name__}.{field.name}: say in core/records.py how {field.type!r} is stored")
    return _READERS[field.type]


TENANT: Final = Stored(Tenant, renamed={"prefix": "key_prefix"})
OWNER: Final = Stored(Owner, given=("tenant",))
SECRET: Final = Stored(SecretInfo)
KEY: Final = Stored(
    Key, given=("tenant", "owner", "status", "last_used_at", "last_used_ip", "use_count", "secrets", "rotation")
)
SESSION: Final = Stored(Session, given=("tenant", "owner", "status"), renamed={"refreshed_at": "rotated_at"})
