"""The page about the client is right."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.servers.serving import Serving

PAGE = Path(__file__).parents[2] / "docs" / "client.md"


def test_its_examples_run_from_top_to_bottom(
    tokenry_server: Serving, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    names: dict[str, Any] = {"__name__": "example", "operator_key": key}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        code = block.replace("http://127.0.0.1:8000", tokenry_server.url)
        exec(compile(code, "docs/client.md", "exec", dont_inherit=True), names)
    output = capsys.readouterr().out.split()
    assert output[0] == names["issued"].key.id
    assert output[-1] == "valid"
