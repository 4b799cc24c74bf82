"""The page behind the link that ends mail of one kind. The signature of the link is the credential.

GET changes nothing, since mail programs look at links by themselves. POST is the button, and one click (RFC 8058).
"""

from __future__ import annotations

import html
from typing import Final
from urllib.parse import parse_qs

from tokenry.edge import end_mail, read_mail_link
from tokenry.edge.asgi import Fields, Receive, Scope, Send, read_body, respond
from tokenry.edge.problems import Failed
from tokenry.tokenry import Tokenry

from .routes import SMALL_MAX
from .threads import in_thread

PATH: Final = "/v1/unsubscribe"
_FIELDS: Final[Fields] = [
    (b"content-type", b"text/html; charset=utf-8"),
    (b"content-security-policy", b"default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
]
_PAGE: Final = """\
<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Mail</title>
<h1>{title}</h1>
{rest}
</html>
"""


def _token(query: bytes) -> str:
    try:
        return parse_qs(query.decode("latin-1"), max_num_fields=8).get("t", [""])[0]
    except ValueError:  # more fields than any link has
        return ""


class Unsubscribing:
    """Answers the links in mail."""

    def __init__(self, tk: Tokenry) -> None:
        self._tk = tk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        token = _token(scope["query_string"])
        type, status, extra = "", 200, []
        if scope["method"] in ("GET", "HEAD"):
            type = read_mail_link(self._tk, token)
            title = f"Get no more mail about {type}?"
            rest = '<form method="post"><button>Unsubscribe</button></form>'
        elif scope["method"] == "POST":
            try:
                await read_body(receive, dict(scope["headers"]).get(b"content-length"), SMALL_MAX)
            except Failed:
                return
            type = await in_thread(end_mail, self._tk, token)
            title, rest = f"You get no more mail about {type}.", "<p>Other kinds of mail still come.</p>"
        else:
            status, extra = 405, [(b"allow", b"GET, HEAD, POST")]
            title, rest = "This page takes GET and POST.", ""
        if not type and status == 200:
            status, title = 404, "This link is not valid."
            rest = "<p>Was it copied whole? Nothing was changed.</p>"
        page = _PAGE.format(title=html.escape(title), rest=rest)
        await respond(send, status, page.encode(), [*_FIELDS, *extra], is_head=scope["method"] == "HEAD")
