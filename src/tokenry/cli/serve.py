"""`tokenry serve`: the server."""

from __future__ import annotations

import dataclasses
import shlex
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tokenry.types import ConfigError

from .call import Call, command
from .importing import importing
from .init import hand_out_operator_key, opened, working_key_file

if TYPE_CHECKING:
    from tokenry.api.process.settings import ServerSettings
    from tokenry.installation import Installation
    from tokenry.tokenry import Tokenry


def serve(
    call: Call,
    host: Annotated[str | None, typer.Option("--host", help="The address to listen on; 127.0.0.1 by default.")] = None,
    port: Annotated[int | None, typer.Option("--port", help="The port; 8000 by default, 0 for a free one.")] = None,
    workers: Annotated[int | None, typer.Option("--workers", help="How many processes.")] = None,
    unix_socket: Annotated[
        Path | None, typer.Option("--unix-socket", metavar="PATH", help="Listen on this socket in place of a port.")
    ] = None,
    tls_certificate: Annotated[
        Path | None, typer.Option("--tls-certificate", metavar="FILE", help="Speak TLS with this certificate chain.")
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option("--tls-key", metavar="FILE", help="The private key of the certificate.")
    ] = None,
    production: Annotated[
        bool | None, typer.Option("--production", help="Refuse to start with settings that are not fit for it.")
    ] = None,
) -> None:
    """Run the server; by default on an embedded database in ./tokenry-data, made with the first operator's key if new.

    Every other setting comes from the environment or tokenry.toml: docs/reference/settings.md.
    """
    given: dict[str, Any] = {
        "host": host,
        "port": port,
        "workers": workers,
        "unix_socket": unix_socket,
        "tls_certificate": tls_certificate,
        "tls_key": tls_key,
        "production": production,
    }
    _run(call, {name: value for name, value in given.items() if value is not None})


def register(app: typer.Typer) -> None:
    """Put this command into the tree."""
    command(app, "serve")(serve)


def _run(call: Call, given: dict[str, Any]) -> None:
    try:
        with importing():
            from tokenry.api.process.checks import fits
            from tokenry.api.process.listening import listen
            from tokenry.api.process.workers import serve_workers
    except ImportError as error:
        raise ConfigError(f"the server needs more packages ({error.name}): pip install 'tokenry[server]'") from None
    settings = _settings(call, given)
    installation = call.installation(fallback=True, data=settings.data_dir)
    fits(installation, settings)
    sockets = listen(settings)
    first = _prepare(call, installation, settings.data_dir)
    if settings.unix_socket is None:
        settings = dataclasses.replace(settings, port=sockets[0].getsockname()[1])

    def started() -> None:
        where = f"unix:{settings.unix_socket}" if settings.unix_socket else settings.address
        if call.out.json:
            call.out.document({"address": where, **first.fields})
        else:
            lines = [f"Tokenry listens on {where}"]
            if settings.console and settings.unix_socket is None:
                lines.append(f"Console    {where}/console")
            if not first.header:
                lines.append("Lost key   tokenry init --new-operator-key")
            # At once: a program that waits for the first line reads the others, too.
            call.out.text("\n".join([*lines, f"Try        {_curl(settings, first.header)}"]))
        sys.stdout.flush()

    code = serve_workers(installation, settings, sockets, started)
    if code:
        raise typer.Exit(code)


def _settings(call: Call, given: dict[str, Any]) -> ServerSettings:
    """Put together what file, environment and options say, and say what is wrong with it."""
    import os

    from tokenry.api.process.checks import check
    from tokenry.api.process.logs import configure, log
    from tokenry.api.process.settings import server_settings
    from tokenry.config import load

    found = load()
    quiet = {} if "log_format" in found.server or not sys.stderr.isatty() else {"log_format": "text"}
    settings = server_settings({**quiet, **found.server, **given})
    located = dataclasses.replace(
        found, database_url=call.given.database or found.database_url, keyring=call.given.keyring or found.keyring
    )
    findings = check(located, settings, os.environ)
    configure(settings)
    for finding in findings:
        log.warning("unfit setting", setting=finding.setting, reason=finding.message)
    return settings


@dataclass(frozen=True, slots=True)
class First:
    """The example of a first call to the server, and the operator's key for --json; empty if the key is not here."""

    header: str = ""
    fields: dict[str, str] = field(default_factory=dict)


def _prepare(call: Call, installation: Installation, data: Path) -> First:
    """Make the database and the operator's key at the first start."""
    from tokenry.installation import operator_keys

    if not installation.settings.migrate:
        with installation.open() as tk:
            return _at_hand(installation, tk)
    with opened(installation, data) as tk:
        if operator_keys(tk):
            return _at_hand(installation, tk)
        issued, place = hand_out_operator_key(call, installation, tk)
        if place is None:
            return First(f"Authorization: Bearer {issued.secret}", {"operator_key": str(issued.secret)})
        if not call.out.json:
            call.out.text(f"The first operator's key is in {place}: keep it somewhere safe, then remove the file.")
        return _in_file(place)


def _at_hand(installation: Installation, tk: Tokenry) -> First:
    place = working_key_file(installation, tk)
    return First() if place is None else _in_file(place)


def _in_file(place: Path) -> First:
    values = {"operator_key_file": str(place)}
    return First(f"Authorization: Bearer $(cat {shlex.quote(str(place))})", values)


def _curl(settings: ServerSettings, header: str) -> str:
    """Return a command that works as it stands: with the operator's key while it is at hand, else without one."""
    place = f"--unix-socket {shlex.quote(str(settings.unix_socket))} " if settings.unix_socket else ""
    address = "http://localhost" if settings.unix_socket else settings.address
    if header:
        return f'curl {place}-H "{header}" {address}/v1/self'
    return f"curl {place}{address}/readyz"
