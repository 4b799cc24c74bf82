"""Every example of the documentation runs as it stands."""

import code
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def blocks(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)


PAGES = ["README.md", "docs/index.md", "docs/tutorial.md", "docs/sessions.md", "docs/credits.md"]
PAGES += [f"docs/howto/{name}.md" for name in ("rotate", "rate-limits", "tenants", "roles", "offboarding", "key-links")]


@pytest.mark.parametrize("page", PAGES)
def test_the_examples_of_a_page_run_from_top_to_bottom(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "example"}
    for block in blocks(page):
        exec(compile(block, page, "exec", dont_inherit=True), names)
    names["tk"].close()  # type: ignore[attr-defined]


class Prompt(code.InteractiveConsole):
    """Python's prompt, which ends a block at an empty line and takes none within."""

    def showsyntaxerror(self, filename: str | None = None, **_: object) -> None:
        raise

    def showtraceback(self) -> None:
        raise


@pytest.mark.parametrize("page", PAGES)
def test_the_examples_of_a_page_can_be_pasted_at_a_prompt(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    prompt = Prompt({"__name__": "__console__"})
    for block in blocks(page):
        for line in block.splitlines():
            prompt.push(line)
        assert not prompt.push("")
    prompt.locals["tk"].close()
