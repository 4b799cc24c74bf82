"""A secret is shown once: nothing prints it, keeps it or passes it on by accident."""

from __future__ import annotations

import copy
import copyreg
import json
import logging
import pickle
import traceback
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from functools import partial
from io import StringIO
from pathlib import Path
from pprint import pformat
from typing import Any

import msgspec
import pytest
from rich.console import Console
from rich.pretty import pretty_repr

from tests.contract.conftest import Issue
from tests.contract.places import QUIET, Installation
from tokenry import Limit, NotFound, StoreUnavailable, Tokenry, TokenryError
from tokenry.config import fresh_keyring
from tokenry.core import jwt
from tokenry.service import refreshing
from tokenry.types import Issued, Secret


def parts_of(secret: Secret) -> list[str]:
    """Return what must be nowhere: the whole text, the secret part, and the half of it that still is 128 bits."""
    text = str(secret)
    return [text, text[-57:-14], text[-57:-36]]


def test_a_secret_prints_as_nothing(issue: Issue) -> None:
    issued = issue()
    secret = issued.secret
    shown = [
        repr(secret),
        f"{secret!r}",
        f"{secret!r} {[secret]}",
        repr([secret]),
        repr({"a": secret}),
        repr(issued),
        str(issued),
    ]
    assert repr(secret) == "Secret(…)"
    for text in shown:
        assert not any(part in text for part in parts_of(secret))
    assert str(secret) == f"{secret}"


def test_nothing_that_a_refresh_or_a_verification_works_with_prints_a_token(tmp_path: Path) -> None:
    with Tokenry(f"sqlite:///{tmp_path}/keys.db", settings=QUIET) as tk:
        tk.owners.put("ada")
        started = tk.sessions.start("ada")
        assert tk.verify(started.access)
        context, access, refresh = tk._context, str(started.access), str(started.refresh)
        signers = context.signers
        assert signers is not None
        asked = refreshing.read(context, signers, refresh, access, None, None, "default")
        assert isinstance(asked, refreshing.Asked)
        with context.store.change() as rows:
            answered, change = refreshing.attempt(context, rows, signers.policy, asked)
        assert isinstance(answered, refreshing.Answered)
        used = (asked, answered, change, signers, jwt.read(access), tk._remembered.get(access))
        for shown in [show(thing) for thing in used for show in (repr, pretty_repr)]:
            for token in (refresh, answered.refresh, access):
                assert token[:40] not in shown
                assert token[-57:-36] not in shown


def test_a_secret_is_not_serialised(issue: Issue) -> None:
    issued = issue()
    for call in (
        pickle.dumps,
        json.dumps,
        copy.copy,
        copy.deepcopy,
        msgspec.json.encode,
        msgspec.msgpack.encode,
        asdict,
    ):
        with pytest.raises(TypeError):
            call(issued.secret)
    with pytest.raises(TypeError):
        json.dumps({"secret": issued.secret})
    with pytest.raises(TypeError):
        pickle.dumps(issued)


@pytest.mark.parametrize("kind", ["secret", "generation", "keyring"])
def test_nothing_secret_gives_itself_away_to_who_copies_it(kind: str) -> None:
    keyring = fresh_keyring()
    thing: Any = {"secret": Secret("hidden"), "generation": keyring.generations[0], "keyring": keyring}[kind]
    calls: list[Callable[[Any], object]] = [
        copy.copy if kind != "keyring" else copy.deepcopy,
        copy.deepcopy,
        lambda one: copyreg.__reduce_ex__(one, 0) if kind == "secret" else pickle.dumps(one),
        *(partial(pickle.dumps, protocol=protocol) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)),
    ]
    if kind != "keyring":  # which is a list of generations, and those refuse
        calls += [lambda one: one.__getstate__(), lambda one: one.__reduce__(), lambda one: one.__reduce_ex__(4)]
    for call in calls:
        with pytest.raises(TypeError):
            call(thing)
    shown = [pformat(thing), pretty_repr(thing), "%r" % thing, f"{thing!r}", ascii(thing), f"{[thing]}"]  # noqa: UP031
    assert not [text for text in shown if "hidden" in text or keyring.generations[0].line().split()[1][:9] in text]


def test_a_traceback_with_the_values_of_its_names_shows_no_secret(issue: Issue) -> None:
    issued = issue()
    held = {"issued": issued, "secret": [issued.secret]}
    try:
        raise RuntimeError(f"about {held}")
    except RuntimeError:
        console = Console(file=StringIO(), width=200)
        console.print_exception(show_locals=True)
        written = console.file.getvalue()  # type: ignore[attr-defined]
    assert "Secret(…)" in written
    assert not any(part in written for part in parts_of(issued.secret))


def test_statements_are_logged_without_what_they_are_given(tk: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "sqlalchemy.engine")
    given = "given-to-a-statement"
    tk.owners.put(given, name=given)
    tk.owners.get(given)
    with pytest.raises(NotFound):
        tk.owners.get(f"{given}-too")
    assert not caplog.text or "parameters hidden" in caplog.text  # a raw connection of ours says nothing
    assert given not in caplog.text


def test_a_secret_has_no_attributes_that_show_it(issue: Issue) -> None:
    secret = issue().secret
    assert not hasattr(secret, "__dict__")
    assert [name for name in dir(secret) if not name.startswith("_")] == []


