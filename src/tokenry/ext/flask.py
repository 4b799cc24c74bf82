"""Flask: protect views by keys and sessions, sign users in and out.

app = Flask(__name__)
auth = FlaskTokenry(app, Tokenry("sqlite:///keys.db"))

@app.get("/projects")
@auth.key_required("read:projects")
def projects():
    return {"owner": current_credential.owner.external_id}
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial, wraps
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, TypeVar, Unpack, cast

from .extras import missing

try:
    from flask import Blueprint, Flask, Response, current_app, g, make_response, request
    from werkzeug.local import LocalProxy
except ModuleNotFoundError as error:
    raise missing(error, "tokenry[flask]") from None

from tokenry import Tokenry
from tokenry.config import override
from tokenry.edge import is_json
from tokenry.edge.asgi import texts
from tokenry.edge.problems import Problem
from tokenry.key_page import BODY_MAX, Answer, Fragment, KeyPageGiven
from tokenry.types import AnyValid, ConfigError, KeyValid, SessionTokens, SessionValid, TokenValid, Valid

from . import cookies, steps
from .answers import limits_of, problem
from .decorators import Decorators
from .facts import of_environ, seen_in_environ, token_of
from .guard import Demand, Guard
from .hooks import Hooks
from .host import Answered, Host, OwnerId, Starting
from .key_page import METHODS, HostedPage
from .options import ENGINE_NAMES, PLACES, read_options

L = TypeVar("L", bound=Callable[[str], Any])
P = ParamSpec("P")
R = TypeVar("R", bound="ResponseReturnValue | Awaitable[ResponseReturnValue]")
if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

_PREFIX: Final = "TOKENRY_"

_credential: Any = LocalProxy(lambda: g.get("_tokenry_credential"))

current_credential: AnyValid = _credential
"""The verdict of the credential that was presented; falsy where none is needed and none came."""

current_key: KeyValid | TokenValid = _credential
"""The same in a view behind `key_required`."""

current_session: SessionValid = _credential
"""The same in a view behind `session_required`."""

current_user: Any = LocalProxy(lambda: g.get("_tokenry_user"))
"""The result of `user_loader` for the owner of the credential."""


class _State:
    """The engine of one application, and the guard of what its configuration says at this moment."""

    def __init__(self, app: Flask, tk: Tokenry | None) -> None:
        self._config = app.config
        # Compared at every request: what did not change is the same object, so that costs little.
        self._last = dict(app.config)
        self._is_given = tk is not None
        self._opening: dict[str, Any] | None = None
        self._read()
        self.tk = self._open() if tk is None else tk
        self.recall, self.verify = steps.recalling(self.tk), steps.at_once(self.tk)

    @property
    def guard(self) -> Guard:
        """The guard, made anew when an option has changed."""
        if self._config != self._last:
            if _configured(self._config) != self._seen:
                self._read()
            self._last = dict(self._config)
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


class FlaskTokenry(Hooks, Decorators):
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

    def user_loader(self, load: L) -> L:
        """Register what returns the host's user by an owner's external id; None refuses the credential."""
        self._load_user = load
        return load

    def _guarded(self, view: Any, demand: Demand, optional: bool) -> Any:
        waits = iscoroutinefunction(view)

        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            found = self._admit(demand, optional)
            if isinstance(found, Problem):
                return steps.run(self._host().refuse(found)).response
            answer = current_app.ensure_sync(view)(*args, **kwargs) if waits else view(*args, **kwargs)
            return _with_limits(answer, found)

        return guarded

    def _admit(self, demand: Demand, optional: bool) -> AnyValid | Problem | None:
        """Put the credential of this request into `g`; return it, or why the request must not pass."""
        state, store = _state(), cast("Any", g)._get_current_object()
        environ = cast("Any", request)._get_current_object().environ
        guard = state.guard
        need = demand.at(guard)
        found = guard.recalled(state.recall, seen_in_environ(environ), need)
        if found is None:
            found = steps.run(steps.admit(state.verify, guard, of_environ(environ), need, optional=optional))
        user = None
        if isinstance(found, Valid) and self._load_user is not None:
            user = self._load_user(found.owner.external_id)
            if user is None:
                found = problem("unknown_user")
        store._tokenry_user = user
        store._tokenry_credential = found if isinstance(found, Valid) else None
        return found

    def sign_in(
        self,
        response: ResponseReturnValue,
        owner: OwnerId,
        claims: Mapping[str, object] | None = None,
        **asked: Unpack[Starting],
    ) -> Response:
        """Start a session for an owner (made if there is none) and put its cookies on a response.

        `asked` holds the arguments of `sessions.start`. Raise Conflict for a disabled owner.
        """
        host, facts = self._host(), of_environ(request.environ)
        found = steps.run(host.start(facts, owner, {"claims": claims, **asked}))
        if isinstance(found, Answered):
            return cast("Response", found.response)
        return cast("Response", host.hand_out(make_response(response), found, facts))

    def sign_out(self, response: ResponseReturnValue, *, everywhere: bool = False) -> Response:
        """End the session of this request, or all sessions of its owner, and take the cookies back."""
        host, facts = self._host(), of_environ(request.environ)
        found = steps.run(host.sign_out(facts, _token_of_body(), everywhere=everywhere))
        return cast("Response", found.response if found else host.take_back(make_response(response), facts))

    def refresh_session(self, view: Callable[Concatenate[SessionTokens, P], R]) -> Callable[P, Response]:
        """Refresh the session of a request, then call your own view with `tokens=`."""

        @wraps(view)
        def refreshed(*args: P.args, **kwargs: P.kwargs) -> Response:
            host, facts, token = self._host(), of_environ(request.environ), _token_of_body()
            found = steps.run(host.refresh(facts, token))
            if isinstance(found, Answered):
                return cast("Response", found.response)
            call: Callable[..., Any] = current_app.ensure_sync(view)
            answer = make_response(call(*args, tokens=found, **kwargs))
            return cast("Response", host.hand_out(answer, found, facts, by_cookie=token is None))

        return refreshed

    def blueprint(self, url_prefix: str = "/auth") -> Blueprint:
        """Return `POST …/refresh`, `POST …/sign-out` and `POST …/sign-out/everywhere`; see `TOKENRY_REFRESH_PATH`."""
        room = Blueprint("tokenry", __name__, url_prefix=url_prefix)

        @room.post("/refresh")
        @self.refresh_session
        def refresh(tokens: SessionTokens) -> Any:
            return cookies.session_document(tokens, with_secrets=_token_of_body() is not None)

        @room.post("/sign-out")
        def sign_out() -> Response:
            return self.sign_out(("", 204))

        @room.post("/sign-out/everywhere")
        def sign_out_everywhere() -> Response:
            return self.sign_out(("", 204), everywhere=True)

        return room

    def key_page(
        self,
        url_prefix: str = "/keys",
        *,
        owner: Callable[[], OwnerId | None] | None = None,
        render: Callable[[Fragment], ResponseReturnValue] | None = None,
        sign_in: str | None = None,
        **options: Unpack[KeyPageGiven],
    ) -> Blueprint:
        """Return the page on which your users manage their own keys; see `docs/key-page.md`.

        `owner` returns the external id of the user who is signed in, None for nobody: then the page redirects to the
        path `sign_in`. Without `owner` it is the owner of the session that `auth.sign_in` started. `render` puts the
        page into a template of yours. Raise ConfigError for a bad option.
        """
        page = HostedPage(options, sign_in, by_session=owner is None)
        room = Blueprint("tokenry_keys", __name__, url_prefix=url_prefix)

        @room.route("/", defaults={"path": ""}, methods=METHODS)
        @room.route("/<path:path>", methods=METHODS)
        def keys(path: str) -> Any:
            host, facts = self._host(), of_environ(request.environ)
            request.max_content_length = BODY_MAX
            visitor = page.visitor(facts, path, request.headers.items(), request.query_string, host.guard)
            visitor = visitor._replace(body=request.get_data())
            here = request.script_root + request.path
            owner_of = current_app.ensure_sync(owner) if owner else partial(self._admit, page.demand, False)
            found = steps.run(page.answer(host, facts, visitor, owner_of, here))
            if isinstance(found, Fragment):
                return render(found) if render is not None else _sent(page.document(visitor))
            return _sent(found)

        return room

    def _host(self) -> Host:
        state = _state()
        return Host(state.tk, state.guard, self, _respond)


def _state() -> _State:
    try:
        # A proxy finds each of its attributes by a call of its own.
        state: _State = cast("Any", current_app)._get_current_object().extensions["tokenry"]
    except KeyError:
        raise ConfigError("this application has no Tokenry: call FlaskTokenry.init_app(app)") from None
    return state


def _respond(found: Any) -> Response:
    if isinstance(found, Problem):
        return Response(found.body(), found.status, found.fields())
    return make_response(found)


def _sent(answer: Answer) -> Response:
    return Response(answer.body, answer.status, texts(answer.fields))


def _token_of_body() -> str | None:
    return token_of(request.get_data()) if is_json(request.headers.get("Content-Type")) else None


def _with_limits(answer: Any, credential: Valid | None) -> Any:
    fields = limits_of(credential) if credential is not None else []
    if not fields:
        return answer
    response = make_response(answer)
    response.headers.extend(fields)
    return response
