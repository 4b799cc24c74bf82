"""What ships of the console is what its sources make, and it is small."""

import gzip
import subprocess
from pathlib import Path

from tests.web.seeing import ROOT

WEB = ROOT / "web"
STATIC = ROOT / "src" / "tokenry" / "api" / "console" / "static"
SIZES = {"console.js": 60_000, "console.css": 12_000}


def test_the_built_files_are_what_the_sources_make(tmp_path: Path) -> None:
    subprocess.run([WEB / "node_modules" / ".bin" / "tsc", "--project", WEB / "console"], check=True, timeout=120)
    subprocess.run(["node", WEB / "build.mjs", tmp_path], check=True, timeout=120)
    built = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    shipped = {file.name: file.read_bytes() for file in STATIC.iterdir()}
    assert built == shipped, "run `make web` and commit src/tokenry/api/console/static"


def test_the_built_files_are_small() -> None:
    sizes = {name: len(gzip.compress((STATIC / name).read_bytes())) for name in SIZES}
    assert {name: size for name, size in sizes.items() if size > SIZES[name]} == {}
