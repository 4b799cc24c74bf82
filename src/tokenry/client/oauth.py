"""The two calls of the client that speak OAuth: a token for a key (RFC 8693), and the keys that prove tokens."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast
from urllib.parse import quote

from ..core.codes import RefusalCode
from ..core.errors import Denied, Invalid, NotAllowed, TokenryError
from ..core.model import NotGiven, Token
from ..core.secret import Secret
from ..core.verdict import Refused
from ..operations.problems import error_of, retry_after
from .wire import Sending

_URN: Final = "urn:ietf:params:oauth"


def exchange(secret: str, slug: str, asked: Mapping[str, Any]) -> Sending:
    """Return the request that derives a token from a key of a tenant."""
    form: dict[str, Any] = {
        "grant_type": f"{_URN}:grant-type:token-exchange",
        "subject_token": secret,
        "subject_token_type": "urn:tokenry:token-type:key",
    }
    if asked["scopes"] is not None:
        form["scope"] = " ".join(asked["scopes"])
    if asked["audience"] is not None:
        form["audience"] = [asked["audience"]] if isinstance(asked["audience"], str) else list(asked["audience"])
    if not isinstance(asked["expires_in"], NotGiven):
        form["expires_in"] = _whole(asked["expires_in"])
    path = f"/t/{quote(slug, safe='')}/oauth/token"
    return Sending("POST", path, form=form, read=_token, fail=_failed, route="/t/{slug}/oauth/token")


def jwks(slug: str) -> Sending:
    """Return the request for the public keys of a tenant."""
    path = f"/t/{quote(slug, safe='')}/.well-known/jwks.json"
    return Sending("GET", path, read=_key_set, route="/t/{slug}/.well-known/jwks.json")


def _whole(length: timedelta) -> int:
    if length % timedelta(seconds=1):
        raise Invalid.one("expires_in", "not_whole", "expires_in must be whole seconds over HTTP")
    return int(length.total_seconds())


def _key_set(found: Any) -> dict[str, Any]:
    return {"keys": list(found["keys"])}


def _token(found: Any) -> Token:
    """Read a token from its own claims, unverified: the server has just issued the token."""
    access = found["access_token"]
    payload = access.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    audience = () if claims["aud"] == claims["iss"] else claims["aud"]  # a token without one is for its issuer
    return Token(
        access=Secret(access),
        key=claims["client_id"],
        tenant=claims["tid"],
        owner=claims["sub"],
        scopes=tuple(found["scope"].split()),
        audience=(audience,) if isinstance(audience, str) else tuple(audience),
        expires_at=datetime.fromtimestamp(claims["exp"], UTC),
    )


def _failed(status: int, found: Any, headers: Mapping[str, str]) -> TokenryError:
    """Return the library's error for one of OAuth (RFC 6749, section 5.2)."""
    result = found if isinstance(found, dict) else {}
    error, code, message = (str(result.get(name, "")) for name in ("error", "code", "error_description"))
    if not error or status >= 500:
        return error_of(status, {"code": error, "detail": message} if error else found, headers)
    if code == "not_allowed":
        return NotAllowed(message)
    if code:
        return Denied(Refused(cast(RefusalCode, code), retry_after(headers.get("retry-after"))))
    if status in (401, 404):
        return error_of(status, {"code": "not_found", "detail": message}, headers)
    field = message.partition(": ")[0]
    return Invalid.one(field if field in ("scopes", "audience", "expires_in") else "request", error, message)
