"""One call of the command line: the options that every command takes, and what becomes of errors."""

from __future__ import annotations

import functools
import inspect
import os
import re
import shlex
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, TypeVar, Union

import typer

from tokenry.types import meant

from .help import Command
from .output import FORMATS, Output

if TYPE_CHECKING:
    from tokenry.client import Client
    from tokenry.groups import Groups
    from tokenry.installation import Installation
    from tokenry.tokenry import Tokenry

    from .servers import SavedServer

FAILED, USAGE, REFUSED, SIGN_IN, UNREACHABLE = 1, 2, 3, 4, 5
_TIMEOUT = timedelta(seconds=30)

Database = Annotated[
    str | None,
    typer.Option("--database", metavar="URL", help="The database. Else TOKENRY_DATABASE_URL or tokenry.toml says it."),
]
KeyringFile = Annotated[
    str | None,
    typer.Option(
        "--keyring", metavar="FILE", help="Its keyring. Else TOKENRY_KEYRING; beside an SQLite file by itself."
    ),
]
Server = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="URL|NAME",
        help="A server, in place of a database: its URL, or its name in `tokenry servers`. Else TOKENRY_SERVER.",
    ),
]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--key-file",
        metavar="FILE",
        help="A file of mode 0600 with your key for it. Else that of `tokenry login`, or TOKENRY_KEY.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Answer with one JSON document on stdout.")]
Format = Annotated[
    str | None,
    typer.Option("--output", metavar="FORMAT", help="table, json (as --json) or csv; csv is for lists."),
]
NoColor = Annotated[bool, typer.Option("--no-color", help="No colours; NO_COLOR in the environment does the same.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress and no remarks on stderr, only errors and warnings.")]
TenantOption = Annotated[
    str | None, typer.Option("--tenant", metavar="SLUG", help="The tenant, else `default` or the only one of your key.")
]

Face: TypeAlias = Union["Tokenry", "Client"]
Managing: TypeAlias = Union["Groups", "Client"]
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Globals:
    """The options that may stand before or behind the name of a command."""

    database: str | None = field(default=None, repr=False)
    keyring: str | None = field(default=None, repr=False)
    server: str | None = None
    key_file: Path | None = None
    json: bool = False
    output: str | None = None
    no_color: bool = False
    quiet: bool = False

    def or_else(self, before: Globals) -> Globals:
        """Return these, and what was given before the command's name where these say nothing."""
        names = [field.name for field in fields(self)]
        return Globals(**{name: getattr(self, name) or getattr(before, name) for name in names})


_OPTIONS: dict[str, Any] = {
    "database": Database,
    "keyring": KeyringFile,
    "server": Server,
    "key_file": KeyFile,
    "json": Json,
    "output": Format,
    "no_color": NoColor,
    "quiet": Quiet,
}
_PARAMETERS = [
    inspect.Parameter(one.name, inspect.Parameter.KEYWORD_ONLY, default=one.default, annotation=_OPTIONS[one.name])
    for one in fields(Globals)
]

Command.shared = frozenset(_OPTIONS)


