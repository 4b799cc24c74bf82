"""The form of the hot path that runs is the one that is told, and a compiled wheel compiles all that it should."""

import importlib
import tomllib
from pathlib import Path

import pytest

from tokenry.core.form import FORM

ROOT = Path(__file__).parents[2]
HATCH = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]
HOOK = HATCH["build"]["targets"]["wheel"]["hooks"]["custom"]


def module_of(path: str) -> str:
    return "tokenry." + path.replace("/", ".")


@pytest.mark.parametrize("path", HOOK["modules"])
def test_every_module_of_the_list_runs_in_the_form_that_is_told(path: str) -> None:
    file = importlib.import_module(module_of(path)).__file__
    assert file is not None
    assert Path(file).suffix == (".py" if FORM == "pure" else ".so")
    assert (ROOT / "src" / "tokenry" / f"{path}.py").exists()


def test_only_a_build_that_asks_for_it_compiles() -> None:
    assert HOOK["enable-by-default"] is False
