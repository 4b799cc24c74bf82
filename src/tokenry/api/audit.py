"""`/v1/audit`: what was done, by whom, and the proof that the record of it is whole."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from starlette.responses import Response

from tokenry import types
from tokenry.types import NOT_GIVEN, Entry, Head

from . import replies
from .documents import AuditReportDocument, PageOf
from .rooms import Here, Room
from .schemas import Body, Cursor, Limit, Moment, Text, Whole

room = Room("audit", "What was done, by whom, and the proof that the record of it is whole.")


class HeadBody(Body):
    """A head as `GET /v1/audit/head` told it."""

    tenant: Annotated[str, Field(max_length=64)]
    position: Annotated[Whole, Field(ge=0, lt=1 << 53)]
    chain: Annotated[str, Field(max_length=200)]
    at: Moment
    signature: Annotated[str, Field(max_length=200)]


class AuditCheck(Body):
    """What the log is held against."""

    head: Annotated[HeadBody | None, Field(description="A head that was kept from earlier.")] = None


@room.get("/v1/audit", "audit.list", tells=PageOf[Entry])
def list_entries(
    here: Here,
    subject: Text = None,
    actor: Text = None,
    action: Text = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """List entries, the newest first."""
    asked = {"subject": subject, "actor": actor, "action": action}
    filters = {name: NOT_GIVEN if value is None else value for name, value in asked.items()}
    return replies.page(here.audit.list(**filters, limit=limit, cursor=cursor))


@room.get("/v1/audit/head", "audit.head", tells=Head)
def head(here: Here) -> Response:
    """Return the signed end of the log; keep it where the database is not."""
    return replies.reply(here.audit.head())


@room.post("/v1/audit/check", "audit.check", tells=AuditReportDocument)
def check(here: Here, body: AuditCheck | None = None) -> Response:
    """Check every entry, the chain over them, and that a kept head still lies on it."""
    kept = body.head if body else None
    report = here.audit.check(head=types.Head(**kept.model_dump()) if kept else None)
    return replies.reply({"whole": bool(report), "entry_count": report.entry_count, "problems": report.problems})
