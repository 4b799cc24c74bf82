"""The `TokenSchema` of Flask applications with an access cookie and a refresh cookie, on the sessions of Tokenry.

Without callbacks the sessions are ours alone. An application that has its own store of refresh tokens (it registers
`create_refresh_token`) keeps it: its token is a second one beside ours, and a refresh needs both.
docs/coming-from/token-schema.md says where the answers differ because the old ones were unsafe.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import wraps
from threading import Lock
from typing import Any, ParamSpec, TypeVar, cast

from flask import Flask, Response, abort, current_app, jsonify, make_response, request

from tokenry import Settings, Tokenry
from tokenry.config import override
from tokenry.edge.problems import Problem
from tokenry.ext import steps
from tokenry.ext.facts import Facts, of_environ
from tokenry.ext.flask import FlaskTokenry
from tokenry.ext.host import Answered, Host, OwnerId
from tokenry.sources import REFRESH_TOKENS
from tokenry.types import ConfigError, Conflict, KeyValid, Session, SessionTokens, VersionConflict

from .callbacks import Callbacks

F = TypeVar("F", bound=Callable[..., Any])
P = ParamSpec("P")
R = TypeVar("R")

_MOVED = "moved"
_ERRORS = {"reused": "theft", "too_early": "not_expired", "access_invalid": "invalid_access"} | dict.fromkeys(
    ("malformed", "not_found", "revoked", "expired", "owner_disabled"), "invalid_refresh"
)
"""The callback for a refused refresh, by the code of the refusal."""


class TokenSchema(Callbacks):
    """Sign users in with two cookies, and let them in while the access token is good.

    `refresh_token` and `access_token` are the schema itself: `schema.refresh_token.verify_refresh_token` and
    `schema.verify_refresh_token` are one decorator.
    """

    def __init__(
        self,
        refresh_token_cookie_name: str = "refresh_token",
        access_token_cookie_name: str = "access_token",
        access_token_duration: int = 60,
        refresh_token_duration: int = 7,
        secure_cookies_only: bool = True,
    ) -> None:
        """Take the names of the cookies, and how long tokens live: access tokens in seconds, sessions in days."""
        super().__init__()
        self.refresh_token = self.access_token = self
        self.auth = FlaskTokenry()
        """The extension below this schema, for signing out, hooks and the engine."""
        self._names = refresh_token_cookie_name, access_token_cookie_name
        self._secure = secure_cookies_only
        life = self._life = timedelta(days=refresh_token_duration)
        self._settings = {
            "access_life": timedelta(seconds=access_token_duration),
            "session_idle_life": life,
            "session_life": life,
            "sessions_per_owner": "one",
            "early_refresh": "refuse",
            "bind_access": True,
        }
        self._lock = Lock()
        for hook in (self.auth.refresh_refused, self.auth.error_answer):
            hook(self._answer)
        self.auth.before_new_access(self._asked)

    @property
    def settings(self) -> Settings:
        """The settings of an engine that you open yourself: `FlaskTokenry(app, Tokenry(settings=schema.settings))`."""
        return override(self._settings).settings

    def init_app(self, app: Flask, tk: Tokenry | None = None) -> None:
        """Set an application up; without this its first request does. Raise ConfigError for an engine that differs.

        Without `tk` the engine is the one of the application's `FlaskTokenry`, or else is opened as `TOKENRY_…` says.
        """
        with self._lock:
            if app.extensions.get("tokenry_schema") is self:
                return
            refresh, access = self._names
            options = {"ACCESS_COOKIE": access, "COOKIE_SECURE": self._secure, "REFRESH_PATH": "/"}
            options["ENVIRONMENT"] = "live"  # an imported refresh token is no API key
            if "create" not in self._callbacks:
                options["REFRESH_COOKIE"] = refresh
            elif "verify" not in self._callbacks:
                raise ConfigError("create_refresh_token needs verify_refresh_token: nobody else knows those tokens")
            opens = tk is None and "tokenry" not in app.extensions
            if opens:
                options |= {name.upper(): value for name, value in self._settings.items()}
            for name, value in options.items():
                app.config.setdefault(f"TOKENRY_{name}", value)
            if opens or tk is not None:
                self.auth.init_app(app, tk)
            if not opens:
                self._check(self.auth.tk_of(app))
            app.extensions["tokenry_schema"] = self

    def _check(self, tk: Tokenry) -> None:
        for name, value in self._settings.items():
            if getattr(tk.settings, name) != value:
                raise ConfigError(
                    f"{name} of the engine is {getattr(tk.settings, name)}, and the token schema needs {value}: "
                    "open it with Tokenry(settings=schema.settings)"
                )

    def set_token_cookies(
        self, response: Response, user_id: OwnerId, access_token_claims: Mapping[str, object] | None = None
    ) -> Response:
        """Sign a user in: put both cookies on the response, and end the user's other sessions.

        A request that another site caused is answered with 403 at once, whatever the view returns.
        """
        self._ready()
        host, facts = self.auth._host(), of_environ(request.environ)
        found = steps.run(host.start(facts, user_id, {"claims": access_token_claims}))
        if isinstance(found, Answered):
            abort(found.response)
        self._call("revoke", user_id=user_id)
        access, theirs = str(found.access), str(found.refresh)
        if "create" in self._callbacks:
            theirs = self._call("create", user_id, access)
            self._set(response, theirs)
        self._call("after_new", theirs, access)
        host.hand_out(response, found, facts)
        return response

    def tokens_required(self, view: F) -> F:
        """Let in users with a good access token; answer everybody else with 401 and a message."""
        return self._readied(self.auth.session_required(view))

    token_required = tokens_required

    def refresh_access_token(self, view: Callable[P, R]) -> Callable[P, Response]:
        """Take the cookies of a session whose access token has expired for new ones, then call the view.

        A view that returns None is answered with a message.
        """

        def renewed(*args: Any, tokens: SessionTokens, **kwargs: Any) -> Response:
            theirs = self._presented()[0] if "create" in self._callbacks else str(tokens.refresh)
            self._call("after_new", theirs, str(tokens.access))
            answer = current_app.ensure_sync(view)(*args, **kwargs)
            return make_response(jsonify(message="the access token was renewed") if answer is None else answer)

        refresh = self.auth.refresh_session(renewed)

        @wraps(view)
        def refreshed(*args: Any, **kwargs: Any) -> Response:
            host, facts = self.auth._host(), of_environ(request.environ)
            moved = self._moved(host, facts)
            if moved is None:
                return refresh(*args, **kwargs)
            if not isinstance(moved, SessionTokens):
                return make_response(moved)
            return cast("Response", host.hand_out(renewed(*args, tokens=moved, **kwargs), moved, facts))

        return cast("Callable[P, Response]", self._readied(refreshed))

    def _moved(self, host: Host, facts: Facts) -> Any:
        """Start a session for the holder of an imported refresh token, and end that token.

        Return its tokens, None for any other refresh token, or the response to send instead.
        """
        text, guard = request.cookies.get(self._names[0], ""), host.guard
        if not text or "create" in self._callbacks or not guard.trusts_cookie(facts.changing()):
            return None
        verdict = host.tk.verify(text, environment=REFRESH_TOKENS, ip=guard.client(facts), tenant=guard.options.tenant)
        if not isinstance(verdict, KeyValid):
            return None
        key, tenant = verdict.key, verdict.tenant.slug
        # Of several requests with one token, only one finds the key without this mark, at the version that it read.
        try:
            if _MOVED in key.metadata:
                raise VersionConflict("another request was faster")
            host.tk.keys.update(key.id, metadata={_MOVED: True}, if_version=key.version, tenant=tenant)
        except Conflict:
            return self._refusal(None, "Another request has just renewed this session: try again.", 409)
        host.tk.keys.revoke(key.id, tenant=tenant, reason="its session goes on")
        found = steps.run(host.start(facts, verdict.owner.external_id, {"tenant": tenant}))
        return found.response if isinstance(found, Answered) else found

    def _readied(self, view: F) -> F:
        @wraps(view)
        def readied(*args: Any, **kwargs: Any) -> Any:
            self._ready()
            return view(*args, **kwargs)

        return readied  # type: ignore[return-value]

    def _ready(self) -> None:
        app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
        if app.extensions.get("tokenry_schema") is not self:
            self.init_app(app)

    def _asked(self, owner: str, session: Session | None) -> Any:
        """Ask the application's own store before a refresh; return a response to send instead, or None."""
        if session is None:
            return None
        theirs, access = self._presented()
        if "verify" in self._callbacks and not self._call("verify", theirs):
            return self._refusal("invalid_refresh", "The refresh token is not good any more: sign in again.")
        if self._call("compromised", theirs, access):
            self.auth.tk.sessions.revoke(session.id, tenant=session.tenant, reason="refresh token compromised")
            return self._refusal("theft", "The refresh token was used by somebody else: sign in again.")
        return None

    def _answer(self, problem: Problem) -> Any:
        return self._refusal(_ERRORS.get(problem.code), problem.detail, problem.status, dict(problem.headers))

    def _refusal(
        self, callback: str | None, message: str, status: int = 401, headers: Mapping[str, str] | None = None
    ) -> Any:
        if callback is not None:
            theirs, access = self._presented()
            self._call(callback, theirs, access)
            if callback == "theft":
                self._call("revoke", refresh_token=theirs)
        return jsonify(message=message), status, dict(headers or {})

    def _presented(self) -> tuple[str, str]:
        """Return the refresh token that callbacks know and the access token, as the browser sent them."""
        options = self.auth._host().guard.options
        refresh = self._names[0] if "create" in self._callbacks else options.refresh_name
        return request.cookies.get(refresh, ""), request.cookies.get(options.access_name, "")

    def _set(self, response: Response, theirs: str) -> None:
        options = self.auth._host().guard.options
        response.set_cookie(
            self._names[0],
            theirs,
            max_age=self._life,
            secure=options.cookie_secure,
            httponly=True,
            samesite=options.cookie_samesite,
        )
