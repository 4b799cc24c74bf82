"""`POST /v1/verify` and `/v1/verify/batch`, the lane on and off."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tokenry import Credits, Limit
from tokenry.api.hot.questions import read_question
from tokenry.api.hot.request import Request
from tokenry.edge import Proxies, encode

from .answer import Read, read
from .conftest import KEY_IP, Place, Way
from .requests import auth, verify
from .wire import PEER


@pytest.fixture(params=["lane", "plain"])
def way(request: pytest.FixtureRequest, place: Place) -> Way:  # whose thread is no test's own
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


def ask(way: Way, caller: str, question: Any, target: str = "/v1/verify", **about: Any) -> Read:
    answers, _ = way.answer(verify(caller, question, target=target), **about)
    [answer] = read(answers)
    return answer


def test_a_valid_credential_is_answered_with_the_records_of_the_library(way: Way, place: Place) -> None:
    answer = ask(way, place.operator, {"credential": place.key, "scopes": ["read:projects"], "ip": KEY_IP})
    body, verdict = answer.json, place.sync.verify(place.key)
    assert verdict
    assert list(body) == [
        "valid",
        "code",
        "kind",
        "key",
        "session",
        "owner",
        "tenant",
        "scopes",
        "claims",
        "limits",
        "retry_after",
        "limited_by",
        "credits",
    ]
    assert (answer.status, body["valid"], body["code"], body["retry_after"]) == (200, True, "valid", None)
    assert set(body["key"]) == set(verdict.key.__slots__) - {"max_idle"}  # no part of what is signed
    assert body["key"]["id"] == verdict.key.id
    assert (body["owner"]["external_id"], body["tenant"]["slug"]) == ("user-42", "default")
    assert body["scopes"] == ["read:projects"]
    assert answer.fields["cache-control"] == "no-store"
    assert answer.fields["content-type"] == "application/json"


def test_neither_a_secret_nor_a_digest_is_in_an_answer(way: Way, place: Place) -> None:
    body = ask(way, place.operator, {"credential": place.key}).body.decode()
    assert place.key not in body
    assert place.key[-40:] not in body
    assert "digest" not in body


@pytest.mark.parametrize(
    ("about", "code", "status"),
    [
        ({"credential": "junk"}, "malformed", 401),
        ({"credential": ""}, "malformed", 401),
        ({"credential": "k" * 100_000}, "malformed", 401),
        ({"credential": "\0\r\n\u2028ключ"}, "malformed", 401),
        ({"tenant": "acme"}, "not_found", 401),
        ({"environment": "test"}, "not_found", 401),
        ({"scopes": ["write:projects"]}, "insufficient_scope", 403),
        ({"scopes": {"any": ["write:projects", "x:y"]}}, "insufficient_scope", 403),
    ],
)
def test_a_refusal_is_a_verdict_and_on_request_a_status(
    way: Way, place: Place, about: dict[str, Any], code: str, status: int
) -> None:
    question = {"credential": place.key, **about}
    answer = ask(way, place.operator, question)
    assert answer.status == 200
    assert answer.json == {
        "valid": False,
        "code": code,
        "kind": None,
        "key": None,
        "session": None,
        "owner": None,
        "tenant": None,
        "scopes": [],
        "claims": {},
        "limits": [],
        "retry_after": None,
        "limited_by": None,
        "credits": None,
    }
    mapped = ask(way, place.operator, question, target="/v1/verify?status=http")
    assert (mapped.status, mapped.json) == (status, answer.json)
    assert mapped.fields["www-authenticate"].startswith("Bearer error=")


def test_a_limit_is_told_with_what_is_left_and_when_to_try_again(way: Way, fresh: Callable[..., Place]) -> None:
    place = fresh()
    key = place.issue("limited", limits=[Limit("minute", 2, 60), Limit("day", 10, 86_400)])
    own = place.way(lane=way.served.settings.lane)
    for left in (1, 0):
        body = ask(own, place.operator, {"credential": key}).json
        assert [(limit["name"], limit["remaining"]) for limit in body["limits"]] == [
            ("minute", left),
            ("day", 8 + left),
        ]
    assert ask(own, place.operator, {"credential": key, "cost": 0}).json["valid"] is True
    answer = ask(own, place.operator, {"credential": key}, target="/v1/verify?status=http")
    assert (answer.status, answer.json["code"], answer.json["retry_after"]) == (429, "rate_limited", 60)
    assert answer.fields["retry-after"] == "60"
    assert (answer.json["limited_by"]["name"], answer.json["limited_by"]["of"]) == ("minute", "key")
    assert answer.fields["ratelimit-policy"] == '"minute";q=2;w=60, "day";q=10;w=86400'
    place.clock.advance(timedelta(seconds=60))
    body = ask(own, place.operator, {"credential": key}).json
    assert body["limits"][0]["remaining"] == 1
    assert body["limits"][0]["reset_at"] == "2026-01-01T00:02:00Z"
    assert [limit["of"] for limit in body["limits"]] == ["key", "key"]


def test_credits_are_told_with_what_is_left_and_when_the_refill_comes(way: Way, fresh: Callable[..., Place]) -> None:
    place = fresh()
    key = place.issue("with credits", credits=Credits(2, refill="daily"))
    own = place.way(lane=way.served.settings.lane)
    for left in (1, 0):
        credits = ask(own, place.operator, {"credential": key}).json["credits"]
        assert (credits["amount"], credits["remaining"], credits["held"], credits["reset_at"]) == (
            2,
            left,
            0,
            "2026-01-02T00:00:00Z",
        )
    refused = ask(own, place.operator, {"credential": key}, target="/v1/verify?status=http")
    assert (refused.status, refused.json["code"], refused.json["retry_after"]) == (429, "quota_exceeded", 86_400)
    assert refused.fields["retry-after"] == "86400"
    assert refused.fields["credits-remaining"] == "0"
    assert int(refused.fields["credits-reset"]) >= 0
    assert ask(own, place.operator, {"credential": place.key}).json["credits"] is None


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b"", 400, None),
        (b"{", 400, None),
        (b"\xff", 400, None),
        (b'{"credential": "\\ud800"}', 400, None),
        (b'{"credential": "' + b"x" * 10 + b'"} x', 400, None),
        (b"[" * 100_000, 422, "body"),
        (b"[]", 422, "body"),
        (b"null", 422, "body"),
        (b"{}", 422, "credential"),
        (b'{"credential": 1}', 422, "credential"),
        (b'{"credential": "x", "credentials": "y"}', 422, "credentials"),
        (b'{"credential": "x", "cost": -1}', 422, "cost"),
        (b'{"credential": "x", "cost": 1e400}', 422, "cost"),
        (b'{"credential": "x", "cost": 99999999999999999999999999}', 422, "cost"),
        (b'{"credential": "x", "cost": true}', 422, "cost"),
        (b'{"credential": "x", "ip": "nonsense"}', 422, "ip"),
        (b'{"credential": "x", "ip": "1.2.3.4\\u0000"}', 422, "ip"),
        (b'{"credential": "x", "scopes": "Read"}', 422, "scopes"),
        (b'{"credential": "x", "scopes": [1]}', 422, "scopes"),
        (b'{"credential": "x", "scopes": 7}', 422, "scopes"),
        (b'{"credential": "x", "scopes": {"none": ["a"]}}', 422, "scopes"),
        (b'{"credential": "x", "scopes": ' + b"[" * 40 + b"]" * 40 + b"}", 422, "scopes"),
    ],
)
def test_a_malformed_question_is_named_and_never_an_error_of_the_server(
    way: Way, place: Place, body: bytes, status: int, field: str | None
) -> None:
    answer = ask(way, place.operator, body)
    assert answer.fields["content-type"] == "application/problem+json"
    if body == b'{"credential": "x", "cost": 1e400}' and answer.status == 400:
        return
    assert answer.status == status
    if field:
        assert answer.json["errors"][0]["field"] == field


def test_a_caller_of_a_tenant_knows_its_own_tenants_credentials_only(way: Way, place: Place) -> None:
    own, foreign = {"credential": place.acme_key}, {"credential": place.key}
    assert ask(way, place.acme_operator, own).json["valid"] is True
    assert ask(way, place.acme_operator, {**own, "tenant": "acme"}).json["valid"] is True
    for question in (foreign, {**foreign, "tenant": "default"}, {**own, "tenant": "default"}, {**own, "tenant": ""}):
        assert ask(way, place.acme_operator, question).json["code"] == "not_found"
    assert ask(way, place.operator, own).json["tenant"]["slug"] == "acme"


def test_only_operators_keys_with_the_scope_may_ask(way: Way, place: Place) -> None:
    star = place.issue(f"star {way.served.settings.lane}", scopes=["*"])
    for caller in ("", "junk", star, place.key):
        answer = ask(way, caller, {"credential": place.key})
        assert answer.status == 401
        assert answer.fields["www-authenticate"].startswith("Bearer")
    answer = ask(way, place.helpless, {"credential": place.key})
    assert (answer.status, answer.json["code"]) == (403, "insufficient_scope")


def test_an_open_server_asks_for_no_caller_but_checks_one_that_is_presented(way: Way, place: Place) -> None:
    own = place.way(lane=way.served.settings.lane, verify_open=True)
    assert ask(own, "", {"credential": place.key}).json["valid"] is True
    assert ask(own, "junk", {"credential": place.key}).status == 401
    assert ask(own, place.acme_operator, {"credential": place.key}).json["code"] == "not_found"


def test_a_batch_is_answered_in_its_order(way: Way, place: Place) -> None:
    credentials = [place.key, "junk", place.acme_key, place.key[:-1]]
    question = {"questions": [{"credential": credential} for credential in credentials]}
    verdicts = ask(way, place.operator, question, target="/v1/verify/batch").json["verdicts"]
    assert [one["code"] for one in verdicts] == ["valid", "malformed", "valid", "malformed"]
    alone = ask(way, place.operator, {"credential": place.key}).json
    assert verdicts[0] == alone
    many = {"questions": [{"credential": "x"}] * 101}
    assert ask(way, place.operator, many, target="/v1/verify/batch").status == 422


def test_a_revoked_caller_and_a_revoked_key_are_refused_at_once(way: Way, fresh: Callable[..., Place]) -> None:
    place = fresh()
    own = place.way(lane=way.served.settings.lane)
    data = verify(place.operator, {"credential": place.key})
    keys = place.sync.keys
    [found] = [key for key in keys.list() if key.name == "key"]
    assert read(own.answer(data, data)[0])[1].json["valid"] is True
    keys.revoke(found.id)
    assert [answer.json["code"] for answer in read(own.answer(data, data)[0])] == ["revoked"] * 2
    [gateway] = [key for key in keys.list(tenant="system") if key.name == "gateway"]
    keys.revoke(gateway.id, tenant="system")
    assert [answer.status for answer in read(own.answer(data, data)[0])] == [401, 401]


def test_a_hundred_failures_of_an_address_are_told_and_a_good_key_always_passes(
    way: Way, fresh: Callable[..., Place]
) -> None:
    place = fresh()
    own = place.way(lane=way.served.settings.lane)

    def codes(count: int, **about: str) -> list[str]:
        return [ask(own, place.operator, {"credential": "junk", **about}).json["code"] for _ in range(count)]

    assert codes(100, ip=KEY_IP) == ["malformed"] * 100
    assert codes(2, ip=KEY_IP) == ["throttled"] * 2
    assert codes(1, ip="203.0.113.8") == codes(1) == ["malformed"]
    assert ask(own, place.operator, {"credential": place.bound, "ip": KEY_IP}).json["valid"] is True
    revoked = place.issue("revoked")
    place.sync.keys.revoke(next(key.id for key in place.sync.keys.list() if key.name == "revoked"))
    assert ask(own, place.operator, {"credential": revoked, "ip": KEY_IP}).json["code"] == "revoked"
    answer = ask(own, place.operator, {"credential": "junk", "ip": KEY_IP}, target="/v1/verify?status=http")
    assert (answer.status, answer.fields["retry-after"]) == (429, "900")
    place.clock.advance(timedelta(minutes=15))
    assert codes(1, ip=KEY_IP) == ["malformed"]


def test_a_known_caller_that_names_no_address_is_never_told_throttled(way: Way, fresh: Callable[..., Place]) -> None:
    place = fresh(failures_max=3)
    own = place.way(lane=way.served.settings.lane)
    unknown = place.issue("gone")
    place.sync.keys.delete(next(key.id for key in place.sync.keys.list() if key.name == "gone"))

    def code(**about: object) -> str:
        answered: str = ask(own, place.operator, {"credential": "junk", **about}).json["code"]
        return answered

    assert [code() for _ in range(10)] == ["malformed"] * 10
    assert code(credential=unknown) == "not_found"
    batch = {"questions": [{"credential": "junk"}] * 10}
    verdicts = ask(own, place.operator, batch, target="/v1/verify/batch").json["verdicts"]
    assert {verdict["code"] for verdict in verdicts} == {"malformed"}
    assert [code(ip=PEER) for _ in range(4)] == ["malformed"] * 3 + ["throttled"]
    assert code() == "malformed"


def test_failures_that_a_tenant_tells_of_are_its_own(way: Way, fresh: Callable[..., Place]) -> None:
    place = fresh(failures_max=3)
    own = place.way(lane=way.served.settings.lane)

    def codes(caller: str) -> list[str]:
        return [ask(own, caller, {"credential": "junk", "ip": KEY_IP}).json["code"] for _ in range(4)]

    assert codes(place.acme_operator) == ["malformed"] * 3 + ["throttled"]
    assert codes(place.operator) == ["malformed"] * 3 + ["throttled"]


def test_who_is_not_known_cannot_choose_the_address_that_is_blamed(way: Way, fresh: Callable[..., Place]) -> None:
    place = fresh(verify_open=True, failures_max=3)
    own = place.way(lane=way.served.settings.lane)
    codes = [ask(own, "", {"credential": "junk", "ip": f"10.0.0.{n}"}).json["code"] for n in range(4)]
    assert codes == ["malformed"] * 3 + ["throttled"]
    other = ask(own, "", {"credential": "junk"}, peer="192.0.2.77").json["code"]
    assert (other, PEER) == ("malformed", PEER)


def test_junk_never_reaches_the_database(way: Way, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[str] = []
    verifying = place.tk._verifying
    find = verifying.store.find
    monkeypatch.setattr(verifying.store, "find", lambda kid: found.append(kid) or find(kid))  # type: ignore[func-returns-value]
    made_up = place.key[:-20] + "A" * 20
    for junk in ("junk", made_up, place.key.swapcase(), "", "k" * 5000):
        for _ in range(20):
            assert ask(way, place.operator, {"credential": junk}).json["code"] == "malformed"
            assert ask(way, junk or "x", {"credential": place.key}).status == 401
    assert found == []


def test_every_mistake_of_a_question_is_named_at_once(way: Way, place: Place) -> None:
    def named(target: str, body: object) -> list[tuple[str, str]]:
        [answer] = read(way.answer(verify(place.operator, body, target=target))[0])
        assert answer.status == 422
        return [(error["field"], error["code"]) for error in answer.json["errors"]]

    wrong = {"credential": 1, "cost": -1, "ip": "nonsense", "scopes": ["NO"], "bogus": 2, "tenant": []}
    codes = {"credential": "bad_type", "cost": "out_of_range", "bogus": "unknown_field", "tenant": "bad_type"}
    found = named("/v1/verify", wrong)
    assert sorted(field for field, _ in found) == sorted(wrong)
    assert codes.items() <= dict(found).items()
    assert [field for field, _ in named("/v1/verify", {"credential": "x", "cost": -1, "ip": "no"})] == ["ip", "cost"]
    assert named("/v1/verify", {"more": 1}) == [("more", "unknown_field"), ("credential", "missing")]
    good, bad = {"credential": "x"}, {"credential": "x", "cost": -1, "ip": "no"}
    found = named("/v1/verify/batch", {"questions": [bad, good, bad]})
    assert [field for field, _ in found] == [f"questions[{n}].{name}" for n in (0, 2) for name in ("ip", "cost")]
    found = named("/v1/verify/batch", {"questions": [good, {"cost": "x"}, 5]})
    assert [field for field, _ in found] == ["questions[1].cost", "questions[1].credential", "questions[2]"]
    assert named("/v1/verify/batch", {"questions": [good], "more": 1}) == [("more", "unknown_field")]


def test_a_refusal_of_a_key_is_found_by_the_id_of_its_request(way: Way, place: Place) -> None:
    asked = {"credential": place.key, "scopes": ["no:such"], "ip": KEY_IP}
    many = {"questions": [{"credential": place.key, "ip": KEY_IP}, asked]}
    way.answer(verify(place.operator, asked, "X-Request-Id: one"))
    way.answer(verify(place.operator, many, "X-Request-Id: many", target="/v1/verify/batch"))
    way.answer(auth(place.key, "X-Request-Id: proxied", target="/v1/auth?scopes=no:such"))
    place.sync.flush()
    found = [place.sync.refusals.get(id) for id in ("one", "many")]
    assert [(one.code, one.scopes, one.ip) for one in found] == [("insufficient_scope", ("no:such",), KEY_IP)] * 2
    assert place.sync.refusals.get("proxied").code in ("insufficient_scope", "ip_not_allowed")


def test_two_requests_about_one_key_keep_their_own_ids(way: Way, place: Place) -> None:
    issued = place.sync.keys.issue("user-42", name=f"swapped {way.served.settings.lane}")
    key = str(issued.secret)

    def waiting(request_id: bytes, scope: str) -> Request:
        fields = [(b"authorization", b"Bearer " + place.operator.encode()), (b"x-request-id", request_id)]
        asked = Request(b"", fields, PEER, Proxies([]))
        asked.content_type, asked.body = b"application/json", encode({"credential": key, "scopes": [scope]})
        asked.caller = None, True
        return asked

    first, second = waiting(b"first", "a:b"), waiting(b"second", "c:d")
    hot = way.served.hot
    verdicts = [place.sync.verify(key, scopes=scope) for scope in ("a:b", "c:d")]
    for asked, verdict in zip((second, first), reversed(verdicts), strict=True):
        asked.question = read_question(asked.content_type, asked.body)
        hot.verify(asked, [verdict])
    both = [{"credential": key, "scopes": [scope]} for scope in ("e:f", "g:h")]
    way.answer(verify(place.operator, {"questions": both}, "X-Request-Id: both", target="/v1/verify/batch"))
    place.sync.flush()
    found = {one.scopes[0]: one.request_id for one in place.sync.refusals.list(key_id=issued.key.id)}
    assert found == {"a:b": "first", "c:d": "second", "e:f": "both", "g:h": "both"}
