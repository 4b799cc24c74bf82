"""The key page inside an application, for every framework. The application or a session of Tokenry names the owner."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote

from tokenry import Tokenry
from tokenry.edge.asgi import raw
from tokenry.edge.owners import run_with
from tokenry.edge.problems import Problem, refused
from tokenry.key_page import Answer, Fragment, KeyPage, Visit, Visitor, read_offer, signed_out
from tokenry.types import ConfigError, Refused, SessionValid, shown

from .facts import Facts
from .guard import SESSIONS, Demand, Guard
from .host import Host
from .steps import Steps

METHODS: Final = ("GET", "HEAD", "POST")
_TOO_NARROW: Final = refused(Refused("insufficient_scope"))._replace(
    detail="A session with scopes of its own may not manage the keys of its owner: sign in without `scopes`."
)


class HostedPage:
    """One page of an application."""

    def __init__(self, given: Mapping[str, Any], sign_in: str | None, *, by_session: bool) -> None:
        """Read the options of the page, and the path where users sign in; raise ConfigError.

        With `by_session` the owner is that of the session of each request, which has to meet `demand`.
        """
        if sign_in is not None and (not sign_in.startswith("/") or sign_in.startswith("//")):
            raise ConfigError(f"sign_in: {shown(sign_in)} is no path of this application, such as '/sign-in'")
        self._page = KeyPage(given)
        self._sign_in = sign_in
        self._by_session = by_session
        tenant = self._page.options.tenant
        self.demand: Final = Demand(None, SESSIONS, {"tenant": tenant} if tenant else {})

    def visitor(
        self, facts: Facts, path: str, headers: Iterable[tuple[str, str]], query: bytes | str, guard: Guard
    ) -> Visitor:
        """Return a request as the page reads it, still without its body. `path` follows that of the page."""
        text = query.decode("latin-1") if isinstance(query, bytes) else query
        return Visitor(facts.method, path, raw(headers), text, b"", facts.own_origins(), guard.options.allowed_origins)

    def document(self, visitor: Visitor) -> Answer:
        """Return the page as a whole document."""
        found = self._page.file(visitor)
        assert found is not None
        return found

    def answer(
        self, host: Host, facts: Facts, visitor: Visitor, owner_of: Callable[[], Any], here: str
    ) -> Steps[Answer | Fragment]:
        """Answer a request for the path `here`. A fragment is the page, which the host may put into a template.

        `owner_of` returns the owner, None for nobody; or the verdict of a session, or the problem that refused it.
        """
        file = self._page.file(visitor)
        if file is not None and visitor.path:
            return file
        owner, options, session = yield owner_of(), self._page.options, None
        if isinstance(owner, SessionValid):
            # Its owner may share the external id with an owner of another tenant.
            options, session = replace(options, tenant=owner.tenant.slug), owner.session.id
            owner = _TOO_NARROW if is_narrow(owner) else owner.owner.external_id
        if isinstance(owner, Problem):
            if owner.status != 401:
                return Answer(owner.status, owner.body(), raw(owner.fields()))
            owner = None
        if file is not None:
            return self._page.fragment if owner is not None else self._away(facts, here)
        refused = self._page.refuse(visitor)
        if refused is not None:
            return refused
        if owner is None:
            return self._signed_out(host, facts)
        offered = options.scopes
        if callable(offered):
            offered = read_offer((yield offered(owner)))
        if not self._by_session and visitor.path.startswith("api/sessions"):
            session = yield from _session(host, facts)
        ip = host.guard.client(facts)

        def call(tk: Tokenry) -> Answer:
            return self._page.call(visitor, Visit(tk, owner, options, offered, ip=ip, session=session))

        answer: Answer = yield run_with(host.tk, call)
        return answer

    def _away(self, facts: Facts, here: str) -> Answer:
        """Redirect a visitor who is not signed in to the sign-in of the host."""
        if self._sign_in is None:
            return signed_out()
        place = f"{facts.root}{self._sign_in}?next={quote(here)}"
        return Answer(303, b"", raw([("Location", place), ("Cache-Control", "no-store")]))

    def _signed_out(self, host: Host, facts: Facts) -> Answer:
        """Refuse a call without an owner; name the path where the page refreshes the session of its visitor."""
        return signed_out(f"{facts.root}{host.guard.options.refresh_path}/refresh" if self._by_session else None)


def is_narrow(session: SessionValid) -> bool:
    """Tell whether a session may do less than its owner: it has scopes of its own, or its token was narrowed."""
    return session.session.scopes is not None or bool(session.claims.get("narrowed"))


def _session(host: Host, facts: Facts) -> Steps[str | None]:
    """Return the id of the session that a request comes by; None where the host signs users in by itself."""
    text = host.guard.presented(facts)
    if not isinstance(text, str):
        return None
    verdict = yield host.tk.verify(text, tenant=host.guard.options.tenant)
    return verdict.session.id if isinstance(verdict, SessionValid) else None
