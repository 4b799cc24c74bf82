"""GitHub's public keys for leak reports, as an instance holds them."""

from __future__ import annotations

from ..runtime.github_keys import GithubKeys
from ..tokenry import Tokenry


def github_keys(tk: Tokenry) -> GithubKeys:
    """Return where the public keys of GitHub's reports come from."""
    return tk._github_keys
