"""Which files are mutated."""

from __future__ import annotations

import importlib
from pathlib import Path

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src" / "tokenry"
PLACES = ("core", "service", "api/hot")


def files(only: str) -> list[Path]:
    """Return the files of some places, or of all of them."""
    places = only.split() or PLACES
    found = [
        path for place in places for path in ([SRC / place] if place.endswith(".py") else (SRC / place).rglob("*.py"))
    ]
    return sorted(found)


def import_all() -> None:
    """Import every module that is mutated, so that no test is the first to do so."""
    for file in files(""):
        importlib.import_module(".".join(file.relative_to(SRC.parent).with_suffix("").parts).removesuffix(".__init__"))
