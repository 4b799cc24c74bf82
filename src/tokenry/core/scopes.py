"""Scopes: granted and asked ones, and when a granted scope covers an asked one.

Segments are split by `:`. A granted `*` matches one segment, a last `*` one or more, `*` alone everything. No wildcard
ever covers a scope whose first segment is `tokenry`: operators' scopes are written out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple, TypeAlias

from .errors import LIST_MAX, FieldError, Invalid, shown
from .lists import is_list
from .memo import KIB, MIB, Memo, remembering

Ask: TypeAlias = "str | Sequence[str] | Mapping[str, ScopesAsked]"
ScopesAsked: TypeAlias = "str | Sequence[ScopesAsked] | Mapping[str, ScopesAsked]"

LENGTH_MAX = 64
OPERATOR = "tokenry"
_SCOPE = re.compile(r"(?:[a-z0-9_.-]+|\*)(?::(?:[a-z0-9_.-]+|\*))*", re.ASCII)
ASKED_MAX = 256
"""How many scopes one question names, at all depths together."""

FORMS_MAX = 32
"""How many forms the wildcards of one list may have: there are 26 for scopes of up to four segments."""

_DEPTH_MAX = 8
_MEMO_MAX = 64
_SHARED_MAX = 64 * KIB


def is_scope(value: object) -> bool:
    """Tell whether `value` is a well-formed scope or pattern."""
    return isinstance(value, str) and len(value) <= LENGTH_MAX and _SCOPE.fullmatch(value) is not None


def is_operator(scope: str) -> bool:
    """Tell whether a scope belongs to operators of the installation."""
    return scope.partition(":")[0] == OPERATOR


def for_admins(scope: str) -> bool:
    """Tell whether only admins grant a scope: `admin`, `admin:…`, and every pattern that covers one of these."""
    return scope.partition(":")[0] in ("admin", "*")


class _Form(NamedTuple):
    """The common form of patterns that differ only in their words: `a:*:b` and `c:*:d` have one form."""

    length: int
    is_open: bool
    """Whether the last segment is `*`, and so matches one segment or more."""
    places: tuple[int, ...]
    """Where the words are."""

    def words(self, segments: Sequence[str]) -> str:
        """Return the segments at the places where this form has words, joined by colons."""
        return ":".join([segments[place] for place in self.places])


def _form(pattern: str) -> tuple[_Form, str]:
    """Return the form of a pattern, and its words."""
    segments = pattern.split(":")
    form = _Form(len(segments), segments[-1] == "*", tuple([place for place, one in enumerate(segments) if one != "*"]))
    return form, form.words(segments)


class Patterns:
    """The wildcards among some scopes. A search looks once for each form, however many patterns there are."""

    __slots__ = ("_forms",)

    def __init__(self, scopes: Iterable[str]) -> None:
        self._forms: dict[_Form, dict[str, str]] = {}
        for scope in scopes:
            if "*" in scope:
                form, words = _form(scope)
                self._forms.setdefault(form, {})[words] = scope

    def covering(self, asked: str) -> Iterator[str]:
        """Yield the patterns that cover everything that `asked` covers."""
        segments = asked.split(":")
        if segments[0] == OPERATOR:
            return
        count = len(segments)
        for form, patterns in self._forms.items():
            if count == form.length or (form.is_open and count > form.length):
                found = patterns.get(form.words(segments))
                if found is not None:
                    yield found

    def __bool__(self) -> bool:
        return bool(self._forms)


class Requirement:
    """An ask that has been read once: `all` or `any` of scopes or of further requirements."""

    __slots__ = ("asks", "every", "is_kept", "parts")

    def __init__(self, every: bool, parts: tuple[str | Requirement, ...]) -> None:
        self.every = every
        self.parts = parts
        self.asks: bool = bool(parts) and all(isinstance(part, str) or part.asks for part in parts)
        """Whether every part, at every depth, asks for a scope. Everybody meets a requirement that asks for nothing."""

        self.is_kept = False
        """Whether the same question gets this object again, so that it is worth remembering who meets it."""

    def met_by(self, granted: Granted) -> bool:
        """Tell whether `granted` satisfies this requirement."""
        met = (granted.covers(p) if isinstance(p, str) else p.met_by(granted) for p in self.parts)
        return all(met) if self.every else any(met)

    def stamp(self) -> int:
        """Return a number that equal requirements have in common, within this process."""
        return hash((self.every, tuple([part if isinstance(part, str) else part.stamp() for part in self.parts])))

    def names(self) -> Iterator[str]:
        """Yield every scope that is named, at all depths."""
        for part in self.parts:
            if isinstance(part, str):
                yield part
            else:
                yield from part.names()


class Granted:
    """A set of granted scopes, compiled once and shared by all keys that hold the same."""

    __slots__ = ("_exact", "_memo", "_patterns", "scopes")

    def __init__(self, scopes: tuple[str, ...]) -> None:
        self.scopes = scopes
        self._exact = frozenset(scopes)
        self._patterns = Patterns(scopes)
        self._memo: dict[Requirement, bool] = {}

    def covers(self, asked: str) -> bool:
        """Tell whether one scope (or pattern) is covered."""
        return asked in self._exact or (bool(self._patterns) and any(self._patterns.covering(asked)))

    def allows(self, requirement: Requirement) -> bool:
        """Tell whether a requirement is met; remembered, since the same questions come again and again."""
        if not requirement.is_kept:
            return requirement.met_by(self)
        known = self._memo.get(requirement)
        if known is None:
            if len(self._memo) >= _MEMO_MAX:
                self._memo.clear()
            known = self._memo[requirement] = requirement.met_by(self)
        return known


def size_of(scopes: tuple[str, ...], value: object = None) -> int:
    """Return about how many bytes scopes take, with what is compiled of them."""
    return sum(map(len, scopes)) + 180 * len(scopes)


def size_alone(granted: Granted) -> int:
    """Return about how many bytes of scopes are held by one grant alone: of a large set each grant has its own."""
    size = size_of(granted.scopes)
    return size if size > _SHARED_MAX else 0


@remembering(size_of, bytes_max=8 * MIB, each_max=_SHARED_MAX)
def granted(scopes: tuple[str, ...]) -> Granted:
    """Return the compiled form of a set of scopes, the same object for the same set."""
    return Granted(scopes)


class Narrowed(Granted):
    """The scopes that both a token and its parent cover."""

    __slots__ = ("_own", "_parent")

    def __init__(self, own: Granted, parent: Granted) -> None:
        super().__init__(_met(own, parent))
        self._own = own
        self._parent = parent

    def covers(self, asked: str) -> bool:
        """Tell whether one scope (or pattern) is covered by both."""
        return self._own.covers(asked) and self._parent.covers(asked)


def narrowed(own: Granted, parent: Granted) -> Granted:
    """Return the intersection of two sets of scopes, the same object for the same sets."""
    return own if own is parent else _narrowed((own, parent))


@remembering(lambda both, met: sum([size_of(one.scopes) for one in (*both, met)]), bytes_max=2 * MIB, each_max=16 * KIB)
def _narrowed(both: tuple[Granted, Granted]) -> Granted:
    return Narrowed(*both)


def _met(own: Granted, parent: Granted) -> tuple[str, ...]:
    """Return the scopes of either that the other one covers, in their order."""
    patterns = Patterns(own.scopes)
    under: dict[str, list[str]] = {}
    for theirs in parent.scopes:
        for pattern in patterns.covering(theirs):
            under.setdefault(pattern, []).append(theirs)
    met: dict[str, None] = {}
    for mine in own.scopes:
        if parent.covers(mine):
            met[mine] = None
        met.update(dict.fromkeys(under.get(mine, ())))
    return tuple(met)


def asked_of(own: Sequence[str], asked: Iterable[Requirement | None]) -> set[str]:
    """Return the scopes of a key that some questions are about; "" means a question about no scope."""
    patterns, exact, found = Patterns(own), set(own), set[str]()
    for one in asked:
        if one is None:
            found.add("")
            continue
        for name in one.names():
            found.update(patterns.covering(name))
            if name in exact:
                found.add(name)
    return found


def require(ask: ScopesAsked, *, keep: bool = True) -> Requirement:
    """Read an ask: a scope, a list (all of), or nested `{"all": […]}` and `{"any": […]}`; raise Invalid.

    The requirement of a scope or a list is cached, unless `keep` is false: for a caller that has not authenticated yet.
    """
    if isinstance(ask, str):
        return _require_all((ask,), keep)
    if ask.__class__ is list or isinstance(ask, Sequence):
        try:
            return _require_all(tuple(ask), keep)
        except TypeError:
            pass
    return _Reader().read(ask, 0)


_asked: Memo[tuple[Any, ...], Requirement] = Memo(size_of, bytes_max=2 * MIB, each_max=4 * KIB)


def _require_all(scopes: tuple[Any, ...], keep: bool) -> Requirement:
    found = _asked.get(scopes)
    if found is None:
        found = _Reader().read(scopes, 0)
        if keep and all(part.__class__ is str for part in found.parts):
            _asked.put(scopes, found)
            found.is_kept = _asked.get(scopes) is found
    return found


class _Reader:
    """Reads one ask, and counts the scopes in it."""

    def __init__(self) -> None:
        self._count = 0

    def read(self, ask: ScopesAsked, depth: int) -> Requirement:
        if depth > _DEPTH_MAX:
            raise Invalid.one("scopes", "too_deep", f"a scope question may be nested at most {_DEPTH_MAX} deep")
        if isinstance(ask, Mapping):
            if len(ask) != 1 or next(iter(ask)) not in ("all", "any"):
                raise Invalid.one("scopes", "bad_question", "a nested question has exactly one key, 'all' or 'any'")
            [(word, parts)] = ask.items()
            if isinstance(parts, str) or not isinstance(parts, Sequence) or not parts:
                raise Invalid.one("scopes", "bad_question", f"{shown(word)} needs a list of at least one scope")
        elif isinstance(ask, Sequence) and not isinstance(ask, (str, bytes)):
            word, parts = "all", ask
        else:
            raise Invalid.one(
                "scopes", "bad_question", "ask with a scope, a list of scopes, or {'all': […]} / {'any': […]}"
            )
        self._count += len(parts)
        if self._count > ASKED_MAX:
            raise Invalid.one("scopes", "too_many", f"a question names at most {ASKED_MAX} scopes")
        return Requirement(
            word == "all",
            tuple([_scope(part) if isinstance(part, str) else self.read(part, depth + 1) for part in parts]),
        )


def _scope(part: str) -> str:
    if not is_scope(part):
        raise Invalid.one(
            "scopes",
            "bad_scope",
            f"{shown(part)} is not a scope: use a:b:c of [a-z0-9_.-], at most {LENGTH_MAX}",
        )
    return part


def check_list(field: str, scopes: object, errors: list[FieldError]) -> tuple[str, ...]:
    """Return well-formed scopes, each once and in input order; name every other one in `errors`."""
    if not is_list(scopes):
        errors.append(FieldError(field, "not_a_list", "scopes are a list of texts"))
        return ()
    listed = tuple(islice(scopes, LIST_MAX + 1))
    if len(listed) > LIST_MAX:
        errors.append(FieldError(field, "too_many", f"a list of scopes holds at most {LIST_MAX} items"))
        return ()
    seen: dict[str, None] = {}
    for scope in listed:
        if not is_scope(scope):
            errors.append(
                FieldError(
                    field,
                    "bad_scope",
                    f"{shown(scope)} is not a scope: use a:b:c of [a-z0-9_.-], at most {LENGTH_MAX}",
                )
            )
        elif is_operator(scope) and "*" in scope:
            errors.append(
                FieldError(field, "bad_scope", f"{shown(scope)}: operators' scopes are written out, without wildcards")
            )
        else:
            seen[scope] = None
    if len({_form(scope)[0] for scope in seen if "*" in scope}) > FORMS_MAX:
        message = f"wildcards stand in more than {FORMS_MAX} different arrangements: put them in the same places"
        errors.append(FieldError(field, "too_many", message))
    return tuple(seen)


def unknown(catalogue: Sequence[str] | None, scopes: Iterable[str]) -> tuple[str, ...]:
    """Return the scopes that a catalogue does not know, in input order; without a catalogue all are known.

    A scope is known if an entry covers it, or if it is a wildcard that covers at least one entry.
    """
    if catalogue is None:
        return ()
    asked, known = tuple(dict.fromkeys(scopes)), granted(tuple(catalogue))
    patterns = Patterns(asked)
    used = {pattern for entry in catalogue for pattern in patterns.covering(entry)}
    return tuple(scope for scope in asked if not (known.covers(scope) or scope in used))
