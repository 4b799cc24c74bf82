"""One verification, from the presented text to the verdict.

`answer` serves what memory knows in one straight run. Everything that may have to wait is written once, as a generator
that yields what it needs (`Find`, `Lease`) and is driven by the synchronous face here or by the asynchronous one: the
same rules for both, and no IO in them.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from tokenry.core.addresses import Address
from tokenry.core.codes import CHECKS, VerifyCode
from tokenry.core.decide import Ask, failure, failures
from tokenry.core.errors import Denied
from tokenry.core.grant import Grant, Row, compile_row, with_owner
from tokenry.core.keyring import Keyring
from tokenry.core.ports import Pepper, Store
from tokenry.core.process_ports import Remembers, Tally
from tokenry.core.scopes import Requirement
from tokenry.core.secret import Parsed, Secret, digest_of, parse, same_tag
from tokenry.core.token import Checked, OfflineValid, OfflineVerdict
from tokenry.core.verdict import (
    AnyValid,
    Check,
    Explanation,
    KeyValid,
    Refused,
    SessionValid,
    TokenValid,
    Verdict,
    lacking,
    states_of,
)

from .foreign import Begin, Foreign, Guessed
from .metering import Metered, Metering
from .owner_loaders import OwnerLoader
from .signing_keys import Signers
from .spans import NoSpans, Spans
from .tokens import RemembersTokens, Tokens
from .wishes import Find as Find
from .wishes import Lease as Lease
from .wishes import Pooled as Pooled
from .wishes import Wait as Wait

_log = logging.getLogger("tokenry.verify")

MALFORMED = Refused("malformed")
NOT_FOUND = Refused("not_found")

Steps: TypeAlias = Generator[Find | Lease | Wait | Pooled, Any, Verdict]


class Verifying:
    """Everything that a verification needs, held by one instance for all its threads."""

    def __init__(
        self,
        *,
        store: Store,
        memory: Remembers,
        tally: Tally,
        keyring: Callable[[], Keyring],
        now: Callable[[], int],
        metering: Metering,
        owner_max_age: int,
        signers: Signers,
        remembered: RemembersTokens,
        spans: Spans,
        mark: Callable[[], int | None],
        begin: Begin,
        guesses: Guessed,
    ) -> None:
        self.store = store
        self.owner_loader: OwnerLoader | None = None
        self.tokens: Tokens = Tokens(self, signers, remembered, keyring, now)
        self._memory = memory
        self._tally = tally
        self._keyring = keyring
        self._now = now
        self._metering = metering
        self.lease, self.lease_at_once, self.take = metering.lease, metering.lease_at_once, metering.take
        self.foreign = Foreign(self, store, memory, keyring, mark, begin, guesses)
        self._owner_max_age = owner_max_age
        self.spans = spans

    def answer(self, text: str, ask: Ask) -> Verdict | None:
        """Answer from memory alone, or return None when something must be looked up or leased."""
        return self.answer_at(text, ask, ask.ip, ask.address, self.moment())

    def moment(self) -> int:
        """Return the time if memory is true right now, else -1: then nothing is answered from it.

        Several answers may be given at one moment, as long as nothing is waited for in between.
        """
        return self._now() if self._memory.is_trusted() else -1

    def answer_at(self, text: str, ask: Ask, ip: str | None, address: Address | None, now: int) -> Verdict | None:
        """Answer as `answer` does, at a `moment`, for the address of a client; the one in `ask` is not read."""
        if now < 0:
            return None
        grant = self._memory.proved(text[-73:-57], text)
        if grant is None:
            if is_token(text):
                return self.tokens.answer(text, ask.at(ip, address))
            grant = self._memory.foreign(ask.tenant, text)
            if grant is None:
                return None
        if grant.read_at is not None and now - grant.read_at > self._owner_max_age:
            return None
        return self._decide(grant, ask, ip, address, now)

    def answer_again(self, grant: Grant, ask: Ask, ip: str | None, address: Address | None, now: int) -> Verdict | None:
        """Answer at a `moment` for a text that proved this grant, which it is not asked for again."""
        if not self._memory.keeps(grant) or grant.read_at is not None:
            return None
        return self._decide(grant, ask, ip, address, now)

    def passes_again(self, grant: Grant, now: int, ip: str | None, asked: Requirement | None) -> bool:
        """Count another use of a key that passed before and passes until this `moment`; False if it was forgotten."""
        if not self._memory.keeps(grant):
            return False
        self._tally.count(grant, "valid", now, ip, asked)
        return True

    def decide(self, grant: Grant, ask: Ask, now: int, token: Checked | None = None) -> Verdict | None:
        """Decide on a grant; return None, having taken nothing, when its limits or credits wait for the store."""
        return self._decide(grant, ask, ask.ip, ask.address, now, token)

    def _decide(
        self, grant: Grant, ask: Ask, ip: str | None, address: Address | None, now: int, token: Checked | None = None
    ) -> Verdict | None:
        code = failure(grant, ask, address, now)
        if code is not None:
            return self._refuse(grant, code, now, ip, ask.requirement)
        metered = self._metering.at_once(grant, ask.cost, now)
        if metered is None:
            return None
        if token is not None or isinstance(metered, Refused):
            return self._answered(grant, ask.at(ip, address), now, metered, token)
        self._tally.count(grant, "valid", now, ip, ask.requirement)
        return KeyValid(grant, metered[0], metered[1])

    def lacking(self, text: str, ask: Ask) -> Lease | None:
        """Return the lease that is needed before memory answers for a key; None where something else is missing."""
        now = self.moment()
        grant = self.recalled(text) if now >= 0 else None
        return None if grant is None else self._metering.lacking(grant, ask.cost, now)

    def recalled(self, text: str) -> Grant | None:
        """Return the grant of a key that memory, which is trusted, knows for good: what `answer` lacks is no lookup."""
        grant = self._memory.proved(text[-73:-57], text)
        return None if grant is None or grant.read_at is not None else grant

    def look_up(self, text: str, ask: Ask, *, waits: bool = True) -> Verdict | None:
        """Answer with a lookup right here, as `steps` would; then do what else has to wait.

        Without `waits` return None in its place, having taken nothing.
        """
        if waits and (is_token(text) or not self.is_direct):
            return self.run(self.steps(text, ask))  # type: ignore[no-any-return]
        parsed = self.parsed(text)
        if parsed is None:
            if not self.foreign.may_be(text, ask.tenant):
                self._tally.count_unknown("malformed")
                return MALFORMED
            return self.run(self.foreign.answer_steps(text, ask)) if waits else None
        grant = self._recalled(parsed, text)
        if grant is None:
            drops = self._memory.prepare()
            grant = self.remembered(self.store.find(parsed.kid), parsed, text, drops, ask.ip, self._now())
            if grant is None:
                return NOT_FOUND
        now = self._now()
        verdict = self.decide(grant, ask, now)
        return verdict if verdict is not None or not waits else self.run(self._metered_steps(grant, ask, now, None))

    @property
    def is_direct(self) -> bool:
        """Whether `look_up` may take the place of `steps`: a span needs steps."""
        return type(self.spans) is NoSpans

    def steps(self, text: str, ask: Ask) -> Steps:
        """Answer, yielding every wish that may have to wait."""
        return self.spans.miss(self._steps(text, ask))

    def _steps(self, text: str, ask: Ask) -> Steps:
        if is_token(text):
            return (yield from self.tokens.steps(text, ask))
        parsed = self.parsed(text)
        if parsed is None:
            return (yield from self.foreign.answer_steps(text, ask))
        grant = self._recalled(parsed, text)
        if grant is None:
            drops = self._memory.prepare()
            grant = self.remembered((yield Find(parsed.kid)), parsed, text, drops, ask.ip, self._now())
            if grant is None:
                return NOT_FOUND
        return (yield from self.decide_steps(grant, ask))

    def _recalled(self, parsed: Parsed, text: str) -> Grant | None:
        grant = self._memory.recall(parsed.kid, text)
        return None if grant is not None and self.is_old(grant) else grant

    def remembered(
        self, row: Row | None, parsed: Parsed, text: str, drops: int, ip: str | None, now: int
    ) -> Grant | None:
        """Return the grant of a row that the text proves, and remember it; None counts as a refusal."""
        grant = self._proved(row, parsed.kid, text, now)
        if grant is None:
            self._tally.count_missing(parsed.kid, ip)
        else:
            self._memory.remember(grant, text, drops)
        return grant

    def decide_steps(self, grant: Grant, ask: Ask, token: Checked | None = None) -> Steps:
        """Decide on a grant, waiting for the store where that needs something of it."""
        now = self._now()
        verdict = self.decide(grant, ask, now, token)
        return verdict if verdict is not None else (yield from self._metered_steps(grant, ask, now, token))

    def _metered_steps(self, grant: Grant, ask: Ask, now: int, token: Checked | None) -> Steps:
        """Take limits and credits from the store, for a grant that fails no check."""
        metered = yield from self._metering.steps(grant, ask.cost, now)
        return self._answered(grant, ask, now, metered, token)

    def explain_steps(self, text: str, ask: Ask) -> Generator[Find | Lease | Wait | Pooled, Any, Explanation]:
        """Evaluate every check and take nothing."""
        if is_token(text):
            return (yield from self.tokens.explain_steps(text, ask))
        parsed = self.parsed(text)
        if parsed is None:
            return (yield from self.foreign.explain_steps(text, ask))
        grant = self._proved((yield Find(parsed.kid)), parsed.kid, text, self._now())
        return (yield from self.explained(grant, [] if grant else ["not_found"], ask))

    def explained(
        self, grant: Grant | None, found: Sequence[VerifyCode], ask: Ask, detail: str = ""
    ) -> Generator[Find | Lease | Wait | Pooled, Any, Explanation]:
        """Explain the failures that are already known, and everything that a grant decides.

        `detail` is about the first failure. The explanation says nothing about a credential of another tenant.
        """
        failed: dict[VerifyCode, str] = dict.fromkeys(found[:1], detail) | dict.fromkeys(found[1:], "")
        if grant is not None:
            failed.update(dict.fromkeys(failures(grant, ask, self._now()), ""))
            taken, credits = yield from self._metering.peek(grant, self._now())
            failed.update(dict.fromkeys(lacking(states_of(taken), credits, ask.cost), ""))
        checks = []
        for code in CHECKS:
            known = grant is not None or code == "malformed" or (code == "not_found" and "malformed" not in failed)
            checks.append(Check(code, code not in failed if known else None, failed.get(code, "")))
        return Explanation(next((code for code in CHECKS if code in failed), "valid"), tuple(checks))

    def run(self, steps: Generator[Find | Lease | Wait | Pooled, Any, Any]) -> Any:
        """Drive steps to their end, doing what they wish for at once."""
        try:
            wish = next(steps)
            while True:
                try:
                    answer = self.store.find(wish.kid) if isinstance(wish, Find) else self.done(wish)
                except Exception as error:
                    wish = steps.throw(error)
                else:
                    wish = steps.send(answer)
        except StopIteration as end:
            return end.value

    def done(self, wish: Lease | Wait | Pooled) -> Any:
        """Do what steps wish for besides a lookup."""
        if isinstance(wish, Pooled):
            return wish.begin().result()
        return wish.call() if isinstance(wish, Wait) else self.lease(wish.wants)

    def parsed(self, text: str) -> Parsed | None:
        """Return the parts of a key; None for what was not made here, and is never looked up."""
        parsed = parse(text)
        return parsed if parsed is not None and self._tagged(parsed) else None

    def known(self, kid: str) -> Grant | None:
        """Return the cached grant of a secret or session that a signature has proved, without its text."""
        grant = self._memory.known(kid)
        return None if grant is not None and self.is_old(grant) else grant

    def is_old(self, grant: Grant) -> bool:
        """Tell whether the host has to be asked again for the owner of a grant."""
        return grant.read_at is not None and self._now() - grant.read_at > self._owner_max_age

    def proved(self, row: Row, text: str) -> Grant | None:
        """Return the grant of a row that a foreign key proves."""
        return self._proved(row, row.kid, text, self._now())

    def find(self, kid: str) -> Generator[Find, Any, Grant | None]:
        """Return the grant of a secret or session, from memory or the store."""
        grant = self.known(kid)
        if grant is None:
            drops = self._memory.prepare()
            row: Row | None = yield Find(kid)
            grant = self.granted(row) if row is not None else None
            if grant is not None:
                self._memory.remember(grant, "", drops)
        return grant

    def _answered(self, grant: Grant, ask: Ask, now: int, metered: Metered | Refused, token: Checked | None) -> Verdict:
        if isinstance(metered, Refused):
            noted = self._tally.count(grant, metered.code, now, ask.ip, ask.requirement)
            return metered if noted is None else replace(metered, _noted=noted)
        if token is not None and token.kind == "session":
            return SessionValid(token, grant, *metered)
        # A use of a derived token counts as a use of its secret.
        self._tally.count(grant, "valid", now, ask.ip, ask.requirement)
        return KeyValid(grant, *metered) if token is None else TokenValid(token, grant, *metered)

    def count_unknown(self, code: str) -> None:
        """Count one refusal of a credential that belongs to nobody we know."""
        self._tally.count_unknown(code)

    def _refuse(self, grant: Grant, code: VerifyCode, now: int, ip: str | None, asked: Requirement | None) -> Refused:
        if code == "not_found":
            self._tally.count_unknown(code)
            return NOT_FOUND
        return Refused(code, _noted=self._tally.count(grant, code, now, ip, asked))

    def _tagged(self, parsed: Parsed) -> bool:
        generations = self._keyring().generations
        found = False
        for generation in generations:  # all, always
            found |= same_tag(parsed, generation.tag_key)
        return found

    def _proved(self, row: Row | None, kid: str, text: str, now: int) -> Grant | None:
        """Return the grant of a row whose digest the text proves; an unknown kid costs the same work."""
        keyring = self._keyring()
        generation = keyring.get(row.pepper_id) if row else keyring.generations[-1]
        if row is None or generation is None:
            hmac.compare_digest(digest_of(keyring.generations[-1].pepper, kid, "-" * 26, "-" * 26, text), bytes(32))
            return None
        if not hmac.compare_digest(digest_of(generation.pepper, row.kid, row.tenant_id, row.key_id, text), row.digest):
            return None
        signing = keyring.signing(now)
        if signing.id != generation.id:
            newer = digest_of(signing.pepper, row.kid, row.tenant_id, row.key_id, text)
            self._tally.note_pepper(Pepper(row.kid, row.digest, newer, signing.id))
        return self.granted(row)

    def granted(self, row: Row) -> Grant | None:
        if self.owner_loader is not None:
            return self._with_owner(row, self.owner_loader)
        if row.grant is None:
            row.grant = self._compiled(row)
        grant: Grant | None = row.grant
        return grant

    @staticmethod
    def _compiled(row: Row) -> Grant | None:
        try:
            return compile_row(row)
        except (ValueError, TypeError, AttributeError, LookupError) as error:
            _log.error("the row of key %s is spoiled, and the key is refused: %s", row.key_id, type(error).__name__)
            return None

    def _with_owner(self, row: Row, load: OwnerLoader) -> Grant | None:
        """Compile a row with what the host says about its owner."""
        grant = self._compiled(row)
        if grant is None:
            return None
        facts = load(grant.external_id, row.slug)
        if isinstance(facts, Mapping):
            row = with_owner(row, facts)
        if facts is None or facts is False:
            row.owner_status = "disabled"
        grant = self._compiled(row)
        if grant is not None:
            grant.read_at = self._now()
        return grant


def is_token(text: str) -> bool:
    """Tell whether a text may be an access token: as JSON, its header begins with a brace and a quotation mark."""
    return text[:3] == "eyJ" and "." in text


def text_of(presented: object) -> str:
    """Return the text of a presented credential; anything but a text or a secret becomes a malformed text."""
    if presented.__class__ is str:
        return presented
    return str(presented) if isinstance(presented, (str, Secret)) else ""


def required(verdict: Verdict | OfflineVerdict) -> AnyValid | OfflineValid:
    """Return a valid verdict; raise Denied for a refusal."""
    if isinstance(verdict, Refused):
        raise Denied(verdict)
    return verdict
