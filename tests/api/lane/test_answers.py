"""What is kept of answers is what would be encoded anew, and many keys do not drive each other out of it."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

import msgspec

from tests.api.lane.conftest import Place
from tokenry import Credits, Limit, Valid
from tokenry.api.hot.answers import Answers
from tokenry.edge import KIB, MIB, encode

ABOUT: dict[str, Any] = {
    "description": 'a "quote", a line\nand é',
    "scopes": ["read:projects", "write:time"],
    "allowed_ips": ["10.0.0.0/8"],
    "limits": [Limit("minute", 5, 60), Limit("day", 50, 86_400)],
    "tags": ["blue", "red"],
    "metadata": {"nested": {"list": [1, None, "%b"]}},
    "credits": Credits(5),
}


def verified(place: Place, text: str) -> Valid:
    verdict = place.sync.verify(text, ip="10.0.0.1")
    assert isinstance(verdict, Valid), verdict
    return verdict


def test_the_key_is_written_as_its_record_would_be_without_what_no_verdict_knows(place: Place) -> None:
    for text in (place.key, place.issue("a % of everything", **ABOUT), place.issue("endless", expires_in=None)):
        grant = verified(place, text)._grant
        assert encode(grant.key("active")).replace(b'"max_idle":null,', b"") == grant.key_json()


def test_no_answer_tells_how_long_a_key_may_be_idle(place: Place) -> None:
    key = place.issue("seldom used", max_idle=timedelta(days=30))
    token = place.sync.exchange(key).access
    for text in (key, str(token)):
        body = msgspec.json.decode(Answers(MIB).json(verified(place, text)))
        assert body["key"]["name"] == "seldom used"
        assert not {"max_idle", "max_idle_seconds"} & body["key"].keys()


def test_owners_whose_keys_hold_the_same_do_not_share_an_answer(place: Place) -> None:
    answers = Answers(MIB)
    for owner, tenant in (("user-42", None), ("acme-user", "acme")):
        about = {} if tenant is None else {"tenant": tenant}
        verdict = verified(place, place.issue("shares", owner, **about))
        body = answers.json(verdict)
        assert encode(asdict(verdict.owner)["external_id"]) in body
        assert body == answers.json(verdict)


def test_what_is_in_use_stays_kept_while_many_others_come_by(place: Place) -> None:
    answers = Answers(64 * KIB)
    often = verified(place, place.key)
    drafts = [{"owner": "user-42", "name": f"comes by {number}"} for number in range(100)]
    others = [verified(place, str(issued.secret)) for issued in place.sync.keys.issue_many(drafts)]  # type: ignore[union-attr]
    answers.json(often)
    made = answers._of(often)
    for other in others:
        answers.json(other)
    assert answers._of(often) is made
