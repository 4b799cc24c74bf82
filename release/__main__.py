"""Build what would be published, twice, and use it as a stranger would: `make release-check`.

Files go to `build/release`, with a list of all packages in use (`sbom.json`, CycloneDX).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
OUT: Final = ROOT / "build" / "release"
UV: Final = ROOT / ".venv" / "bin" / "uv"
EXTRAS: Final = "server,postgres"
FRAMEWORKS: Final = "server,flask,fastapi,django"
FREE: Final = (
    "apache",
    "bsd",
    "cnri-python",
    "isc",
    "mit",
    "mozilla public license",
    "mpl-2.0",
    "psf",
    "python software",
)
"""Licences of packages that anybody may use beside ours."""
USED_UNCHANGED: Final = {"psycopg": "lgpl", "psycopg-binary": "lgpl"}
"""LGPL: an application may use these as they are, and replace them."""
LICENCES: Final = """
import importlib.metadata, json
found = {}
for one in importlib.metadata.distributions():
    data = one.metadata
    said = [data.get("License-Expression") or "", (data.get("License") or "")[:60]]
    found[data["Name"].lower()] = " ".join(said + [c for c in data.get_all("Classifier") or () if "License" in c])
print(json.dumps(found))
"""


def main() -> None:
    """Check, and say what was done; end with the first thing that is wrong."""
    shutil.rmtree(OUT, ignore_errors=True)
    epoch = run("git", "log", "-1", "--format=%ct").strip()
    for kind in ("sdist", "pure", "compiled"):
        first, second = (build(kind, OUT / number / kind, epoch) for number in ("first", "second"))
        if digest(first) != digest(second):
            sys.exit(f"{first.name} ({kind}) has other bytes when it is built again")
        print(f"{kind}: {first.name} {digest(first)[:16]}, twice the same")
        use(first)
        if kind != "sdist":
            open_key_pages(first)
    sbom = run(
        str(UV), "export", "--quiet", "--frozen", "--no-default-groups", "--all-extras", "--format", "cyclonedx1.5"
    )
    (OUT / "sbom.json").write_text(sbom)
    print(f"sbom.json: {len(json.loads(sbom)['components'])} packages")


def run(*command: str, cwd: Path = ROOT, environment: Mapping[str, str] | None = None) -> str:
    """Return what a command says; end when it fails."""
    values = {**os.environ, **(environment or {})}
    done = subprocess.run(command, cwd=cwd, env=values, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return done.stdout


def build(kind: str, folder: Path, epoch: str) -> Path:
    """Build one kind of file from the checkout; return it."""
    for rest in ("compiled", "c", "objects"):
        shutil.rmtree(ROOT / "build" / rest, ignore_errors=True)
    values = {"SOURCE_DATE_EPOCH": epoch, "PYTHONHASHSEED": "0"}
    if kind == "compiled":
        values["HATCH_BUILD_HOOK_ENABLE_CUSTOM"] = "1"
    what = "--sdist" if kind == "sdist" else "--wheel"
    python = str(ROOT / ".venv" / "bin" / "python")
    run(
        str(UV), "build", what, "--no-build-isolation", "--python", python, "--out-dir", str(folder), environment=values
    )
    (found,) = (path for path in folder.iterdir() if path.suffix in {".whl", ".gz"})
    return found


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def use(package: Path) -> None:
    """Install a file in a clean environment, and do there what the README says."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        place = folder / "env"
        run(str(UV), "venv", "--quiet", "--python", sys.executable, str(place))
        python = str(place / "bin" / "python")
        run(str(UV), "pip", "install", "--quiet", "--python", python, f"tokenry[{EXTRAS}] @ {package.as_uri()}")
        blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
        run(python, "-I", "-c", "\n".join([*blocks, "assert verdict", "tk.close()"]), cwd=folder)
        serve(place / "bin" / "tokenry", folder)
        found = json.loads(run(python, "-I", "-c", LICENCES))
        if wrong := {one: result[:80] for one, result in found.items() if not is_free(one, result)}:
            sys.exit(f"licences that were not looked at: {wrong}")
        print(f"  installed with {len(found) - 1} other packages, used as the README says, licences known")


def open_key_pages(package: Path) -> None:
    """Install a file with the frameworks in a clean environment, and open the key page of an owner in each."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name) / "env"
        run(str(UV), "venv", "--quiet", "--python", sys.executable, str(place))
        python = str(place / "bin" / "python")
        run(str(UV), "pip", "install", "--quiet", "--python", python, f"tokenry[{FRAMEWORKS}] @ {package.as_uri()}")
        print(run(python, "-I", str(ROOT / "release" / "key_pages.py"), cwd=Path(name)), end="")


def serve(tokenry: Path, folder: Path) -> None:
    """Start the server, and issue and check a key over HTTP."""
    process = subprocess.Popen([tokenry, "serve", "--port", "0"], cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        address = next((line.split()[-1] for line in lines if line.startswith("Tokenry listens on")), None)
        if address is None:
            sys.exit("the server did not start")
        operator = (folder / "tokenry-data" / "tokenry.operator-key").read_text().strip()
        ask(address, "PUT", "/v1/owners/user-42", operator, {"email": "dev@example.com"})
        asked = {"owner": "user-42", "name": "CI", "scopes": ["read:projects"]}
        secret = json.loads(ask(address, "POST", "/v1/keys", operator, asked))["secret"]
        ask(address, "GET", "/v1/auth?scopes=read:projects", secret)
    finally:
        process.terminate()
        process.wait(30)


def ask(address: str, method: str, path: str, key: str, body: object = None) -> bytes:
    """Return an answer; raise for a refusal."""
    fields = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(
        urllib.request.Request(address + path, data, fields, method=method), timeout=60
    ) as answer:
        found: bytes = answer.read()
    return found


def is_free(name: str, message: str) -> bool:
    """Tell whether a licence is one that fits ours."""
    folded = message.lower()
    return any(word in folded for word in FREE) or USED_UNCHANGED.get(name, "?") in folded


if __name__ == "__main__":
    began = time.monotonic()
    main()
    print(f"fit to be published, after {time.monotonic() - began:.0f} s")
