"""Verifying access tokens: the cheap doubts first, then the signature once, then whatever the token hangs on."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, Protocol

from tokenry.core import jwt
from tokenry.core.codes import VerifyCode
from tokenry.core.decide import Ask
from tokenry.core.errors import shown
from tokenry.core.fields import check_bool
from tokenry.core.keyring import Keyring
from tokenry.core.token import Checked, OfflineVerdict, checked, is_meant, joined, offline
from tokenry.core.verdict import Explanation, Refused, Verdict

from .signing_keys import Ring, Signers
from .wishes import Wait

if TYPE_CHECKING:
    from .verify import Verifying

MALFORMED = Refused("malformed")
NOT_FOUND = Refused("not_found")


class RemembersTokens(Protocol):
    """The cache of tokens whose signature this process has checked."""

    def get(self, text: str) -> Checked | None: ...
    def put(self, text: str, token: Checked) -> None: ...


class SignedTokens:
    """Tells which tokens a good key of the right tenant has signed, whatever has become of what they hang on."""

    def __init__(
        self,
        signers: Signers,
        remembered: RemembersTokens,
        keyring: Callable[[], Keyring],
        now: Callable[[], int],
    ) -> None:
        self._signers = signers
        self._remembered = remembered
        self._keyring = keyring
        self._now = now

    def check(self, text: str) -> Generator[Any, Any, Checked | None]:
        """Return a token that a good key of the right tenant has signed."""
        token = self._remembered.get(text)
        parts = None
        if token is None:
            parts = jwt.read(text)
            if parts is None or parts.header.typ != jwt.TYPE or parts.header.kid is None or not self._is_tagged(parts):
                return None
        kid = token.kid if token is not None else parts.header.kid if parts is not None else None
        assert kid is not None
        ring = self._signers.ring_of(kid)
        if ring is None or self._signers.verifier(ring, kid) is None:
            ring = yield Wait(lambda: self._signers.read_ring_of(kid))
        key = self._signers.verifier(ring, kid) if ring is not None else None
        if ring is None or key is None:
            return None
        if parts is not None:
            token = self._proved(parts, key, ring)
            if token is not None and token.claims.exp * 1_000_000 > self._now():
                self._remembered.put(text, token)
        return token

    def _proved(self, parts: jwt.Parts, key: jwt.JoseKey, ring: Ring) -> Checked | None:
        if not key.verifies(parts):
            return None
        claims = jwt.claims_of(parts)
        if claims is None or claims.tid != ring.slug or claims.iss != self._signers.policy.issuer_of(ring.slug):
            return None
        return checked(claims, parts.payload, key.kid)

    def _is_tagged(self, parts: jwt.Parts) -> bool:
        generations = self._keyring().generations
        return any([jwt.is_tagged(parts, generation.token_key) for generation in generations])  # noqa: C419 all, always


class Tokens(SignedTokens):
    """The part of a verification that knows access tokens. It touches neither keys nor cached grants."""

    def __init__(
        self,
        verifying: Verifying,
        signers: Signers,
        remembered: RemembersTokens,
        keyring: Callable[[], Keyring],
        now: Callable[[], int],
    ) -> None:
        super().__init__(signers, remembered, keyring, now)
        self._verifying = verifying

    def answer(self, text: str, ask: Ask) -> Verdict | None:
        """Answer from memory alone, or return None when something must be checked, looked up or leased."""
        token = self._remembered.get(text)
        if token is None:
            return None
        parent = self._verifying.known(token.parent_id)
        if parent is None:
            return None
        ring = self._signers.ring_of(token.kid)
        if ring is None or self._signers.verifier(ring, token.kid) is None:
            return None
        if not is_meant(token, ask):
            return self._refuse(NOT_FOUND)
        return self._verifying.decide(joined(token, parent), ask, self._now(), token)

    def steps(self, text: str, ask: Ask) -> Generator[Any, Any, Verdict]:
        """Answer, yielding every wish that may have to wait."""
        token = yield from self.check(text)
        if token is None:
            return self._refuse(MALFORMED)
        parent = yield from self._verifying.find(token.parent_id)
        if parent is None or not is_meant(token, ask):
            return self._refuse(NOT_FOUND)
        verdict: Verdict = yield from self._verifying.decide_steps(joined(token, parent), ask, token)
        return verdict

    def explain_steps(self, text: str, ask: Ask) -> Generator[Any, Any, Explanation]:
        """Evaluate every check and take nothing."""
        token = yield from self.check(text)
        if token is None:
            return (yield from self._verifying.explained(None, ["malformed"], ask))
        parent = yield from self._verifying.find(token.parent_id)
        if parent is None:
            return (yield from self._verifying.explained(None, ["not_found"], ask))
        failed: list[VerifyCode] = [] if is_meant(token, ask) else ["not_found"]
        audiences = ", ".join(map(shown, token.audience))
        detail = f"the token is for the audience {audiences}, and not for {shown(ask.audience)}"
        return (yield from self._verifying.explained(joined(token, parent), failed, ask, detail))

    def offline_steps(self, text: str, ask: Ask, asked: object) -> Generator[Any, Any, OfflineVerdict]:
        """Answer by signature, times and claims alone. A key, which says nothing by itself, is malformed here.

        Raise Invalid unless `asked`, the caller's `offline=`, is a bool: "false" must not skip the database.
        """
        check_bool("offline", asked)
        token = (yield from self.check(text)) if "." in text else None
        if token is None:
            return self._refuse(MALFORMED)
        verdict = offline(token, ask, self._now())
        return self._refuse(verdict) if isinstance(verdict, Refused) else verdict

    def _refuse(self, refused: Refused) -> Refused:
        self._verifying.count_unknown(refused.code)
        return refused
