"""The built files of the console, which `make web` writes."""

from __future__ import annotations

from typing import Final

from tokenry.edge.asgi import Fields
from tokenry.edge.files import read_file

_PAGE: Final = "index.html"
_ASSETS: Final = ("console.js", "console.css", "icon.svg")


class Files:
    """The files as they are sent, read once."""

    def __init__(self) -> None:
        self._files = {name: read_file(str(__package__), name) for name in (_PAGE, *_ASSETS)}

    def answer(self, path: str, headers: Fields) -> tuple[int, bytes, Fields]:
        """Return the status, the body and the fields for a path below `/console`: an asset, or else the page."""
        name = path.removeprefix("/console/")
        return self._files[name if name in _ASSETS else _PAGE].answer(headers)
