"""A tenant that somebody keeps locked holds up nobody else: others are told of, sealed and cleaned."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import psycopg
import pytest

from tests.conftest import STORES
from tokenry import Settings, StoreUnavailable, Tokenry
from tokenry.config import fresh_keyring
from tokenry.store.failures import allow, refuse
from tokenry.testing import throwaway


@pytest.mark.skipif("postgres" not in STORES, reason="one writer at a time: there is no such moment")
def test_a_locked_tenant_comes_later_and_all_others_now(request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue("postgres_server").create_database()
    settings = Settings(background=False, store_timeout=timedelta(milliseconds=250), flush_interval=timedelta(hours=1))
    with Tokenry(url, keyring=fresh_keyring(), settings=settings) as tk:
        for tenant in ("acme", "other"):
            tk.tenants.create(tenant)
            tk.owners.put("ada", tenant=tenant)
            good, forged, decoy = (
                tk.keys.issue("ada", name=name, tenant=tenant, decoy=name == "decoy")
                for name in ("good", "forged", "decoy")
            )
            with tk._database.change() as rows:
                rows.connection.exec_driver_sql(
                    "UPDATE tokenry_secret SET seal = NULL WHERE key_id = %(id)s", {"id": forged.key.id}
                )
            assert tk.verify(good.secret, scopes="a:b").code == "insufficient_scope"
            assert tk.verify(forged.secret).code == tk.verify(decoy.secret).code == "not_found"
        with psycopg.connect(url) as outsider:
            outsider.execute("SELECT 1 FROM tokenry_tenant WHERE slug = 'acme' FOR UPDATE")
            for _ in range(3):
                for work in (tk._tell_and_seal, tk._upkeep):
                    with suppress(StoreUnavailable):
                        work()
            assert _entries(tk, "other") == ["auth.failed", "key.decoy_used", "key.tampered"]
            assert tk.audit.check(tenant="other").problems == ()
            assert _entries(tk, "acme") == []
        tk.flush()
        tk._upkeep()
        assert _entries(tk, "acme") == _entries(tk, "other") == ["auth.failed", "key.decoy_used", "key.tampered"]


def _entries(tk: Tokenry, tenant: str) -> list[str]:
    """Return what the audit log says; events stay invisible as long as an older transaction is open."""
    about = ("auth.failed", "key.decoy_used", "key.tampered")
    return sorted(entry.action for entry in tk.audit.list(tenant=tenant, limit=100) if entry.action in about)


def test_a_database_that_does_not_answer_is_waited_for_once() -> None:
    with throwaway() as tk:
        steps = []

        def fail(name: str) -> None:
            steps.append(name)
            raise StoreUnavailable("away")

        refuse(tk._database, StoreUnavailable("away"), for_now=True)
        with pytest.raises(StoreUnavailable):
            tk._each(lambda: fail("first"), lambda: fail("second"))
        assert steps == ["first"]
        allow(tk._database)
        with pytest.raises(StoreUnavailable):
            tk._each(lambda: fail("third"), lambda: fail("fourth"))
        assert steps == ["first", "third", "fourth"], "where only a tenant is locked the others have their turn"
