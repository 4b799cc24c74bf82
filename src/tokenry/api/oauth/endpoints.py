"""The OAuth endpoints: tokens for refresh tokens and keys, revocation, and the JWKS and metadata of a tenant.

Every tenant is an issuer of its own below `/t/{slug}`; endpoints without that prefix belong to the tenant `default`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from tokenry.edge import (
    OPERATOR_ENVIRONMENT,
    SYSTEM,
    Refreshing,
    encode,
    exchanges_at_once,
    is_operators,
    key_set,
    recall_key_set,
)
from tokenry.edge import failures as problems
from tokenry.edge.asgi import Fields, Receive, Scope, Send, raw, read_body, respond
from tokenry.edge.problems import Failed, problem
from tokenry.tokenry import Tokenry
from tokenry.types import NOT_GIVEN, Denied, Invalid, KeyValid, NotFound, NotGiven, Refused, SessionValid

from ..management.gathering import Refresher
from ..routes import INTROSPECT, JWKS, METADATA, REVOKE, ROUTES, TOKEN, place_of
from ..threads import in_thread, verify
from . import forms
from .forms import Client, Form, OAuthError, read_client, read_form

_REASON = "revoked by a token of it"
_URN = "urn:ietf:params:oauth"
EXCHANGE: Final = f"{_URN}:grant-type:token-exchange"
ACCESS_TOKEN: Final = f"{_URN}:token-type:access_token"
KEY: Final = "urn:tokenry:token-type:key"
_NO_URL: Final = (
    "The issuer of this server is a name and no URL, so that nobody can be told where its endpoints are. Set"
    " TOKENRY_ISSUER (or issuer in tokenry.toml) to the URL under which clients reach it, such as"
    " https://keys.example.com without /t/…, and start it again. Access tokens from before are refused then; sessions"
    " go on."
)
_PRIVATE: Final = (("Content-Type", "application/json"), ("Cache-Control", "no-store"), ("Pragma", "no-cache"))
_AUTHENTICATIONS = ["client_secret_basic", "client_secret_post"]


class Asked:
    """One request to an endpoint of a tenant."""

    def __init__(self, scope: Scope, slug: str) -> None:
        state = scope.get("state", {})
        self.slug = slug
        self.method: str = scope["method"]
        self.has_query = bool(scope["query_string"])
        self.fields: Fields = scope["headers"]
        self.ip: str | None = state.get("client")
        self.request_id: str = state.get("request_id", "")
        self.traceparent: str | None = state.get("traceparent")
        peer = scope.get("client")
        self.client_ip = self.ip or (peer[0] if peer else None)
        self._throttle = state.get("throttle")

    def field(self, name: bytes) -> bytes | None:
        """Return the value of a header field."""
        return next((value for found, value in self.fields if found == name), None)

    def check(self, refused: Refused) -> None:
        """Count a failure that may be a guess; raise OAuthError for an address with too many failures."""
        result = refused if self._throttle is None else self._throttle.apply(refused, self.client_ip)
        if result.code == "throttled":
            raise forms.throttled(result.retry_after)

    def trust(self) -> None:
        """Count no further failure: a client with a key presents the tokens of many users from one address."""
        self._throttle = None


class OAuth:
    """The ASGI application of the OAuth endpoints but introspection, which is a hot route."""

    def __init__(self, tk: Tokenry, refresher: Refresher, now: Callable[[], int]) -> None:
        self._tk = tk
        self._now = now
        self._refresher = refresher
        self._reading: dict[str, asyncio.Task[bytes]] = {}
        self._public = {JWKS: self._key_set, METADATA: self._metadata}
        self._grants = {"refresh_token": self._refresh, EXCHANGE: self._exchange}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request for a path of these endpoints."""
        place = place_of(scope["path"])
        assert place is not None
        path, asked = place[0], Asked(scope, place[1])
        if path in self._public:
            await self._tell(path, asked, send)
            return
        dated = ROUTES[path].fields
        try:
            if asked.method != "POST":
                raise OAuthError("invalid_request", "Send it with POST.", 405, [("Allow", "POST")])
            if asked.has_query:  # a credential in a URL would stand in every log on the way
                raise OAuthError("invalid_request", "Parameters belong into the body, never into the URL.")
            body = await read_body(receive, asked.field(b"content-length"), forms.BODY_MAX)
            form = read_form(asked.field(b"content-type"), body)
            body = await (self._token if path == TOKEN else self._revoke)(asked, form)
        except Exception as error:
            problem_answer = forms.of(error)
            await respond(
                send, problem_answer.status, problem_answer.body(), [*raw([*_PRIVATE, *problem_answer.headers]), *dated]
            )
        else:
            await respond(send, 200, body, [*raw(_PRIVATE), *dated])

    async def _token(self, asked: Asked, form: Form) -> bytes:
        grant = self._grants.get(form.need("grant_type"))
        if grant is None:
            raise OAuthError("unsupported_grant_type", f"Known are refresh_token and {EXCHANGE}.")
        return encode(await grant(asked, form))

    async def _refresh(self, asked: Asked, form: Form) -> dict[str, Any]:
        client = await self._client(asked, form)
        found = await self._refresher.refresh(
            Refreshing(
                refresh=form.need("refresh_token"),
                scopes=_scopes(form),
                client_id=None if isinstance(client, NotGiven) else client,
                tenant=asked.slug,
                ip=asked.ip,
                request_id=asked.request_id,
                traceparent=asked.traceparent,
            )
        )
        if isinstance(found, Refused):
            asked.check(found)
            raise forms.refused_refresh(found)
        return {
            "access_token": str(found.access),
            "token_type": "Bearer",
            "expires_in": self._seconds_to(found.access_expires_at),
            "refresh_token": str(found.refresh),
            "scope": " ".join(found.scopes),
        }

    async def _exchange(self, asked: Asked, form: Form) -> dict[str, Any]:
        """Derive an access token from a key (RFC 8693), whose holder needs no other authentication."""
        await self._client(asked, form)
        subject = form.need("subject_token")
        _check_exchange(form)
        given: dict[str, Any] = {"scopes": _scopes(form), "ip": asked.ip, "tenant": asked.slug}
        audience = [*form.all("audience"), *form.all("resource")]
        try:
            derive = partial(self._tk.exchange, subject, **given, audience=audience or None, expires_in=_length(form))
            token = derive() if exchanges_at_once(self._tk, subject, asked.slug) else await in_thread(derive)
        except Denied as error:
            asked.check(error.verdict)
            raise _unfit(error.verdict) from None
        return {
            "access_token": str(token.access),
            "issued_token_type": ACCESS_TOKEN,
            "token_type": "Bearer",
            "expires_in": self._seconds_to(token.expires_at),
            "scope": " ".join(token.scopes),
        }

    async def _revoke(self, asked: Asked, form: Form) -> bytes:
        """End the session of a token (RFC 7009). A token that is unknown, or another client's, is ignored."""
        client = await self._client(asked, form)
        token = form.need("token")
        groups = self._tk.scoped(
            tenant=asked.slug, ip=asked.ip, request_id=asked.request_id, traceparent=asked.traceparent
        )
        end: Callable[..., Any] = groups.sessions.revoke_by_token
        named = token
        if not is_refresh_token(token):
            verdict = await verify(self._tk, token, tenant=asked.slug, cost=0)
            if isinstance(verdict, Refused):
                asked.check(verdict)
                return b"{}"
            if not isinstance(verdict, SessionValid):
                message = "A key is ended with /v1/self/revoke, and a derived token by that or by itself after minutes."
                raise OAuthError("unsupported_token_type", message)
            named, end = verdict.session.id, groups.scoped(by=verdict.owner).sessions.revoke
        try:
            await in_thread(end, named, reason=_REASON, client_id=client)
        except NotFound:
            asked.check(Refused("not_found"))
        return b"{}"

    async def _client(self, asked: Asked, form: Form) -> str | NotGiven:
        """Return the client that a session must belong to, NOT_GIVEN if the request names no client.

        A key authenticates the client named by the key's id, so such a name alone is never accepted.
        """
        client = read_client(asked.fields, form)
        if client.key is None:
            if client.id is None:
                return NOT_GIVEN
            if client.id.startswith("key_"):
                raise forms.unknown_client("This client authenticates with its key.")
            return client.id
        return await self._authenticated(asked, client, client.key)

    async def _authenticated(self, asked: Asked, client: Client, key: str) -> str:
        environment, tenant = (OPERATOR_ENVIRONMENT, None) if is_operators(key) else (None, asked.slug)
        verdict = await verify(self._tk, key, tenant=tenant, environment=environment, ip=asked.ip, cost=0)
        if isinstance(verdict, Refused):
            asked.check(verdict)
        elif (
            isinstance(verdict, KeyValid)
            and verdict.tenant.slug in (asked.slug, SYSTEM)
            and client.id in (None, verdict.key.id)
        ):
            asked.trust()
            return verdict.key.id
        raise forms.unknown_client("The client is unknown, or its key is not valid.", by_header=client.by_header)

    def _seconds_to(self, end: datetime) -> int:
        now = datetime.fromtimestamp(self._now() / 1_000_000, UTC)
        return max(0, int((end - now) / timedelta(seconds=1)))

    async def _tell(self, path: str, asked: Asked, send: Send) -> None:
        """Serve the JWKS or the metadata."""
        dated = ROUTES[path].fields
        try:
            if asked.method not in ("GET", "HEAD"):
                raise Failed(problem("method_not_allowed", headers=[("Allow", "GET, HEAD")]))
            body, kind = await self._public[path](asked.slug)
        except Exception as error:
            problem_answer = problems.of(error)
            await respond(
                send,
                problem_answer.status,
                problem_answer.body(asked.request_id),
                [*raw(problem_answer.fields()), *dated],
            )
            return
        fields = [*raw((("Content-Type", kind), *forms.PUBLIC)), *dated]
        await respond(send, 200, body, fields, is_head=asked.method == "HEAD")

    async def _key_set(self, slug: str) -> tuple[bytes, str]:
        return await self._keys(slug), forms.KEY_SET

    async def _keys(self, slug: str) -> bytes:
        """Return the JWKS of a tenant. Concurrent requests share one read, since the endpoint is public."""
        found = recall_key_set(self._tk, slug)
        if found is not None:
            return found
        reading = self._reading.get(slug)
        if reading is None:
            reading = self._reading[slug] = asyncio.create_task(in_thread(key_set, self._tk, slug))
            reading.add_done_callback(lambda _: self._reading.pop(slug, None))
        return await asyncio.shield(reading)

    async def _metadata(self, slug: str) -> tuple[bytes, str]:
        """Answer with the metadata of RFC 8414. The metadata holds URLs, so the issuer has to be a URL."""
        await self._keys(slug)
        base = self._tk.settings.issuer.rstrip("/")
        if not base.startswith(("https://", "http://")):
            raise Failed(problem("not_found", _NO_URL))
        return encode(metadata(f"{base}/t/{slug}")), "application/json"