class Call:
    """The context of a command: the installation, and the form of its output."""

    def __init__(self, given: Globals, extra: list[str]) -> None:
        self.given = given
        self.extra = extra
        self._saved: SavedServer | None = None
        form = given.output or ("json" if given.json else "table")
        self.out = Output(form, no_color=given.no_color, quiet=given.quiet)
        if self.out.format not in FORMATS or (given.json and not self.out.json):
            hint = meant(self.out.format, FORMATS) if self.out.format not in FORMATS else ""
            self.out.fail(f"--output is one of {', '.join(FORMATS)}, and --json is the same as --output json{hint}")
            raise typer.Exit(USAGE)

    @functools.cached_property
    def server(self) -> str | None:
        """The address of the server that is meant; None when it is a database.

        An option beats the environment. The default of `tokenry login` counts when nothing says where a database is.
        """
        from . import servers

        if self.given.server and self.given.database:
            self.out.fail("--server and --database contradict each other: name one of them")
            raise typer.Exit(USAGE)
        if self.given.database:
            return None
        named = self.given.server or os.environ.get("TOKENRY_SERVER")
        if named:
            self._saved = servers.load().find(named) if "://" not in named else None
            return self._on(named, self._saved) if self._saved else named
        return self._default_server()

    def _default_server(self) -> str | None:
        from tokenry.config import load

        from . import servers

        if not servers.place().exists() or load().database_url:
            return None
        known = servers.load()
        if known.default is None:
            return None
        self._saved = known.saved[known.default]
        return self._on(known.default, self._saved)

    def _on(self, name: str, saved: SavedServer) -> str:
        self.out.say(f"on {name} ({saved.url})")
        return saved.url

    def installation(self, *, fallback: bool = False, data: Path | None = None) -> Installation:
        """Find the installation; with `fallback`, in `data` (./tokenry-data) when nothing says where."""
        from tokenry.installation import locate

        given = self.given
        if given.server:
            self.out.fail("this works on a database and its keyring only: run it where they are, with --database")
            raise typer.Exit(USAGE)
        if given.database and has_password(given.database):
            self.out.warn("warning: everybody on this machine can read an argument. Put a URL with a password into")
            self.out.warn("         TOKENRY_DATABASE_URL or tokenry.toml instead.")
        return locate(given.database, given.keyring, data=data or data_directory(), fallback=fallback)

    @contextmanager
    def open(self) -> Iterator[Face]:
        """Open the installation, or talk to the server, for the time of a block."""
        server = self.server
        if server is None:
            with self.installation().open() as tk:
                yield tk
            return
        from tokenry.client import Client
        from tokenry.client.connections import address

        with Client(address(server), self.key(), timeout=_TIMEOUT) as client:
            yield client

    @contextmanager
    def managing(self, tenant: str | None) -> Iterator[Managing]:
        """Open it for the management of one tenant."""
        from tokenry.types import NOT_GIVEN

        with self.open() as tk:
            yield tk.scoped(tenant=NOT_GIVEN if tenant is None else tenant)

    def key(self) -> str:
        """Return the key for the server, from where nobody else can see it.

        The key of the environment belongs to TOKENRY_SERVER, where that is set: it is not sent to another server. No
        key but one that was saved for it is sent to an --server over http:// to another machine.
        """
        from . import servers

        if self._saved is not None and not self.given.key_file:
            return self._saved.key
        server, beside = (_bare(text or "") for text in (self.server, os.environ.get("TOKENRY_SERVER")))
        saved = servers.load().key_of(server) or ""
        if self.given.key_file:
            key = _key_of_file(self.given.key_file)
        elif beside == server:
            key = _key_of_environment() or saved
        else:
            key = saved or ("" if beside else _key_of_environment())
        if not key:
            held_back = f"the key of the environment is for TOKENRY_SERVER, {beside}, alone. " * (
                beside not in ("", server)
            )
            self.out.fail(
                f"{held_back}The server needs your key: sign in with `tokenry login URL`, put the key into "
                "TOKENRY_KEY, or pass --key-file FILE"
            )
            raise typer.Exit(SIGN_IN)
        if server and key != saved and not servers.is_private(server):
            if beside != server:
                self.out.fail(
                    f"your key would travel in clear to {server}: use https://, or sign in there once with "
                    "`tokenry login URL --insecure`"
                )
                raise typer.Exit(USAGE)
            self.out.warn(f"warning: your key travels in clear to {server}: use https://")
        return key

    def confirm(self, question: str, yes: bool) -> None:
        """Ask before something that cannot be undone; without a terminal --yes must say it."""
        if yes:
            return
        if not sys.stdin.isatty():
            self.out.fail(f"{question} Pass --yes to say so, since there is no terminal to ask.")
            raise typer.Exit(USAGE)
        typer.confirm(question, abort=True, err=True)


def data_directory() -> Path:
    """Return where an installation lies that nothing else is said about."""
    return Path(os.environ.get("TOKENRY_DATA_DIR") or "tokenry-data")


def command(group: typer.Typer, name: str, **settings: Any) -> Callable[[F], F]:
    """Register a function of a `Call` as a command, with the options that every command takes."""

    def register(function: F) -> F:
        group.command(name, cls=Command, **settings)(_with_globals(function))
        return function

    return register


