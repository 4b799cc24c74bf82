"""Shells complete commands, also behind a URL with colons."""

import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Shell

# Ask the function that the script defines as bash does when Tab is pressed: bash splits words at colons.
ASK = """
eval "$({python} -m tokenry.cli completions bash)"
tokenry() {{ {python} -m tokenry.cli "$@"; }}
COMP_LINE={line!r}
COMP_WORDS=({words})
COMP_CWORD={word}
COMP_POINT=${{#COMP_LINE}}
_tokenry_completion tokenry
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def asked(shell: Shell, line: str, words: str) -> list[str]:
    count = len(words.split()) - 1
    script = ASK.format(python=sys.executable, line=line, words=words, word=count)
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        cwd=shell.directory,
        env=shell.environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_bash_completes_behind_the_url_of_a_server(shell: Shell) -> None:
    line = "tokenry --server http://localhost:8000 keys bulk"
    assert asked(shell, line, "tokenry --server http : //localhost : 8000 keys bulk") == ["bulk-revoke"]


def test_bash_completes_a_new_word_and_an_option(shell: Shell) -> None:
    assert "issue-many" in asked(shell, "tokenry keys ", "tokenry keys ''")
    assert asked(shell, "tokenry keys list --own", "tokenry keys list --own") == ["--owner"]


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_a_script_is_printed_or_installed_once(shell: Shell, tmp_path: Path, name: str) -> None:
    script = shell("completions", name).out
    assert "_TOKENRY_COMPLETE" in script
    (tmp_path / f".{name}rc").write_bytes(b"# \xff is no UTF-8")
    places = {"HOME": str(tmp_path), "XDG_DATA_HOME": "", "XDG_CONFIG_HOME": "", "ZDOTDIR": ""}
    for _ in range(2):
        path = Path(shell("completions", name, "--install", "--json", **places).json["path"])
    assert path.is_relative_to(tmp_path)
    assert path.read_text() == script
    settings = (tmp_path / f".{name}rc").read_bytes()
    assert settings.startswith(b"# \xff is no UTF-8")
    assert settings.count(str(path).encode()) == (name != "fish")


def test_another_shell_is_refused(shell: Shell) -> None:
    shell("completions", "nonsense", code=2)


def test_installed_completions_work_in_a_new_bash(shell: Shell, tmp_path: Path) -> None:
    shell("completions", "bash", "--install", HOME=str(tmp_path), XDG_DATA_HOME="")
    done = subprocess.run(
        ["bash", "--norc", "-c", "source ~/.bashrc && complete -p tokenry"],
        env=shell.environment | {"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "_tokenry_completion tokenry" in done.stdout, done.stderr
