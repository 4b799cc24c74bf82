"""The settings of the key page: kept for each tenant, checked, and changed by administrators alone."""

from __future__ import annotations

from typing import Any

import pytest

from tokenry import Invalid, NotAllowed
from tokenry.types import Owner

COLOURS = ("#1f5f8b", "#7db8e0")


def test_settings_are_kept_for_each_tenant(tk: Any, acme: str) -> None:
    assert (tk.key_page.get().permissions, tk.key_page.get().keys_max) == (("make", "rotate", "revoke"), 100)
    put = tk.key_page.put(
        title="Keys of Acme",
        logo="/static/logo.svg",
        colours=COLOURS,
        language="de",
        texts={"de": {"title": "Zugänge"}},
        permissions=["revoke", "make"],
        keys_max=5,
    )
    assert tk.key_page.get() == put
    assert (put.colours, put.permissions, put.keys_max) == (COLOURS, ("make", "revoke"), 5)
    assert tk.key_page.get(tenant=acme).title == ""
    (entry,) = tk.audit.list(action="key_page.updated").items
    assert entry.after["title"] == "Keys of Acme"
    tk.key_page.put(
        title="Keys of Acme",
        logo="/static/logo.svg",
        colours=COLOURS,
        language="de",
        texts={"de": {"title": "Zugänge"}},
        permissions=["make", "revoke"],
        keys_max=5,
    )
    assert len(tk.audit.list(action="key_page.updated").items) == 1, "what changes nothing is not written down"
    assert tk.key_page.put().title == "", "what is left out gets its default"


@pytest.mark.parametrize(
    ("given", "field", "message"),
    [
        ({"colours": ("#ffdd00", "#7db8e0")}, "colours", "contrast of 1.3 on the light page"),
        ({"colours": ("#1f5f8b", "#203040")}, "colours", "choose a lighter one, such as"),
        ({"colours": ("#1f5f8b",)}, "colours", "are two"),
        ({"colours": "#1f5f8b"}, "colours", "are two"),
        ({"colours": ("red", "#7db8e0")}, "colours", "is no colour"),
        ({"logo": "https://evil.example/logo.svg"}, "logo", "no path on this host"),
        ({"logo": "//evil.example/logo.svg"}, "logo", "no path on this host"),
        ({"logo": "/\\evil.example/logo.svg"}, "logo", "no path on this host"),
        ({"logo": "javascript:alert(1)"}, "logo", "no path on this host"),
        ({"language": "fr"}, "language", "has no texts"),
        ({"texts": {"de": {"title": ""}}}, "texts", "1 to 500 characters"),
        ({"texts": {"de": {"title": "x" * 501}}}, "texts", "1 to 500 characters"),
        ({"texts": {"de": {f"scope:a{n}": "x" for n in range(501)}}}, "texts", "at most 500 texts"),
        ({"texts": {"<b>": {}}}, "texts", "is no language"),
        ({"texts": {"de": {"<b>": "x"}}}, "texts", "is no name"),
        ({"permissions": ["delete"]}, "permissions", "make, rotate, revoke"),
        ({"permissions": "make"}, "permissions", "make, rotate, revoke"),
        ({"keys_max": 0}, "keys_max", "from 1 to 1000"),
        ({"keys_max": True}, "keys_max", "from 1 to 1000"),
        ({"title": "x" * 101}, "title", "100 characters"),
        ({"title": "a\nb"}, "title", "100 characters"),
    ],
)
def test_what_cannot_be_read_or_shown_is_refused(tk: Any, given: dict[str, Any], field: str, message: str) -> None:
    with pytest.raises(Invalid) as caught:
        tk.key_page.put(**given)
    (error,) = caught.value.errors
    assert error.field == field
    assert message in error.message
    assert tk.key_page.get().updated_at is None


def test_only_administrators_and_operators_change_them(tk: Any, ada: Owner) -> None:
    tk.owners.put("root", admin=True)
    assert tk.key_page.put(title="New", by="root").title == "New"
    for by in ("ada", "nobody"):
        with pytest.raises(NotAllowed):
            tk.key_page.put(title="Mine", by=by)
        with pytest.raises(NotAllowed):
            tk.key_page.get(by=by)
