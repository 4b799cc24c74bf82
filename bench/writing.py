"""The cost of issuing with full durability, and the size of the package."""

import statistics
import subprocess
import sys
import tempfile
import time

from tokenry import Tokenry

from .measure import Report


def issuing(report: Report) -> None:
    """Keys issued a thousand at a time, and one by one."""
    report.title("Issue (SQLite file, full durability)")
    with tempfile.TemporaryDirectory() as folder, Tokenry(f"sqlite:///{folder}/keys.db") as tk:
        tk.owners.put("user")
        best = float("inf")
        for turn in range(3):
            asked = [{"owner": "user", "name": f"key {turn} {n}", "scopes": ["read:projects"]} for n in range(1000)]
            begin = time.perf_counter()
            results = tk.keys.issue_many(asked)
            best = min(best, time.perf_counter() - begin)
            assert all(hasattr(result, "secret") for result in results)
        report.line("issue_many, keys a second", f"{1000 / best:,.0f}", "at least 1,500", 1000 / best >= 1500)
        each = []
        for n in range(300):
            begin = time.perf_counter()
            tk.keys.issue("user", name=f"single {n}", scopes=["read:projects"])
            each.append(time.perf_counter() - begin)
        report.line(
            "issue, one by one",
            f"{1 / statistics.median(each):,.0f}/s",
            f"median {statistics.median(each) * 1e3:.2f} ms",
        )


def weight(report: Report) -> None:
    """How long `import tokenry` takes beside an empty interpreter."""
    report.title("Weight")
    empty = min(_run("pass") for _ in range(7))
    ours = min(_run("import tokenry") for _ in range(7))
    took = (ours - empty) * 1000
    report.line(
        "import tokenry", f"{took:.0f} ms", f"at most 100; empty interpreter {empty * 1000:.0f} ms", took <= 100
    )
    first = (min(_run("from tokenry import Tokenry") for _ in range(3)) - empty) * 1000
    report.line("from tokenry import Tokenry", f"{first:.0f} ms", "with SQLAlchemy and msgspec")


def _run(code: str) -> float:
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - begin
