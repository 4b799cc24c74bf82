"""Examining the installation: whether its database, keyring, keys, logs and clock are as they should be."""

from __future__ import annotations

from typing import Generic

from tokenry.core.diagnosis import Diagnosis
from tokenry.core.errors import NestedCall
from tokenry.core.model import NOT_GIVEN, NotGiven

from .context import SYSTEM, B, Context

_READ = "tokenry:audit:read"


class Doctor(Generic[B]):
    """The checks of `tokenry doctor`, made by a process that has the installation open."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def examine(self, *, by: B | NotGiven = NOT_GIVEN) -> tuple[Diagnosis, ...]:
        """Make every check and return the results; only operators of the installation and the program may ask.

        Nothing is changed but that the audit logs are sealed. At most 10,000 secrets and 10,000 entries of audit logs
        are read; `tokenry doctor --all-keys` reads all. Raise Conflict while another examination runs in this process.
        """
        context = self._context
        if context.is_joined:
            raise NestedCall("doctor.examine has transactions of its own: call it outside of using()")
        with context.reading(SYSTEM, by, home=context.tenant) as scene:
            scene.actor.must_operate(_READ, "examining the installation")
        return context.examine()
