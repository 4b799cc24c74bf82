"""A stolen or forged database: worthless without its keyring, and a planted or moved row opens nothing."""

from __future__ import annotations

import hashlib
import hmac
import shutil
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.contract.conftest import Issue
from tests.contract.places import KEYRING, QUIET, Installation, sqlite_rows
from tokenry import ConfigError, Conflict, Tokenry
from tokenry.config import fresh_keyring
from tokenry.core.keyring import Keyring, new_generation
from tokenry.core.model import micros
from tokenry.core.secret import digest_of, mint
from tokenry.testing import FakeClock

HOUR = timedelta(hours=1)

pytestmark = pytest.mark.lasting


@pytest.fixture
def embedded(tmp_path: Path) -> tuple[Path, str]:
    """An embedded database, closed, and a secret of it."""
    path = tmp_path / "own" / "keys.db"
    path.parent.mkdir()
    with Tokenry(f"sqlite:///{path}", settings=QUIET) as tk:
        tk.owners.put("ada")
        secret = str(tk.keys.issue("ada", name="k").secret)
    return path, secret


def test_a_copy_without_its_keyring_does_not_start_and_none_is_made(embedded: tuple[Path, str], tmp_path: Path) -> None:
    stolen = tmp_path / "stolen.db"
    shutil.copyfile(embedded[0], stolen)
    for _ in range(2):
        with pytest.raises(ConfigError) as refused:
            Tokenry(f"sqlite:///{stolen}", settings=QUIET)
        assert "keyring" in str(refused.value)
        assert not Path(f"{stolen}.keyring").exists()


def test_another_keyring_is_refused_by_generation_and_damages_nothing(
    embedded: tuple[Path, str], tmp_path: Path
) -> None:
    path, secret = embedded
    [(generation,)] = sqlite_rows(path, "SELECT generation FROM tokenry_keyring_canary")
    before = path.read_bytes()
    with pytest.raises(ConfigError) as refused:
        Tokenry(f"sqlite:///{path}", keyring=fresh_keyring(), settings=QUIET)
    assert generation in str(refused.value)
    forged = Keyring([new_generation(bytes(range(38)), 0)])
    same_id = forged.dump().replace(forged.generations[0].id, generation)
    with pytest.raises(ConfigError) as refused:
        Tokenry(f"sqlite:///{path}", keyring=same_id, settings=QUIET)
    assert generation in str(refused.value)
    assert path.read_bytes() == before
    with Tokenry(f"sqlite:///{path}", settings=QUIET) as tk:
        assert tk.verify(secret)


def test_a_wrong_keyring_is_refused_on_every_store(installation: Installation, tk: Any, issue: Issue) -> None:
    issued = issue()
    with pytest.raises(ConfigError) as refused:
        use_with(installation, fresh_keyring())
    assert KEYRING.generations[0].id in str(refused.value)
    assert tk.verify(issued.secret)
    assert len(installation.sql("SELECT * FROM tokenry_keyring_canary")) == 1


def use_with(installation: Installation, keyring: Keyring) -> None:
    """Open with a keyring and use it once: an AsyncEngine is looked at when it is first used."""
    installation.open(keyring=keyring).keys.list()


def test_canaries_taken_out_of_a_database_with_keys_open_nothing(
    installation: Installation, tk: Any, issue: Issue
) -> None:
    issued = issue()
    installation.sql("DELETE FROM tokenry_keyring_canary")
    other = installation.open(keyring=fresh_keyring())
    assert other.verify(issued.secret).code == "malformed"


def test_an_embedded_database_whose_canary_was_taken_out_gets_no_new_keyring(embedded: tuple[Path, str]) -> None:
    path, _ = embedded
    sqlite_rows(path, "DELETE FROM tokenry_keyring_canary RETURNING 1")
    Path(f"{path}.keyring").unlink()
    with pytest.raises(ConfigError):
        Tokenry(f"sqlite:///{path}", settings=QUIET)
    assert not Path(f"{path}.keyring").exists()


SWAPS = [
    "UPDATE tokenry_secret SET digest = (SELECT digest FROM tokenry_secret WHERE kid = :other_kid) WHERE kid = :kid",
    "UPDATE tokenry_secret SET pepper_id = 'x' WHERE kid = :kid",
]


