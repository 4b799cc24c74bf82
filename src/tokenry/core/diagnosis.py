"""The results of examining an installation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

DiagnosisStatus: TypeAlias = Literal["ok", "warning", "failed"]

_COMMAND = re.compile(r"`((?:tokenry|chmod|pip) [^`]+)`")


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The result of one check of an installation: what was checked, how it stands, and what to do about it.

    `step` says what to do, and `command` is the command that does it; each is empty where there is none.
    `unreachable` means that the database did not answer.
    """

    check: str
    status: DiagnosisStatus
    message: str
    step: str = ""
    command: str = ""
    unreachable: bool = False

    @classmethod
    def failed(cls, check: str, message: str, *, unreachable: bool = False) -> Diagnosis:
        """Return a failure whose message is that of an error, which holds its command in backticks."""
        command = _COMMAND.search(message)
        return cls(check, "failed", message, command=command[1] if command else "", unreachable=unreachable)

    def __str__(self) -> str:
        """Return the message, followed by the step and the command that the message does not hold itself."""
        text = f"{self.message}. {self.step}" if self.step else self.message
        return text if not self.command or f"`{self.command}`" in text else f"{text}: `{self.command}`"
