"""Leak reports: the credential itself is the authority, so whoever holds it may end it."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Generic

from tokenry.core.actors import PROGRAM, Actor, name_of
from tokenry.core.errors import FieldError
from tokenry.core.fields import refuse
from tokenry.core.grant import Row
from tokenry.core.key_filter import KeyFilter
from tokenry.core.leaks import UNKNOWN_LEAK, LeakAction, LeakReport, read_found_at, read_source
from tokenry.core.model import NOT_GIVEN, Key, NotGiven
from tokenry.core.refresh import is_of
from tokenry.core.secret import Secret, digest_of, parse, same_tag
from tokenry.core.token import Checked
from tokenry.core.verdict import Kind

from .context import B, By, Change, Context
from .ending import end
from .foreign import kids_of
from .github_leaks import feedback, read_matches
from .tokens import SignedTokens
from .verify import is_token

_REASON: Final = "leaked"


class Leaks(Generic[B]):
    """Credentials that were found where they should not be."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def report(
        self, secret: str | Secret, *, source: str = "report", url: str = "", by: B | NotGiven = NOT_GIVEN
    ) -> LeakReport:
        """Report a leaked key, refresh token or access token of any tenant, and return what was done about it.

        A key is revoked, or flagged if its tenant says so (`on_leak`); an old secret that is not flagged ends at once,
        and a session ends in any case. `source` names what has found it, `url` the place. Anybody may call this for a
        credential that they hold. Doing it twice is fine; the credential is neither kept nor logged.
        """
        errors: list[FieldError] = []
        report = _Report(self._context, by, read_source(source, errors), read_found_at(url, errors))
        refuse(errors)
        return report.of(str(secret) if isinstance(secret, (str, Secret)) else "")

    def report_github(
        self,
        body: bytes,
        *,
        identifier: str,
        signature: str,
        public_keys: Mapping[str, object] | None = None,
        by: B | NotGiven = NOT_GIVEN,
    ) -> list[dict[str, str]]:
        """Report what GitHub's secret scanning sends to its partners; return what GitHub is to be answered, as JSON.

        `identifier` and `signature` are the header fields `Github-Public-Key-Identifier` and `…-Signature`, `body` are
        the bytes as they came, and `public_keys` is the document of GitHub's public keys; without it the setting
        `github_keys` says where they are read. Raise NotAllowed, and do nothing, for a body that none of them has
        signed, and ConfigError when the keys cannot be read.
        """
        if public_keys is None:
            public_keys = self._context.github_keys(identifier)
        answers = []
        for match in read_matches(body, identifier, signature, public_keys):
            named = match.source or ""
            source = f"github/{named}" if named.isascii() and named.replace("_", "").isalnum() else "github"
            found = self.report(match.token, source=source[:64], url=match.url or "", by=by)
            answers.append(feedback(match, found))
        return answers


