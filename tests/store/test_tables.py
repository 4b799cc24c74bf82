"""The tables keep what the design says of every one of them."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from tokenry.store.tables import PREFIX, metadata

WITHOUT_TENANT = {"tenant", "keyring_canary", "fence", "turn", "node", "upkeep"}
DIGESTS_OF_SESSIONS = ("digest", "parent_digest", "elder_digest")
TABLES = [pytest.param(table, id=table.name) for table in metadata.sorted_tables]


@pytest.mark.parametrize("table", TABLES)
def test_every_table_has_our_prefix_and_a_primary_key(table: sa.Table) -> None:
    assert table.name.startswith(PREFIX)
    assert list(table.primary_key.columns)


@pytest.mark.parametrize("table", TABLES)
def test_every_row_carries_its_tenant(table: sa.Table) -> None:
    if table.name.removeprefix(PREFIX) not in WITHOUT_TENANT:
        assert not table.c.tenant_id.nullable


@pytest.mark.parametrize("table", TABLES)
def test_foreign_keys_stay_within_a_tenant(table: sa.Table) -> None:
    for constraint in table.foreign_key_constraints:
        columns = [column.name for column in constraint.columns]
        assert columns[0] == "tenant_id", constraint
        assert len(columns) == 2 or constraint.referred_table.name == PREFIX + "tenant"


@pytest.mark.parametrize("table", TABLES)
def test_names_of_times_and_counts_say_what_they_are(table: sa.Table) -> None:
    for column in table.columns:
        if column.name.endswith("_at") or column.name == "at":
            assert isinstance(column.type, sa.BigInteger), column
        if column.name.endswith("_count"):
            assert isinstance(column.type, sa.BigInteger), column


def test_no_column_could_hold_a_secret() -> None:
    binary = {(t.name, c.name) for t in metadata.sorted_tables for c in t.columns if isinstance(c.type, sa.LargeBinary)}
    digests = {("tokenry_secret", "digest"), *(("tokenry_session", name) for name in DIGESTS_OF_SESSIONS)}
    nonces = {("tokenry_idempotency", "nonce"), ("tokenry_session", "parent_nonce"), ("tokenry_session", "elder_nonce")}
    sealed = {(f"tokenry_{name}", "sealed") for name in ("signing_key", "endpoint", "foreign")}
    assert binary == digests | nonces | sealed
