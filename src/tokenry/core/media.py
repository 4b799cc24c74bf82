"""Which media type a body is of."""

from __future__ import annotations


def is_json(content_type: str | bytes | None) -> bool:
    """Tell whether a `Content-Type` names JSON: `application/json` or `application/…+json`, whatever its parameters."""
    if content_type is None:
        return False
    text = content_type.decode("latin-1") if isinstance(content_type, bytes) else content_type
    kind, slash, subtype = text.partition(";")[0].strip().lower().partition("/")
    return kind == "application" and bool(slash) and (subtype == "json" or subtype[1:].endswith("+json"))