@pytest.mark.parametrize("swap", SWAPS)
def test_a_digest_moved_to_another_secret_opens_nothing(
    installation: Installation, tk: Any, issue: Issue, swap: str
) -> None:
    mine, victim = issue(), issue(scopes=["*"])
    names = {"kid": mine.key.secrets[0].kid, "other_kid": victim.key.secrets[0].kid}
    installation.sql(swap, **{name: value for name, value in names.items() if f":{name}" in swap})
    assert tk.verify(mine.secret).code == "not_found"


def test_a_row_moved_to_another_key_opens_nothing(installation: Installation, tk: Any, issue: Issue) -> None:
    mine, victim = issue(), issue(scopes=["*"])
    kid = mine.key.secrets[0].kid
    installation.sql("DELETE FROM tokenry_secret WHERE kid <> :kid", kid=kid)
    installation.sql("UPDATE tokenry_secret SET key_id = :id WHERE kid = :kid", id=victim.key.id, kid=kid)
    assert tk.verify(mine.secret).code == "not_found"


def test_a_row_moved_to_another_tenant_opens_nothing(
    installation: Installation, tk: Any, issue: Issue, acme: str
) -> None:
    mine = issue()
    there = tk.keys.issue("ada", name="k", tenant=acme)
    [row] = installation.sql("SELECT tenant_id FROM tokenry_key WHERE id = :id", id=there.key.id)
    installation.sql("DELETE FROM tokenry_secret WHERE kid = :kid", kid=there.key.secrets[0].kid)
    installation.sql(
        "UPDATE tokenry_secret SET tenant_id = :tenant_id, key_id = :key_id WHERE kid = :kid",
        tenant_id=row.tenant_id,
        key_id=there.key.id,
        kid=mine.key.secrets[0].kid,
    )
    assert tk.verify(mine.secret).code == "not_found"


def test_a_key_copied_whole_to_another_tenant_opens_nothing(
    installation: Installation, tk: Any, issue: Issue, acme: str
) -> None:
    mine = issue()
    [here] = installation.sql("SELECT * FROM tokenry_key WHERE id = :id", id=mine.key.id)
    [there] = installation.sql(
        "SELECT tenant_id, id FROM tokenry_owner WHERE tenant_id = (SELECT id FROM tokenry_tenant WHERE slug = :slug)",
        slug=acme,
    )
    copy = dict(here._mapping) | {"tenant_id": there.tenant_id, "owner_id": there.id}
    installation.sql(
        f"INSERT INTO tokenry_key ({', '.join(copy)}) VALUES ({', '.join(f':{name}' for name in copy)})", **copy
    )
    installation.sql("UPDATE tokenry_secret SET tenant_id = :tenant_id", tenant_id=there.tenant_id)
    assert tk.verify(mine.secret).code == "not_found"


def test_a_key_copied_with_its_owner_to_another_tenant_opens_nothing(
    installation: Installation, tk: Any, issue: Issue, acme: str
) -> None:
    mine = issue()
    [there] = installation.sql("SELECT id FROM tokenry_tenant WHERE slug = :slug", slug=acme)
    for table in ("owner", "key"):
        [row] = installation.sql(f"SELECT * FROM tokenry_{table} WHERE tenant_id <> :there", there=there.id)
        copy = dict(row._mapping) | {"tenant_id": there.id} | ({"external_id": "eve"} if table == "owner" else {})
        names = f"({', '.join(copy)}) VALUES ({', '.join(f':{name}' for name in copy)})"
        installation.sql(f"INSERT INTO tokenry_{table} {names}", **copy)
    installation.sql("UPDATE tokenry_secret SET tenant_id = :tenant_id", tenant_id=there.id)
    assert tk.verify(mine.secret).code == "not_found"


def test_a_row_under_another_kid_opens_nothing(installation: Installation, tk: Any, issue: Issue) -> None:
    mine, other = issue(), issue()
    installation.sql("DELETE FROM tokenry_secret WHERE kid = :kid", kid=other.key.secrets[0].kid)
    installation.sql(
        "UPDATE tokenry_secret SET kid = :other WHERE kid = :kid",
        other=other.key.secrets[0].kid,
        kid=mine.key.secrets[0].kid,
    )
    for secret in (mine.secret, other.secret):
        assert tk.verify(secret).code == "not_found"


