"""`tokenry scan`: finding keys where none should be."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, BinaryIO, NamedTuple

import typer

from tokenry.types import counted

from .call import FAILED, REFUSED, Call, command
from .credentials import usage

_MIB = 1 << 20
_LOOKS_BINARY = 8192
_HUNK = re.compile(rb"@@ -\d+(?:,\d+)? \+(\d+)")


class Hit(NamedTuple):
    """A key that was found, without what is secret of it."""

    path: str
    line: int
    kid: str
    redacted: str


def scan(
    call: Call,
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="PATH…", help="Files and directories; - is stdin.")
    ] = None,
    diff: Annotated[
        bool, typer.Option("--diff", help="What is read are diffs, as of `git diff`: look at added lines only.")
    ] = False,
    size_max: Annotated[
        int, typer.Option("--size-max", metavar="MIB", min=1, help="Pass over what is larger; 10 by default.")
    ] = 10,
    pattern: Annotated[
        bool, typer.Option("--pattern", help="Print the pattern for other secret scanners, and end.")
    ] = False,
) -> None:
    """Look for keys in files, in directories or on stdin, by their pattern and their checksum.

    Binary and large files, links and .git are passed over. Shows where each key is and what of it is public. Exits
    with 3 when there is one, with 1 when something could not be read, and with 0 when all is clean.
    """
    if pattern:
        _print_pattern(call)
        return
    if not paths:
        usage(call.out, "say where to look: `tokenry scan .`, or `git diff --cached | tokenry scan --diff -`")
    scanner, hits = Scanner(size_max * _MIB, diff=diff), []
    with call.out.progress("scanning", None, "file") as done:
        for path in scanner.files(paths or ()):
            for hit in scanner.look(path):
                hits.append(hit)
                if not call.out.json:
                    call.out.text(f"{hit.path}:{hit.line}: {hit.redacted}")
            done(1)
    _conclude(call, hits, scanner)


def register(app: typer.Typer) -> None:
    """Put this command into the tree."""
    command(app, "scan")(scan)


class Scanner:
    """Looks into files, and keeps account of those it could not, or would not, look into."""

    def __init__(self, size_max: int, *, diff: bool) -> None:
        self._size_max = size_max
        self._diff = diff
        self.looked = 0
        self.large: list[str] = []
        self.failed: list[str] = []

    def files(self, paths: Iterable[Path]) -> Iterator[Path]:
        """Yield the files below some paths, in order."""
        for path in paths:
            if not path.is_dir():
                yield path
                continue
            for folder, folders, names in os.walk(path, onerror=self._could_not):
                folders[:] = sorted(name for name in folders if name != ".git")
                yield from (Path(folder, name) for name in sorted(names) if not Path(folder, name).is_symlink())

    def look(self, path: Path) -> Iterator[Hit]:
        """Yield the keys in one file."""
        try:
            data = self._read(path)
        except OSError as error:
            self._could_not(error)
            return
        if data is None:
            return
        self.looked += 1
        shown = "stdin" if str(path) == "-" else str(path)
        yield from _in_diff(data) if self._diff else _in_text(shown, data)

    def _could_not(self, error: OSError) -> None:
        self.failed.append(f"{error.filename}: {error.strerror}")

    def _read(self, path: Path) -> bytes | None:
        if str(path) == "-":
            return self._bounded(sys.stdin.buffer, "stdin")
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(file, "rb") as stream:
            if not stat.S_ISREG(os.fstat(file).st_mode):  # a pipe or a device might never end
                return None
            return self._bounded(stream, str(path))

    def _bounded(self, stream: BinaryIO, name: str) -> bytes | None:
        head = stream.read(_LOOKS_BINARY)
        if b"\0" in head:
            return None
        data = head + stream.read(self._size_max + 1 - len(head))
        if len(data) > self._size_max:
            self.large.append(name)
            return None
        return data


def _in_text(path: str, data: bytes) -> Iterator[Hit]:
    from tokenry.offline import find

    line, counted = 1, 0
    for found in find(data):
        line += data.count(b"\n", counted, found.offset)
        counted = found.offset
        yield Hit(path, line, found.kid, found.redacted)


def _in_diff(data: bytes) -> Iterator[Hit]:
    """Look at the lines that a diff adds; places are those of the new files."""
    from tokenry.offline import find

    path, line, header = "", 0, True
    for text in data.splitlines():
        if text.startswith(b"diff "):
            header = True
        elif header and text.startswith(b"+++ "):
            path = text[4:].partition(b"\t")[0].removeprefix(b"b/").decode(errors="replace")
        elif hunk := _HUNK.match(text):
            line, header = int(hunk.group(1)), False
        elif not header and text[:1] in (b"+", b" ", b""):
            if text[:1] == b"+":
                for found in find(text[1:]):
                    yield Hit(path, line, found.kid, found.redacted)
            line += 1


def _print_pattern(call: Call) -> None:
    from tokenry.types import SCAN_PATTERN

    if not call.out.record(pattern=SCAN_PATTERN):
        call.out.text(SCAN_PATTERN)


def _conclude(call: Call, hits: list[Hit], scanner: Scanner) -> None:
    if call.out.json:
        found = [hit._asdict() for hit in hits]
        values = {"file_count": scanner.looked, "too_large": scanner.large, "unreadable": scanner.failed}
        call.out.document({"found": found, **values})
    for name in scanner.large:
        call.out.say(f"passed over, since it is too large: {name}")
    for problem in scanner.failed:
        call.out.fail(f"could not be read: {problem}")
    if hits:
        call.out.say(
            f"{counted(len(hits), 'key')} found: `tokenry keys find --kid KID` shows whose. "
            "Rotate or revoke what you find"
        )
        raise typer.Exit(REFUSED)
    if scanner.failed:
        raise typer.Exit(FAILED)
    call.out.say(f"no key in {counted(scanner.looked, 'file')}")
