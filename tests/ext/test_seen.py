"""A key that is seen at a glance is the one that the full reading of the same request finds, from the same address."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tokenry.ext.facts import of_environ, of_scope, seen_in_environ, seen_in_scope
from tokenry.ext.guard import Guard
from tokenry.ext.options import read_options

KEY = "tk_live_1" + "a" * 72
_VALUES = [f"Bearer {KEY}", f"bearer {KEY}", f"Bearer  {KEY}", f"Bearer {KEY},", f"Bearer {KEY} ", f" Bearer {KEY}"]
_VALUES += [KEY, "Bearer ", "Bearer a.b.c", "Basic x", "", f"Bearer {'k' * 600}", f"Token {KEY}", "Bearer é"]
VALUES = st.sampled_from([*_VALUES, "Bearer x, Bearer y"])
NAMES = st.sampled_from(["authorization", "x-api-key", "x-api-token", "cookie", "x-forwarded-for", "origin", "x-other"])
FIELDS = st.lists(st.tuples(NAMES, VALUES | st.sampled_from(["192.0.2.7", "192.0.2.7, 198.51.100.1"])), max_size=4)
PEERS = st.sampled_from(["127.0.0.1", "203.0.113.9", "unix", ""])
GUARDS = [Guard(read_options({})), Guard(read_options({"trusted_proxies": ["127.0.0.0/8"]}))]


@given(FIELDS, PEERS, st.sampled_from(GUARDS))
def test_in_an_environ(fields: list[tuple[str, str]], peer: str, guard: Guard) -> None:
    environ = {"REQUEST_METHOD": "GET", "REMOTE_ADDR": peer}
    for name, value in fields:
        variable = f"HTTP_{name.upper().replace('-', '_')}"
        environ[variable] = f"{environ[variable]},{value}" if variable in environ else value
    same(seen_in_environ(environ), of_environ(environ), guard)


@given(FIELDS, PEERS, st.sampled_from(GUARDS))
def test_in_a_scope(fields: list[tuple[str, str]], peer: str, guard: Guard) -> None:
    headers = [(name.encode(), value.encode("latin-1")) for name, value in fields]
    scope = {"type": "http", "method": "GET", "headers": headers, "client": (peer, 1) if peer else None}
    same(seen_in_scope(scope), of_scope(scope), guard)


def same(seen: object, facts: object, guard: Guard) -> None:
    asked: list[object] = []

    def recall(text: str, ask: object) -> None:
        asked.extend((text, ask.ip))  # type: ignore[attr-defined]

    assert guard.recalled(recall, seen, guard.need(None, ("key",))) is None  # type: ignore[arg-type]
    if seen is not None:
        assert asked == [guard.presented(facts), guard.client(facts)]  # type: ignore[arg-type]


def test_the_plain_form_is_seen() -> None:
    assert seen_in_environ({"HTTP_AUTHORIZATION": f"Bearer {KEY}"}) == (KEY, None, ())
    assert seen_in_scope({"headers": [(b"authorization", f"Bearer {KEY}".encode())]}) == (KEY, None, ())
