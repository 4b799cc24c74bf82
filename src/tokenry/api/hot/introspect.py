"""`POST /oauth/introspect` (RFC 7662): a verification as OAuth asks for it. Inactive is `{"active":false}` and no more.

An introspection takes from limits as much as a verification. Use `/v1/verify` to learn why a token is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tokenry.edge import (
    KIB,
    MIB,
    Ask,
    Grant,
    Memo,
    bounded,
    confined_to,
    encode,
    grant_of,
    name_refusal,
    parts_of,
    read_ask,
    size_of_grant,
)
from tokenry.edge.asgi import lines
from tokenry.edge.problems import refused
from tokenry.types import KeyValid, Refused, Valid, Verdict

from ..oauth import forms
from ..oauth.forms import OAuthError, read_client, read_form, unknown_client
from ..routes import INTROSPECT
from .questions import NOBODY

if TYPE_CHECKING:
    from .request import Answer, Request, Step, Wish
    from .verify import Hot

_FORM: Final = b"application/x-www-form-urlencoded"
_JSON: Final = b"content-type: application/json\r\ncache-control: no-store\r\n"
_INACTIVE: Final = b'{"active":false}'


class Introspection:
    """The introspection of one server."""

    def __init__(self, hot: Hot, issuer: str) -> None:
        self._hot = hot
        self._issuer = issuer.rstrip("/")
        # The value keeps the grant alive, so that no other grant can get its id().
        self._kept: Memo[int, tuple[Grant, bytes]] = Memo(_size, bytes_max=8 * MIB, each_max=64 * KIB)

    def introspect(self, asked: Request, items: list[Verdict] | None) -> Step:
        """Answer whether a token is active, and describe an active one."""
        if asked.pending is None:
            asked.pending = self._read(asked)
        token, wish, named = asked.pending
        slug = None
        if wish is not None and asked.caller is None:
            caller = self._hot.recall(*wish) if items is None else items[0]
            if caller is None:
                return [wish]
            asked.caller, items = (self._tenant_of(asked, caller, named), True), None
        if asked.caller is not None:
            slug = asked.caller[0]
        about = (token, _ask(slug, asked.tenant))
        verdict = self._hot.recall(*about) if items is None else items[0]
        if verdict is None:
            return [about]
        asked.pending = None
        if isinstance(verdict, Refused):
            name_refusal(verdict, asked.request_id)
        if wish is None:
            verdict = self._hot.counted(verdict, asked.client or asked.peer)
        else:  # an authenticated caller cannot say which client showed the token
            verdict = self._hot.uncounted(verdict)
        return self._answer_with(asked, 200, self._active_json(verdict) if isinstance(verdict, Valid) else _INACTIVE)

    def too_large(self, asked: Request) -> Answer:
        """Answer a form that is too large."""
        return self._failed(asked, forms.too_large())

    def failed(self, asked: Request, error: BaseException) -> Answer:
        """Answer a request that failed."""
        return self._failed(asked, forms.of(error))

    def _failed(self, asked: Request, error: OAuthError) -> Answer:
        return self._answer_with(asked, error.status, error.body(), lines(error.headers))

    def _read(self, asked: Request) -> tuple[str, Wish | None, str | None]:
        """Return the token, the ask that authenticates the caller (None without one), and the claimed client id."""
        if asked.query:
            raise OAuthError("invalid_request", "Parameters belong into the body, never into the URL.")
        if asked.about is not None:  # the head was read before, and named the caller
            token = _only_token(asked.content_type, asked.body)
            if token is not None:
                return bounded(token), asked.about, None
        form = read_form(asked.content_type, asked.body)
        token = bounded(form.need("token"))
        client = read_client(asked.credentials, form)
        if client.key is None:
            if not self._hot.is_open:
                raise unknown_client("Introspection is for callers with a key that holds tokenry:verify.")
            return token, None, None
        wish = self._hot.about_caller(client.key, asked.client)
        if form.get("client_secret") is None and form.get("client_id") is None and client.id is None:
            asked.about = wish
        return token, wish, client.id

    def _tenant_of(self, asked: Request, verdict: Verdict, named: str | None) -> str | None:
        """Return the tenant that a caller is confined to; raise OAuthError for a caller without permission."""
        if not isinstance(verdict, Refused):
            grant = grant_of(verdict)
            if named in (None, grant.key_id):
                return confined_to(grant)
            raise _unknown(asked)
        name_refusal(verdict, asked.request_id)
        verdict = self._hot.counted(verdict, asked.client or asked.peer)
        if verdict.retry_after is not None:
            raise forms.throttled(verdict.retry_after)
        if verdict.code == "insufficient_scope":
            problem_answer = refused(verdict, ["tokenry:verify"])
            raise OAuthError("insufficient_scope", problem_answer.detail, 403, problem_answer.headers)
        raise _unknown(asked)

    def _active_json(self, verdict: Valid) -> bytes:
        """Return the JSON of an active token, kept for as long as its grant is the same."""
        grant = grant_of(verdict)
        kept = self._kept.get(id(grant))
        if kept is not None:
            return kept[1]
        result = self._of_key(verdict) if isinstance(verdict, KeyValid) else parts_of(verdict)[2]
        body = encode({**result, **_always(verdict), **_end(verdict)})
        return self._kept.put(id(grant), (grant, body))[1]

    def _of_key(self, verdict: KeyValid) -> dict[str, Any]:
        """Return the claims that a token of this key would have."""
        key = verdict.key
        return {
            "iss": f"{self._issuer}/t/{verdict.tenant.slug}",
            "sub": key.owner,
            "client_id": key.id,
            "tid": verdict.tenant.slug,
            "iat": int(key.created_at.timestamp()),
        }

    def _answer_with(self, asked: Request, status: int, body: bytes, more: bytes = b"") -> Answer:
        return self._hot.answer_with(INTROSPECT, status, _JSON + more, body, asked)


def _size(_: int, kept: tuple[Grant, bytes]) -> int:
    return size_of_grant(kept[0]) + len(kept[1])


def _unknown(asked: Request) -> OAuthError:
    by_header = any(value[:6].lower() != b"basic " for _, value in asked.credentials)
    return unknown_client("The client is unknown, or its key is not valid.", by_header=by_header)


def _only_token(content_type: bytes | None, body: bytes | bytearray) -> str | None:
    """Return the token of a form that has no other parameter and no escapes; None for a form that needs parsing."""
    if content_type != _FORM or not body.startswith(b"token=") or b"%" in body or b"+" in body:
        return None
    token, more, rest = body[6:].partition(b"&")
    if not token or not token.isascii() or (more and (not rest.startswith(b"token_type_hint=") or b"&" in rest)):
        return None
    return token.decode()


def _always(verdict: Valid) -> dict[str, Any]:
    """Return the members that a custom claim must not override."""
    return {"active": True, "token_type": "Bearer", "scope": " ".join(verdict.scopes)}


def _end(verdict: Valid) -> dict[str, int]:
    """Return when a token ends: the earliest end of the token, and of the key or the session behind it."""
    return {} if verdict.expires_at is None else {"exp": int(verdict.expires_at.timestamp())}


def _ask(slug: str | None, named: str | None) -> Ask:
    """Return the ask of a caller that is confined to a tenant, on the endpoint of a tenant."""
    about = slug or named
    if slug is not None and named not in (None, slug):
        about = NOBODY
    return read_ask(None, None, 1, about, None, None)
