"""Ask the person in front of an MCP client before a change is made. The agent sees neither the form nor the answer.

Since revision 2026-07-28 of the protocol the server answers a call with the question, and the client sends the call
again with the person's answer. In older revisions the server sends the question while the call waits.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import mcp_types as types
from mcp.shared.exceptions import MCPError
from mcp_types.version import is_version_at_least

from tokenry.operations import Operation
from tokenry.types import Conflict

_FIELD: Final = "allow"
_SCHEMA: Final = {
    "type": "object",
    "properties": {_FIELD: {"type": "boolean", "title": "Make this change?", "default": False}},
    "required": [_FIELD],
}
_SHOWN_MAX: Final = 300
_BLANK: Final = frozenset(
    map(chr, (0x34F, 0x115F, 0x1160, *range(0x17B4, 0x17B6), *range(0x180B, 0x1810), 0x2800, 0x3164))
) | frozenset(map(chr, (*range(0xFE00, 0xFE10), 0xFFA0, *range(0xE0100, 0xE01F0))))
"""Characters that Python calls printable, and that nobody sees."""
_UNASKED: Final = "nothing was changed: the client could not ask the person. Call again, or make the change yourself"


def can_ask(ctx: Any) -> bool:
    """Tell whether a client has declared that it can show a form to the person."""
    found = ctx.session.client_capabilities
    declared = found and found.elicitation
    # An empty capability is older than the modes, and means forms.
    return declared is not None and (declared.form is not None or declared.url is None)


def question(one: Operation, arguments: Mapping[str, Any], preview: Mapping[str, Any]) -> str:
    """Return the text of the form: all arguments in full, then the record as it is now and the dry run.

    The agent chooses the order of the arguments, so the short ones come first: none hides below a long one.
    """
    lines = [one.about, "", one.id, *sorted(_lines(arguments, None), key=len)]
    for title, name in (("As it is now:", "now"), ("It would do this:", "dry_run")):
        found = preview.get(name)
        if isinstance(found, Mapping):
            lines += ["", title, *_lines(found, _SHOWN_MAX)]
    return "\n".join(lines)


def later(token: str, text: str) -> types.InputRequiredResult:
    """Return a question that the client answers with its next call."""
    params = types.ElicitRequestFormParams(message=text, requested_schema=_SCHEMA)
    return types.InputRequiredResult(input_requests={_FIELD: types.ElicitRequest(params=params)}, request_state=token)


def asks_later(ctx: Any) -> bool:
    """Tell whether the client sends the call again with the answer, instead of answering while the call waits."""
    return is_version_at_least(ctx.protocol_version, "2026-07-28")


def answer_in(params: types.CallToolRequestParams) -> object:
    """Return the answer that came with a call."""
    return (params.input_responses or {}).get(_FIELD)


async def answer_now(ctx: Any, text: str) -> object:
    """Wait for the answer of the person; raise Conflict when the client cannot ask."""
    try:
        return await ctx.session.elicit_form(text, _SCHEMA, ctx.request_id)
    except (MCPError, ValueError) as error:
        raise Conflict(f"{_UNASKED}: {error}") from None


def refusal(found: object) -> str | None:
    """Return None for a yes, else why the change is not made."""
    if not isinstance(found, types.ElicitResult):
        return _UNASKED
    if found.action == "cancel":
        return "nothing was changed: the person closed the question"
    if found.action == "accept" and (found.content or {}).get(_FIELD) is True:
        return None
    return "nothing was changed: the person declined"


def _lines(values: Mapping[str, Any], most: int | None) -> list[str]:
    """Return a line for each value. Control and direction characters are escaped, so that no text forges a line."""
    lines = []
    for name, value in values.items():
        text = "".join(map(_visible, f"{name}: {json.dumps(value, ensure_ascii=False)}"))
        lines.append(f"  {text}" if most is None or len(text) <= most else f"  {text[:most]}…")
    return lines


def _visible(character: str) -> str:
    return character if character.isprintable() and character not in _BLANK else ascii(character)[1:-1]
