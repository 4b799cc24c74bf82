"""The table of operations as Markdown, for `docs/reference/http.md`: `python -m tokenry.api.reference.markdown`."""

from __future__ import annotations

import sys

from tokenry.operations import OPERATIONS, Operation, Reach

_FOR = {
    Reach.TENANT: "the tenant",
    Reach.INSTALLATION: "the installation",
    Reach.SELF: "the key itself",
}


def table() -> str:
    """Return one row for every operation."""
    rows = [_row(one) for one in OPERATIONS.values()]
    return "\n".join(["| operation | scope | for | what it does |", "|---|---|---|---|", *rows])


def _row(one: Operation) -> str:
    scope = f"`{one.rule.scope}`" if one.rule.scope else "none"
    about = one.about if one.deprecated is None else f"{one.about} {one.deprecated.sentence}"
    return f"| `{one.verb} {one.path}` | {scope} | {_FOR[one.rule.reach]} | {about} |"


if __name__ == "__main__":
    sys.stdout.write(table() + "\n")
