"""`manage.py tokenry …`: the whole command line, on the project's database."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ....extras import missing


class Command(BaseCommand):
    """Pass the arguments to the command line."""

    help = "Issue, list and revoke keys, and everything else that `tokenry` does: see `manage.py tokenry -- --help`."
    requires_system_checks = ()

    def run_from_argv(self, argv: list[str]) -> None:
        """Leave the options to the command line, which parses its own."""
        self._hand_over(argv[2:], f"{os.path.basename(argv[0])} {argv[1]}")

    def add_arguments(self, parser: CommandParser) -> None:
        """Take any words, when called with `call_command`."""
        parser.add_argument("words", nargs="*")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run with the words of `call_command("tokenry", "keys", "list")`."""
        self._hand_over(list(options["words"]), "tokenry")

    def _hand_over(self, words: list[str], name: str) -> None:
        from ...engine import alias, database_url, engine_settings, project_settings

        try:
            from tokenry.cli.app import app
            from tokenry.installation import host_command
        except ModuleNotFoundError as error:
            raise CommandError(str(missing(error, "tokenry[cli]"))) from None

        before = dict(os.environ)
        os.environ["TOKENRY_DATABASE_URL"] = database_url()  # not as an option: it may hold a password
        keyring = project_settings().get("KEYRING")
        if keyring is not None:
            os.environ["TOKENRY_KEYRING"] = str(keyring)
        for name, value in engine_settings().items():
            text = str(value.total_seconds() if isinstance(value, timedelta) else value)
            os.environ[f"TOKENRY_{name.upper()}"] = text
        # On a database of its own `tokenry init` makes the tables, not Django.
        token = host_command.set(None if alias() is None else "manage.py migrate")
        try:
            app(args=words, prog_name=name)
        finally:  # called by `call_command`, after which the process goes on
            host_command.reset(token)
            os.environ.clear()
            os.environ.update(before)
