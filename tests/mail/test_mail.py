"""Mail about events, handed to a real SMTP server: to whom, at most once, and nothing of it can be forged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.conftest import STORES
from tests.servers.mailing import OK, MailServer, certified, receiving_mail
from tokenry import Settings, Tokenry
from tokenry.config import fresh_keyring
from tokenry.core.mail import MAILED, address_of, read_smtp_url, read_stop_token
from tokenry.core.mail_ports import HandedOver
from tokenry.core.mail_templates import DEFAULTS
from tokenry.service import mailing
from tokenry.store import mail_tables
from tokenry.testing import FakeClock
from tokenry.types import ConfigError, Invalid

DAY = timedelta(days=1)
PUBLIC = "https://tokenry.example.com"


@pytest.fixture
def server() -> Iterator[MailServer]:
    with receiving_mail() as found:
        yield found


Open = Callable[..., Tokenry]


@pytest.fixture(params=[one for one in ("sqlite", "postgres") if one in STORES])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Give what opens an instance on one database, with a clock that the test turns, and mail to a server."""
    keyring, clock = fresh_keyring(), FakeClock()
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'keys.db'}"
    else:
        url = request.getfixturevalue("postgres_server").create_database()
    with ExitStack() as stack:

        def open_one(smtp_url: str, **settings: Any) -> Tokenry:
            given = {"background": False, "mail_from": "keys@example.com", "public_url": PUBLIC, **settings}
            made = Settings(smtp_url=smtp_url, **given)
            return stack.enter_context(Tokenry(url, keyring=keyring, settings=made, clock=clock))

        open_one.clock = clock  # type: ignore[attr-defined]
        yield open_one


def leaked(tk: Tokenry, email: str | None = "ada@example.com", name: str = "CI") -> str:
    """Let a key of ada leak; return its id."""
    tk.owners.put("ada", name="Ada", email=email)
    issued = tk.keys.issue("ada", name=name)
    tk.leaks.report(issued.secret, source="scanner", url="https://git.example.com/a?b=1")
    return issued.key.id


def became(tk: Tokenry) -> list[tuple[str, str, str]]:
    """Return the recipient, the status and the note of each mail."""
    with tk._database.read() as rows:
        table = mail_tables.mail.c
        query = select(table.recipient, table.status, table.note).order_by(table.id)
        return [tuple(row) for row in rows.mail._connection.execute(query)]


def test_every_type_that_is_mailed_has_a_text() -> None:
    assert DEFAULTS.keys() == MAILED.keys()


def test_the_owner_and_the_contact_are_told_once(opened: Open, server: MailServer) -> None:
    tk = opened(server.url)
    tk.tenants.update("default", contact="ops@example.com")
    leaked(tk)
    assert tk.deliver() == 2
    assert sorted(server.recipients) == ["ada@example.com", "ops@example.com"]
    assert tk.deliver() == 0
    mail = server.mails[0]
    assert mail["Subject"] == 'The key "CI" has leaked'
    assert mail["From"] == "keys@example.com"
    assert mail["Auto-Submitted"] == "auto-generated"
    text, page = (part.get_content() for part in mail.iter_parts())
    assert "Reported by: scanner" in text
    assert "The key &quot;CI&quot;" in page or 'key "CI"' in page
    assert {status for _, status, _ in became(tk)} == {"sent"}


@pytest.mark.parametrize(("policy", "outcome"), [("revoke", "It no longer works."), ("flag", "It still works: ")])
def test_a_mail_about_a_leak_says_whether_the_secret_works(
    opened: Open, server: MailServer, policy: str, outcome: str
) -> None:
    tk = opened(server.url)
    tk.tenants.update("default", on_leak=policy)
    leaked(tk)
    tk.deliver()
    [mail] = server.mails
    assert outcome in next(mail.iter_parts()).get_content()


def test_keys_that_expire_are_told_at_30_7_and_1_days(opened: Open, server: MailServer) -> None:
    tk, clock = opened(server.url), opened.clock  # type: ignore[attr-defined]
    tk.owners.put("ada", email="ada@example.com")
    tk.keys.issue("ada", name="CI", expires_in=40 * DAY)
    for days in (9, 1, 22, 1, 5, 1, 1):
        clock.advance(days * DAY)
        for _ in range(2):
            tk._upkeep()
            tk.deliver()
    subjects = [f'The key "CI" expires within {count} days' for count in (30, 7, 1)]
    assert [mail["Subject"] for mail in server.mails] == subjects


