"""Access tokens that the client checks itself, with the public keys of their tenant: the server is not asked."""

from __future__ import annotations

import time

from ..core import jwt
from ..core.decide import Ask
from ..core.errors import NotFound
from ..core.token import OfflineVerdict, checked, offline
from ..core.verdict import Refused
from . import oauth
from .calls import slug
from .wire import Steps, steps

KEPT_SECONDS = 300.0
"""For how long a key set is used: a signing key that was removed is believed for so long."""

ASKED_AGAIN_SECONDS = 10.0
"""How soon a key set is fetched again for a key that is not in it. Anybody can make up the name of a key."""

_TENANTS_MAX = 1000
_MALFORMED = Refused("malformed")


class KeySets:
    """The public keys of tenants, fetched when the first token is checked."""

    def __init__(self) -> None:
        self._sets: dict[str, tuple[float, dict[str, jwt.JoseKey]]] = {}

    def forget(self) -> None:
        """Forget every key set."""
        self._sets.clear()

    def verifying(self, text: str, ask: Ask, home: str, retries: int) -> Steps:
        """Answer by signature, times and claims alone. A key, which says nothing by itself, is malformed here.

        The token has to be one of the tenant that is asked for, by default of `home`.
        """
        tenant = home if ask.tenant is None else slug(ask.tenant)
        parts = jwt.read(text)
        if parts is None or parts.header.typ != jwt.TYPE or parts.header.kid is None:
            return _MALFORMED
        key = yield from self._key(tenant, parts.header.kid, retries)
        claims = jwt.claims_of(parts) if key is not None and key.verifies(parts) else None
        if claims is None or claims.tid != tenant:
            return _MALFORMED
        token = checked(claims, parts.payload, parts.header.kid)
        verdict: OfflineVerdict = _MALFORMED if token is None else offline(token, ask, time.time_ns() // 1000)
        return verdict

    def _key(self, tenant: str, kid: str, retries: int) -> Steps:
        now = time.monotonic()
        fetched_at, keys = self._sets.get(tenant, (float("-inf"), {}))
        if now - fetched_at >= (KEPT_SECONDS if kid in keys else ASKED_AGAIN_SECONDS):
            try:
                found = yield from steps(oauth.jwks(tenant), retries)
            except NotFound:
                found = {"keys": []}
            keys = jwt.key_set(found["keys"])
            if len(self._sets) >= _TENANTS_MAX:
                self._sets.clear()
            self._sets[tenant] = (now, keys)
        return keys.get(kid)
