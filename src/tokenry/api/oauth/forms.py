"""Forms, client authentication and errors of OAuth (RFC 6749)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, unquote_plus

from tokenry.edge import Presented, encode, read_presented
from tokenry.edge import failures as problems
from tokenry.edge.asgi import Fields, texts
from tokenry.edge.problems import Failed
from tokenry.types import REFRESH_CODES, Invalid, NotAllowed, NotFound, Refused, StoreUnavailable, TokenryError, shown

BODY_MAX: Final = 16 * 1024
KEY_SET: Final = "application/jwk-set+json"
PUBLIC: Final = (("Cache-Control", "public, max-age=60"), ("Access-Control-Allow-Origin", "*"))
"""The header fields of a public answer: scripts of other sites may read it, and caches may keep it for a minute."""
"""How large a form may be: enough for the longest token and all other parameters, with escapes."""

_FIELDS_MAX: Final = 50
_DESCRIPTION_MAX: Final = 1000
_REPEATED: Final = frozenset(("audience", "resource"))
_FORM: Final = b"application/x-www-form-urlencoded"
_SPECIAL: Final = str.maketrans('"\\`', "'/'")


class OAuthError(Exception):
    """An error response of RFC 6749 (section 5.2); `code` is our own code, if any."""

    def __init__(
        self,
        error: str,
        description: str,
        status: int = 400,
        headers: Iterable[tuple[str, str]] = (),
        code: str = "",
    ) -> None:
        super().__init__(error)
        self.error = error
        self.description = description
        self.status = status
        self.headers = tuple(headers)
        self.code = code

    def body(self) -> bytes:
        """Return the JSON of the answer."""
        result = self.description[:_DESCRIPTION_MAX].translate(_SPECIAL).encode("ascii", "replace").decode()
        fields = {"error": self.error, "error_description": result}
        return encode(fields | {"code": self.code} if self.code else fields)


class Client(NamedTuple):
    """The claimed client id, and the key that proves it, if the client shows one."""

    id: str | None
    key: str | None
    by_header: bool = False

    def __repr__(self) -> str:
        return f"Client({self.id!r})"


class Form:
    """The parameters of a request; those without a value are left out."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._fields: dict[str, list[str]] = {}
        for name, value in pairs:
            if value:
                self._fields.setdefault(name, []).append(value)
        for name, values in self._fields.items():
            if len(values) > 1 and name not in _REPEATED:
                raise OAuthError("invalid_request", f"{shown(name)} is given more than once.")

    def __repr__(self) -> str:
        return f"Form({', '.join(self._fields)})"

    def get(self, name: str) -> str | None:
        """Return a parameter, or None."""
        found = self._fields.get(name)
        return found[0] if found else None

    def need(self, name: str) -> str:
        """Return a parameter that must be there."""
        found = self.get(name)
        if found is None:
            raise OAuthError("invalid_request", f"{name} is missing.")
        return found

    def all(self, name: str) -> list[str]:
        """Return every value of a parameter that may be repeated."""
        return self._fields.get(name, [])


def read_form(content_type: bytes | None, body: bytes | bytearray) -> Form:
    """Read the form of a request; raise OAuthError."""
    if len(body) > BODY_MAX:
        raise too_large()
    if content_type != _FORM and (content_type or b"").partition(b";")[0].strip().lower() != _FORM:
        raise OAuthError("invalid_request", f"Send a form: Content-Type: {_FORM.decode()}.")
    try:
        return Form(
            parse_qsl(bytes(body).decode(), keep_blank_values=True, errors="strict", max_num_fields=_FIELDS_MAX)
        )
    except ValueError:  # a UnicodeDecodeError is one, too
        raise OAuthError("invalid_request", "The form cannot be read.") from None


def read_client(fields: Fields, form: Form) -> Client:
    """Return the client; raise OAuthError for a request that names the client in more than one way."""
    basic = [value for name, value in fields if name == b"authorization" and value[:6].lower() == b"basic "]
    found = read_presented(texts(fields))
    ways = [*(_of_basic(value) for value in basic), *_of_header(found), *_of_form(form)]
    if len(ways) > 1 or found == "ambiguous":
        raise OAuthError("invalid_request", "The client authenticates in more than one way.")
    named = form.get("client_id")
    if not ways:
        return Client(named, None)
    client = ways[0]
    if named is not None and client.id not in (None, named):
        raise OAuthError("invalid_request", "client_id is not the one that authenticates.")
    return client._replace(id=client.id or named)


def _of_header(found: object) -> list[Client]:
    return [Client(None, found.text, by_header=True)] if isinstance(found, Presented) else []


def _of_form(form: Form) -> list[Client]:
    secret = form.get("client_secret")
    return [Client(form.get("client_id"), secret)] if secret is not None else []


def _of_basic(value: bytes) -> Client:
    """Read `client_secret_basic`; its two parts are encoded as in a form (RFC 6749, section 2.3.1)."""
    try:
        user, colon, password = base64.b64decode(value[6:].strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        user, colon, password = "", "", ""
    if not colon:
        raise unknown_client("The credentials of Basic cannot be read.")
    return Client(unquote_plus(user) or None, unquote_plus(password) or None)


def too_large() -> OAuthError:
    """Return the answer to a form that is too large."""
    return OAuthError("invalid_request", f"A form has at most {BODY_MAX // 1024} KiB.", 413)


def unknown_client(description: str, *, by_header: bool = False) -> OAuthError:
    """Return the answer to a client that fails to authenticate; `by_header` for a client with a Bearer token."""
    challenge = 'Bearer error="invalid_token"' if by_header else 'Basic realm="tokenry"'
    return OAuthError("invalid_client", description, 401, [("WWW-Authenticate", challenge)])


def throttled(wait: int | None) -> OAuthError:
    """Return the answer to an address with too many failures."""
    summary = "There were too many failures from this address. Wait for the seconds in Retry-After."
    return OAuthError("temporarily_unavailable", summary, 429, [("Retry-After", str(wait))], "throttled")


def refused_refresh(refused: Refused) -> OAuthError:
    """Return the answer to a refresh token that is refused."""
    error = "invalid_scope" if refused.code == "insufficient_scope" else "invalid_grant"
    return OAuthError(error, REFRESH_CODES[refused.code])


def of(error: BaseException) -> OAuthError:
    """Return the answer to an exception."""
    match error:
        case OAuthError():
            return error
        case Failed():
            return OAuthError("invalid_request", error.problem.detail, error.problem.status)
        case Invalid():
            field = error.errors[0].field if error.errors else ""
            kind = {"scopes": "invalid_scope", "audience": "invalid_target"}.get(field, "invalid_request")
            return OAuthError(kind, "; ".join(f"{field}: {message}" for field, _, message in error.errors))
        case NotAllowed():
            return OAuthError(
                "invalid_scope", "The key does not hold every scope that was asked for.", code="not_allowed"
            )
        case NotFound():
            return OAuthError("invalid_request", "There is no such tenant.", 404)
        case StoreUnavailable():
            return OAuthError("temporarily_unavailable", "Try again after a moment.", 503, [("Retry-After", "1")])
        case TokenryError():
            return OAuthError("invalid_request", error.message)
    problem_answer = problems.of(error)  # `problems.of` logs the exception
    return OAuthError("server_error", problem_answer.detail, problem_answer.status)
