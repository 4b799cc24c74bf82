"""Every event type either stands in the revocation journal or is known not to take power away."""

from datetime import UTC, datetime

from tokenry.core.events import EVENT_TYPES
from tokenry.core.revocations import KEPT, Revocation, line, needed, read_record, revocations
from tokenry.types import Event

NO_REVOCATION = {
    *("portal.opened", "portal.entered", "key_page.updated"),
    *("tenant.created", "tenant.updated", "owner.created", "scopes.defined"),
    *(
        "key.issued",
        "key.credits_added",
        "key.credits_set",
        "key.expiring",
        "key.idle",
        "key.first_used",
        "key.tampered",
    ),
    *("key.decoy_used", "key.old_secret_used"),
    *("key.imported", "key.hash_upgraded"),
    "session.leaked",  # `session.revoked` comes with it
    *("session.started", "session.refreshed"),
    *("signing_key.created", "signing_key.activated"),
    *(type for type in EVENT_TYPES if type.startswith("webhook.")),
    *("auth.failed", "journal.replayed", "audit.cut", "tenant.exported"),
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


def of(id: str, type: str, subject: str, at: int = 100, **data: object) -> Revocation:
    return Revocation(id, type, "ten_1", subject, at, data)


def test_a_compaction_keeps_what_a_replay_needs() -> None:
    records = [
        of("evt_01", "key.revoked", "key_old", at=10),
        of("evt_02", "key.disabled", "key_1"),
        of("evt_03", "key.enabled", "key_1"),
        of("evt_04", "key.disabled", "key_2"),
        of("evt_05", "key.rotated", "key_2", replaces=["a"]),
        of("evt_06", "key.rotated", "key_2", replaces=["b"]),
        of("evt_07", "key.updated", "key_3", scopes=["a:b"]),
        of("evt_08", "key.updated", "key_3", roles=[]),
        of("evt_09", "key.updated", "key_3", scopes=[]),
        of("evt_10", "key.rotated", "key_4", replaces=["c"]),
        of("evt_11", "key.revoked", "key_4"),
        of("evt_12", "key.deleted", "key_4"),
        of("evt_13", "session.revoked", "ses_1", at=100),
        of("evt_14", "session.revoked", "ses_2", at=200),
        of("evt_15", "role.updated", "reader", scopes=["a:b"]),
        of("evt_16", "role.deleted", "reader"),
        of("evt_17", "owner.disabled", "ada"),
        of("evt_18", "owner.updated", "ada", roles=[]),
        of("evt_19", "session.revoked", "ses_3", at=100),
    ]
    kept = [record.id[-2:] for record in needed(records, since=50, sessions_since=150)]
    assert kept == ["03", "04", "05", "06", "08", "09", "12", "14", "16", "17", "18", "19"]
    assert needed([], since=0, sessions_since=0) == []


def test_an_owner_or_a_key_of_another_tenant_that_is_named_as_a_revoked_key_keeps_its_records() -> None:
    records = [
        of("evt_1", "key.revoked", "key_1"),
        of("evt_2", "owner.disabled", "key_1"),
        of("evt_3", "role.updated", "key_1", scopes=[]),
        Revocation("evt_4", "key.disabled", "ten_2", "key_1", 100),
        of("evt_5", "key.revoked", "key_2"),
    ]
    assert needed(records, since=50, sessions_since=50) == records
