"""The packages of an extension that are optional: what to install when one is missing."""

from __future__ import annotations


def missing(error: ModuleNotFoundError, requirement: str) -> ModuleNotFoundError:
    """Return an error that names the command which installs what an extension needs."""
    package = (error.name or "").partition(".")[0]
    if package == "tokenry":  # a mistake in the package itself: installing cannot fix that
        return error
    return ModuleNotFoundError(f"{package} is not installed: pip install '{requirement}'", name=error.name)