def test_secrets_are_compared_by_what_they_say(tk: Any, issue: Issue) -> None:
    one, other = issue(idempotency_key="x", name="x"), issue()
    again = issue(idempotency_key="x", name="x")
    assert one.secret == again.secret
    assert hash(one.secret) == hash(again.secret)
    assert one.secret != other.secret
    assert one.secret != str(one.secret)


def workload(tk: Any) -> list[Issued]:
    """Do a bit of everything, errors and refusals included; return every key that was issued."""
    tk.roles.put("reader", scopes=["a"])
    tk.owners.put("ada", roles=["reader"])
    issued = tk.keys.issue("ada", name="k", scopes=["a"], limits=[Limit("one", 2, 60)], allowed_ips=["10.0.0.0/8"])
    many = tk.keys.issue_many([{"owner": "ada", "name": "m1"}, {"owner": "ada", "name": "m2"}])
    repeated = tk.keys.issue("ada", name="r", idempotency_key="idem")
    made = [issued, *many, repeated, tk.keys.rotate(repeated.key.id, grace=timedelta(minutes=1), idempotency_key="i2")]
    made.append(tk.keys.rotate(many[0].key.id))
    for one in made:
        for ask in ({}, {"scopes": "b"}, {"ip": "10.0.0.1"}, {"tenant": "system"}, {"cost": 5}):
            tk.verify(one.secret, **ask)
            tk.verify(str(one.secret)[:-1] + "-", **ask)
            tk.explain(one.secret, **ask)
        tk.keys.find(one.secret)
    tk.keys.update(issued.key.id, description="x")
    tk.keys.revoke(many[1].key.id, reason="gone")
    tk.keys.delete(many[1].key.id)
    tk.flush()
    assert tk.audit.check()
    return made


def errors_with(tk: Any, secret: Secret) -> list[str]:
    """Put a secret where it does not belong, and return the whole of every traceback, locals aside."""
    text = str(secret)
    calls = [
        lambda: tk.keys.get(text),
        lambda: tk.keys.get(secret),
        lambda: tk.keys.revoke(secret),
        lambda: tk.verify(secret, scopes=secret),
        lambda: tk.verify(secret, cost=secret),
        lambda: tk.require(secret, scopes="b"),
        lambda: tk.keys.list(owner=secret),
        lambda: tk.owners.put(secret),
        lambda: tk.keys.issue("ada", name=secret),
        lambda: tk.keys.issue("ada", name="n", scopes=[secret]),
        lambda: tk.keys.issue("ada", name="n", roles=[secret]),
        lambda: tk.keys.issue("ada", name="n", allowed_ips=[secret]),
        lambda: tk.keys.issue("ada", name="n", limits=[secret]),
        lambda: tk.keys.issue("ada", name="n", metadata={"a": secret}),
        lambda: tk.keys.issue(secret, name="n"),
        lambda: tk.keys.list(tenant=secret),
        lambda: tk.keys.list(status=secret),
        lambda: tk.keys.list(cursor=secret),
        lambda: tk.events.list(types=[secret]),
        lambda: tk.keys.list(by=secret),
    ]
    seen = []
    for call in calls:
        try:
            call()
        except (TokenryError, TypeError) as error:
            seen.append("".join(traceback.format_exception(error)))
            seen.append(repr(error))
            seen.append(repr(getattr(error, "details", "")))
    return seen


def test_no_secret_is_in_logs_errors_records_or_the_database(
    installation: Installation, tk: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    tk.events.subscribe(lambda event: 1 / 0)
    made = workload(tk)
    seen = [error for one in made[:2] for error in errors_with(tk, one.secret)]
    seen += [repr(tk.keys.list(limit=100)), repr(tk.audit.list(limit=100)), repr(tk.events.list(limit=100))]
    seen += [repr(tk.verify(one.secret)) for one in made]
    seen.append(repr(tk.verify(made[3].secret).key))
    seen.append(caplog.text)
    seen += [repr(record.__dict__) for record in caplog.records]
    if installation.place != "memory":
        tables = [f"tokenry_{name}" for name in ("key", "secret", "event", "audit_entry", "idempotency", "usage_hour")]
        for table in tables:
            seen.append(repr([tuple(map(plain, row)) for row in installation.sql(f"SELECT * FROM {table}")]))
    for one in made:
        for part in parts_of(one.secret):
            assert not [text[:200] for text in seen if part in text]


def plain(value: object) -> object:
    return bytes(value) if isinstance(value, memoryview) else value


@pytest.mark.lasting
def test_no_usable_part_of_a_secret_is_in_the_files(installation: Installation, tk: Any) -> None:
    made = workload(tk)
    files = list(installation.path.parent.iterdir())
    for file in files:
        raw = file.read_bytes()
        for one in made:
            assert not any(part.encode() in raw for part in parts_of(one.secret)), file.name
    assert not tk.verify("x")
    tk.close()
    if installation.store == "sqlite":
        raw = installation.path.read_bytes()
        assert not any(part.encode() in raw for one in made for part in parts_of(one.secret))


def test_a_wrong_password_of_the_database_is_in_no_error(caplog: pytest.LogCaptureFixture) -> None:
    password = "hunter2" + "secret"
    with pytest.raises(StoreUnavailable) as refused:
        Tokenry(f"postgresql://u:{password}@127.0.0.1:1/x", keyring=fresh_keyring())
    everything = caplog.text + "".join(traceback.format_exception(refused.value)) + repr(refused.value.details)
    assert password not in everything
