"""Compile the hot path with mypyc while a wheel is built: `make wheel`. Any other build stays pure Python.

The sources are the same, and they go into the wheel too: tracebacks and `inspect` read them.
"""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# These names are macros of GNU C and variables in Python.
_FLAGS = "-O2 -Uunix -Ulinux"


class CompileHook(BuildHookInterface[Any]):
    """Puts the modules that pyproject.toml names into one shared library."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and add what came of it to the wheel."""
        if self.target_name != "wheel" or version == "editable":
            return
        headers = Path(sysconfig.get_path("include"), "Python.h")
        if shutil.which(os.environ.get("CC", "cc")) is None or not headers.exists():
            sys.exit(
                "A compiled wheel needs a C compiler and the headers of Python. On Debian and Ubuntu: "
                "apt-get install gcc libc6-dev python3-dev"
            )
        os.chdir(self.root)
        os.environ["MYPYPATH"] = "src"
        os.environ["CFLAGS"] = f"{os.environ.get('CFLAGS', '')} {_FLAGS}"
        for path in _compile([f"src/tokenry/{module}.py" for module in self.config["modules"]]):
            build_data["force_include"][str(path)] = str(path.relative_to(_LIBRARY))
        build_data.update(pure_python=False, infer_tag=True)


_LIBRARY = Path("build/compiled")


def _compile(sources: list[str]) -> list[Path]:
    from mypyc.build import mypycify
    from setuptools import Distribution
    from setuptools.command.build_ext import build_ext

    modules = mypycify(sources, opt_level="2", debug_level="0", target_dir="build/c", group_name="tokenry")
    command = build_ext(Distribution({"name": "tokenry", "ext_modules": modules}))
    command.build_lib, command.build_temp = str(_LIBRARY), "build/objects"
    command.ensure_finalized()
    command.run()
    return [Path(path) for path in command.get_outputs()]