def metadata(issuer: str) -> dict[str, Any]:
    """Return the metadata of an issuer."""
    return {
        "issuer": issuer,
        "token_endpoint": issuer + TOKEN,
        "introspection_endpoint": issuer + INTROSPECT,
        "revocation_endpoint": issuer + REVOKE,
        "jwks_uri": issuer + JWKS,
        "response_types_supported": [],
        "grant_types_supported": ["refresh_token", EXCHANGE],
        "token_endpoint_auth_methods_supported": ["none", *_AUTHENTICATIONS],
        "revocation_endpoint_auth_methods_supported": ["none", *_AUTHENTICATIONS],
        "introspection_endpoint_auth_methods_supported": _AUTHENTICATIONS,
    }


def _scopes(form: Form) -> list[str] | None:
    found = form.get("scope")
    return None if found is None else found.split(" ")


def _length(form: Form) -> timedelta | NotGiven:
    """Return the requested lifetime; RFC 8693 has no such parameter, so we use `expires_in`, its name in the answer."""
    found = form.get("expires_in")
    if found is None:
        return NOT_GIVEN
    if not found.isdecimal() or len(found) > 9:
        raise Invalid.one("expires_in", "not_a_number", "expires_in is a number of seconds")
    return timedelta(seconds=int(found))


def _check_exchange(form: Form) -> None:
    if form.get("actor_token") is not None:
        raise OAuthError("invalid_request", "Nobody acts for anybody else here: actor_token is not supported.")
    if form.need("subject_token_type") not in (ACCESS_TOKEN, KEY):
        raise OAuthError("invalid_request", f"The subject token is a key: its type is {KEY} or {ACCESS_TOKEN}.")
    if form.get("requested_token_type") not in (None, ACCESS_TOKEN, f"{_URN}:token-type:jwt"):
        raise OAuthError("invalid_request", f"What is issued is of the type {ACCESS_TOKEN}.")


def _unfit(refused: Refused) -> OAuthError:
    """Return the answer to a key that cannot be exchanged: RFC 8693 has one error for every reason."""
    if refused.retry_after is not None:
        after = [("Retry-After", str(refused.retry_after))]
        return OAuthError(
            "temporarily_unavailable", "The limits or the credits of the key are used up.", 429, after, refused.code
        )
    return OAuthError("invalid_request", f"The subject token is refused: {refused.code}.", code=refused.code)


def is_refresh_token(text: str) -> bool:
    """Tell whether a text looks like a refresh token."""
    return text.rpartition("_")[0].endswith("_rt")
