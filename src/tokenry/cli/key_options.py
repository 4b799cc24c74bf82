"""The options that several key commands share: the lists of a key (scopes, roles, …) and the filters."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, NamedTuple

import typer

from tokenry.types import Credits, Limit, shown

from .call import Call
from .credentials import usage
from .lengths import length, past

_CREDITS = re.compile(r"([0-9]{1,15})(?:/(day|month)(?::([0-9]{1,2}))?)?(\+shared)?", re.ASCII)
_PERIODS: Final[Mapping[str, Any]] = {"day": "daily", "month": "monthly"}


def read_limit(text: str) -> Limit:
    """Read `1000/1h` or `burst=10/1s`."""
    name, equals, rest = text.rpartition("=")
    count, slash, window = rest.partition("/")
    if not slash or not count.isdecimal() or not count.isascii() or (equals and not name):
        raise typer.BadParameter(f"{shown(text)} is not a limit: write 1000/1h, or burst=10/1s to name it")
    return Limit(name or "default", int(count), round(length(window).total_seconds()))


def read_credits(text: str) -> Credits:
    """Read `500`, `500/day`, `500/month` or `500/month:15`, each perhaps with `+shared` behind it."""
    found = _CREDITS.fullmatch(text.strip())
    if found is None:
        message = f"{shown(text)} are no credits: write 500, 500/day, 500/month or 500/month:15, and +shared behind it"
        raise typer.BadParameter(message)
    count, period, day, shared = found.groups()
    return Credits(int(count), _PERIODS.get(period), int(day or 1), shared=bool(shared))


class Listed(NamedTuple):
    """The options for one list of a key: one adds a value, and the other (of `update` only) empties the list."""

    option: str
    metavar: str
    about: str
    clear: str
    about_clear: str
    parser: Callable[[str], Any] | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        """The option that adds a value, by the name of its parameter."""
        kind = list[str] if self.parser is None else list[Any]
        option = typer.Option(self.option, parser=self.parser, metavar=self.metavar, help=self.about)
        return {_parameter(self.option): Annotated[kind | None, option]}


LISTS: Final[Mapping[str, Listed]] = {
    "scopes": Listed("--scope", "SCOPE", "A scope; may be repeated.", "--no-scopes", "Take away every scope."),
    "roles": Listed("--role", "NAME", "A role; may be repeated.", "--no-roles", "Take away every role."),
    "allowed_ips": Listed(
        *("--allow-ip", "CIDR", "Only from this address or network; repeatable."),
        *("--no-allow-ips", "From every address again."),
    ),
    "limits": Listed(
        *("--limit", "LIMIT", "1000/1h, or burst=10/1s; may be repeated.", "--no-limits", "Take away every limit."),
        parser=read_limit,
    ),
    "tags": Listed("--tag", "LABEL", "A label; may be repeated.", "--no-tags", "Take away every tag."),
}
"""The lists of a key by their names in the library."""


DefaultLimit = Annotated[
    list[Any] | None,
    typer.Option(
        "--default-limit",
        parser=read_limit,
        metavar="LIMIT",
        help="1000/1h, or burst=10/1s: for keys with no limits of their own; may be repeated.",
    ),
]
NoDefaultLimits = Annotated[bool, typer.Option("--no-default-limits", help="Take away every default limit.")]
SharedLimit = Annotated[
    list[Any] | None,
    typer.Option(
        "--shared-limit",
        parser=read_limit,
        metavar="LIMIT",
        help="1000/1h, or burst=10/1s: for all keys together; may be repeated.",
    ),
]
NoSharedLimits = Annotated[bool, typer.Option("--no-shared-limits", help="Take away every shared limit.")]


def limits_of(call: Call, kind: str, limits: list[Any] | None, empty: bool) -> list[Any] | None:
    """Return the `default` or `shared` limits that the options say, None when they say nothing."""
    if limits and empty:
        usage(call.out, f"--{kind}-limit and --no-{kind}-limits contradict each other")
    return [] if empty else limits or None


def _text(option: str, metavar: str, about: str) -> Any:
    return Annotated[str | None, typer.Option(option, metavar=metavar, help=about)]


_FILTERS: Final[Mapping[str, Any]] = {
    "owner": _text("--owner", "ID", "Only of this owner."),
    "status": _text("--status", "STATUS", "active, disabled, expired or revoked."),
    "scope": _text("--scope", "SCOPE", "Only with this scope."),
    "tag": _text("--tag", "LABEL", "Only with this tag."),
    "environment": _text("--environment", "NAME", "live, test, …."),
    "text": _text("--text", "TEXT", "In name or description."),
    "expiring_within": Annotated[
        timedelta | None,
        typer.Option("--expiring-within", parser=length, metavar="LENGTH", help="Only what expires so soon."),
    ],
    "last_used_before": Annotated[
        datetime | None,
        typer.Option("--last-used-before", parser=past, metavar="MOMENT", help="A moment, or a length ago: 90d."),
    ],
}

CreditsOption = Annotated[
    Any,
    typer.Option(
        "--credits",
        parser=read_credits,
        metavar="CREDITS",
        help="500 ever, 500/day, 500/month or 500/month:15; +shared is faster.",
    ),
]

Collect = Callable[[Call, dict[str, Any]], Any]


def takes_filters(function: Callable[..., None]) -> Callable[..., None]:
    """Add the filters to a command, which receives the ones in use as `filters`."""
    return taking(function, "filters", _FILTERS, lambda call, given: _set(given))


def takes_lists(function: Callable[..., None]) -> Callable[..., None]:
    """Add the lists of a new key to a command, which receives them as `lists`."""
    options = {name: kind for one in LISTS.values() for name, kind in one.parameters.items()}

    def collect(call: Call, given: dict[str, Any]) -> dict[str, Any]:
        return {field: given[_parameter(one.option)] or () for field, one in LISTS.items()}

    return taking(function, "lists", options, collect)


def takes_changes_of_lists(function: Callable[..., None]) -> Callable[..., None]:
    """Add the lists of a key, and the options that empty them; the command receives those that change as `lists`."""
    options: dict[str, Any] = {}
    for one in LISTS.values():
        options |= one.parameters
        options[_parameter(one.clear)] = Annotated[bool, typer.Option(one.clear, help=one.about_clear)]

    def collect(call: Call, given: dict[str, Any]) -> dict[str, Any]:
        lists: dict[str, Any] = {}
        for field, one in LISTS.items():
            values, empty = given[_parameter(one.option)], given[_parameter(one.clear)]
            if values and empty:
                usage(call.out, f"{one.option} and {one.clear} contradict each other")
            if values or empty:
                lists[field] = values or []
        return lists

    return taking(function, "lists", options, collect)


def taking(
    function: Callable[..., None], into: str, options: Mapping[str, Any], collect: Collect, **defaults: Any
) -> Callable[..., None]:
    """Replace the parameter `into` by options; the function receives the result of `collect` in it."""

    @functools.wraps(function)
    def run(call: Call, **given: Any) -> None:
        mine = {name: given.pop(name) for name in options}
        function(call, **given, **{into: collect(call, mine)})

    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(function, eval_str=True).parameters.values():
        if parameter.name != into:
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) if parameters else parameter)
            continue
        for name, kind in options.items():
            default = defaults.get(name, False if kind.__origin__ is bool else None)
            parameters.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind))
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return run


def _set(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}


def _parameter(option: str) -> str:
    return option.removeprefix("--").replace("-", "_")