def test_an_idle_key_is_told_to_its_owner_and_the_contact_before_it_is_disabled(
    opened: Open, server: MailServer
) -> None:
    tk, clock = opened(server.url), opened.clock  # type: ignore[attr-defined]
    tk.tenants.update("default", contact="ops@example.com")
    tk.owners.put("ada", email="ada@example.com")
    id = tk.keys.issue("ada", name="CI", max_idle=30 * DAY).key.id
    disables_at = clock.now() + 30 * DAY
    for days in (22, 1, 7, 1):
        clock.advance(days * DAY)
        for _ in range(2):
            tk._upkeep()
            tk.deliver()
    assert sorted(server.recipients) == ["ada@example.com", "ops@example.com"]
    text = server.mails[0].get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert server.mails[0]["Subject"] == 'The key "CI" is about to be disabled'
    assert f"It is disabled at {disables_at.isoformat()} unless it is used before." in text
    assert tk.keys.get(id).status == "disabled"


def test_the_event_is_enough_without_a_mail_server(opened: Open) -> None:
    tk, clock = opened(""), opened.clock  # type: ignore[attr-defined]
    tk.owners.put("ada", email="ada@example.com")
    tk.keys.issue("ada", name="CI", expires_in=20 * DAY)
    for days in (1, 12, 1, 5, 1):
        tk._upkeep()
        clock.advance(days * DAY)
    assert [event.data["within_seconds"] for event in tk.events.list(types=["key.expiring"])] == [
        30 * 86400,
        7 * 86400,
        86400,
    ]
    assert tk.deliver() == 0
    clock.advance(8 * DAY)
    tk._upkeep()
    assert became(tk) == []


def test_a_paused_endpoint_is_told_to_the_contact_alone(opened: Open, server: MailServer) -> None:
    tk = opened(server.url)
    tk.tenants.update("default", contact="ops@example.com")
    id = tk.webhooks.create("https://example.com/h", types=["*"]).webhook.id
    tk.webhooks.pause(id, reason="moving")
    tk.deliver()
    assert server.recipients == ["ops@example.com"]
    assert "moving" in server.mails[0].get_body(("plain",)).get_content()  # type: ignore[union-attr]


def test_nothing_in_a_record_becomes_a_field_or_a_tag(opened: Open, server: MailServer) -> None:
    tk = opened(server.url)
    leaked(tk, name="<script>alert(1)</script> $owner & \U0001f511")
    for wrong in (
        "ada@example.com, eve@example.com",
        "a@b\nBcc: eve@example.com",
        "Ada <ada@example.com>",
        "@",
        "x" * 99,
    ):
        assert address_of(wrong) is None
        with pytest.raises(Invalid):
            tk.tenants.update("default", contact=wrong)
    tk.deliver()
    mail = server.mails[0]
    assert mail["Subject"] == 'The key "<script>alert(1)</script> $owner & \U0001f511" has leaked'
    assert "<script>" not in mail.get_body(("html",)).get_content()  # type: ignore[union-attr]
    tk.owners.put("ada", email="ada@example.com, eve@example.com")
    leaked(tk, email="ada@example.com,eve@example.com", name="b")
    tk.deliver()
    assert server.recipients == ["ada@example.com"]
    assert became(tk)[-2][1:] == ("skipped", "there is no address that mail can go to")


def test_a_mail_is_tried_again_until_a_server_has_accepted_it(opened: Open, server: MailServer) -> None:
    tk, clock = opened(server.url), opened.clock  # type: ignore[attr-defined]
    leaked(tk)
    server.on_rcpt = lambda number: "451 try later" if number < 3 else OK
    for _ in range(3):
        tk.deliver()
        clock.advance(timedelta(hours=1))
    assert (server.recipients, server.tried) == (["ada@example.com"], 3)
    server.on_rcpt = lambda number: "550 no such user"
    leaked(tk, name="b")
    tk.deliver()
    assert became(tk)[-2][1:] == ("failed", "550 no such user")
    server.on_rcpt, server.on_data = lambda number: OK, lambda number: "452 disk full"
    leaked(tk, name="c")
    for _ in range(8):
        tk.deliver()
        clock.advance(timedelta(hours=3))
    assert became(tk)[-2][1] == "failed", "not for ever"
    assert len(server.mails) == 1


def test_a_worker_that_dies_while_the_text_goes_out_sends_no_second_mail(opened: Open, server: MailServer) -> None:
    tk, other = opened(server.url), opened(server.url)
    leaked(tk)

    def die(sender: str, to: str, message: bytes, begin: Callable[[], bool]) -> HandedOver:
        assert begin()
        raise SystemExit

    with pytest.raises(SystemExit):
        tk._mailer.send(die)
    opened.clock.advance(timedelta(hours=1))  # type: ignore[attr-defined]
    assert other.deliver() == 1, "the mail to the contact, who has no address"
    assert server.mails == []


