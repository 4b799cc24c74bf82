"""`tokenry completions`: what a shell needs to complete commands and options."""

from __future__ import annotations

import os
import shlex
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from .call import Call, command

VARIABLE: Final = "_TOKENRY_COMPLETE"
"""The variable with which a shell asks this program what could be typed next."""

# Bash splits words at colons and equals signs, so that `http://host` is three words. This joins them again.
# It works with bash 3.2, which macOS has.
_BASH: Final = """\
_tokenry_completion() {
    local IFS=$'\\n' rest=$COMP_LINE count=0 index word blank prefix
    local words=()
    for ((index = 0; index <= COMP_CWORD; index++)); do
        word=${COMP_WORDS[index]}
        blank=${rest%%[![:space:]]*}
        rest=${rest#"$blank"}
        rest=${rest#"$word"}
        if [[ $index -gt 0 && -z $blank ]]; then
            words[count - 1]+=$word
        else
            words[count]=$word
            count=$((count + 1))
        fi
    done
    word=${words[count - 1]}
    COMPREPLY=( $(COMP_WORDS="${words[*]}" COMP_CWORD=$((count - 1)) _TOKENRY_COMPLETE=complete_bash "$1") )
    prefix=${word%"${word##*[:=]}"}
    for ((index = 0; index < ${#COMPREPLY[@]}; index++)); do
        COMPREPLY[index]=${COMPREPLY[index]#"$prefix"}
    done
}
complete -o default -F _tokenry_completion tokenry"""


class Shell(StrEnum):
    """A shell that can complete commands."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completions(
    call: Call,
    shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="bash, zsh or fish.")],
    install: Annotated[
        bool, typer.Option("--install", help="Write the script into your home, and load it in every new shell.")
    ] = False,
) -> None:
    """Print a script that completes commands and options: eval "$(tokenry completions bash)"."""
    script = _script(shell)
    if install:
        path = _install(shell, script)
        call.out.say(f"written to {path}: open a new shell to use it")
        call.out.record(shell=shell.value, path=path)
    elif not call.out.record(shell=shell.value, script=script):
        call.out.text(script)


def register(app: typer.Typer) -> None:
    """Put this command into the tree."""
    command(app, "completions")(completions)


def prepare() -> None:
    """Make the program able to answer a shell that asks."""
    if VARIABLE in os.environ:
        from typer._completion_classes import completion_init

        completion_init()


def _script(shell: Shell) -> str:
    from typer._completion_shared import get_completion_script

    if shell is Shell.BASH:
        return _BASH
    return get_completion_script(prog_name="tokenry", complete_var=VARIABLE, shell=shell.value)


def _install(shell: Shell, script: str) -> Path:
    """Write the script, and a line that loads it into the settings of the shell; fish needs no such line."""
    if shell is Shell.FISH:
        path = _directory("XDG_CONFIG_HOME", ".config") / "fish" / "completions" / "tokenry.fish"
        settings, line = None, ""
    elif shell is Shell.ZSH:
        path = _directory("XDG_DATA_HOME", ".local/share") / "tokenry" / "zsh" / "_tokenry"
        settings = _directory("ZDOTDIR", "") / ".zshrc"
        line = f"autoload -Uz compinit && compinit; source {shlex.quote(str(path))}"
    else:
        path = _directory("XDG_DATA_HOME", ".local/share") / "tokenry" / "tokenry.bash"
        settings, line = Path.home() / ".bashrc", f"source {shlex.quote(str(path))}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(script + "\n", encoding="utf-8")
    if settings is not None:
        _append_once(settings, line)
    return path


def _directory(variable: str, otherwise: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / otherwise)


def _append_once(settings: Path, line: str) -> None:
    """Add a line to a file, at most once; the rest of the file stays as it is, whatever its encoding."""
    before = settings.read_bytes() if settings.exists() else b""
    if line.encode() not in before.splitlines():
        with settings.open("ab") as stream:
            stream.write(b"\n" * (before[-1:] not in (b"", b"\n")) + line.encode() + b"\n")
