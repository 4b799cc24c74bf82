"""The sign-in of operators: a key is presented once, and a cookie carries a token that was derived from it.

The token ends when its key ends, for any reason, and never grants more than the key. The token serves only the console:
`/v1` takes no tokens, and other verifiers refuse its audience.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from tokenry.edge import OPERATOR_ENVIRONMENT, Presented, Throttle, bounded, cookie_counts, read_cookie
from tokenry.edge.asgi import Fields
from tokenry.edge.problems import Failed, problem, refused
from tokenry.tokenry import Tokenry
from tokenry.types import Denied, Refused, TokenValid

from ..threads import in_thread, verify

AUDIENCE: Final = "tokenry:console"
LIFE: Final = timedelta(hours=12)
FRESH: Final = timedelta(minutes=15)
"""For how long after a sign-in changes are possible."""

SECURE_COOKIE: Final = "__Host-tokenry_console"
PLAIN_COOKIE: Final = "tokenry_console"
"""The name over plain http, where not every browser keeps a cookie that is `Secure`. Only this machine may use it."""

_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_INSECURE: Final = "The console needs https: over plain http it can be used on the machine of the server alone."


def check_origin(headers: Fields) -> None:
    """Raise Failed unless the browser says that a page of this origin made a request, whatever its method."""
    if not cookie_counts("POST", _joined(headers, b"sec-fetch-site"), _joined(headers, b"origin")):
        raise Failed(problem("cross_site", "Only the pages of the console may ask this."))


def token_of(headers: Fields) -> str:
    """Return the token in the cookie of a request; raise Failed without one."""
    cookies = _joined(headers, b"cookie", "; ") or ""
    found = read_cookie(cookies, SECURE_COOKIE)
    if found is None and _is_loopback(f"//{_joined(headers, b'host')}"):
        found = read_cookie(cookies, PLAIN_COOKIE)
    if not isinstance(found, Presented):
        raise Failed(problem("credential_missing", "Sign in to the console."))
    return found.text


async def sign_in(tk: Tokenry, throttle: Throttle, key: object, ip: str | None, origin: str) -> str:
    """Return the cookie that carries a token of an operator's key; raise Failed."""
    is_secure = origin.startswith("https://")
    if not is_secure and not _is_loopback(origin):
        raise Failed(problem("not_allowed", _INSECURE))
    text = key if isinstance(key, str) else ""
    asked: dict[str, Any] = {"audience": AUDIENCE, "expires_in": LIFE, "ip": ip, "environment": OPERATOR_ENVIRONMENT}
    try:
        token = await in_thread(tk.exchange, bounded(text), **asked)
    except Denied as error:
        raise Failed(refused(throttle.apply(error.verdict, ip))) from None
    name, secure = (SECURE_COOKIE, "; Secure") if is_secure else (PLAIN_COOKIE, "")
    return f"{name}={token.access}; Path=/; HttpOnly; SameSite=Strict; Max-Age={LIFE // timedelta(seconds=1)}{secure}"


def signed_out() -> Fields:
    """Return the fields that delete both cookies."""
    ends = "Path=/; HttpOnly; SameSite=Strict; Max-Age=0"
    cookies = (f"{SECURE_COOKIE}=; {ends}; Secure", f"{PLAIN_COOKIE}=; {ends}")
    return [(b"set-cookie", cookie.encode()) for cookie in cookies]


async def operator(tk: Tokenry, throttle: Throttle, token: str, ip: str | None) -> TokenValid:
    """Return the verdict of a console's token; raise Failed for anything else."""
    ask: dict[str, Any] = {"environment": OPERATOR_ENVIRONMENT, "audience": AUDIENCE, "ip": ip, "cost": 0}
    verdict = await verify(tk, token, **ask)
    if isinstance(verdict, Refused):
        raise Failed(refused(throttle.apply(verdict, ip)))
    if not isinstance(verdict, TokenValid):
        raise Failed(refused(Refused("not_found")))
    return verdict


def fresh_until(verdict: TokenValid) -> datetime:
    """Return until when the sign-in of a token is recent enough to allow changes."""
    return datetime.fromtimestamp(int(verdict.claims["iat"]), UTC) + FRESH


def _is_loopback(origin: str) -> bool:
    try:
        return urlsplit(origin).hostname in _LOOPBACK
    except ValueError:
        return False


def _joined(headers: Fields, name: bytes, comma: str = ", ") -> str | None:
    """Return the value of a field; several values are joined, so that two never pass for one of them."""
    found = [value.decode("latin-1") for field, value in headers if field == name]
    return comma.join(found) if found else None