def test_a_worker_that_was_stopped_for_longer_than_its_lease_sends_nothing(opened: Open, server: MailServer) -> None:
    tk, other = opened(server.url), opened(server.url)
    leaked(tk)
    refused: list[bool] = []

    def be_stopped(sender: str, to: str, message: bytes, begin: Callable[[], bool]) -> HandedOver:
        opened.clock.advance(timedelta(seconds=mailing.LEASE_SECONDS + 1))  # type: ignore[attr-defined]
        other.deliver()
        refused.append(not begin())
        return HandedOver("lost")

    tk._mailer.send(be_stopped)
    assert refused == [True]
    assert server.recipients == ["ada@example.com"]


def test_a_link_ends_one_kind_of_mail_to_one_address(opened: Open, server: MailServer) -> None:
    tk = opened(server.url)
    leaked(tk)
    tk.deliver()
    mail = server.mails[0]
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = mail["List-Unsubscribe"].strip("<>").replace("\n", "")
    assert f"\r\nList-Unsubscribe: <{link}>\r\n".encode() in server.texts[0], "mail programs decode no such field"
    assert link.startswith(f"{PUBLIC}{mailing.STOP_PATH}?t=")
    assert link in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    token = link.partition("?t=")[2]
    for wrong in (token[:-1], f"{token}0", token.replace(".", "x", 1), "", "a.b.c", "é"):
        assert read_stop_token(tk._keyring.get(), wrong) is None
        assert mailing.stop(tk._context, wrong) is None
    found = mailing.stop(tk._context, token)
    assert found is not None
    assert "@" not in "".join(found), "whom it is for is not said in a URL"
    leaked(tk, name="b")
    tk.deliver()
    assert len(server.mails) == 1
    assert tk.leaks.report("nothing").label == "false_positive"
    tk.keys.issue("ada", name="soon", expires_in=timedelta(hours=1))
    tk._upkeep()
    tk.deliver()
    assert len(server.mails) == 2, "another kind is not ended"


def test_a_host_replaces_texts(opened: Open, server: MailServer, tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "key.leaked.txt").write_text("Weg: $key_name\n\nHallo $owner_name")
    (folder / "key.leaked.html").write_text("<h1>$key_name</h1>")
    tk = opened(server.url, mail_templates=str(folder))
    leaked(tk, name="<b>")
    tk.deliver()
    assert server.mails[0]["Subject"] == "Weg: <b>"
    assert "Hallo Ada" in server.mails[0].get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert server.mails[0].get_body(("html",)).get_content().strip() == "<h1>&lt;b&gt;</h1>"  # type: ignore[union-attr]
    for name, text in (("key.leaked.txt", "no body"), ("key.leaked.txt", "a\n\n$nonsense"), ("no.such.txt", "a\n\nb")):
        (folder / name).write_text(text)
        with pytest.raises(ConfigError):
            opened(server.url, mail_templates=str(folder))


@pytest.mark.parametrize("implicit", [False, True])
def test_tls_is_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, implicit: bool) -> None:
    chain, context = certified(tmp_path)
    with receiving_mail(context, implicit=implicit, password="p@ss") as server:
        scheme = "smtps" if implicit else "smtp"
        url = f"{scheme}://user:p%40ss@127.0.0.1:{server.port}"
        settings = Settings(background=False, smtp_url=url, mail_from="keys@example.com")
        with Tokenry("sqlite://", settings=settings) as tk:
            assert "p%40ss" not in repr(settings) + repr(read_smtp_url(url))
            leaked(tk)
            tk.deliver()
            assert server.mails == []
            assert "CERTIFICATE_VERIFY_FAILED" in became(tk)[0][2]
            monkeypatch.setenv("SSL_CERT_FILE", str(chain))
            leaked(tk, name="b")
            tk.deliver()
            assert server.over_tls == [True]


def test_nothing_is_sent_without_tls_where_the_server_offers_none(server: MailServer) -> None:
    url = f"smtp://user:secret@127.0.0.1:{server.port}"
    with Tokenry("sqlite://", settings=Settings(background=False, smtp_url=url, mail_from="k@example.com")) as tk:
        leaked(tk)
        tk.deliver()
        assert "STARTTLS" in became(tk)[0][2]
    assert server.tried == 0


@pytest.mark.parametrize("url", ["http://a", "smtp://", "smtp://a/b", "smtp://a:x", "smtp://a?b=c", "mail.example.com"])
def test_a_wrong_url_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(ConfigError, match="smtp_url is like"):
        Settings(smtp_url=url, mail_from="keys@example.com")
    with pytest.raises(ConfigError, match="mail_from"):
        Settings(smtp_url="smtp://localhost", mail_from="")


def test_the_thread_of_a_worker_sends_mail_and_ends(server: MailServer) -> None:
    from tests.servers.waiting import until

    settings = Settings(worker=True, smtp_url=server.url, mail_from="keys@example.com")
    with Tokenry("sqlite://", settings=settings) as tk:
        leaked(tk)
        until(lambda: server.mails)
        until(lambda: tk._mailer.counts["sent"] == 1)
