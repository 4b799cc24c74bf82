"""The tables of operations and routes, for `docs/reference/http.md`: `python -m tokenry.api.reference.markdown`."""

from __future__ import annotations

import sys

from tokenry.operations import OPERATIONS, Operation, Reach

from ..routes import ROUTES, Route

_FOR = {
    Reach.TENANT: "the tenant",
    Reach.INSTALLATION: "the installation",
    Reach.SELF: "the key itself",
    Reach.HOLDER: "the credential in the body",
}


def table() -> str:
    """Return one row for every operation."""
    rows = [_row(one, one.rule.scope, _FOR[one.rule.reach]) for one in OPERATIONS.values()]
    return "\n".join(["| operation | scope | for | what it does |", "|---|---|---|---|", *rows])


def table_of_routes() -> str:
    """Return one row for every route of verification and OAuth."""
    rows = [_row(one, one.scope) for one in ROUTES.values()]
    return "\n".join(["| operation | scope | what it does |", "|---|---|---|", *rows])


def _row(one: Operation | Route, scope: str | None, *more: str) -> str:
    about = one.about if one.deprecated is None else f"{one.about} {one.deprecated.sentence}"
    return f"| {' | '.join([f'`{one.verb} {one.path}`', f'`{scope}`' if scope else 'none', *more, about])} |"


if __name__ == "__main__":
    sys.stdout.write(f"{table()}\n\n{table_of_routes()}\n")
