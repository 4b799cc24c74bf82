"""Servers that you have signed in to: their addresses and your keys, in one file that only you can read."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
_BYTES_MAX: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class SavedServer:
    """A server and your key for it."""

    url: str
    key: str = field(repr=False)


@dataclass(slots=True)
class Servers:
    """All that were saved, and the name of the one that is meant when nothing else says where."""

    saved: dict[str, SavedServer] = field(default_factory=dict)
    default: str | None = None

    def find(self, text: str) -> SavedServer | None:
        """Return the server with a name; or None for a URL that goes by no name. Raise ConfigError for other texts."""
        from tokenry.types import ConfigError, meant, shown

        found = self.saved.get(text)
        if found is not None or "://" in text:
            return found
        hint = meant(text, self.saved) or f": saved are {', '.join(sorted(self.saved)) or 'none'}."
        raise ConfigError(f"no server is saved as {shown(text)}{hint} `tokenry login https://…` saves one")

    def key_of(self, url: str) -> str | None:
        """Return the key that was saved for an address."""
        return next((one.key for one in self.saved.values() if one.url == url), None)


def place() -> Path:
    """Return the file: `servers.json` in the directory for configuration of this account."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "tokenry" / "servers.json"


def load() -> Servers:
    """Read the file; raise ConfigError if others can read it, or if it is damaged."""
    from tokenry.types import ConfigError

    path = place()
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
    except FileNotFoundError:
        return Servers()
    with os.fdopen(descriptor, encoding="utf-8") as stream:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ConfigError(f"others can read the keys in {path}: run `chmod 600 {path}`, and rotate the keys")
        if found.st_uid != os.geteuid():
            raise ConfigError(f"{path} belongs to another account: remove it, then sign in with `tokenry login URL`")
        text = stream.read(_BYTES_MAX)
    try:
        document = json.loads(text)
        saved = {name: SavedServer(str(one["url"]), str(one["key"])) for name, one in document["servers"].items()}
        default = document["default"]
    except (ValueError, LookupError, TypeError, AttributeError):
        raise ConfigError(f"{path} is damaged: remove it, then sign in again with `tokenry login URL`") from None
    return Servers(saved, default if default in saved else None)


@contextlib.contextmanager
def changed() -> Iterator[Servers]:
    """Change the file as a whole or not at all, one process after the other."""
    path = place()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(path.with_suffix(".lock"), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        servers = load()
        yield servers
        document = {"default": servers.default, "servers": {name: asdict(one) for name, one in servers.saved.items()}}
        descriptor, made = tempfile.mkstemp(dir=path.parent)  # created with mode 0600
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                json.dump(document, stream, indent=2)
                stream.flush()
                os.fsync(descriptor)
            os.replace(made, path)
        except BaseException:
            Path(made).unlink(missing_ok=True)
            raise
    finally:
        os.close(lock)


def is_private(url: str) -> bool:
    """Tell whether a key can be sent to an address without others reading it on the way."""
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    return parts.scheme == "https" or parts.hostname in _LOOPBACK