def test_a_row_planted_by_a_writer_without_the_keyring_opens_nothing(
    installation: Installation, tk: Any, issue: Issue
) -> None:
    victim = issue(scopes=["*"])
    [row] = installation.sql("SELECT tenant_id, digest, pepper_id, tag_id FROM tokenry_secret")
    kid = "0" * 16
    own = fresh_keyring().generations[0]
    text = mint("tk_live", kid, bytes(32), own.tag_key)
    digests = [
        digest_of(own.pepper, kid, row.tenant_id, victim.key.id, text),
        hashlib.sha256(text.encode()).digest(),
        hmac.digest(b"", text.encode(), "sha256"),
        bytes(row.digest),
        bytes(32),
    ]
    for digest in digests:
        installation.sql("DELETE FROM tokenry_secret")
        installation.sql(
            "INSERT INTO tokenry_secret (kid, tenant_id, key_id, digest, pepper_id, tag_id, created_at)"
            " VALUES (:kid, :tenant_id, :key_id, :digest, :pepper_id, :tag_id, 0)",
            kid=kid,
            tenant_id=row.tenant_id,
            key_id=victim.key.id,
            digest=digest,
            pepper_id=row.pepper_id,
            tag_id=row.tag_id,
        )
        assert tk.verify(text).code == "malformed"
        tagged = mint("tk_live", kid, bytes(32), installation.keyring.generations[0].tag_key)
        assert tk.verify(tagged).code == "not_found"


WIDER: dict[str, Any] = {
    "scopes": '["*"]',
    "roles": '["everything"]',
    "allowed_ips": "[]",
    "limits": "[]",
    "environment": "other",
    "not_before": None,
    "expires_at": None,
    "disabled_at": None,
    "revoked_at": None,
}


def narrow(tk: Any, issue: Issue, clock: FakeClock) -> dict[str, Any]:
    """Return keys that are refused for one reason each, by the column that says so."""
    tk.roles.put("everything", scopes=["*"])
    kept = {"allowed_ips": ["203.0.113.7"], "limits": [{"name": "a", "limit": 1, "window_seconds": 60}]}
    keys = {name: issue(name=name, scopes=["a:b"], **{name: kept[name]}) for name in kept}
    keys["scopes"], keys["roles"] = issue(name="scopes"), issue(name="roles")
    for name in ("environment", "revoked_at", "disabled_at"):
        keys[name] = issue(name=name, scopes=["a:b"])
    keys["not_before"] = issue(name="not_before", scopes=["a:b"], not_before=clock.now() + HOUR)
    keys["expires_at"] = issue(name="expires_at", scopes=["a:b"], expires_in=timedelta(seconds=1))
    assert tk.verify(keys["limits"].secret)
    tk.keys.revoke(keys["revoked_at"].key.id)
    tk.keys.disable(keys["disabled_at"].key.id)
    clock.advance(timedelta(seconds=2))
    return keys


def test_a_key_widened_in_its_row_may_no_more_than_before(
    installation: Installation, tk: Any, issue: Issue, clock: FakeClock
) -> None:
    keys = narrow(tk, issue, clock)
    asked = {"scopes": "a:b", "ip": "192.0.2.1", "environment": "live"}
    refused = {name: tk.verify(issued.secret, **asked).code for name, issued in keys.items() if name != "environment"}
    assert "valid" not in refused.values()
    for name, issued in keys.items():
        installation.sql(f"UPDATE tokenry_key SET {name} = :wider WHERE id = :id", wider=WIDER[name], id=issued.key.id)
    tk = installation.reopen(tk)
    assert {name: tk.verify(keys[name].secret, **asked).code for name in refused} == refused
    assert tk.verify(keys["environment"].secret, environment="other").code != "valid"


def test_a_change_of_a_key_signs_nothing_that_somebody_else_has_written(
    installation: Installation, tk: Any, issue: Issue
) -> None:
    mine = issue(scopes=["a:b"])
    installation.sql("UPDATE tokenry_key SET scopes = :wider WHERE id = :id", wider='["*"]', id=mine.key.id)
    tk.keys.update(mine.key.id, description="another")
    rotated = tk.keys.rotate(mine.key.id, grace=HOUR)
    for secret in (mine.secret, rotated.secret):
        assert tk.verify(secret, scopes="a:b").key.description == "another"
        assert tk.verify(secret, scopes="c:d").code == "insufficient_scope"


