"""What is shown of a text holds no credential of ours, and no other long random word."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tokenry.config import fresh_keyring
from tokenry.core.errors import ConfigError, Conflict, FieldError, Invalid, shown
from tokenry.core.redaction import cut, unrepeated, without_secrets
from tokenry.core.secret import holds_credential, mint

KEY = mint("tk_live", "k" * 16, bytes(range(32)), b"x" * 32)
JWT = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1c2VyLTQyIn0.c2lnbmF0dXJl"
KEYRING = fresh_keyring()
MATERIAL = KEYRING.generations[0].line().split()[1]
SECRETS = {
    "key": (KEY, KEY[25:60]),
    "key without its prefix": (KEY.rpartition("_")[2], KEY[25:60]),
    "token": (JWT, "eyJzdWIi"),
    "keyring": (KEYRING.dump(), MATERIAL[:10]),
    "keyring in one line": (KEYRING.dump().replace("\n", ";"), MATERIAL[:10]),
    "line of a keyring": (KEYRING.generations[0].line(), MATERIAL[:10]),
    "secret of a keyring": (MATERIAL, MATERIAL[:10]),
    "standard Base64": (base64.b64encode(bytes(range(200, 248))).decode(), "yMnKy8zN"),
    "hexadecimal": (bytes(range(32)).hex(), "0102030405"),
}
PLACES: dict[str, Any] = {
    "alone": lambda text: text,
    "in words": lambda text: f"the key {text} was here",
    "behind much": lambda text: "word " * 15 + text,
    "where it is cut": lambda text: "w " * 495 + text,
    "often": lambda text: f"{text} " * 30,
    "in a list": lambda text: [1, [text]],
    "in a mapping": lambda text: {text: {"a": text}},
    "as bytes": lambda text: text.encode(),
    "of a class": lambda text: type("Own", (), {"__repr__": lambda self: f"Own({text})"})(),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", SECRETS)
def test_no_secret_is_shown(kind: str, place: str) -> None:
    text, part = SECRETS[kind]
    text_shown = shown(PLACES[place](text))
    assert part not in text_shown
    assert len(text_shown) <= 202


@pytest.mark.parametrize(
    "text",
    [
        "user-42",
        "key_0Abcdefghij1234567890a",
        "550e8400-e29b-41d4-a716-446655440000",
        "projects:read:everything",
        "a-long-name-of-a-role-in-the-eu-west-1-region",
        "2001:db8::1/128",
        "Ärger & Söhne",
    ],
)
def test_what_is_no_secret_is_shown_as_it_is(text: str) -> None:
    assert shown(text) == repr(text)


def test_a_value_whose_repr_fails_is_shown_by_its_type() -> None:
    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError(KEY)

    assert shown(Broken()) == "<Broken>"


def test_an_error_holds_no_credential_whatever_its_message_repeats() -> None:
    conflict = Conflict(f"about {KEY}", field=KEY, scopes=[KEY, JWT])
    invalid = Invalid([FieldError(KEY, "bad", f"about {JWT}"), FieldError(MATERIAL, "bad", KEYRING.dump())])
    for error in (conflict, invalid):
        texts = f"{error} {error!r} {error.args} {error.message} {error.details} {getattr(error, 'errors', '')}"
        for part in (KEY[25:60], "eyJzdWIi", MATERIAL[:10]):
            assert part not in texts


def test_the_header_of_a_keyring_alone_is_no_secret() -> None:
    text = "its first line must be 'tokenry-keyring 1'. Make one"
    assert unrepeated(text) == ConfigError(text).message == text
    assert not holds_credential(text)


ACCESS = (
    base64.urlsafe_b64encode(b'{"alg":"ES256","typ":"at+jwt","kid":"k"}').decode().rstrip("=") + JWT[20:] + "A" * 74
)


@pytest.mark.parametrize(
    "text",
    [
        KEY,
        KEY[:-1] + "x",
        KEY.rpartition("_")[2],
        f"the key {KEY}.",
        f'"{KEY}"',
        ACCESS,
        f"Bearer {ACCESS}",
        KEYRING.dump(),
        repr(KEYRING.dump()),
    ],
    ids=range(9),
)
def test_a_whole_credential_is_recognised_in_a_text(text: str) -> None:
    assert holds_credential(text)


@pytest.mark.parametrize(
    "text",
    [
        KEY[:-1],
        KEY + "x",
        JWT,
        f"eyJaaaaaaaaaa{JWT}{'a' * 20}",
        "a" * 90,
        bytes(range(64)).hex(),
        "user_1" + "a1B2" * 12,
        "tokenry-keyring 1",
        "",
    ],
)
def test_what_only_looks_like_a_credential_may_be_stored(text: str) -> None:
    assert not holds_credential(text)


@pytest.mark.parametrize(
    ("text", "shown_as"),
    [
        ("a" * 65, "[hidden]"),
        ("a" * 64, "a" * 64),
        ("tk_1" + "a" * 40, "tk[hidden]"),
        ("tk_1" + "a" * 39, "tk_1" + "a" * 39),
        ("eyJabcdefgh.x", "[hidden]"),
        ("eyJabcdefg.x", "eyJabcdefg.x"),
        ("tokenry-keyring 1;x", "[hidden]"),
        ("word " * 20, "word " * 20),
    ],
)
def test_each_form_of_a_credential_is_known_from_its_shortest_length(text: str, shown_as: str) -> None:
    assert unrepeated(text) == shown_as


def test_a_word_of_32_that_looks_random_is_hidden() -> None:
    for word in ("aB3" * 10 + "x1", "0123456789abcdef" * 2):
        assert (without_secrets(word), without_secrets(word[:31])) == ("[hidden]", word[:31])
        assert without_secrets(f"see {word}, please") == "see [hidden], please"
    for plain in ("a" * 32, "A1" * 16, "Ab" * 16):
        assert without_secrets(plain) == ("[hidden]" if plain == "a" * 32 else plain)


def test_a_cut_text_ends_in_no_half_word() -> None:
    assert (cut("ab cd", 5), cut("ab cd", 4), cut("ab cd", 2)) == ("ab cd", "ab [hidden]", "[hidden]")
