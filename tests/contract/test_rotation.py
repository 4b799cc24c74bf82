"""After a rotation a key says whether its old secret is still used."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.contract.conftest import Issue

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def events(tk: Any) -> list[Any]:
    tk.flush()
    return list(tk.events.list(types=["key.old_secret_used"]))


def test_a_rotation_is_safe_to_end_when_the_old_secret_is_silent_for_a_day(tk: Any, clock: Any, issue: Issue) -> None:
    issued = issue()
    assert issued.key.rotation is tk.keys.get(issued.key.id).rotation is None
    renewed = tk.keys.rotate(issued.key.id, grace=10 * DAY)
    began = clock.now()
    rotation = tk.keys.get(issued.key.id).rotation
    assert renewed.key.rotation == rotation
    assert (rotation.old_kid, rotation.rotated_at) == (issued.key.secrets[0].kid, began)
    assert (rotation.ends_at, rotation.last_used_at) == (began + 10 * DAY, None)
    for passed, is_safe in ((HOUR, False), (DAY - HOUR - timedelta(seconds=1), False), (timedelta(seconds=1), True)):
        clock.advance(passed)
        assert tk.keys.get(issued.key.id).rotation.safe_to_retire is is_safe
    assert tk.verify(issued.secret)
    tk.flush()
    rotation = tk.keys.list().items[0].rotation
    assert (rotation.last_used_at, rotation.safe_to_retire) == (began + DAY, False)
    clock.advance(DAY)
    tk.verify(renewed.secret)  # which says nothing of the old one
    tk.flush()
    assert tk.keys.get(issued.key.id).rotation.safe_to_retire is True
    clock.advance(8 * DAY)
    assert tk.keys.get(issued.key.id).rotation is None


def test_a_rotation_without_grace_leaves_nothing_to_retire(tk: Any, issue: Issue) -> None:
    issued = issue()
    assert tk.keys.rotate(issued.key.id).key.rotation is None
    assert tk.keys.rotate(issued.key.id, grace=HOUR).key.rotation is not None
    assert tk.keys.revoke(issued.key.id).rotation is None
    assert tk.keys.get(issued.key.id).rotation is None


def test_the_use_of_an_old_secret_is_told_once_an_hour(tk: Any, clock: Any, issue: Issue) -> None:
    issued, other = issue(), issue()
    tk.verify(issued.secret)
    assert events(tk) == []
    renewed = tk.keys.rotate(issued.key.id, grace=DAY)
    tk.verify(renewed.secret)
    tk.verify(other.secret)
    assert events(tk) == []
    for _ in range(2):
        for _ in range(3):
            tk.verify(issued.secret, ip="203.0.113.1", scopes=None)
        [event] = events(tk)
    assert event.subject == issued.key.id
    assert event.data == {"owner": "ada", "kid": issued.key.secrets[0].kid, "ip": "203.0.113.1"}
    clock.advance(HOUR)
    tk.verify(issued.secret, scopes="nothing")  # which is refused
    assert len(events(tk)) == 1
    tk.verify(issued.secret)
    assert len(events(tk)) == 2
    clock.advance(DAY)
    assert tk.verify(issued.secret).code == "revoked"
    assert len(events(tk)) == 2
