"""Over HTTP a decoy is answered with the bytes of an unknown secret, in the lane and in the ordinary way."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from .conftest import Place
from .requests import auth, request, verify

_OWN = re.compile(rb"(?i)(x-request-id: [^\r]*|\"request_id\":\s*\"[^\"]*\"|date: [^\r]*)")


@pytest.mark.parametrize("lane", [True, False])
def test_the_answers_about_a_decoy_and_an_unknown_secret_are_the_same(
    fresh: Callable[..., Place], *, lane: bool
) -> None:
    place = fresh()
    decoy, gone = place.issue("decoy", decoy=True), place.issue("gone")
    place.sync.keys.delete(place.sync.keys.find(gone).id)
    way = place.way(lane=lane)

    def asked(text: str) -> list[bytes]:
        form = ["Content-Type: application/x-www-form-urlencoded", f"Authorization: Bearer {place.operator}"]
        requests = [
            verify(place.operator, {"credential": text, "ip": "203.0.113.7"}),
            verify(place.operator, {"questions": [{"credential": text}]}, target="/v1/verify/batch"),
            auth(text),
            auth(text, target="/v1/auth?scopes=read:projects"),
            request("POST", "/oauth/introspect", *form, body=f"token={text}".encode()),
            verify(text, {"credential": place.key}),
            request("GET", "/v1/self", f"Authorization: Bearer {text}"),
        ]
        return [_OWN.sub(b"", way.answer(one, peer="203.0.113.7")[0]) for one in requests * 2]

    of_decoy, of_gone = asked(decoy), asked(gone)
    assert of_decoy == of_gone
    assert all(len(one) > 50 for one in of_decoy)
    assert place.sync._tally.drain_missing().keys() == {decoy[-73:-57], gone[-73:-57]}