@dataclass(frozen=True, slots=True)
class _Report:
    """One report, but for its credential."""

    context: Context
    by: By
    source: str
    url: str

    def of(self, text: str) -> LeakReport:
        """Find what a credential belongs to, and act."""
        if is_token(text):
            token = _signed(self.context, text)
            return UNKNOWN_LEAK if token is None else self._token(token)
        parsed, keyring = parse(text), self.context.keyring()
        if parsed is None or not any([same_tag(parsed, one.tag_key) for one in keyring.generations]):  # noqa: C419 all
            return self._foreign(text)
        if is_of(parsed):
            with self.context.store.read() as rows:
                found = rows.sessions.by_kid(parsed.kid, self.context.now())
            # Every token of a session ends it, however old: refreshing with an old one does the same.
            return UNKNOWN_LEAK if found is None else self._session(found.tenant.slug, found.session.id, "session")
        row = self.context.store.find(parsed.kid)
        if row is not None and _proves(self.context, row, text):
            return self._key(row)
        self.context.missing(parsed.kid, self.context.ip)
        return UNKNOWN_LEAK

    def _foreign(self, text: str) -> LeakReport:
        """Act on a key of another system, even if it was never presented here."""
        self.context.meet(text, self.context.ip)
        with self.context.store.read() as rows:
            found = [rows.secrets.find(kid) for kid in kids_of(rows, self.context.keyring(), text, None)]
        row = next((row for row in found if row is not None and _proves(self.context, row, text)), None)
        return UNKNOWN_LEAK if row is None else self._key(row)

    def _key(self, row: Row) -> LeakReport:
        with self.context.changing(row.slug, self.by, home=self.context.tenant) as change:
            key = change.rows.keys.get(change.tenant, row.key_id, change.now, lock=True)
            if key is None:
                return UNKNOWN_LEAK
            if change.actor is PROGRAM:  # the holder of a secret acts as its key
                change.actor = Actor(key.id)
            is_first = change.rows.secrets.mark_leaked(row.kid, change.now)
            # An old secret that was flagged before may end now, and nothing else would tell of that.
            if is_first or (_is_old(key, row.kid) and change.tenant.on_leak != "flag"):
                self._tell(change, "key.leaked", key.id, key.owner, kid=row.kid, policy=change.tenant.on_leak)
            return _report(change, key.id, "key", _act(change, key, row.kid))

    def _token(self, token: Checked) -> LeakReport:
        slug, is_over = token.claims.tid, token.claims.exp * 1_000_000 <= self.context.clock()
        if token.kind == "session":
            return self._session(slug, token.parent_id, "session", is_over=is_over)
        row = self.context.store.find(token.parent_id)
        if row is None:
            return UNKNOWN_LEAK
        with self.context.changing(slug, self.by, home=self.context.tenant) as change:
            key = change.rows.keys.get(change.tenant, row.key_id, change.now)
            if key is None:
                return UNKNOWN_LEAK
            if not is_over and change.rows.watch.first_notice(change.tenant, key.id, "token_leaked", change.now):
                self._tell(change, "key.leaked", key.id, key.owner, kind="token")
            return _report(change, key.id, "token", "ended" if is_over else "expires")

    def _session(self, slug: str, id: str, kind: Kind, *, is_over: bool = False) -> LeakReport:
        with self.context.changing(slug, self.by, home=self.context.tenant) as change:
            session = change.rows.sessions.get(change.tenant, id, change.now)
            if session is None:
                return UNKNOWN_LEAK
            if is_over:
                return _report(change, id, kind, "ended")
            if change.actor is PROGRAM:  # the holder of a token acts as its owner
                change.actor = Actor(name_of(change.tenant.slug, session.owner, change.tenant.slug))
            change.invalidate((id,))
            if session.status != "revoked" and change.rows.sessions.revoke(change.tenant, id, change.now, _REASON):
                self._tell(change, "session.leaked", id, session.owner)
                ended = {"status": "revoked", "reason": _REASON, "owner": session.owner}
                change.record("session.revoked", id, {"status": session.status}, ended, owner=session.owner)
            return _report(change, id, kind, "revoked")

    def _tell(self, change: Change, type: str, subject: str, owner: str, **more: Any) -> None:
        change.record(type, subject, None, {"source": self.source, "url": self.url, **more}, owner=owner)


def _act(change: Change, key: Key, kid: str) -> LeakAction:
    """Do what the policy says to a key whose secret has leaked, or make sure that it was done."""
    if key.status == "revoked":
        change.rows.secrets.confirm(change.tenant, [key.id], "revoked_at", change.now)
        change.invalidate_keys(key.id)
        return "revoked"
    if kid not in [info.kid for info in key.secrets]:
        return "ended"
    change.invalidate_keys(key.id)
    if change.tenant.on_leak == "flag":
        return "flagged"
    if _is_old(key, kid):
        change.rows.secrets.end(change.tenant, key.id, change.now, None)
        return "ended"
    end(change, KeyFilter(), [key], _REASON)
    return "revoked"


def _is_old(key: Key, kid: str) -> bool:
    """Tell whether a secret was replaced and is still good for a while."""
    return any(info.kid == kid and info.ends_at is not None for info in key.secrets)


def _report(change: Change, subject: str, kind: Kind, action: LeakAction) -> LeakReport:
    known = replace(UNKNOWN_LEAK, label="true_positive", tenant=change.tenant.slug)
    return replace(known, action=action, kind=kind, subject=subject)


def _proves(context: Context, row: Row, text: str) -> bool:
    generation = context.keyring().get(row.pepper_id)
    if generation is None:
        return False
    return hmac.compare_digest(digest_of(generation.pepper, row.kid, row.tenant_id, row.key_id, text), row.digest)


class _Nothing:
    """The memory of a check that is made once."""

    def get(self, text: str) -> Checked | None:
        """Return None."""
        return None

    def put(self, text: str, token: Checked) -> None:
        """Keep nothing."""


def _signed(context: Context, text: str) -> Checked | None:
    """Return an access token that this installation has signed."""
    assert context.signers is not None
    steps = SignedTokens(context.signers, _Nothing(), context.keyring, context.clock).check(text)
    answer = None
    try:
        while True:
            answer = steps.send(answer).call()
    except StopIteration as end:
        found: Checked | None = end.value
        return found
