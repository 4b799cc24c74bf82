"""The groups of the library as requests. Each call is documented at the library's method."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final, Protocol

from ..core.errors import ConfigError
from ..core.following import follow, follow_awaited
from ..core.model import NOT_GIVEN, Issued, Key, NotGiven
from ..core.walking import walk
from ..operations import NOUNS, OPERATIONS
from .calls import Group, call, importing, iterate, reserving


class Events(Group):
    """The events of a tenant."""

    def follow(
        self,
        *,
        after: int | None = None,
        types: Sequence[str] | None = None,
        idle: timedelta | None = None,
        tenant: str | NotGiven = NOT_GIVEN,
    ) -> Any:
        """Yield events as they are committed, each once, the oldest first; see `Events.follow` of the library."""
        where = {} if tenant is NOT_GIVEN else {"tenant": tenant}
        begin = follow if self._walk is walk else follow_awaited
        return begin(self, after=after, types=types, idle=idle, **where)

    def subscribe(self, *args: Any, **kwargs: Any) -> Any:
        """Raise ConfigError: subscribers hear of their own process only."""
        raise ConfigError("a client is told of no events: follow them with events.follow()")


class Imports(Group):
    """Keys of other systems."""

    def learn(self, name: str, **kwargs: Any) -> None:
        """Raise ConfigError: the process that verifies asks the old system."""
        raise ConfigError("a client cannot ask an old system: call imports.learn where keys are verified")

    def learning(self) -> Any:
        """Raise ConfigError: only a process that asks old systems knows what it has learned."""
        raise ConfigError("a client has learned nothing: call imports.learning where keys are verified")


class Audit(Group):
    """The audit log of a tenant. A server seals the log by itself."""

    def cut(self, **kwargs: Any) -> int:
        """Raise ConfigError: a caller who reaches the server alone must not be able to shorten its log."""
        raise ConfigError("an audit log is cut where its database is: run `tokenry audit cut --database …` there")

    def seal(self, **kwargs: Any) -> None:
        """Do nothing: a server seals by itself."""

    def seal_all(self) -> None:
        """Do nothing: a server seals by itself."""


class Leaks(Group):
    """Credentials that were found where they should not be."""

    def report_github(self, *args: Any, **kwargs: Any) -> Any:
        """Raise ConfigError: the signature of a report is checked where the database is."""
        raise ConfigError("a client passes no reports of GitHub on: check the signature, then call leaks.report")


class Own(Protocol):
    """Reads and changes of the client's own key."""

    def get(self) -> Key:
        """Return the key that this client presents."""
        ...

    def rotate(self, *, grace: timedelta = timedelta(seconds=60), idempotency_key: str | None = None) -> Issued:
        """Replace the secret of this client's key: the old one works until `grace` is over, at least a minute.

        The key's tenant has to allow it. With an idempotency key the grace may be shorter, and while it lasts a lost
        answer can be asked for again. This client goes on with the old secret: make another one with the new.
        """
        ...

    def revoke(self, *, reason: str = "") -> Key:
        """End this client's key, for good."""
        ...


_BASES: Final[dict[str, type[Group]]] = {"events": Events, "audit": Audit, "imports": Imports, "leaks": Leaks}
_CALLS: Final[dict[str, type[call]]] = {"credits.reserve": reserving, "imports.run": importing}
_NAMES: Final = {"self": "me"}


def _group(noun: str) -> type[Group]:
    mine = [one for one in OPERATIONS.values() if one.noun == noun and one.call != "usage"]
    calls: dict[str, Any] = {one.call: _CALLS.get(one.id, call)(one) for one in mine}
    listed = OPERATIONS.get(f"{noun}.list")
    if listed is not None and "cursor" in listed.parameters:
        calls["iterate"] = iterate(listed.method)
    return type(noun, (_BASES.get(noun, Group),), {**calls, "__doc__": NOUNS[noun]})


GROUPS: Final[dict[str, type[Group]]] = {_NAMES.get(noun, noun): _group(noun) for noun in NOUNS if noun != "explain"}
"""Every group by its name."""
