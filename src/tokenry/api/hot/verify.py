"""The hot routes: `POST /v1/verify`, `POST /v1/verify/batch`, and any method on `/v1/auth` and below.

Functions from a request to the bytes of its answer, for the fast lane and for the ordinary application. They answer at
once from memory. If a verdict has to wait, they return their wishes, and are called again with the verdicts.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TypeVar

from tokenry.edge import (
    MIB,
    OPERATOR_ENVIRONMENT,
    Address,
    Ask,
    Engine,
    Throttle,
    bounded,
    confined_to,
    grant_of,
    name_refusal,
    passes_until,
    read_address,
    read_ask,
    shared_ask,
)
from tokenry.edge import failures as problems
from tokenry.edge.asgi import lines, texts
from tokenry.edge.problems import Failed, Problem, problem, refused
from tokenry.types import Invalid, KeyValid, Refused, TokenryError, Verdict

from ..oauth.forms import KEY_SET, PUBLIC
from ..process.counters import Counters
from ..process.settings import ServerSettings
from ..routes import AUTH, BATCH, DEFAULT, INTROSPECT, JWKS, ROUTES, VERIFY, VERIFY_SCOPE, place_of
from .answers import BYTES_EACH, Answers
from .cookies import read_cookie
from .introspect import Introspection
from .questions import (
    NOBODY,
    Question,
    Requirements,
    asks,
    check_query,
    needs_of,
    read_batch,
    read_question,
)
from .request import Answer, Does, Request, Step, Wish

V = TypeVar("V", bound=Verdict)
_JSON = b"content-type: application/json\r\ncache-control: no-store\r\n"
_ANSWERS_MIN = 16 * MIB
_KEY_SET = lines((("Content-Type", KEY_SET), *PUBLIC))

ADMITTED: Answer = (0, b"", b"")
"""Means that there is no answer yet: the caller is known, and the body is read whatever its size."""


def _ask_of_caller(client: str | None) -> Ask:
    return read_ask(VERIFY_SCOPE, client, 1, None, OPERATOR_ENVIRONMENT, None)


_OF_CALLER = _ask_of_caller(None)
"""The ask for every caller, from any address."""


class Hot:
    """The hot routes of one server."""

    def __init__(self, engine: Engine, settings: ServerSettings, counters: Counters, throttle: Throttle) -> None:
        self._engine = engine
        self.recall = engine.recall
        self._reads_ahead = engine.gathers
        self.is_open = settings.verify_open
        self._settings = settings
        self._counters = counters
        self._throttle = throttle
        self._answers = Answers(max(_ANSWERS_MIN, BYTES_EACH * engine.sync.settings.memory_entries))
        self._needs = Requirements()
        self._nginx = settings.auth_answers == "nginx"
        self._of_deprecated = {path: lines(texts(route.fields)) for path, route in ROUTES.items() if route.deprecated}
        self._introspection = Introspection(self, engine.sync.settings.issuer)
        self.routes: dict[str, Does] = {
            VERIFY: self.verify,
            BATCH: self.batch,
            AUTH: self.auth,
            INTROSPECT: self._introspection.introspect,
            JWKS: self.key_set,
        }

    def route(self, path: str) -> str | None:
        """Return the route that a path belongs to."""
        if path in self.routes and path != JWKS:
            return path
        if path.startswith("/v1/auth/"):
            return AUTH
        return INTROSPECT if path.startswith("/t/") and self.tenant_of(path) else None

    def tenant_of(self, path: str) -> str | None:
        """Return the tenant that the path of a hot route names."""
        place = place_of(path) if path.startswith("/t/") else None
        return place[1] if place is not None and place[0] == INTROSPECT else None

    def about_caller(self, text: str, client: str | None) -> Wish:
        """Return the ask for a caller."""
        return bounded(text), _ask_of_caller(client)

    def answer(self, route: str, asked: Request, results: list[Verdict] | None = None) -> Step:
        """Answer a request, or return its wishes; `results` are the verdicts of fulfilled wishes."""
        try:
            if route == VERIFY:
                return self.verify(asked, results)
            if route == AUTH:
                return self.auth(asked, results)
            return self.routes[route](asked, results)
        except Exception as error:
            return self.failing(route, error, asked)

    def failing(self, route: str, error: BaseException, asked: Request) -> Answer:
        """Answer a request that failed."""
        if route == INTROSPECT:
            return self._introspection.failed(asked, error)
        problem_answer = problems.of(error)
        return self._unauthorized(problem_answer, asked) if route == AUTH else self.failed(route, problem_answer, asked)

    def admission(self, route: str, asked: Request, results: list[Verdict] | None = None) -> Step:
        """Return ADMITTED for a caller who is known, else the answer to its large body."""
        if route == INTROSPECT:
            return self._introspection.too_large(asked)
        try:
            wishes = self._admit(asked, results, self._engine.moment())
        except Exception as error:
            return self.failing(route, error, asked)
        if wishes is not None:
            return wishes
        assert asked.caller is not None
        if asked.caller[1]:
            return ADMITTED
        large = problem("body_too_large", "Without a credential of the caller's own a body has at most 64 KiB.")
        return self.failed(route, large, asked)

    def verify(self, asked: Request, results: list[Verdict] | None) -> Step:
        """Answer one question."""
        on_http = asked.query != b"" and _wants_status(asked.query)
        now = self._engine.moment() if results is None else -1
        proved = asked.proved
        if proved is not None and asked.caller is None and 0 <= now < asked.proved_until:
            asked.caller = (
                asked.proved_caller if self._engine.passes_again(proved, now, asked.client, _OF_CALLER) else None
            )
        if asked.caller is None:
            wishes = self._admit(asked, results, now, reads_ahead=self._reads_ahead)
            if wishes is not None:
                return wishes
            results = None
            if proved is None or asked.proved is not proved:  # looking up the caller took a while
                now = self._engine.moment()
        tenant, known = asked.caller  # type: ignore[misc]
        question = asked.question
        if results is None:
            if question is None:
                question = asked.question = read_question(asked.content_type, asked.body)
            ask, address = _parts(question, tenant, known)
            text = bounded(question.credential)
            verdict = self._engine.recall_for(text, ask, question.ip, address, now)
            if verdict is None:
                return [(text, ask.at(question.ip, address))]
        else:
            [verdict] = results
        assert question is not None
        asked.question = None
        if isinstance(verdict, Refused):
            name_refusal(verdict, asked.request_id)
        verdict = self._counted_for(verdict, question, asked, tenant, known)
        body = self._answers.json(verdict)
        if on_http and isinstance(verdict, Refused):
            refusal = refused(verdict)
            return self.answer_with(VERIFY, refusal.status, _JSON + lines(refusal.headers), body, asked)
        return self.answer_with(VERIFY, 200, _JSON, body, asked)

    def batch(self, asked: Request, results: list[Verdict] | None) -> Step:
        """Answer several questions in their order."""
        check_query(asked.query)
        if asked.caller is None:
            wishes = self._admit(asked, results, self._engine.moment())
            if wishes is not None:
                return wishes
            results = None
        tenant, known = asked.caller  # type: ignore[misc]
        if results is None:
            questions = read_batch(asked.content_type, asked.body)
            texts = [bounded(question.credential) for question in questions]
            wishes = list(zip(texts, asks(questions, tenant, keep=known), strict=True))
            found = [self.recall(text, ask) for text, ask in wishes]
            asked.pending = questions, found
            lacking = [wish for wish, verdict in zip(wishes, found, strict=True) if verdict is None]
            if lacking:
                return lacking
        questions, found = asked.pending
        asked.pending = None
        late = iter(results or ())
        verdicts = [next(late) if verdict is None else verdict for verdict in found]
        for verdict in verdicts:
            if isinstance(verdict, Refused):
                name_refusal(verdict, asked.request_id)
        verdict_bytes = [
            self._answers.json(self._counted_for(verdict, question, asked, tenant, known))
            for question, verdict in zip(questions, verdicts, strict=True)
        ]
        return self.answer_with(BATCH, 200, _JSON, b'{"verdicts":[%b]}' % b",".join(verdict_bytes), asked)

    def recall_key_set(self) -> bytes | None:
        """Return the JWKS of the default tenant from memory; None when the ordinary way has to answer."""
        with suppress(TokenryError):
            return self._engine.key_set(DEFAULT)
        return None

    def key_set(self, asked: Request, results: list[Verdict] | None) -> Answer:
        """Answer with the JWKS that the fast lane recalled when it took the request."""
        assert asked.key_set is not None
        return self.answer_with(JWKS, 200, _KEY_SET, asked.key_set, asked)

    def auth(self, asked: Request, results: list[Verdict] | None) -> Step:
        """Answer a proxy that asks whether it may let a request through."""
        text, ask = asked.text, asked.ask
        if text is None or ask is None:
            text, ask = self._asked_by_proxy(asked)
        now = self._engine.moment() if results is None else -1
        verdict = self._recall(asked, text, ask, now) if results is None else results[0]
        if verdict is None:
            return [(text, ask.at(asked.client, asked.address))]
        if isinstance(verdict, Refused):
            name_refusal(verdict, asked.request_id)
            return self._unauthorized(refused(self.counted(verdict, asked.client or asked.peer)), asked)
        self._counters.count_verdict("valid")
        if asked.needs is not None:
            self._needs.keep(asked.needs, ask)
            asked.needs = None
        lines = self._answers.fields(verdict, now if now >= 0 else self._engine.now())
        if self._nginx:
            lines += b"x-auth-status: 200\r\n"
        return self.answer_with(AUTH, 200, b"cache-control: no-store\r\n" + lines, b"", asked)

    def _admit(
        self, asked: Request, results: list[Verdict] | None, now: int, *, reads_ahead: bool = False
    ) -> list[Wish] | None:
        """Record the tenant that the caller is confined to (None: to none), and whether the caller is authenticated.

        Return the wish to fulfil first, if any; raise Failed for a caller without permission.
        """
        text = asked.presented()
        if text is None:
            if not self._settings.verify_open:
                raise Failed(problem("credential_missing"))
            asked.caller = None, False
            return None
        verdict = self._recall(asked, text, _OF_CALLER, now) if results is None else results[0]
        if verdict is None:
            if reads_ahead:
                _read_ahead(asked)
            return [(text, _OF_CALLER.at(asked.client, asked.address))]
        if isinstance(verdict, Refused):
            name_refusal(verdict, asked.request_id)
            verdict = self.counted(verdict, asked.client or asked.peer)
            raise Failed(refused(verdict, [VERIFY_SCOPE]))
        grant = grant_of(verdict)
        asked.caller = asked.proved_caller = confined_to(grant), True
        asked.proved_until = 0 if asked.proved is None else passes_until(grant)
        return None

    def _recall(self, asked: Request, text: str, ask: Ask, now: int) -> Verdict | None:
        """Answer for the credential of a head. A credential that the same head has proved is not verified again."""
        if asked.proved is not None:
            verdict = self._engine.recall_again(asked.proved, ask, asked.client, asked.address, now)
            if verdict is not None:
                return verdict
            asked.proved = None
        verdict = self._engine.recall_for(text, ask, asked.client, asked.address, now)
        if isinstance(verdict, KeyValid):
            grant = grant_of(verdict)
            asked.proved = grant if grant.proof else None  # only memory returns these
        return verdict

    def _asked_by_proxy(self, asked: Request) -> tuple[str, Ask]:
        """Return the credential, and the ask of a proxy about it; raise Failed or Invalid."""
        text = asked.presented()
        if text is None:  # a header beats the cookie
            origins = self._settings.allowed_origins
            text = read_cookie(asked.method, asked.fields, self._settings.auth_cookie, origins)
        if asked.required is None:
            asked.needs = needs_of(asked.query, asked.fields)
            asked.required = self._needs.read(asked.needs)
        requirement, environment = asked.required
        if text is None:
            raise Failed(problem("credential_missing"))
        ask = shared_ask(None, 1, self._settings.auth_tenant, environment, None, keep=False)
        if requirement is not None:
            ask = Ask(requirement, None, None, 1, ask.tenant, environment)
        asked.text, asked.ask = bounded(text), ask
        return asked.text, ask

    def counted(self, verdict: V, client_ip: str | None, tenant: str | None = None) -> V | Refused:
        """Count a verdict; any failure of an address with too many failures becomes `throttled`.

        Failures that the callers of a `tenant` report count for that tenant only: they block no address for others.
        """
        result = self._throttle.apply(verdict, client_ip, tenant or "")
        self._counters.count_verdict(result.code)
        return result

    def uncounted(self, verdict: Verdict) -> Verdict:
        """Note a verdict in the metrics; its failure counts against no address."""
        self._counters.count_verdict(verdict.code)
        return verdict

    def _counted_for(
        self, verdict: Verdict, question: Question, asked: Request, tenant: str | None, known: bool
    ) -> Verdict:
        """Judge a verdict for a caller.

        A failure counts against the address that a known caller names. Without one the failure is not counted:
        counted against the caller, the failure would turn the answers about all other clients into `throttled`.
        """
        if not isinstance(verdict, Refused):
            return self.uncounted(verdict)
        if not known:
            return self.counted(verdict, asked.client or asked.peer)
        return self.uncounted(verdict) if question.ip is None else self.counted(verdict, question.ip, tenant)

    def _unauthorized(self, problem_answer: Problem, asked: Request) -> Answer:
        status = problem_answer.status
        if self._nginx:  # nginx turns every status but 2xx, 401 and 403 into a 500
            shown = 401 if status == 401 else 403
            problem_answer = problem_answer._replace(headers=(*problem_answer.headers, ("X-Auth-Status", str(status))))
            return self.failed(AUTH, problem_answer, asked, shown)
        return self.failed(AUTH, problem_answer, asked)

    def failed(self, route: str, problem_answer: Problem, asked: Request, status: int | None = None) -> Answer:
        body = problem_answer.body(asked.request_id.decode())
        return self.answer_with(route, status or problem_answer.status, lines(problem_answer.fields()), body, asked)

    def answer_with(self, route: str, status: int, lines: bytes, body: bytes, asked: Request) -> Answer:
        self._counters.answered(route, status)
        if self._of_deprecated:
            lines += self._of_deprecated.get(route, b"")
        return status, b"x-request-id: " + asked.request_id + b"\r\n" + lines, body


def _parts(question: Question, tenant: str | None, known: bool) -> tuple[Ask, Address | None]:
    """Return the ask of a caller, and the address of the client separately; raise Invalid."""
    about, ip = question.tenant, question.ip
    if tenant is not None:
        about = tenant if about is None or about == tenant else NOBODY
    try:
        ask = shared_ask(question.scopes, question.cost, about, question.environment, question.audience, keep=known)
        return ask, None if ip is None else read_address(ip)
    except Invalid:
        return question.ask(tenant, keep=known), None


def _read_ahead(asked: Request) -> None:
    """Read the credential to look up; mistakes in the question are reported after the caller is known."""
    with suppress(Failed, TokenryError):
        asked.question = read_question(asked.content_type, asked.body)
        asked.ahead = bounded(asked.question.credential)


def _wants_status(query: bytes) -> bool:
    """Return whether the query asks for refusals as HTTP statuses; raise Invalid for any other query."""
    if query in (b"", b"status=http"):
        return bool(query)
    check_query(query, "status")
    raise Invalid.one("status", "out_of_range", "the only status is http: ?status=http")
