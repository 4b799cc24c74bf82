"""Every event type either stands in the revocation journal or is known not to take power away."""

from datetime import UTC, datetime

from tokenry.core.events import EVENT_TYPES
from tokenry.core.revocations import KEPT, Revocation, line, read_record, revocations
from tokenry.types import Event

NO_REVOCATION = {
    *("tenant.created", "tenant.updated", "owner.created", "scopes.defined"),
    *("key.issued", "key.credits_added", "key.credits_set", "key.expiring", "key.first_used", "key.tampered"),
    *("key.imported", "key.hash_upgraded"),
    *("key.leaked", "session.leaked"),  # `key.revoked` and `session.revoked` come with them
    *("session.started", "session.refreshed"),
    "session.reuse_detected",  # `session.revoked` comes with it
    *("signing_key.created", "signing_key.activated"),
    *(type for type in EVENT_TYPES if type.startswith("webhook.")),
    *("auth.failed", "journal.replayed", "audit.cut"),
}
"""What gives power, tells of something, or is about no credential. Limits and credits are not in the journal."""


def test_every_event_type_is_a_revocation_or_known_to_be_none() -> None:
    assert KEPT.keys() | NO_REVOCATION == EVENT_TYPES.keys(), "does a new type take power away? then core.revocations"
    assert not KEPT.keys() & NO_REVOCATION


def event(type: str, **data: object) -> Event:
    at = datetime(2026, 1, 2, tzinfo=UTC)
    return Event(sequence=0, id="evt_1", type=type, at=at, tenant="default", subject="key_1", actor="", data=data)


def test_an_update_counts_only_if_it_may_take_power_away() -> None:
    assert revocations("ten_1", [event("key.updated", owner="ada", name="other")]) == []
    found = revocations("ten_1", [event("key.updated", owner="ada", name="other", scopes=["a:b"])])
    assert [one.data for one in found] == [{"scopes": ["a:b"]}]


def test_a_line_that_was_changed_is_none() -> None:
    record = Revocation("evt_1", "key.revoked", "ten_1", "key_1", 5, {"reason": "leaked"})
    raw = line(record).rstrip(b"\n")
    assert read_record(raw) == record
    for place in range(len(raw)):
        assert read_record(raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]) is None
    assert read_record(b"") is read_record(raw[:-1]) is None
