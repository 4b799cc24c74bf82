"""Mail sent by the server: what it says of itself, and the link in it."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from urllib.parse import urlsplit

from tests.servers.mailing import receiving_mail
from tests.servers.serving import Serving, serving
from tests.servers.waiting import until


def ask(server: Serving, method: str, target: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request(method, target, b"List-Unsubscribe=One-Click" if method == "POST" else None)
    response = connection.getresponse()
    found = response.status, response.read().decode()
    connection.close()
    return found


def test_a_leak_is_told_by_mail_until_its_link_is_followed(tmp_path: Path) -> None:
    with receiving_mail() as mailbox:
        environment = {"TOKENRY_MAIL_FROM": "keys@example.com", "TOKENRY_PUBLIC_URL": "https://x.example.com/"}
        (tmp_path / "smtp").write_text(mailbox.url)
        with serving(tmp_path, TOKENRY_SMTP_URL_FILE=str(tmp_path / "smtp"), **environment) as server:
            server.call("PATCH", "/v1/tenants/default", {"contact": "ops@example.com"})
            server.call("POST", "/v1/leaks", {"secret": server.issue("first")})
            until(lambda: mailbox.mails)
            link = urlsplit(mailbox.mails[0]["List-Unsubscribe"].strip("<>"))
            assert link.netloc == "x.example.com"
            target = f"{link.path}?{link.query}"
            assert "Get no more mail about key.leaked?" in ask(server, "GET", target)[1]
            assert ask(server, "POST", f"{target}0")[0] == 404
            assert ask(server, "GET", f"{target}{'&more=1' * 20}")[0] == 404
            assert ask(server, "PUT", target)[0] == 405
            assert "You get no more mail about key.leaked." in ask(server, "POST", target)[1]
            server.call("POST", "/v1/leaks", {"secret": server.issue("second")})
            skipped = 'tokenry_mails_total{outcome="skipped",worker="0"} 3.0'
            until(lambda: skipped in ask(server, "GET", "/metrics")[1])
            assert 'tokenry_mails_total{outcome="sent",worker="0"} 1.0' in ask(server, "GET", "/metrics")[1]
            assert mailbox.url not in server.err + json.dumps(server.lines())
    assert len(mailbox.mails) == 1
