"""500 secrets planted everywhere a client can put one: none is in a log, a metric or an answer afterwards."""

import http.client
import random
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tests.servers.serving import Serving, serving
from tokenry.testing import throwaway

COUNT = 500
Planting = Callable[[http.client.HTTPConnection, str, str], None]


def ask(connection: http.client.HTTPConnection, method: str, path: str, body: str = "", **fields: str) -> None:
    sent = {name.replace("_", "-"): value for name, value in fields.items()}
    connection.request(method, path, body or None, sent)


def authorized(path: str, method: str = "POST") -> Callable[[str], Planting]:
    """Plant a secret in the body of a call that is allowed."""

    def plant(template: str) -> Planting:
        def put(connection: http.client.HTTPConnection, secret: str, operator: str) -> None:
            body = template.replace("SECRET", secret)
            ask(connection, method, path, body, Authorization=f"Bearer {operator}", Content_Type="application/json")

        return put

    return plant


PLACES: list[Planting] = [
    lambda c, s, o: ask(c, "GET", "/v1/auth", Authorization=f"Bearer {s}"),
    lambda c, s, o: ask(c, "GET", "/v1/keys", Authorization=f"Bearer {s}"),
    lambda c, s, o: ask(c, "GET", f"/v1/auth/{s}?scopes={s}", X_API_Key=s),
    lambda c, s, o: ask(c, "GET", f"/v1/keys/{s}", Authorization=f"Bearer {o}"),
    lambda c, s, o: ask(c, "GET", f"/v1/keys?cursor={s}&owner={s}", Authorization=f"Bearer {o}"),
    lambda c, s, o: ask(c, "GET", f"/{s}/{s}"),
    lambda c, s, o: ask(c, "GET", "/healthz", X_Request_Id=s, Cookie=f"a={s}", Referer=s, User_Agent=s),
    lambda c, s, o: ask(c, "POST", "/v1/verify", s, Authorization=f"Bearer {o}", Content_Type="application/json"),
    lambda c, s, o: ask(c, "POST", "/v1/verify", s, Authorization=f"Bearer {o}", Content_Type=s),
    lambda c, s, o: ask(c, s[:20].upper().replace("_", ""), "/v1/verify", Authorization=s),
    authorized("/v1/verify")('{"credential": "SECRET"}'),
    authorized("/v1/verify")('{"credential": "SECRET", "scopes": ["SECRET"], "ip": "SECRET", "tenant": "SECRET"}'),
    authorized("/v1/verify")('{"credential": ["SECRET"], "SECRET": "SECRET"}'),
    authorized("/v1/verify/batch")('{"questions": [{"credential": "SECRET"}, {"SECRET": 1}]}'),
    authorized("/v1/keys")('{"owner": "ada", "name": "SECRET\\n", "scopes": ["SECRET"], "SECRET": 1}'),
    authorized("/v1/keys")('{"owner": "SECRET", "name": "x"}'),
    authorized("/v1/keys/find")('{"secret": "SECRET"}'),
    authorized("/v1/owners/ada", "PUT")('{"email": "SECRET", "roles": ["SECRET"]}'),
]


def foreign(count: int) -> list[str]:
    """Return keys of another installation."""
    with throwaway() as tk:
        tk.owners.put("ada")
        return [
            str(made.secret) for made in tk.keys.issue_many([{"owner": "ada", "name": f"k{n}"} for n in range(count)])
        ]


def plant(server: Serving, secrets: list[str]) -> list[tuple[int, str]]:
    """Send every secret through one of the places; return what was answered."""
    answers, choice = [], random.Random(7)
    for number, secret in enumerate(secrets):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        place = PLACES[number % len(PLACES)]
        cut = secret if choice.random() < 0.7 else secret[:-1]
        place(connection, cut, server.operator_key)
        answer = connection.getresponse()
        answers.append((number, f"{answer.getheaders()} {answer.read()!r}"))
        connection.close()
    return answers


def test_no_planted_secret_is_in_a_log_a_metric_or_an_answer(tmp_path: Path) -> None:
    with serving(tmp_path, TOKENRY_ACCESS_LOG_SHARE="1", TOKENRY_LOG_LEVEL="debug") as server:
        issued = [server.issue(f"k{number}") for number in range(COUNT // 10)] + foreign(COUNT - COUNT // 10)
        random.Random(7).shuffle(issued)
        answers = plant(server, issued)
        with urllib.request.urlopen(f"{server.url}/metrics", timeout=60) as answer:
            metrics = answer.read().decode()
        assert server.end() == 0
        server.lines()
        written = {"log": server.err, "stdout": server.out, "metrics": metrics}
    assert len(answers) == COUNT
    assert len(written["log"].splitlines()) > COUNT
    for secret in issued:
        hidden = secret[-57:-37]  # of the part that nobody else knows
        assert [place for place, text in written.items() if hidden in text] == []
    shown = {number % len(PLACES): text for number, text in answers if issued[number][-57:-37] in text}
    assert shown == {}
