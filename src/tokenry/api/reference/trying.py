"""Examples of one operation: a command to copy, the answer, and a form that sends the request from the page."""

from __future__ import annotations

import json
from html import escape
from typing import Any, Final

_SHOWN_MAX: Final = 4000


def of_operation(method: str, operation: dict[str, Any], path: str) -> str:
    """Return the examples of an operation. `path` has examples in place of its parameters."""
    asked = _example(operation.get("requestBody", {}))
    lines = [f'curl -H "Authorization: Bearer $TOKENRY_KEY"{"" if method == "get" else f" -X {method.upper()}"}']
    if asked is not None:
        lines.append("  -H 'Content-Type: application/json'")
        lines.append("  -d '" + json.dumps(asked, ensure_ascii=False).replace("'", "'\\''") + "'")
    lines.append(f"  'http://localhost:8000{path}'")
    found = next((_example(one) for code, one in operation["responses"].items() if code[0] == "2"), None)
    typed = " \\\n".join(lines)
    answer = "" if found is None else f"<h4>Example of an answer</h4>{_code(_written(found))}"
    return (
        f"<h4>Example of a request</h4>{_code(typed)}{answer}"
        f'<div class="try" data-method="{method.upper()}" data-path="{escape(path)}"'
        f' data-body="{escape(_written(asked) if asked is not None else "")}"></div>'
    )


def _example(part: dict[str, Any]) -> Any:
    return next((kind["example"] for kind in part.get("content", {}).values() if "example" in kind), None)


def _written(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
    return text if len(text) <= _SHOWN_MAX else text[:_SHOWN_MAX] + "\n…"


def _code(text: str) -> str:
    return f'<pre tabindex="0"><code>{escape(text)}</code></pre>'
