"""Every example of the documentation runs as it stands."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def blocks(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("page", ["README.md", "docs/tutorial.md", "docs/sessions.md"])
def test_the_examples_of_a_page_run_from_top_to_bottom(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "example"}
    for block in blocks(page):
        exec(compile(block, page, "exec", dont_inherit=True), names)
    names["tk"].close()  # type: ignore[attr-defined]


def test_the_flask_application_works_as_its_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (block,) = blocks("docs/flask.md")
    names: dict[str, object] = {"__name__": "app"}
    exec(compile(block, "docs/flask.md", "exec", dont_inherit=True), names)
    client = names["app"].test_client()  # type: ignore[attr-defined]
    dana, other = {"X-Demo-User": "dana"}, {"X-Demo-User": "other"}
    made = client.post("/me/keys", json={"name": "laptop", "scopes": ["read:projects"]}, headers=dana)
    bearer = {"Authorization": f"Bearer {made.json['secret']}"}

    assert made.status_code == 201
    assert client.get("/api/projects", headers=bearer).json["owner"] == "dana"
    assert client.get("/api/projects").status_code == 401
    assert client.post("/me/keys", json={"name": "LAPTOP"}, headers=dana).status_code == 409
    assert client.post("/me/keys", json={"name": "", "scopes": ["no:such"]}, headers=dana).status_code == 422
    assert client.delete(f"/me/keys/{made.json['id']}", headers=other).status_code == 404
    assert client.delete(f"/me/keys/{made.json['id']}", headers=dana).status_code == 204
    assert client.get("/api/projects", headers=bearer).json == {"error": "revoked"}
    names["tk"].close()  # type: ignore[attr-defined]
