"""One answer, read."""

import json
from typing import Any, NamedTuple


class Read(NamedTuple):
    """Status, fields by lower-case name, and body of an answer."""

    status: int
    fields: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def read(answers: bytes) -> list[Read]:
    """Split what a connection said into its answers."""
    found = []
    while answers:
        head, _, answers = answers.partition(b"\r\n\r\n")
        line, *lines = head.decode("latin-1").split("\r\n")
        fields = dict(field.split(": ", 1) for field in lines)
        length = int(fields.get("content-length", 0))
        body, answers = answers[:length], answers[length:]
        found.append(Read(int(line.split()[1]), fields, body))
    return found
