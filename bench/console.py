"""How soon a console shows the keys of a tenant that has a million of them, in a real Chromium.

From the navigation to the frame that holds the first row, of a browser that has the files in its cache. A page of
nginx that holds 50 rows of text stands beside it: it needs no script and no question, so no console is sooner.
"""

import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tokenry import Tokenry

from .lists import _QUIET, _fill
from .loads import free_port, nginx
from .measure import Report

MOST_MS = 300
ROUNDS = 15
SCREENS = {
    "the keys": "/console",
    "the keys by last use": "/console?sort=-last_used",
    "the keys of an owner with half of them": "/console?owner=everybody",
}
_SEEN = """
    (selector) => new Promise((resolve) => {
        const seen = () => document.querySelector(selector);
        const told = () => requestAnimationFrame(() => setTimeout(() => resolve(performance.now())));
        if (seen()) return told();
        new MutationObserver((_, observer) => { if (seen()) { observer.disconnect(); told(); } })
            .observe(document, { childList: true, subtree: true });
    })
"""


def first_paint(report: Report, count: int) -> None:
    """Measure how soon the first rows are painted."""
    from tests.servers.serving import serving
    from tests.web.seeing import Seeing, chromium

    report.title(f"the console: first paint of the keys, of {count:,}")
    with tempfile.TemporaryDirectory() as name:
        folder, url = Path(name), f"sqlite:///{name}/tokenry-data/tokenry.db"
        with serving(folder):
            pass  # makes the operator's key
        with Tokenry(url, settings=_QUIET) as tk:
            _fill(tk, count)
        with serving(folder) as server, chromium() as browser, _static() as static:
            seeing = Seeing(browser, server, viewport={"width": 1280, "height": 860})
            page = seeing.sign_in()

            def load(url: str, row: str) -> Callable[[], float]:
                def once() -> float:
                    page.goto(url, wait_until="commit")
                    return float(page.evaluate(_SEEN, row))

                return once

            reference = _middle(load(static, "tr"))
            report.line("a static page of nginx", f"{reference:.0f} ms")
            for what, path in SCREENS.items():
                took = _middle(load(path, ".list tbody tr"))
                report.line(what, f"{took:.0f} ms", f"<= {MOST_MS} ms", took <= MOST_MS)
            seeing.context.close()


def _middle(load: Callable[[], float]) -> float:
    load()
    return statistics.median(load() for _ in range(ROUNDS))


@contextmanager
def _static() -> Iterator[str]:
    """Serve a page that holds its rows; yield its address."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        rows = "".join(f"<tr><th>key {n}<td>user-{n}<td>read projects<td>active" for n in range(50))
        Path(name, "index.html").write_text(f"<!doctype html><title>Keys</title><table>{rows}</table>")
        port = free_port()
        with nginx(port, f"location / {{ root {name}; types {{ text/html html; }} }}"):
            yield f"http://127.0.0.1:{port}/index.html"