def _with_globals(function: Callable[..., Any]) -> Callable[..., Any]:
    own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
    keywords = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
    context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)

    @functools.wraps(function)
    def run(*, context: typer.Context, **values: Any) -> None:
        behind = Globals(**{parameter.name: values.pop(parameter.name) for parameter in _PARAMETERS})
        before = context.find_root().obj
        given = behind.or_else(before) if isinstance(before, Globals) else behind
        call = Call(given, list(context.args))
        with _errors(call.out, values.get("tenant")):
            function(call, **values)

    signature = inspect.Signature([context, *keywords, *_PARAMETERS])
    run.__signature__ = signature  # type: ignore[attr-defined]
    run.__annotations__ = {name: parameter.annotation for name, parameter in signature.parameters.items()}
    return run


@contextmanager
def _errors(out: Output, tenant: str | None) -> Iterator[None]:
    """Turn what was raised on purpose into a message and an exit code."""
    from tokenry.types import CallerRefused, Denied, Invalid, StoreUnavailable, TokenryError

    try:
        yield
    except TokenryError as error:
        signed_out = isinstance(error, (CallerRefused, Denied)) and error.verdict.retry_after is None
        code = UNREACHABLE if isinstance(error, StoreUnavailable) else SIGN_IN if signed_out else FAILED
        fields = error.errors if isinstance(error, Invalid) else ()
        if out.json:
            field_values = {"code": error.code, "message": error.message, "details": _plain(error.details)}
            out.document({"error": {**field_values, "errors": [field._asdict() for field in fields]}})
        if fields:
            out.fail("these values cannot be accepted, and nothing was changed:")
            for field in fields:
                out.warn(f"  {field.field}: {field.message}")
        else:
            out.fail(error.message + _remedy(error.message, tenant))
        raise typer.Exit(code) from None
    except BrokenPipeError:
        raise
    except OSError as error:
        from tokenry.config import shown_path

        place = shown_path(str(error.filename)) if error.filename else "a file"
        if out.json:
            message = f"{place}: {error.strerror}"
            out.document({"error": {"code": "file", "message": message, "details": {}, "errors": []}})
        out.fail(f"{place} cannot be used: {error.strerror or type(error).__name__}")
        raise typer.Exit(FAILED) from None


_REMEDIES = {
    "owner": "tokenry owners put {}",
    "tenant": "tokenry tenants create {}",
    "role": "tokenry roles put {} --scope SCOPE",
    "key": "`tokenry keys list` shows what there is",
    "webhook": "`tokenry webhooks list` shows what there is",
    "session": "`tokenry sessions list` shows what there is",
}
_MISSING = re.compile(rf"({'|'.join(_REMEDIES)}) '([^']{{1,100}})' does not exist")


def _remedy(message: str, tenant: str | None) -> str:
    """Return the command that helps when a message says that something does not exist; else nothing."""
    found = _MISSING.match(message)
    if found is None:
        return ""
    remedy = _REMEDIES[found[1]].format(shlex.quote(found[2]))
    return f": {remedy} --tenant {shlex.quote(tenant)}" if tenant and found[1] in ("owner", "role") else f": {remedy}"


def _plain(details: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value if isinstance(value, (str, int, list, type(None))) else str(value)
        for name, value in details.items()
    }


def _bare(url: str) -> str:
    return url.strip().rstrip("/")


def _key_of_environment() -> str:
    file = os.environ.get("TOKENRY_KEY_FILE")
    return (_key_of_file(Path(file)) if file else os.environ.get("TOKENRY_KEY", "")).strip()


def _key_of_file(path: Path) -> str:
    from tokenry.types import ConfigError

    with path.open(encoding="utf-8", errors="replace") as stream:
        found = os.fstat(stream.fileno())
        if stat.S_ISREG(found.st_mode) and found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ConfigError(f"others can read the key in {path}: run `chmod 600 {path}`, or better make a new key")
        return stream.read(1024)


def has_password(url: str) -> bool:
    """Tell whether a URL holds a password, which everybody on the machine can read in an argument."""
    authority = url.partition("://")[2].partition("/")[0]
    return ":" in authority.rpartition("@")[0]
