"""What ships of the console and of the key page is what their sources make, and it is small."""

import gzip
import subprocess
from pathlib import Path

from tests.web.seeing import ROOT

WEB = ROOT / "web"
PACKAGE = ROOT / "src" / "tokenry"
STATIC = {"console": PACKAGE / "api" / "console" / "static", "keys": PACKAGE / "key_page" / "static"}
SIZES = {"console/console.js": 60_000, "console/console.css": 12_000, "keys/tokenry-keys.js": 25_000}


def test_the_built_files_are_what_the_sources_make(tmp_path: Path) -> None:
    for room in STATIC:
        subprocess.run([WEB / "node_modules" / ".bin" / "tsc", "--project", WEB / room], check=True, timeout=120)
    subprocess.run(["node", WEB / "build.mjs", tmp_path], check=True, timeout=120)
    for room, static in STATIC.items():
        built = {file.name: file.read_bytes() for file in (tmp_path / room).iterdir()}
        shipped = {file.name: file.read_bytes() for file in static.iterdir()}
        assert built == shipped, f"run `make web` and commit {static}"


def test_the_built_files_are_small() -> None:
    rooms = ((name, *name.split("/")) for name in SIZES)
    sizes = {name: len(gzip.compress((STATIC[room] / file).read_bytes())) for name, room, file in rooms}
    assert {name: size for name, size in sizes.items() if size > SIZES[name]} == {}
