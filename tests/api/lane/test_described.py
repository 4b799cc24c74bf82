"""The reference shows the hot routes; tests/api/management/test_schema.py holds the document to its word."""

from .answer import read
from .conftest import Place, Way, run
from .requests import request
from .wire import talk


def test_the_reference_shows_them(place: Place, lane: Way) -> None:
    answers, _ = run(talk(lane.served, lane.protocol, lane.app, [request("GET", "/docs")]))
    [answer] = read(answers)
    assert answer.status == 200
    assert "/v1/verify/batch" in answer.body.decode()
    assert "X-Auth-Require-Scopes" in answer.body.decode()
