"""Every command and every option is documented in docs/reference/commands.md, and nothing else is."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from tokenry.cli.examples import EXAMPLES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "commands.md").read_text(encoding="utf-8")
NAMED = re.compile(r"(?:`|^\s*|\$ )tokenry ((?:[a-z][a-z-]*(?= |`|$) ?)+)", re.MULTILINE)
EVERYWHERE = {
    "--database",
    "--keyring",
    "--server",
    "--key-file",
    "--json",
    "--output",
    "--no-color",
    "--quiet",
    "--help",
    "-h",
}
OF_THE_ROOT = {"--version"}


def commands(group: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield every command below a group with its whole name."""
    for part, command in group.commands.items():
        whole = f"{name} {part}"
        if hasattr(command, "commands"):
            yield from commands(command, whole)
        else:
            yield whole, command


def tree() -> Any:
    from tokenry.cli.app import app

    return typer.main.get_command(app)


def options(command: Any) -> set[str]:
    found = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    return {name for name in found if name.startswith("-")}


def sections() -> dict[str, str]:
    parts = re.split(r"^## `(tokenry [a-z -]+)`$", PAGE, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_command_has_its_section_and_every_section_its_command() -> None:
    assert sorted(sections()) == sorted(name for name, _ in commands(tree(), "tokenry"))


def test_every_option_stands_in_the_section_of_its_command() -> None:
    missing = []
    for name, command in commands(tree(), "tokenry"):
        rows = "\n".join(line for line in sections()[name].splitlines() if line.startswith("|"))
        described = set(re.findall(r"`(--?[a-z-]+)", rows))
        missing += [f"{name}: {option}" for option in options(command) - EVERYWHERE - described]
        missing += [f"{name}: {option} does not exist" for option in described - options(command)]
    assert missing == []


def test_the_options_of_every_command_are_described_once() -> None:
    habits = PAGE.partition("## `")[0]
    for option in EVERYWHERE | OF_THE_ROOT:
        assert f"`{option}" in habits or f"tokenry {option}`" in habits, option
    for name, command in commands(tree(), "tokenry"):
        assert EVERYWHERE - {"--help", "-h"} <= options(command), name
    assert options(tree()) - OF_THE_ROOT <= EVERYWHERE


def test_every_command_and_option_explains_itself() -> None:
    for name, command in commands(tree(), "tokenry"):
        assert command.help, name
        silent = [parameter.name for parameter in command.params if not getattr(parameter, "help", None)]
        assert not silent, f"{name}: {silent}"


def test_every_command_has_an_example_that_parses() -> None:
    named = {name.removeprefix("tokenry "): command for name, command in commands(tree(), "tokenry")}
    assert sorted(EXAMPLES) == sorted(named)
    for name, examples in EXAMPLES.items():
        for example in examples:
            typed = re.search(rf"tokenry {name}( [^|>]*)?", example)
            assert typed, example
            arguments = shlex.split((typed[1] or "").rstrip(')"')) if "$(" in example else shlex.split(typed[1] or "")
            with named[name].make_context(name, arguments):
                pass


def test_pages_name_no_command_that_does_not_exist() -> None:
    wrong = []
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        for found in NAMED.finditer(page.read_text(encoding="utf-8")):
            group = tree()
            for word in found[1].split():
                if not hasattr(group, "commands"):
                    break
                if word not in group.commands:
                    wrong.append(f"{page.relative_to(ROOT)}: {found[0].strip()}")
                    break
                group = group.commands[word]
    assert not wrong, "\n".join(wrong)
