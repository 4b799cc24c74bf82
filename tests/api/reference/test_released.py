"""Clients of the last release go on working: `docs/versioning.md`."""

from datetime import UTC, datetime

from .breaking import METHODS, breaking
from .released import bare, current, released


def test_nothing_that_the_last_release_promised_is_broken() -> None:
    broken = breaking(released(), bare(current()), datetime.now(UTC).date())
    assert not broken, (
        "the HTTP API breaks clients of the last release:\n  "
        + "\n  ".join(broken)
        + "\nAdd to it instead, or deprecate the operation (docs/versioning.md). Before 1.0 a break is allowed if the "
        "changelog names it: then run `make released`"
    )


def test_the_released_document_is_whole() -> None:
    paths = released()["paths"]
    assert {"/v1/keys", "/v1/verify", "/oauth/token", "/readyz"} <= set(paths)
    assert sum(method in item for item in paths.values() for method in METHODS) > 60


def test_removing_any_operation_is_named() -> None:
    whole = released()
    today = datetime.now(UTC).date()
    for path, item in whole["paths"].items():
        for method, operation in item.items():
            old, new = ({**whole, "paths": {path: left}} for left in ({method: operation}, {}))
            assert breaking(old, new, today) == [f"{method.upper()} {path} was removed"]


def test_better_words_are_no_change() -> None:
    fields = {"description": {"type": "string", "description": "In words."}, "title": {"type": "string"}}
    assert bare({"info": {"version": "2"}, "schemas": {"summary": {"properties": fields, "title": "S"}}}) == {
        "schemas": {"summary": {"properties": {"description": {"type": "string"}, "title": {"type": "string"}}}}
    }
