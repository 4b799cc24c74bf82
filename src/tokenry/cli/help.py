"""Help texts: examples for each command, and the options of every command named once."""

from __future__ import annotations

import copy
from typing import Any

from typer.core import TyperCommand, TyperGroup

from .examples import EXAMPLES


class Command(TyperCommand):
    """A command whose help shows its own options and an example."""

    shared: frozenset[str] = frozenset()
    """The parameters that every command has: the help of `tokenry` explains them."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options of this command, and name the others."""
        own = copy.copy(self)
        own.params = [parameter for parameter in self.params if parameter.name not in self.shared]
        TyperCommand.format_options(own, ctx, formatter)
        shared = [parameter.opts[0] for parameter in self.params if parameter.name in self.shared]
        if shared:
            formatter.write_paragraph()
            formatter.write_text(f"Before or behind every command: {', '.join(shared)}. See `tokenry --help`.")

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the examples of this command."""
        examples = EXAMPLES.get(ctx.command_path.removeprefix("tokenry "), ())
        if examples:
            with formatter.section("Examples"):
                for example in examples:
                    formatter.write(f"{'':>{formatter.current_indent}}{example}\n")


class Group(TyperGroup):
    """A group of commands, each with its whole summary."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write every command and the first sentence of its help, on as many lines as it needs."""
        rows = []
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            if command is not None and not command.hidden:
                rows.append((name, command.get_short_help_str(limit=500)))
        with formatter.section("Commands"):
            formatter.write_dl(rows)
