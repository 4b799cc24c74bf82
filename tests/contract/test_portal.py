"""Links to the key page: who may make one, what it may say, and that its code is used once."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest

from tests.contract.places import Installation
from tokenry import Conflict, Invalid, NotAllowed, NotFound
from tokenry.edge.portal import Ended, enter, resume
from tokenry.types import Owner

TRIALS = 200
BAD_URLS = (
    "",
    "app.example.com",
    "//app.example.com",
    "/settings",
    "javascript:alert(1)",
    "JaVaScRiPt://app.example.com/%0aalert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "ftp://app.example.com",
    "http:app.example.com",
    "https:/app.example.com",
    "https:///app.example.com",
    "https:\\\\app.example.com",
    "https://app.example.com\\@evil.example",
    "https://user@evil.example",
    "https://user:word@evil.example",
    "https://app.example.com:99999",
    " https://app.example.com",
    "java\nscript:alert(1)",
    "https://app.example.com/\r\nLocation: x",
    "https://app.example.com/\x00",
    "https://äpp.example.com",
    "https://app.example.com/" + "x" * 2048,
    b"https://app.example.com",
    5,
)


def code_of(link: Any) -> str:
    return str(link.url).partition("#code=")[2]


def test_a_link_says_what_it_was_made_for_and_hides_its_code(tk: Any, ada: Owner) -> None:
    link = tk.portal.open("ada", scopes=["read:a"], return_to="https://app.example.com/a?b=c#d")
    assert (link.owner, link.scopes, link.return_to) == ("ada", ("read:a",), "https://app.example.com/a?b=c#d")
    assert link.expires_at - link.created_at == timedelta(minutes=5)
    assert link.ends_at - link.created_at == timedelta(hours=1)
    assert code_of(link) not in repr(link)
    entries = tk.audit.list(action="portal.opened").items
    assert [one.subject for one in entries] == [link.id]
    assert code_of(link) not in repr(entries)


@pytest.mark.parametrize("field", ["return_to", "refresh_url"])
def test_the_page_leads_to_http_and_https_alone(tk: Any, ada: Owner, field: str) -> None:
    for url in BAD_URLS:
        with pytest.raises(Invalid) as caught:
            tk.portal.open("ada", **{field: url})
        assert [one.field for one in caught.value.errors] == [field], url
    for url in ("https://app.example.com", "http://localhost:8000/keys", "HTTPS://APP.example.com/?a=%20b"):
        assert getattr(tk.portal.open("ada", **{field: url}), field) == url


def test_a_link_lasts_as_long_as_it_may(tk: Any, ada: Owner) -> None:
    for life in (timedelta(0), timedelta(seconds=59), timedelta(hours=24, seconds=1), 3600, None):
        with pytest.raises(Invalid):
            tk.portal.open("ada", expires_in=life)
    short = tk.portal.open("ada", expires_in=timedelta(minutes=1))
    assert short.expires_at == short.ends_at, "a code does not outlive its visit"


def test_only_administrators_and_operators_make_links_and_never_give_more_than_they_may(tk: Any, ada: Owner) -> None:
    tk.owners.put("root", admin=True)
    tk.owners.put("bob")
    tk.roles.put("reader", scopes=["read:a"])
    tk.owners.put("carl", roles=["reader"])
    assert tk.portal.open("ada", by="root").owner == "ada"
    for nobody in ("ada", "bob", "nobody"):
        with pytest.raises((NotAllowed, NotFound)):
            tk.portal.open("ada", by=nobody)
    scopes = ["tokenry:sessions:write"]
    tk.owners.put("robot", tenant="system")
    issued = tk.keys.issue("robot", name="Links", scopes=scopes, environment="op", tenant="system")
    signer = tk.verify(issued.secret, environment="op")
    assert tk.portal.open("carl", scopes=["read:a"], by=signer).scopes == ("read:a",), "which its roles hold"
    with pytest.raises(NotAllowed):
        tk.portal.open("carl", scopes=["write:a"], by=signer)
    for scope in ("admin:x", "*", "tokenry:keys:write"):
        with pytest.raises(Invalid):
            tk.portal.open("ada", scopes=[scope])


def test_whoever_cannot_act_gets_no_link(tk: Any, ada: Owner) -> None:
    with pytest.raises(NotFound):
        tk.portal.open("nobody")
    tk.owners.disable("ada")
    with pytest.raises(Conflict):
        tk.portal.open("ada")
    tk.owners.put("robot", tenant="system")
    with pytest.raises(NotAllowed):
        tk.portal.open("robot", tenant="system")


@pytest.mark.rules
def test_of_all_who_exchange_a_code_at_once_exactly_one_gets_a_visit(installation: Installation) -> None:
    if installation.face == "async" or installation.place == "memory":
        pytest.skip("two instances share a database in a file or a server")
    one, other = installation.open(), installation.open()
    one.owners.put("ada")
    places = (one, other, one, other)
    for _ in range(TRIALS // len(places)):
        code = code_of(one.portal.open("ada"))
        barrier, found = threading.Barrier(len(places)), list[Any]()

        def exchange(tk: Any, code: str = code, barrier: Any = barrier, found: list[Any] = found) -> None:
            barrier.wait()
            found.append(enter(tk, code, None, None))

        threads = [threading.Thread(target=exchange, args=(tk,)) for tk in places]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        won = [pair for pair in found if not isinstance(pair, Ended)]
        assert len(found) == len(places)
        assert len(won) == 1
        assert [one.code for one in found if isinstance(one, Ended)] == ["revoked"] * (len(places) - 1)
        for tk in (one, other):
            visiting = resume(tk, won[0][1])
            assert visiting
            assert visiting.owner.external_id == "ada"
        other.sessions.revoke_all("ada")
        assert not resume(one, won[0][1]), "what ends in one process is over in the other when the call returns"
