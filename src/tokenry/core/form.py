"""Which form of the hot path this process runs: Python as it is written, or compiled by mypyc (`make wheel`)."""

from __future__ import annotations

from typing import Final, Literal

from . import decide

FORM: Final[Literal["pure", "compiled"]] = "pure" if decide.__file__.endswith(".py") else "compiled"
"""All compiled modules come in one library, so checking one of them is enough."""
