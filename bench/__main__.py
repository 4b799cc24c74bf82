"""Run the benchmarks: `python -m bench [part …] [--keys N]`."""

import argparse
import os
import platform
import sqlite3
import sys

from . import console, imports, lists, management, scale, server, sessions
from .delivering import beside_deliveries
from .extensions import on_frameworks
from .fence import on_fence
from .flood import beside_junk
from .hot import on_hot_path
from .legacy import on_foreign_keys
from .measure import Report
from .pauses import of_the_loop
from .postgres import on_postgres
from .serving import starting
from .verifying import from_memory, remembered, without_memory
from .writing import issuing, weight

PARTS = (
    "memory",
    "lookup",
    "remembered",
    "postgres",
    "fence",
    "issuing",
    "weight",
    "start",
    "hot",
    "pauses",
    "server",
    "flood",
    "legacy",
    "imports",
    "imports-postgres",
    "webhooks",
    "sessions",
    "tokens",
    "extensions",
    "management",
    "mixed",
    "lists",
    "lists-postgres",
    "console",
    "scale",
    "scale-postgres",
)


def main() -> int:
    """Run the chosen parts (all by default) and return 1 when a mark was missed."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="which parts; all by default")
    parser.add_argument("--keys", type=int, default=1_000_000, help="how many keys the large databases hold")
    parser.add_argument("--quick", action="store_true", help="hot: one short round of the cases that matter most")
    parser.add_argument("--only", default="", metavar="TEXT", help="hot: the cases that have this in their name")
    asked = parser.parse_args()
    chosen = asked.parts or PARTS
    print(f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {os.cpu_count()} processors")
    report = Report()
    runs = {
        "memory": lambda: from_memory(report),
        "lookup": lambda: without_memory(report, asked.keys),
        "remembered": lambda: remembered(report, asked.keys),
        "postgres": lambda: on_postgres(report),
        "fence": lambda: on_fence(report),
        "issuing": lambda: issuing(report),
        "weight": lambda: weight(report),
        "start": lambda: starting(report),
        "hot": lambda: on_hot_path(report, asked.keys, quick=asked.quick, only=asked.only),
        "pauses": lambda: of_the_loop(report),
        "server": lambda: server.on_server(report),
        "flood": lambda: beside_junk(report),
        "legacy": lambda: on_foreign_keys(report),
        "imports": lambda: imports.on_sqlite(report, min(asked.keys, imports.MARKED)),
        "imports-postgres": lambda: imports.on_postgres(report, min(asked.keys, imports.MARKED)),
        "webhooks": lambda: beside_deliveries(report),
        "sessions": lambda: sessions.on_server(report),
        "tokens": lambda: sessions.first_seen(report),
        "extensions": lambda: on_frameworks(report),
        "management": lambda: (management.in_library(report), management.over_http(report)),
        "mixed": lambda: management.mixed(report),
        "lists": lambda: lists.on_sqlite(report, asked.keys),
        "lists-postgres": lambda: lists.on_postgres(report, asked.keys),
        "console": lambda: console.first_paint(report, asked.keys),
        "scale": lambda: scale.on_sqlite(report, asked.keys),
        "scale-postgres": lambda: scale.on_postgres(report, asked.keys),
    }
    for part in chosen:
        runs[part]()
    if report.missed:
        print("\nmissed: " + "; ".join(report.missed))
    return 1 if report.missed else 0


if __name__ == "__main__":
    sys.exit(main())
