"""A tenant with very many keys, and what belongs to them: made by the database itself, since a million take a while.

None of these keys can be presented. Ids begin with zeros, so what is issued later comes later.
"""

from typing import Any

from tokenry import Tokenry
from tokenry.core.audit_ports import HeadRow
from tokenry.core.chain import head_signature
from tokenry.core.model import micros
from tokenry.store.documents import sign_everything

DAY = 86_400_000_000
PER_OWNER = 10
"""So many keys belong to one owner."""
EVERY = 50
"""Every so many keys are revoked, belong to the environment `rare` or have the role `dev`, each another."""
CHUNK = 50_000

_SERIES = {
    "sqlite": "(WITH RECURSIVE s(n) AS (SELECT {start} UNION ALL SELECT n + 1 FROM s WHERE n < {end}) SELECT n FROM s)",
    "postgresql": "(SELECT generate_series({start}, {end}) AS n)",
}
_WORDS = {
    "sqlite": {"pad": "printf('%0{width}d', {n})", "blob": "zeroblob(32)", "txid": "0"},
    "postgresql": {
        "pad": "lpad(({n})::text, {width}, '0')",
        "blob": "decode(repeat('00', 32), 'hex')",
        "txid": "pg_current_xact_id()::text::bigint",
    },
}
_OWNERS = """
    INSERT INTO tokenry_owner (tenant_id, id, external_id, name, roles, admin, status, created_at, updated_at, search)
    SELECT '{tenant}', 'own_' || {pad22}, 'user-' || n, 'User ' || n, '[]', {false}, 'active', {now}, {now},
        'user-' || n || {newline} || 'user ' || n
    FROM {series} AS series
"""
_KEYS = """
    INSERT INTO tokenry_key (tenant_id, id, owner_id, name, name_folded, scopes, roles, environment, version,
        created_at, updated_at, expires_at, revoked_at, expiry_notice_days, search)
    SELECT '{tenant}', 'key_' || {pad22}, {owner}, 'key ' || n, 'key ' || n, '["read:projects"]',
        CASE WHEN n % {every} = 1 THEN '["dev"]' ELSE '[]' END,
        CASE WHEN n % {every} = 2 THEN 'rare' ELSE 'live' END, 1, {now}, {now}, {now} + (1 + n % 90) * {day},
        CASE WHEN n % {every} = 3 THEN {now} - {day} END, {notice}, 'key ' || n || {newline}
    FROM {series} AS series
"""
_SECRETS = """
    INSERT INTO tokenry_secret (kid, tenant_id, key_id, digest, pepper_id, tag_id, created_at)
    SELECT {pad16}, '{tenant}', 'key_' || {pad22}, {blob}, 'none', 'none', {now} FROM {series} AS series
"""
_EVENTS = """
    INSERT INTO tokenry_event (txid, tenant_id, id, type, at, subject, actor, data)
    SELECT {txid}, '{tenant}', 'evt_' || {pad22}, 'key.issued', {now}, 'key_' || {pad22}, '', '{{}}'
    FROM {series} AS series
"""
_ENTRIES = """
    INSERT INTO tokenry_audit_entry (tenant_id, id, at, actor, action, subject, generation, mac, position, chain)
    SELECT '{tenant}', 'aud_' || {pad22}, {now}, '', 'key.issued', 'key_' || {pad22}, 'none', '', n + {behind}, '-'
    FROM {series} AS series
"""


class Crowd:
    """Writes keys into a tenant of an instance, numbered one after the other."""

    def __init__(self, tk: Tokenry) -> None:
        self._tk = tk
        self._tenant = tk.tenants.get("default").id
        self._now = tk._context.clock()
        self.count = 0

    def owners(self, count: int) -> None:
        """Make so many owners, `user-1` and so on."""
        self._write(_OWNERS, 1, count)

    def keys(self, count: int, owner: str | None = None, *, announced: bool = True) -> None:
        """Make so many keys, each with its secret, event and audit entry, of one owner or of all in turn."""
        first, self.count = self.count + 1, self.count + count
        owners = f"(({{n}} - 1) / {PER_OWNER}) + 1"
        behind = self._sealed() - first + 1
        for statement in (_KEYS, _SECRETS, _EVENTS, _ENTRIES):
            self._write(statement, first, self.count, owner=owner, owners=owners, announced=announced, behind=behind)
        self._end_chain(behind + self.count)
        with self._tk._database.change() as rows:
            sign_everything(rows.connection, self._tk._database.seals)

    def _sealed(self) -> int:
        """Seal the audit log; return how many entries it has."""
        self._tk.flush()
        with self._tk._database.read() as rows:
            head = rows.audit.head(self._tenant)
        return head.position if head else 0

    def _end_chain(self, position: int) -> None:
        """Let the chain end at a position, so that sealing goes on behind it."""
        generation, now = self._tk._keyring.get().generations[-1], self._tk._context.now()
        signature = head_signature(generation, self._tenant, position, "-", micros(now))
        with self._tk._database.change() as rows:
            rows.audit.begin(self._tenant, HeadRow(position, "-", now, generation.id, signature))

    def _write(
        self,
        statement: str,
        first: int,
        last: int,
        *,
        owner: str | None = None,
        owners: str = "n",
        announced: bool = True,
        behind: int = 0,
    ) -> None:
        dialect = self._tk._database.dialect
        words: Any = _WORDS[dialect]

        def pad(width: int, n: str = "n") -> str:
            return str(words["pad"].format(width=width, n=n))

        for start in range(first, last + 1, CHUNK):
            sql = statement.format(
                series=_SERIES[dialect].format(start=start, end=min(start + CHUNK - 1, last)),
                tenant=self._tenant,
                now=self._now,
                day=DAY,
                every=EVERY,
                false="false",
                newline="chr(10)" if dialect == "postgresql" else "char(10)",
                owner=f"'{owner}'" if owner else f"'own_' || {pad(22, owners.format(n='n'))}",
                behind=behind,
                notice="1" if announced else "NULL",
                pad16=pad(16),
                pad22=pad(22),
                blob=words["blob"],
                txid=words["txid"],
            )
            with self._tk._database.change(durable=False) as rows:
                rows.core.exec_driver_sql(sql.replace("%", "%%") if dialect == "postgresql" else sql)