FORGED = [
    "UPDATE tokenry_secret SET document = replace(document, 'a:b', '*') WHERE kid = :kid",
    "UPDATE tokenry_secret SET document = (SELECT document FROM tokenry_secret WHERE kid = :other) WHERE kid = :kid",
    "UPDATE tokenry_secret SET seal = (SELECT seal FROM tokenry_secret WHERE kid = :other) WHERE kid = :kid",
    "UPDATE tokenry_secret SET (document, seal, owner_id) = (SELECT document, seal, owner_id FROM tokenry_secret"
    " WHERE kid = :other) WHERE kid = :kid",
    "UPDATE tokenry_secret SET seal = NULL WHERE kid = :kid",
    "UPDATE tokenry_secret SET document = NULL, seal = NULL WHERE kid = :kid",
    "UPDATE tokenry_secret SET document = '', seal = '' WHERE kid = :kid",
    "UPDATE tokenry_secret SET seal = 'x' || seal WHERE kid = :kid",
    "UPDATE tokenry_secret SET seal = seal || 'é' WHERE kid = :kid",
]


@pytest.mark.parametrize("forge", FORGED)
def test_a_forged_document_opens_nothing_is_told_and_is_never_signed_anew(
    installation: Installation, tk: Any, issue: Issue, forge: str
) -> None:
    mine, other = issue(name="mine", scopes=["a:b"]), issue(name="other", scopes=["*"])
    kids = {"kid": mine.key.secrets[0].kid, "other": other.key.secrets[0].kid}
    installation.sql(forge, **{name: kid for name, kid in kids.items() if f":{name}" in forge})
    for _ in range(2):
        assert tk.verify(mine.secret).code == "not_found"
        tk.flush()
    [tampered] = [event for event in tk.events.list(limit=100) if event.type == "key.tampered"]
    assert (tampered.subject, tampered.data) == (mine.key.id, {"kid": kids["kid"], "owner": "ada"})
    assert [entry.action for entry in tk.audit.list(subject=mine.key.id)].count("key.tampered") == 1
    with suppress(Conflict):  # where a seal names another generation, which somebody else may have
        tk.keys.update(mine.key.id, description="another")
    assert tk.verify(mine.secret).code == "not_found"
    with pytest.raises(Conflict, match="issue another"):
        tk.keys.rotate(mine.key.id)
    tk.keys.revoke(mine.key.id)
    assert tk.verify(mine.secret).code == "not_found"
    assert tk.verify(other.secret)
    assert tk.audit.check()


@pytest.mark.parametrize(("column", "call"), [("revoked_at", "revoke"), ("disabled_at", "disable")])
def test_a_row_that_says_already_what_is_asked_for_does_not_keep_the_key_working(
    installation: Installation, tk: Any, issue: Issue, column: str, call: str
) -> None:
    mine = issue()
    installation.sql(f"UPDATE tokenry_key SET {column} = 1 WHERE id = :id", id=mine.key.id)
    getattr(tk.keys, call)(mine.key.id)
    assert tk.verify(mine.secret).code == {"revoke": "revoked", "disable": "disabled"}[call]


@pytest.mark.parametrize(
    "call",
    [
        lambda tk: tk.keys.revoke_where(owner="ada", dry_run=False),
        lambda tk: tk.keys.revoke_where(scope="a:b", dry_run=False),
        lambda tk: tk.owners.delete("ada"),
    ],
)
def test_a_row_that_says_already_that_it_is_revoked_is_ended_by_calls_for_many(
    installation: Installation, tk: Any, issue: Issue, call: Any
) -> None:
    mine, other = issue(name="mine", scopes=["a:b"]), issue(name="other", scopes=["a:b"])
    installation.sql("UPDATE tokenry_key SET revoked_at = 1 WHERE id = :id", id=mine.key.id)
    call(tk)
    installation.sql("UPDATE tokenry_owner SET status = 'active'")
    tk = installation.reopen(tk)
    assert [tk.verify(issued.secret).code for issued in (mine, other)] == ["revoked", "revoked"]


