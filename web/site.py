"""Build the documentation as a site in `build/docs/site`, and refuse dead links and anything from another host.

`make docs` runs it. The pages are those of `docs`, with the changelog and the source of the examples added.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urljoin, urlsplit

ROOT: Final = Path(__file__).parents[1]
_EXAMPLE: Final = re.compile(r"\]\(\.\./(examples/[\w/]+)\.py\)")
_LOADED: Final = {("link", "href"), ("script", "src"), ("img", "src"), ("iframe", "src"), ("source", "src")}
_HOST: Final = "https://site.invalid"


class _Page(HTMLParser):
    """The ids on a page that links may name, its links, and the files that a browser loads for it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.ids.add(value)
            elif (tag, name) in _LOADED and value:
                self.loaded.append(value)
            elif tag == "a" and name == "href" and value:
                self.links.append(value)


def build(into: Path) -> Path:
    """Build the site below a folder; return where it is."""
    shutil.rmtree(into, ignore_errors=True)
    shutil.copytree(ROOT / "docs", into / "docs")
    for path in (into / "docs").rglob("*.md"):
        path.write_text(_adapted(path.read_text(encoding="utf-8"), into), encoding="utf-8")
    log = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").replace("](docs/", "](")
    (into / "docs/changelog.md").write_text(log, encoding="utf-8")
    shutil.copy(ROOT / "zensical.toml", into)
    done = subprocess.run(
        [Path(sys.executable).with_name("zensical"), "build", "--strict"],
        cwd=into, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return into / "site"


def faults(site: Path) -> Iterator[str]:
    """Yield links that lead nowhere, and whatever a page loads from another host."""
    pages = {path: _Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    for path, page in pages.items():
        if path.name == "404.html":  # its links begin at the root of the host
            continue
        here = f"{_HOST}/{path.relative_to(site).as_posix()}"
        for url in page.loaded:
            if not urljoin(here, url).startswith(_HOST):
                yield f"{path.relative_to(site)} loads {url}"
        for url in page.links:
            if fault := _fault(site, pages, urljoin(here, url)):
                yield f"{path.relative_to(site)} links to {url}: {fault}"


def _fault(site: Path, pages: dict[Path, _Page], url: str) -> str:
    if not url.startswith(_HOST):
        return ""
    parts = urlsplit(url)
    target = site / unquote(parts.path).lstrip("/")
    target = target / "index.html" if target.is_dir() else target
    if not target.exists():
        return "no such page"
    if parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].ids | {"__top"}:
        return "no such place in the page"
    return ""


def _adapted(text: str, into: Path) -> str:
    """Return a page with links that stay within the site: the changelog and the examples lie outside of `docs`."""
    for name in _EXAMPLE.findall(text):
        page = into / "docs" / f"{name}.md"
        page.parent.mkdir(parents=True, exist_ok=True)
        code = (ROOT / f"{name}.py").read_text(encoding="utf-8")
        page.write_text(f"# {name}.py\n\n```python\n{code}```\n", encoding="utf-8")
    return _EXAMPLE.sub(r"](\1.md)", text).replace("](../CHANGELOG.md)", "](changelog.md)")


def main() -> int:
    """Build, check, and say where the site is."""
    site = build(ROOT / "build/docs")
    found = list(faults(site))
    print("\n".join(found) or f"the documentation is in {site}: open {site / 'index.html'}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
