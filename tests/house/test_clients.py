"""The clients in TypeScript and Go know every operation of the management API."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from web import golang, typescript
from web.calls import described


@pytest.mark.parametrize(
    ("file", "written"),
    [(typescript.FILE, typescript.written), (golang.FILE, golang.written)],
    ids=["TypeScript", "Go"],
)
def test_a_client_has_every_operation_as_it_is(file: Path, written: Callable[[Any], str]) -> None:
    assert file.read_text() == written(described()), f"the operations changed: run `make types` and commit {file}"
