"""A time tracker's and an ERP's token pages, clicked through."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.examples.sites import load

SAME = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"}


@pytest.fixture
def page(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("FLASK_TOKENRY_DATABASE_URL", f"sqlite:///{tmp_path}/keys.db")
    module = load(request.param)
    yield module
    module.auth.tk_of(module.app).close()


def post(client: FlaskClient, path: str, **form: Any) -> Any:
    return client.post(path, data=form, headers=SAME, base_url="https://localhost")


def get(client: FlaskClient, path: str, **options: Any) -> Any:
    return client.get(path, base_url="https://localhost", **options)


def secret_on(answer: Any) -> dict[str, str]:
    found = re.search(r"<code>(\w+)</code>", answer.text)
    assert found is not None, answer.text
    return {"Authorization": f"Bearer {found[1]}"}


def id_on(answer: Any) -> str:
    return str(re.findall(r"(key_\w+)", html.unescape(answer.text))[0])


@pytest.mark.parametrize("page", ["time_tracker"], indirect=True)
def test_every_device_of_a_time_tracker_has_a_token_of_its_own(page: Any) -> None:
    ada, eve = page.app.test_client(), page.app.test_client()
    assert get(ada, "/tokens", headers=SAME).location == "/"
    assert post(ada, "/", who="ada", password="guess").status_code == 200
    assert post(ada, "/", who="ada", password="engine").location == "/tokens"
    post(eve, "/", who="grace", password="compiler")
    made = post(ada, "/tokens", name="phone", scope=["read:entries", "write:entries"], days="30")
    phone, script = secret_on(made), secret_on(post(ada, "/tokens", name="script", scope=["read:entries"], days=""))
    assert "<code>" not in post(ada, "/tokens", name="phone").text, "a name is there once"
    device = page.app.test_client()
    assert device.post("/api/entries", json={"task": "bolts"}, headers=phone).status_code == 201
    assert device.post("/api/entries", json={"task": "nuts"}, headers=script).status_code == 403
    assert device.get("/api/entries", headers=script).json == [{"task": "bolts", "by": "key"}]
    assert phone["Authorization"][7:] not in get(ada, "/tokens").text, "shown once"
    ids = re.findall(r"/tokens/(key_\w+)/end", get(ada, "/tokens").text)
    assert post(eve, f"/tokens/{ids[0]}/end").status_code == 404
    for id in ids:
        assert post(ada, f"/tokens/{id}/end").location == "/tokens"
    assert device.get("/api/entries", headers=phone).json["code"] == "revoked"
    assert ada.post("/tokens", data={"name": "forged"}, base_url="https://localhost").status_code == 403


@pytest.mark.parametrize("page", ["erp"], indirect=True)
def test_an_erp_connects_renews_pauses_and_ends_other_systems(page: Any) -> None:
    root, clerk, shop = (page.app.test_client() for _ in range(3))
    post(root, "/sign-in", who="root", password="everything")
    post(clerk, "/sign-in", who="clerk", password="invoices")
    assert post(shop, "/sign-in", who="clerk", password="guess").status_code == 401
    made = post(clerk, "/integrations", name="shop", role="accounting", addresses="127.0.0.0/8", per_minute="90")
    first, id = secret_on(made), id_on(made)
    read = get(shop, "/api/invoices", headers=first)
    assert (read.json, read.headers["RateLimit-Policy"]) == (
        {"for": "shop", "invoices": ["2026-001"]},
        '"minute";q=90;w=60',
    )
    assert get(shop, "/api/stock", headers=first).status_code == 403
    elsewhere = {"REMOTE_ADDR": "198.51.100.7"}
    assert get(shop, "/api/invoices", headers=first, environ_overrides=elsewhere).status_code == 403
    assert post(clerk, "/integrations", name="stock", role="warehouse").status_code in (403, 422), (
        "not the clerk's role"
    )
    robot = post(root, "/integrations", **{"name": "robot", "role": "warehouse", "for": "root"})
    assert get(shop, "/api/stock", headers=secret_on(robot)).json == {"bolts": 7}
    second = secret_on(post(clerk, f"/integrations/{id}/renew"))
    for headers in (first, second):
        assert get(shop, "/api/invoices", headers=headers).status_code == 200, "both secrets are good for a day"
    for what, code in (("pause", "disabled"), ("resume", None), ("end", "revoked")):
        assert post(clerk, f"/integrations/{id}/{what}").status_code == 302, what
        answer = get(shop, "/api/invoices", headers=second)
        assert code is None or answer.json["code"] == code
    assert "key.rotated" in get(root, "/integrations").text
    assert "key.rotated" not in get(clerk, "/integrations").text
    assert post(clerk, f"/integrations/{id_on(robot)}/end").status_code == 404
