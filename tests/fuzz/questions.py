"""What a request asks: queries, forms, JSON, addresses, scopes, cursors; and what logs make of any of it."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Hashable
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlencode

from tests.fuzz.credentials import KEY, TOKEN, oauth_refusal
from tests.fuzz.fuzzer import Target
from tokenry.api.bodies import DEPTH_MAX, decoded
from tokenry.api.hot.questions import Requirements, asks, needs_of, read_batch, read_question
from tokenry.api.management.reading import Reader, read_query
from tokenry.api.oauth.forms import BODY_MAX, OAuthError, read_form
from tokenry.api.process.redaction import redacted
from tokenry.core import addresses, scopes
from tokenry.core.errors import Invalid
from tokenry.core.proxies import Proxies
from tokenry.edge import HIDDEN
from tokenry.edge.problems import Failed
from tokenry.operations import OPERATIONS
from tokenry.service.paging import page, place_of

FORM = b"application/x-www-form-urlencoded"
READERS = [Reader(OPERATIONS[name]) for name in ("keys.issue", "keys.update", "audit.check")]
QUERIES = [Reader(OPERATIONS[name]) for name in ("keys.list", "keys.revoke", "events.list")]
PROXIES = Proxies(["192.0.2.0/24", "2001:db8::/32"])
ERROR_MAX = 16 * 1024


def refusal(error: Invalid | Failed) -> Hashable:
    """Return how something was refused, whose text is bounded."""
    assert len(str(error)) <= ERROR_MAX, "an error repeats what it was given"
    errors = error.errors if isinstance(error, Invalid) else error.problem.errors
    return tuple(sorted({one.code for one in errors})) if errors else error.problem.code  # type: ignore[union-attr]


def check_query(data: bytes) -> Hashable:
    """What a proxy requires is met by all of it alone, and never ignored."""
    query, _, field = data.partition(b"\n")
    needs = needs_of(query, [(b"x-auth-require-scopes", field)] if field else [])
    try:
        requirement, environment = Requirements().read(needs)
    except Invalid as error:
        return refusal(error)
    if requirement is None:
        given = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
        assert not field
        assert not [name for name, _ in given if environment is None or name != "environment"], "it was ignored"
        return environment is None
    for one in requirement.parts:
        assert one.encode() in field or one in unquote_plus(query.decode("latin-1"))
        others = scopes.granted(tuple(part for part in requirement.parts if not scopes.granted((part,)).covers(one)))
        assert not requirement.met_by(others)
    assert requirement.met_by(scopes.granted(requirement.parts))
    return "scopes", environment is None


def check_form(data: bytes) -> Hashable:
    try:
        form = read_form(FORM, data)
    except OAuthError as error:
        return oauth_refusal(error)
    pairs = [(name, value) for name, values in form._fields.items() for value in values]
    again = urlencode(pairs).encode()
    assert len(again) > BODY_MAX or read_form(FORM, again)._fields == form._fields
    return form.get("grant_type"), len(form.all("audience"))


def check_question(data: bytes) -> Hashable:
    """The raw reader of the hot routes accepts what every reader of JSON reads alike."""
    try:
        questions = (
            read_batch(b"application/json", data)
            if b'"questions"' in data
            else [read_question(b"application/json", data)]
        )
    except (Invalid, Failed) as error:
        return refusal(error)
    decoded: Any = json.loads(data)
    decoded = decoded["questions"] if b'"questions"' in data else [decoded]
    assert [one["credential"] for one in decoded] == [one.credential for one in questions]
    try:
        return len(asks(questions, "default", keep=False))
    except Invalid as error:
        return refusal(error)


def check_body(data: bytes) -> Hashable:
    """Every operation reads a body that Python reads alike, or names what is wrong with it."""
    try:
        found = decoded(data) if data else None
    except Failed as error:
        return refusal(error)
    expected: Any = json.loads(data) if data else None
    assert found == expected
    assert nested(expected) <= DEPTH_MAX
    return type(expected).__name__, *(arguments(reader, [], found, []) for reader in READERS)


def check_operation_query(data: bytes) -> Hashable:
    """Every operation reads a query without passing over a part of it."""
    query, _, condition = data.partition(b"\n")
    try:
        pairs = read_query(query)
    except Failed as error:
        return refusal(error)
    assert read_query(urlencode(pairs).encode()) == pairs
    headers = [(b"if-match", condition)] if condition else []
    return tuple(arguments(reader, pairs, None, headers) for reader in QUERIES)


def arguments(reader: Reader, query: list[tuple[str, str]], body: Any, headers: list[tuple[bytes, bytes]]) -> Hashable:
    """Return how many arguments are read, or how they were refused."""
    try:
        return len(reader.arguments(query, body, headers))
    except (Invalid, Failed) as error:
        return refusal(error)


def nested(value: Any) -> int:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if parts is None else 1 + max((nested(part) for part in parts), default=0)


def check_address(data: bytes) -> Hashable:
    text = data.decode("utf-8", "replace")
    client = PROXIES.client("192.0.2.1", [text])
    assert client is None or addresses.read(client)
    entry = canonical(text)
    try:
        version, number = addresses.read(text)
    except Invalid as error:
        return refusal(error), client is None, entry is None
    other: Any = ipaddress.ip_address(text.partition("%")[0])
    other = getattr(other, "ipv4_mapped", None) or other
    assert (version, number) == (other.version, int(other))
    assert entry is None or addresses.Addresses((entry,)).holds((version, number))
    return version, client is None, entry is None


def canonical(text: str) -> str | None:
    try:
        entry = addresses.canonical(text)
    except ValueError:
        return None
    assert addresses.canonical(entry) == entry
    return entry


def check_scopes(data: bytes) -> Hashable:
    text = data.decode("utf-8", "replace")
    try:
        asked: Any = json.loads(text)
    except (ValueError, RecursionError):
        asked = text.split()
    errors: list[Any] = []
    clean = scopes.check_list("scopes", asked, errors)
    assert all(scopes.is_scope(one) for one in clean)
    assert scopes.check_list("scopes", clean, []) == clean
    granted = scopes.granted(clean)
    assert all(granted.covers(one) for one in clean)
    covered = [(one, other) for one in clean[:12] for other in clean[:12] if scopes.granted((one,)).covers(other)]
    assert all((one, last) in covered for one, other in covered for middle, last in covered if middle == other)
    try:
        requirement = scopes.require(asked)
    except Invalid as error:
        return refusal(error), len(errors) > 0
    assert granted.allows(requirement) is requirement.met_by(granted)
    assert not scopes.granted(()).allows(requirement) or not requirement.asks
    return "asked", requirement.asks, len(errors) > 0


def check_cursor(data: bytes) -> Hashable:
    try:
        place = place_of("key", data.decode("latin-1"))
    except Invalid as error:
        return refusal(error)
    assert place
    again = page("key", ["a", "b"], 1, lambda _: place).next_cursor
    assert place_of("key", again) == place
    return "place"


def check_log(data: bytes) -> Hashable:
    text = data.decode("latin-1")
    clean = redacted(text)
    assert KEY[8:] not in clean, "a key is shown"
    return clean == text, clean.count(HIDDEN)


TARGETS = {
    "query": Target(check_query, (b"scopes=", b"environment=", b"&", b"%20", b"+", b",", b"read:x", b"\n", b";")),
    "form": Target(check_form, (b"grant_type=", b"&", b"client_id=", b"audience=a", b"%00", b"+", b"=", b"scope=")),
    "question": Target(
        check_question,
        (
            b'"credential":"a"',
            b'"scopes":',
            b'{"any":["a"]}',
            b'"ip":"::1"',
            b'"questions":[',
            b"]",
            b"1e999",
            b"\\ud800",
            b"null",
            b"[[",
            b"true",
        ),
    ),
    "body": Target(
        check_body, (b"{", b"[", b'"a":', b"1e400", b"-0", b"9" * 40, b"\\u0000", b"\\ud800", b"NaN", b"null")
    ),
    "arguments": Target(check_operation_query, (b"&", b"=", b"limit=5", b"tenant=a", b"%C3%A4", b"types=a", b'\n"3"')),
    "address": Target(check_address, (b"::ffff:", b"/8", b"%eth0", b"[", b"]:80", b"0x7f", b"1.2.3.4", b", ", b"::")),
    "scopes": Target(
        check_scopes, (b"*", b":", b"tokenry:", b'{"any":[', b'{"all":[', b"]}", b"admin", b"read:x", b'"a"')
    ),
    "cursor": Target(check_cursor, (b"a2V5Om", b"==", b"-", b"_", b"=")),
    "log": Target(
        check_log,
        (
            b"Bearer ",
            b"://",
            b":",
            b"@",
            b"password=",
            b"eyJ",
            b"_1",
            b"Cookie: ",
            b"tokenry-keyring ",
            KEY.encode(),
            TOKEN.encode(),
        ),
    ),
}