def test_a_row_that_says_already_what_an_update_asks_for_does_not_keep_the_key_wider(
    installation: Installation, tk: Any, issue: Issue
) -> None:
    mine, other = issue(name="mine", scopes=["a:b", "c:d"]), issue(name="other", scopes=["a:b", "c:d"])
    installation.sql("UPDATE tokenry_key SET scopes = :narrow", narrow='["a:b"]')
    tk.keys.update(mine.key.id, scopes=["a:b"])
    tk.keys.update(other.key.id, scopes=["a:b"], description="another")
    for issued in (mine, other):
        assert tk.verify(issued.secret, scopes="c:d").code == "insufficient_scope"


def test_a_process_without_the_newest_generation_revokes_for_all(
    installation: Installation, tk: Any, issue: Issue, clock: FakeClock
) -> None:
    newer = installation.keyring.with_generation(new_generation(bytes(range(38)), micros(clock.now()) - 1))
    other, mine, kept = installation.open(keyring=newer.dump()), issue(name="mine"), issue(name="kept", scopes=["a:b"])
    for issued in (mine, kept):
        other.keys.update(issued.key.id, description="another")
        assert other.verify(issued.secret)
    tk.keys.revoke(mine.key.id)
    assert other.verify(mine.secret).code == "not_found"
    for call in (lambda: tk.keys.update(kept.key.id, scopes=[]), lambda: tk.keys.disable(kept.key.id)):
        with pytest.raises(Conflict, match="keyring that the others have"):
            call()
    assert other.verify(kept.secret, scopes="a:b")
    assert list(other.keys.get(kept.key.id).scopes) == ["a:b"]


def test_a_process_without_the_newest_generation_tells_what_it_lacks_and_of_no_forgery(
    installation: Installation, tk: Any, issue: Issue, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    newer = installation.keyring.with_generation(new_generation(bytes(range(38)), micros(clock.now()) - 1))
    other, mine = installation.open(keyring=newer.dump()), issue(name="mine")
    other.keys.update(mine.key.id, description="another")
    assert tk.verify(mine.secret).code == "not_found"
    message = f"secret '{newer.generations[-1].id}' of a keyring, which the keyring here does not have"
    assert message in caplog.text
    tk.flush()
    assert "key.tampered" not in {event.type for event in tk.events.list(limit=100)}
    assert other.verify(mine.secret)


def test_a_document_of_a_later_form_is_refused_and_told_apart(
    installation: Installation, tk: Any, issue: Issue, caplog: pytest.LogCaptureFixture
) -> None:
    mine, kid = issue(name="mine", scopes=["a:b"]), "WHERE kid = :kid"
    at = {"kid": mine.key.secrets[0].kid}
    [[document]] = installation.sql(f"SELECT document FROM tokenry_secret {kid}", **at)
    assert document.startswith("[1,")
    first, later = "[" + document[3:], "[2," + document[3:]
    for text, code in ((first, "valid"), (later, "not_found")):
        signing = installation.keyring.generations[-1]
        forged = {"document": text, "seal": f"{signing.id}.{signing.document_mac(text)}"}
        installation.sql(f"UPDATE tokenry_secret SET document = :document, seal = :seal {kid}", **at, **forged)
        tk = installation.reopen(tk)
        assert tk.verify(mine.secret, scopes="a:b").code == code
    assert "signed by a newer version of Tokenry" in caplog.text
    with pytest.raises(Conflict, match="newer version"):
        tk.keys.update(mine.key.id, description="another")
    tk.keys.revoke(mine.key.id)
    assert tk.verify(mine.secret).code == "not_found"


def test_an_answer_kept_for_a_repeat_gives_no_secret_without_the_keyring(
    installation: Installation, tk: Any, issue: Issue
) -> None:
    issued = issue(name="k", idempotency_key="one")
    nonces = [bytes(row.nonce) for row in installation.sql("SELECT nonce FROM tokenry_idempotency")]
    tail = str(issued.secret).partition("_1")[2]
    assert not any(nonce.hex() in tail or tail in nonce.hex() for nonce in nonces)
