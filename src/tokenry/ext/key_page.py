"""The key page inside of an application, whose own sign-in says who its owner is: the same in every framework."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote

from tokenry import Tokenry
from tokenry.edge.asgi import raw
from tokenry.edge.owners import run_with
from tokenry.key_page import Answer, Fragment, KeyPage, Visit, Visitor, read_offer, signed_out
from tokenry.types import ConfigError, SessionValid, shown

from .facts import Facts
from .guard import Guard
from .host import Host
from .steps import Steps

METHODS: Final = ("GET", "HEAD", "POST")


class HostedPage:
    """One page of an application."""

    def __init__(self, given: Mapping[str, Any], sign_in: str | None) -> None:
        """Read the options of the page, and the path where users sign in; raise ConfigError."""
        if sign_in is not None and (not sign_in.startswith("/") or sign_in.startswith("//")):
            raise ConfigError(f"sign_in: {shown(sign_in)} is no path of this application, such as '/sign-in'")
        self._page = KeyPage(given)
        self._sign_in = sign_in

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
        """Answer a request for the path `here`. A fragment is the page, which the host may put into a template."""
        file = self._page.file(visitor)
        if file is not None and visitor.path:
            return file
        owner = yield owner_of()
        if file is not None:
            return self._page.fragment if owner is not None else self._away(facts, here)
        refused = self._page.refuse(visitor)
        if refused is not None:
            return refused
        if owner is None:
            return signed_out()
        options = self._page.options
        offered = options.scopes
        if callable(offered):
            offered = read_offer((yield offered(owner)))
        session = (yield from _session(host, facts)) if visitor.path.startswith("api/sessions") else None
        ip = host.guard.client(facts)

        def call(tk: Tokenry) -> Answer:
            return self._page.call(visitor, Visit(tk, owner, options, offered, ip=ip, session=session))

        answer: Answer = yield run_with(host.tk, call)
        return answer

    def _away(self, facts: Facts, here: str) -> Answer:
        """Send somebody who is not signed in to where the host signs users in."""
        if self._sign_in is None:
            return signed_out()
        place = f"{facts.root}{self._sign_in}?next={quote(here)}"
        return Answer(303, b"", raw([("Location", place), ("Cache-Control", "no-store")]))


def _session(host: Host, facts: Facts) -> Steps[str | None]:
    """Return the id of the session that a request comes by; None where the host signs users in by itself."""
    text = host.guard.presented(facts)
    if not isinstance(text, str):
        return None
    verdict = yield host.tk.verify(text, tenant=host.guard.options.tenant)
    return verdict.session.id if isinstance(verdict, SessionValid) else None
