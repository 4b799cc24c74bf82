"""Reads that changes in one transaction share: nobody else writes until the transaction ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tokenry.core.grant import Grant, compile_row
from tokenry.core.model import Tenant

if TYPE_CHECKING:
    from tokenry.core.grant import Row

    from .context import Done


@dataclass(slots=True)
class Shared:
    """The shared reads of one transaction of changes of keys, and the announcements after its commit.

    Such a change touches neither tenants nor the keyring's generations, and names the keys whose grants it may change.
    """

    find: Callable[[str], Row | None]
    done: list[Done] = field(default_factory=list)
    tenants: dict[str, Tenant] = field(default_factory=dict)
    generations: set[str] = field(default_factory=set)
    _grants: dict[str, Grant | None] = field(default_factory=dict)

    def announce(self, done: Done) -> None:
        """Keep what a change has done; read again what it may have turned."""
        self.done.append(done)
        if done.kids is None:
            self._grants.clear()
        for kid in done.kids or ():
            self._grants.pop(kid, None)

    def grant(self, kid: str) -> Grant | None:
        """Return the grant of a secret as this transaction sees it."""
        if kid not in self._grants:
            row = self.find(kid)
            self._grants[kid] = compile_row(row) if row is not None else None
        return self._grants[kid]
