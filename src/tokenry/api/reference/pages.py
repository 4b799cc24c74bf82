"""The reference as HTML: the OpenAPI document for people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from typing import Any, Final

from tokenry.edge.problems import KINDS, Kind

from . import trying
from .examples import example

_NESTING_MAX: Final = 4
_METHODS: Final = ("get", "put", "post", "patch", "delete")

Document = dict[str, Any]


def reference(document: Document) -> str:
    """Return the page of all operations, by their nouns."""
    tags = document.get("tags", [])
    contents = "".join(f'<li><a href="#{escape(tag["name"])}">{escape(tag["name"])}</a></li>' for tag in tags)
    body = [
        f"<h1>{escape(document['info']['title'])} <small>{escape(document['info']['version'])}</small></h1>",
        f"<p>{_prose(document['info'].get('description', ''))}</p>",
        f'<nav><ul>{contents}<li><a href="/docs/problems">problems</a></li>'
        '<li><a href="/openapi.json">openapi.json</a></li></ul></nav>',
    ]
    for tag in tags:
        body.append(f'<section id="{escape(tag["name"])}"><h2>{escape(tag["name"])}</h2>')
        body.append(f"<p>{_prose(tag.get('description', ''))}</p>")
        body += [_operation(document, *one) for one in _operations(document, tag["name"])]
        body.append("</section>")
    return _page("Tokenry: HTTP reference", "".join(body), '<script src="/docs/reference.js" defer></script>')


def landing(console: bool) -> str:
    """Return the page at `/`, which introduces this server and links to its pages."""
    links = [("/console", "Console", "manage keys in the browser")] if console else []
    links += [
        ("/docs", "HTTP reference", "every operation, with examples that you can send from the page"),
        ("/docs/problems", "Problems", "what each error code means and what to do"),
        ("/openapi.json", "OpenAPI document", "for generators and tools"),
        ("/healthz", "Health", "200 while this process answers"),
    ]
    rows = "".join(f'<li><a href="{to}">{name}</a>: {what}</li>' for to, name, what in links)
    about = "<p>This server issues, verifies and revokes API credentials.</p>"
    return _page("Tokenry", f'<h1>Tokenry</h1>{about}<ul class="links">{rows}</ul>')


def problems() -> str:
    """Return the page of all codes."""
    return _page("Tokenry: problems", "<h1>Problems</h1>" + "".join(_kind(code, kind) for code, kind in KINDS.items()))


def problem(code: str) -> str:
    """Return the page of one code."""
    back = '<p><a href="/docs/problems">all problems</a> · <a href="/docs">reference</a></p>'
    return _page(f"Tokenry: {code}", _kind(code, KINDS[code]) + back)


def _page(title: str, body: str, script: str = "") -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(title)}</title><link rel="stylesheet" href="/docs/reference.css">{script}</head>'
        f"<body><main>{body}</main></body></html>"
    )


def _kind(code: str, kind: Kind) -> str:
    return (
        f'<section id="{code}"><h2>{escape(kind.title)}</h2><p><code>{code}</code>, status {kind.status}</p>'
        f"<p>{_prose(kind.help)}</p></section>"
    )


def _operations(document: Document, tag: str) -> Iterator[tuple[str, str, Document]]:
    for path, item in document["paths"].items():
        for method in _METHODS:
            if tag in item.get(method, {}).get("tags", ()):
                yield method, path, item[method]


def _operation(document: Document, method: str, path: str, operation: Document) -> str:
    more = operation.get("description", "").removeprefix(operation.get("summary", ""))
    parts = [f"<p>{_prose(more)}</p>"] if more.strip() else []
    if "x-tokenry-policy" in operation:
        parts.append(f"<p>For <code>{escape(operation['x-tokenry-policy'])}</code></p>")
    parameters = operation.get("parameters", [])
    if parameters:
        rows = [_field(document, one["name"], one["schema"], one.get("required", False), one) for one in parameters]
        parts.append(f"<h4>Parameters</h4><dl>{''.join(rows)}</dl>")
    for kind in operation.get("requestBody", {}).get("content", {}).values():
        parts.append(f"<h4>Body</h4>{_shape(document, kind['schema'])}")
    answers = []
    for status, answer in operation.get("responses", {}).items():
        results = [_shape(document, kind["schema"]) for kind in answer.get("content", {}).values() if status[0] == "2"]
        answers.append(
            f"<dt>{escape(status)}</dt><dd>{_prose(answer.get('description', ''))}{''.join(results[:1])}</dd>"
        )
    parts.append(f"<h4>Answers</h4><dl>{''.join(answers)}</dl>")
    parts.append(trying.of_operation(method, operation, _filled(document, path, parameters)))
    return (
        f'<details id="{escape(operation["operationId"])}"><summary><b class="{method}">{method.upper()}</b> '
        f"<code>{escape(path)}</code> {_prose(operation.get('summary', ''))}</summary>{''.join(parts)}</details>"
    )


def _filled(document: Document, path: str, parameters: list[Document]) -> str:
    """Return a path with an example in place of each parameter."""
    components = document["components"]["schemas"]
    for one in parameters:
        if one["in"] == "path":
            path = path.replace(f"{{{one['name']}}}", str(example(one["schema"], components, one["name"])))
    return path


def _shape(document: Document, schema: Document, depth: int = 0) -> str:
    """Return the fields of a schema as HTML, with nested fields folded."""
    schema = _resolved(document, schema)
    if "anyOf" in schema:
        return "".join(_shape(document, one, depth) for one in schema["anyOf"] if one.get("type") != "null")
    if schema.get("type") == "array":
        return _shape(document, schema.get("items", {}), depth)
    fields = schema.get("properties")
    if not fields or depth >= _NESTING_MAX:
        return ""
    required = schema.get("required", ())
    rows = [_field(document, name, one, name in required, one, depth) for name, one in fields.items()]
    return f"<dl>{''.join(rows)}</dl>"


def _field(document: Document, name: str, schema: Document, needed: bool, about: Document, depth: int = 0) -> str:
    inner = _shape(document, schema, depth + 1)
    folded = f"<details><summary>fields</summary>{inner}</details>" if inner else ""
    message = f". {_prose(about['description'])}" if about.get("description") else ""
    mark = " <em>required</em>" if needed else ""
    return f"<dt><code>{escape(name)}</code>{mark}</dt><dd>{_kind_of(document, schema)}{message}{folded}</dd>"


def _kind_of(document: Document, schema: Document) -> str:
    """Return the type of a value in a few words."""
    schema = _resolved(document, schema)
    if "anyOf" in schema:
        return " or ".join(_kind_of(document, one) for one in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(f"<code>{escape(json.dumps(one))}</code>" for one in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_kind_of(document, schema.get('items', {}))}"
    bounds = [f"{word} {schema[name]}" for name, word in _BOUNDS.items() if name in schema]
    kind = str(schema.get("format") or schema.get("type") or "any JSON")
    return escape(", ".join([kind, *bounds]))


_BOUNDS: Final = {
    "minimum": "at least",
    "maximum": "at most",
    "minLength": "length from",
    "maxLength": "length to",
}


def _resolved(document: Document, schema: Document) -> Document:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def _prose(text: str) -> str:
    """Return text as HTML; text between backticks is code."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts))
