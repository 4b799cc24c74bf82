"""The pages of the frameworks, typed as they stand: the file, the command that starts it, the keys, and each answer."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.shell import WALKED, calls, indented, started, typed
from tests.docs.test_examples import ROOT, blocks
from tests.examples.sites import free_port


@pytest.mark.parametrize("name", ["flask", "fastapi", "litestar", "quart", "aiohttp"])
def test_a_page_leads_from_a_file_to_each_answer(name: str, tmp_path: Path) -> None:
    page, port = f"docs/{name}.md", free_port()
    starts = re.search(r"start it with `(.+?)`", (ROOT / page).read_text(encoding="utf-8"))
    assert starts is not None
    (tmp_path / "app.py").write_text(blocks(page)[0].replace("8000", str(port)), encoding="utf-8")
    command = starts[1].split() + ([] if name == "aiohttp" else ["--port", str(port)])
    with started(command, tmp_path, port):
        assert typed(re.sub(r"localhost:\d+", f"localhost:{port}", calls(page)), tmp_path) == WALKED
        if "no key is needed here" in blocks(page)[0]:
            assert typed(f"curl -i localhost:{port}/", tmp_path) == [200]


def test_the_page_of_django_leads_from_a_new_project_to_each_answer(tmp_path: Path) -> None:
    page, port = "docs/django.md", free_port()
    begin, settings, urls = indented(page)[:3]
    typed(begin.partition("\n")[2], tmp_path)
    with (tmp_path / "mysite/settings.py").open("a", encoding="utf-8") as file:
        file.write(settings)
    (tmp_path / "mysite/views.py").write_text(blocks(page)[0], encoding="utf-8")
    (tmp_path / "mysite/urls.py").write_text(urls, encoding="utf-8")
    keys, serving, requests = calls(page).partition("python manage.py runserver &\n")
    assert serving
    # What the shell has exported is gone with it, and what follows needs it.
    typed(keys + "export -p > exported\n", tmp_path)
    command = ["python", "manage.py", "runserver", "--noreload", str(port)]
    with started(command, tmp_path, port):
        lines = requests.replace("localhost:8000", f"localhost:{port}")
        assert typed(f". ./exported\n{lines}", tmp_path) == WALKED


def test_every_field_that_a_page_takes_from_an_answer_is_one_of_verification() -> None:
    known = set(re.findall(r"X-Auth-\w[\w-]*", (ROOT / "docs/verifying.md").read_text(encoding="utf-8")))
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        found = set(re.findall(r"X-Auth-\w[\w-]*", page.read_text(encoding="utf-8")))
        assert found <= known, page
