"""Flask: protect views by keys and sessions, sign users in and out.

app = Flask(__name__)
auth = FlaskTokenry(app, Tokenry("sqlite:///keys.db"))

@app.get("/projects")
@auth.key_required("read:projects")
def projects():
    return {"owner": current_credential.owner.external_id}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, Final, TypeVar, cast

from .extras import missing

try:
    from flask import Blueprint, Flask, Response, current_app, g, make_response, request
    from werkzeug.local import LocalProxy
except ModuleNotFoundError as error:
    raise missing(error, "tokenry[flask]") from None

from tokenry import Tokenry
from tokenry.config import override
from tokenry.edge import is_json
from tokenry.edge.problems import Problem
from tokenry.types import ConfigError, SessionTokens, Valid

from . import cookies, steps
from .answers import limits_of, problem
from .facts import of_environ
from .guard import ALL, KEYS, SESSIONS, Demand, Guard, Kind
from .hooks import ACCESS, Hooks, refresh_steps
from .options import ENGINE_NAMES, PLACES, read_options

F = TypeVar("F", bound=Callable[..., Any])
_PREFIX: Final = "TOKENRY_"

current_credential: Any = LocalProxy(lambda: g.get("_tokenry_credential"))
"""The verdict of the credential that was presented; falsy where none is needed and none came."""

current_user: Any = LocalProxy(lambda: g.get("_tokenry_user"))
"""What the `user_loader` returned for the owner of the credential."""


class _State:
    """The engine of one application, and the guard of what its configuration says at this moment."""

    def __init__(self, app: Flask, tk: Tokenry | None) -> None:
        self._config = app.config
        self._is_given = tk is not None
        self._opening: dict[str, Any] | None = None
        self._read()
        self.tk = self._open() if tk is None else tk
        self.verify = steps.at_once(self.tk)

    @property
    def guard(self) -> Guard:
        """The guard, made anew when an option has changed."""
        if _configured(self._config) != self._seen:
            self._read()
        return self._guard

    def _read(self) -> None:
        found = _configured(self._config)
        options = {name.removeprefix(_PREFIX).lower(): value for name, value in found.items()}
        opening = {name: options.pop(name) for name in (*PLACES, *ENGINE_NAMES) if name in options}
        setting = next((name for name in opening if name in ENGINE_NAMES), None)
        if self._is_given and setting is not None:
            raise ConfigError(
                f"{_spelled(setting)} is a setting of the engine, and FlaskTokenry was given one that is open: "
                f"pass Tokenry(settings=Settings({setting}=…))"
            )
        before = self._opening
        if not self._is_given and before is not None and before != opening:
            name = _spelled(min(name for name in {*opening, *before} if opening.get(name) != before.get(name)))
            raise ConfigError(f"{name} was changed after the engine was opened: set it before FlaskTokenry(app)")
        self._guard = Guard(read_options(options, _spelled, (*PLACES, *ENGINE_NAMES)))
        self._seen, self._opening = found, opening

    def _open(self) -> Tokenry:
        settings = dict(self._opening or {})
        url, keyring = (settings.pop(name, None) for name in PLACES)
        found = override(settings)
        return Tokenry(url or found.database_url, keyring=keyring or found.keyring, settings=found.settings)


def _configured(config: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in config.items() if name.startswith(_PREFIX)}


def _spelled(name: str) -> str:
    return f"{_PREFIX}{name.upper()}"


class FlaskTokenry(Hooks):
    """Tokenry in Flask applications: `FlaskTokenry(app, tk)`, or `init_app` in an application factory."""

    def __init__(self, app: Flask | None = None, tk: Tokenry | None = None) -> None:
        super().__init__()
        self._load_user: Callable[[str], Any] | None = None
        if app is not None:
            self.init_app(app, tk)

    def init_app(self, app: Flask, tk: Tokenry | None = None) -> None:
        """Set an application up. Without `tk`, open what its `TOKENRY_…` configuration says, or else the environment.

        Raise ConfigError for a `TOKENRY_…` name that is unknown, here or, when it is set later, at the next request.
        """
        app.extensions["tokenry"] = _State(app, tk)

    @property
    def tk(self) -> Tokenry:
        """The engine of the current application; outside of requests see `tk_of`."""
        return _state().tk

    def tk_of(self, app: Flask) -> Tokenry:
        """Return the engine of an application."""
        with app.app_context():
            return self.tk

    def user_loader(self, load: F) -> F:
        """Register what returns the host's user by an owner's external id; None refuses the credential."""
        self._load_user = load
        return load

    def key_required(self, scopes: Any = None, **asked: Any) -> Any:
        """Let in who brings a key (or a token derived from one) with these scopes; `asked` is what `verify` takes."""
        return self._required(scopes, KEYS, asked)

    def session_required(self, scopes: Any = None, **asked: Any) -> Any:
        """Let in who is signed in."""
        return self._required(scopes, SESSIONS, asked)

    def credential_required(self, scopes: Any = None, *, optional: bool = False, **asked: Any) -> Any:
        """Let in who brings a key or is signed in; with `optional` also who brings nothing, but never a bad one."""
        return self._required(scopes, ALL, asked, optional)

    def _required(self, scopes: Any, kinds: tuple[Kind, ...], asked: dict[str, Any], optional: bool = False) -> Any:
        if callable(scopes):  # the decorator without parentheses
            return self._required(None, kinds, asked)(scopes)
        demand = Demand(scopes, kinds, asked)

        def decorate(view: F) -> F:
            waits = iscoroutinefunction(view)

            @wraps(view)
            def guarded(*args: Any, **kwargs: Any) -> Any:
                found = self._admit(demand, optional)
                if isinstance(found, Problem):
                    return self._answer(found, ACCESS)
                answer = current_app.ensure_sync(view)(*args, **kwargs) if waits else view(*args, **kwargs)
                return _with_limits(answer, found)

            return cast("F", guarded)

        return decorate

    def _admit(self, demand: Demand, optional: bool) -> Valid | Problem | None:
        """Put the credential of this request into `g`; return it, or why the request must not pass."""
        state, store = _state(), cast("Any", g)._get_current_object()
        facts = of_environ(request.environ)
        found = steps.run(steps.admit(state.verify, state.guard, facts, demand.at(state.guard), optional=optional))
        user = None
        if isinstance(found, Valid) and self._load_user is not None:
            user = self._load_user(found.owner.external_id)
            if user is None:
                found = problem("unknown_user")
        store._tokenry_user = user
        store._tokenry_credential = found if isinstance(found, Valid) else None
        return found

    def sign_in(self, response: Any, owner: object, claims: Any = None, **asked: Any) -> Response:
        """Start a session for an owner (made if there is none) and put its cookies on a response.

        `asked` is what `sessions.start` takes. Raise Conflict for an owner who is disabled.
        """
        state, facts = _state(), of_environ(request.environ)
        try:
            found = steps.run(steps.start(state.tk, state.guard, self, facts, owner, {"claims": claims, **asked}))
        except steps.Stopped as stopped:
            return make_response(stopped.answer)
        return self._answer(found, ACCESS) if isinstance(found, Problem) else _hand_out(response, found, by_cookie=True)

    def sign_out(self, response: Any, *, everywhere: bool = False) -> Response:
        """End the session of this request, or all sessions of its owner, and take the cookies back."""
        state = _state()
        facts = of_environ(request.environ)
        found = steps.run(steps.sign_out(state.tk, state.guard, facts, _token_of_body(), everywhere=everywhere))
        if found is not None:
            return self._answer(found, ACCESS)
        answer = make_response(response)
        if state.guard.may_clear(facts):
            cookies.clear(answer, state.guard.options, request.root_path)
        return answer

    def refresh_session(self, view: F) -> F:
        """Refresh the session of a request before a view of your own, which is called with `tokens=`."""

        @wraps(view)
        def refreshed(*args: Any, **kwargs: Any) -> Any:
            found = self._refresh()
            if isinstance(found, Response):
                return found
            answer = current_app.ensure_sync(view)(*args, tokens=found, **kwargs)
            return _hand_out(answer, found, by_cookie=_token_of_body() is None)

        return cast("F", refreshed)

    def blueprint(self, url_prefix: str = "/auth") -> Blueprint:
        """Return `POST …/refresh`, `POST …/sign-out` and `POST …/sign-out/everywhere`; see `TOKENRY_REFRESH_PATH`."""
        room = Blueprint("tokenry", __name__, url_prefix=url_prefix)

        @room.post("/refresh")
        @self.refresh_session
        def refresh(tokens: SessionTokens) -> Any:
            return cookies.told(tokens, with_secrets=_token_of_body() is not None)

        @room.post("/sign-out")
        def sign_out() -> Response:
            return self.sign_out(("", 204))

        @room.post("/sign-out/everywhere")
        def sign_out_everywhere() -> Response:
            return self.sign_out(("", 204), everywhere=True)

        return room

    def _refresh(self) -> Any:
        state = _state()
        facts = of_environ(request.environ)
        try:
            found = steps.run(steps.refresh(state.tk, state.guard, self, facts, _token_of_body()))
        except steps.Stopped as stopped:
            return make_response(stopped.answer)
        if not isinstance(found, Problem):
            return found
        response = self._answer(found, refresh_steps(found.code))
        if _token_of_body() is None and cookies.are_spent(found):
            cookies.clear(response, state.guard.options, request.root_path)
        return response

    def _answer(self, found: Problem, names: tuple[str, ...]) -> Response:
        answer = steps.run(steps.answered(self, found, names))
        return Response(found.body(), found.status, found.fields()) if answer is None else make_response(answer)


def _state() -> _State:
    try:
        state: _State = current_app.extensions["tokenry"]
    except KeyError:
        raise ConfigError("this application has no Tokenry: call FlaskTokenry.init_app(app)") from None
    return state


def _token_of_body() -> str | None:
    """Return the refresh token that an application without cookies sends as JSON."""
    try:
        body = request.get_json(force=True, silent=True) if is_json(request.headers.get("Content-Type")) else None
    except RecursionError:
        return None
    token = body.get("refresh_token") if isinstance(body, dict) else None
    return token if isinstance(token, str) else None


def _hand_out(answer: Any, tokens: SessionTokens, *, by_cookie: bool) -> Response:
    response = make_response(answer)
    if by_cookie:
        cookies.put(response, tokens, _state().guard.options, request.root_path)
    response.headers["Cache-Control"] = "no-store"
    return response


def _with_limits(answer: Any, credential: Valid | None) -> Any:
    fields = limits_of(credential) if credential is not None else []
    if not fields:
        return answer
    response = make_response(answer)
    response.headers.extend(fields)
    return response
