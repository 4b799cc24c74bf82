"""`tokenry webhooks`, on a database and on a server alike, and forwarding to a receiver on this machine."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

from tests.cli.conftest import Shell
from tests.servers.receiving import receiving
from tests.servers.waiting import until
from tokenry import webhooks as receiver_side

URL = "https://hooks.example.com/tokenry"
NOBODY = "wh_0000000000000000000000"


def created(face: Shell, *options: str) -> tuple[str, str]:
    """Create an endpoint; return its id and its secret."""
    answer = face("webhooks", "create", URL, "--json", *options).json
    return answer["webhook"]["id"], answer["secret"]


def test_an_endpoint_is_created_with_a_secret_that_is_shown_once(face: Shell) -> None:
    answer = face("webhooks", "create", URL, "--type", "key.*", "--type", "owner.deleted", "--full")
    assert answer.out.startswith("whsec_")
    assert "key.*, owner.deleted" in answer.err
    (one,) = face("webhooks", "list", "--json").json["webhooks"]
    assert (one["url"], one["types"], one["include"]) == (URL, ["key.*", "owner.deleted"], "object")
    shown = face("webhooks", "show", one["id"])
    assert "whpk_" in shown.out
    assert answer.out.strip() not in shown.out + face("webhooks", "list").out


def test_a_secret_goes_into_a_file_that_only_its_owner_reads(ready: Shell) -> None:
    file = ready.directory / "secret"
    answer = ready("webhooks", "create", URL, "--secret-out", str(file))
    assert file.read_text().startswith("whsec_")
    assert file.stat().st_mode & 0o777 == 0o600
    assert "whsec_" not in answer.out + answer.err
    ready("webhooks", "create", URL, "--secret-out", str(file), code=1)
    assert len(ready("webhooks", "list", "--json").json["webhooks"]) == 1


def test_an_endpoint_is_changed_paused_resumed_and_removed(face: Shell) -> None:
    id, secret = created(face)
    changed = face("webhooks", "update", id, "--description", "ours", "--type", "key.*", "--json").json["webhook"]
    assert (changed["description"], changed["types"]) == ("ours", ["key.*"])
    assert "moving" in face("webhooks", "pause", id, "--reason", "moving").out
    assert face("webhooks", "resume", id, "--json").json["webhook"]["status"] == "active"
    rotated = face("webhooks", "rotate-secret", id, "--grace", "1h").out.strip()
    assert rotated.startswith("whsec_")
    assert rotated != secret
    face("webhooks", "delete", id, code=2)
    face("webhooks", "delete", id, "--yes")
    face("webhooks", "show", id, code=1)
    face("webhooks", "test", NOBODY, code=1)


def test_deliveries_are_shown_and_events_are_sent_again(ready: Shell) -> None:
    id, _ = created(ready, "--type", "owner.*")
    ready("owners", "put", "bob")
    assert ready("webhooks", "test", id, "--json").json["delivery"]["kind"] == "test"
    (one,) = ready("webhooks", "deliveries", id, "--json").json["deliveries"]
    assert (one["type"], one["status"]) == ("webhook.test", "pending")
    assert "webhook.test" in ready("webhooks", "deliveries", id, "--status", "pending").out
    assert ready("webhooks", "replay", id, "--since", "1h", "--dry-run", "--json").json == {"count": 2, "dry_run": True}
    assert "0 events would be" in ready("webhooks", "replay", id, "--failed", "--dry-run").err
    ready("webhooks", "replay", id, code=2)


def test_a_url_inside_is_refused_and_says_why(face: Shell) -> None:
    assert "https" in face("webhooks", "create", "http://example.com", code=1).err
    assert "internal" in face("webhooks", "create", "https://169.254.169.254/", code=1).err


def test_a_made_up_event_reaches_a_local_receiver(shell: Shell) -> None:
    with receiving() as receiver:
        secret = shell("webhooks", "trigger", "key.revoked", "--forward-to", receiver.url).out.strip()
        headers, body = receiver.requests[0]
        assert receiver_side.verify(body, headers, secret)["type"] == "key.revoked"
        receiver.answer = lambda number, body: 500
        assert "500" in shell("webhooks", "trigger", "key.revoked", "--forward-to", receiver.url, code=1).err
    shell("webhooks", "trigger", "no.such", "--forward-to", receiver.url, code=1)


def test_the_contact_of_a_tenant_is_set_and_shown_and_removed(ready: Shell) -> None:
    ready("tenants", "update", "default", "--contact", "ops@example.com")
    assert "ops@example.com" in ready("tenants", "show", "default").out
    ready("tenants", "update", "default", "--contact", "")
    assert "ops@example.com" not in ready("tenants", "show", "default").out
    ready("tenants", "update", "default", "--contact", "nobody", code=1)


def test_events_are_shown_as_they_happen(ready: Shell) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tokenry.cli", "events", "--follow", "--json", "--type", "owner.*"],
        cwd=ready.directory,
        env=ready.environment | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        assert "as they happen" in process.stderr.readline()
        ready("owners", "put", "late")
        assert json.loads(process.stdout.readline())["subject"] == "late"
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0


def test_events_from_now_on_are_forwarded_to_a_local_receiver(face: Shell) -> None:
    command = [sys.executable, "-m", "tokenry.cli", "webhooks", "listen", "--type", "owner.*", "--forward-to"]
    with receiving() as receiver:
        process = subprocess.Popen(
            [*command, receiver.url],
            cwd=face.directory,
            env=face.environment | {"PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Python hears of Ctrl-C only where it is not ignored, as it is for a job in the background.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        assert process.stdout is not None
        try:
            secret = process.stdout.readline().strip()
            face("owners", "put", "late")
            until(lambda: receiver.requests)
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)
        finally:
            process.kill()
            process.communicate()
    assert process.returncode == 0
    headers, body = receiver.requests[0]
    event = receiver_side.verify(body, headers, secret)
    assert (event["type"], event["data"]["subject"]) == ("owner.created", "late")
