"""Reads and bounds the questions of verifiers: the body of `/v1/verify`, and the requirements of `/v1/auth`."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl

import msgspec

from tokenry.edge import (
    KIB,
    MIB,
    OPERATOR_ENVIRONMENT,
    Ask,
    Memo,
    mistakes,
    read_ask,
)
from tokenry.edge.problems import Failed, problem
from tokenry.types import FieldError, Invalid

from ..bodies import TOO_MANY_VALUES, check_kind, has_too_many_values, of_type

BATCH_MAX = 100
_WRONG_MAX = 20
"""How many wrong questions of a batch an error describes: describing all 100 blocked the event loop for 25 ms."""

NOBODY = "\0"
"""A tenant, or an environment, without credentials: a request for it gets the answer for an unknown credential."""
_PARAMETERS = ("scopes", "environment")
_HEADERS = ("x-auth-require-scopes", "x-auth-require-environment")
_UNKNOWN_NAMED_MAX = 10
_MAY_REQUIRE = frozenset((b"x-aut", b"x_aut", b"x.aut", b"xauth"))


class Question(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """One credential and the requirements to check."""

    credential: str
    scopes: Any = None
    ip: str | None = None
    tenant: str | None = None
    environment: str | None = None
    cost: int = 1
    audience: str | None = None

    def __repr__(self) -> str:
        return "Question(…)"

    def ask(self, tenant: str | None, *, keep: bool) -> Ask:
        """Return the ask for a caller of `tenant` (None: of the installation).

        Raise Invalid that names every mistake.
        """
        about = self.tenant
        if tenant is not None:
            about = tenant if about is None or about == tenant else NOBODY
        try:
            return read_ask(self.scopes, self.ip, self.cost, about, self.environment, self.audience, keep=keep)
        except Invalid:
            errors: list[FieldError] = []
            _check_question(msgspec.to_builtins(self), errors)
            raise Invalid(errors) from None


class Batch(msgspec.Struct, forbid_unknown_fields=True):
    """Several questions, answered in their order."""

    questions: list[Question]


_FIELDS: Final = {field.name: field.type for field in msgspec.structs.fields(Question)}
_decode_question = msgspec.json.Decoder(Question).decode
_decode_batch = msgspec.json.Decoder(Batch).decode


def read_question(content_type: bytes | None, body: bytes | bytearray) -> Question:
    """Read the body of `/v1/verify`; raise Failed or Invalid."""
    question: Question
    try:
        if content_type == b"application/json" and len(body) <= KIB:
            question = _decode_question(body)
            return question
    except (msgspec.DecodeError, ValueError, RecursionError):  # an error in our words replaces the one of msgspec
        return _question(content_type, body)
    return _question(content_type, body)


def _question(content_type: bytes | None, body: bytes | bytearray) -> Question:
    question: Question = _read(_decode_question, content_type, body)
    return question


def read_batch(content_type: bytes | None, body: bytes | bytearray) -> list[Question]:
    """Read the body of `/v1/verify/batch`; raise Failed or Invalid."""
    batch: Batch = _read(_decode_batch, content_type, body)
    if not 1 <= len(batch.questions) <= BATCH_MAX:
        raise Invalid([_batch_size()])
    return batch.questions


def _read(decode: Any, content_type: bytes | None, body: bytes | bytearray) -> Any:
    check_kind(content_type)
    if has_too_many_values(body, share=2):
        raise Invalid.one("body", "too_many", TOO_MANY_VALUES)
    try:
        return decode(body)
    except msgspec.ValidationError as error:
        found = _all_mistakes(body, is_batch=decode is _decode_batch)
        raise Invalid(found or [of_type(_place_of(error), error)]) from None
    except (msgspec.DecodeError, ValueError, RecursionError):  # the texts of msgspec may show a part of the body
        raise Failed(problem("bad_request", "The body is not well-formed JSON.")) from None


def _place_of(error: msgspec.ValidationError) -> str:
    """Return the place where msgspec found a mistake in an unreadable body."""
    return str(error).rpartition(" - at `$")[2].strip(".`") if " - at `$." in str(error) else "body"


def asks(questions: list[Question], tenant: str | None, *, keep: bool) -> list[Ask]:
    """Return the asks of a batch; raise Invalid that names the mistakes in it."""
    try:
        return [question.ask(tenant, keep=keep) for question in questions]
    except Invalid:
        errors: list[FieldError] = []
        _check_questions(map(msgspec.to_builtins, questions), errors)
        raise Invalid(errors) from None


def _all_mistakes(body: bytes | bytearray, *, is_batch: bool) -> list[FieldError]:
    """Return the mistakes in a body, at most as many as an error names."""
    errors: list[FieldError] = []
    with suppress(msgspec.DecodeError, ValueError, RecursionError):  # the text is not well-formed
        (_check_batch if is_batch else _check_question)(msgspec.json.decode(body), errors)
    return errors


def _check_batch(result: Any, errors: list[FieldError]) -> None:
    if not isinstance(result, dict):
        errors.append(mistakes.not_an_object(""))
        return
    mistakes.name_unknown(result, ("questions",), errors)
    questions = result.get("questions")
    if "questions" not in result:
        errors.append(mistakes.missing("questions"))
    elif not isinstance(questions, list):
        _check_type("questions", questions, list[Any], errors)
    elif not 1 <= len(questions) <= BATCH_MAX:
        errors.append(_batch_size())
    else:
        _check_questions(questions, errors)


def _check_questions(questions: Iterable[Any], errors: list[FieldError]) -> None:
    """Name the mistakes in the first wrong questions of a batch, and whether others were left out."""
    wrong = 0
    for number, one in enumerate(questions):
        before = len(errors)
        _check_question(one, errors, mistakes.item("questions", number))
        wrong += len(errors) > before
        if wrong > _WRONG_MAX:
            message = f"these are the mistakes of the first {_WRONG_MAX} wrong questions, and there are more"
            errors[before:] = [FieldError("questions", "more", message)]
            break


def _batch_size() -> FieldError:
    return FieldError("questions", "out_of_range", f"a batch holds 1 to {BATCH_MAX} questions")


def _check_question(result: Any, errors: list[FieldError], place: str = "") -> None:
    """Name every mistake in a question."""
    if not isinstance(result, dict):
        errors.append(mistakes.not_an_object(place))
        return
    mistakes.name_unknown(result, _FIELDS, errors, place)
    for name, kind in _FIELDS.items():
        if name in result:
            _check_field(name, kind, result[name], errors, place)
    if "credential" not in result:
        errors.append(mistakes.missing(mistakes.within(place, "credential")))


def _check_field(name: str, kind: Any, value: Any, errors: list[FieldError], place: str) -> None:
    """Name the mistake in one field: its type, else its value as the engine reads it."""
    if _check_type(mistakes.within(place, name), value, kind, errors) and name in ("scopes", "ip", "cost"):
        nothing: dict[str, Any] = {"scopes": None, "ip": None, "cost": 1}
        try:
            read_ask(**{**nothing, name: value}, tenant=None, environment=None, audience=None, keep=False)
        except Invalid as error:
            errors += [one._replace(field=mistakes.within(place, one.field)) for one in error.errors]


def _check_type(place: str, value: Any, kind: Any, errors: list[FieldError]) -> bool:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        errors.append(of_type(place, error))
        return False
    return True


Needs: TypeAlias = tuple[bytes, tuple[tuple[bytes, bytes], ...]]
"""The requirements of a request for `/v1/auth`, as sent: its query, and the headers that may state requirements."""


def needs_of(query: bytes, fields: list[tuple[bytes, bytes]]) -> Needs:
    """Return the requirements of a request for `/v1/auth`."""
    return query, tuple([field for field in fields if field[0][:5] in _MAY_REQUIRE and _requires(field[0])])


Required: TypeAlias = tuple[Any, str | None]
"""The required scopes, as an `Ask` holds them, and the environment."""


class Requirements:
    """Reads the requirements of proxies, and caches them for admitted requests only, so that junk fills no cache."""

    def __init__(self) -> None:
        self._known: Memo[Needs, Required] = Memo(_size_of_needs, bytes_max=2 * MIB, each_max=2 * KIB)

    def read(self, needs: Needs) -> Required:
        """Return the requirement of scopes (None: none is asked for) and the environment; raise Invalid.

        Requirements from query and headers are combined; all must be met. An unknown name is refused, never ignored: a
        mistyped requirement would let everybody in.
        """
        if needs == _NO_NEEDS:
            return None, None
        known = self._known.get(needs)
        if known is not None:
            return known
        scopes, environment = _requirements(*needs)
        return read_ask(scopes, None, 1, None, None, None, keep=False).requirement, environment

    def keep(self, needs: Needs, ask: Ask) -> None:
        """Cache the requirement of an authenticated caller."""
        if needs != _NO_NEEDS and self._known.get(needs) is None:
            self._known.put(needs, (ask.requirement, ask.environment))
            if ask.requirement is not None:
                ask.requirement.is_kept = self._known.get(needs) is not None


def _requires(name: bytes) -> bool:
    """Return whether a header states a requirement, or seems to. `X-Auth-Scopes`, a response header, does not."""
    word = name.translate(None, b"-_.")
    if not word.startswith(b"xauth") or word == b"xauthscopes":
        return False
    return any(part in word for part in (b"requir", b"scope", b"environment"))


def check_query(query: bytes, *known: str) -> None:
    """Raise Invalid for parameters that a call does not read."""
    errors: list[FieldError] = []
    given = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    mistakes.name_unknown(dict(given), known, errors, what="a parameter of this request")
    if errors:
        raise Invalid(errors)


def _requirements(query: bytes, fields: tuple[tuple[bytes, bytes], ...]) -> tuple[tuple[str, ...], str | None]:
    try:
        given = parse_qsl(query.decode("latin-1"), keep_blank_values=True, errors="strict", max_num_fields=200)
    except ValueError:
        raise Invalid([FieldError("query", "bad_query", "the query cannot be read")]) from None
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in fields]
    unknown = [_unknown(name, *_PARAMETERS) for name in dict(given) if name not in _PARAMETERS]
    unknown += [_unknown(name, *_HEADERS) for name in dict(headers) if name not in _HEADERS]
    if unknown:
        raise Invalid(unknown[:_UNKNOWN_NAMED_MAX])
    texts = [value for name, value in (*given, *headers) if name in ("scopes", "x-auth-require-scopes")]
    places = [value for name, value in given if name == "environment"]
    places += [value.strip() for name, value in headers if name == "x-auth-require-environment"]
    scopes = tuple(dict.fromkeys(" ".join(texts).replace(",", " ").split()))
    if texts and not scopes:
        raise Invalid.one("scopes", "empty", "name at least one scope, or leave the requirement out")
    wanted = set(places)
    environment = None
    if wanted:
        environment = wanted.pop() if len(wanted) == 1 and OPERATOR_ENVIRONMENT not in wanted else NOBODY
    return scopes, environment


def _unknown(name: str, scopes: str, environment: str) -> FieldError:
    """Return the error for an unknown requirement; the error names the closest known one."""
    result = name.lower()
    right = scopes if "scop" in result else environment if "env" in result else f"{scopes} or {environment}"
    return mistakes.unknown(name or "query", f"is not a requirement: use {right}")


def _size_of_needs(needs: Needs, required: object) -> int:
    query, fields = needs
    return 6 * (len(query) + sum([len(name) + len(value) for name, value in fields]))


_NO_NEEDS: Needs = (b"", ())
