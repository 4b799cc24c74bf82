"""Sealing the audit log: chaining what was committed, and keeping the end of the chain where the database is not."""

from __future__ import annotations

import logging
from dataclasses import replace

from tokenry.core.audit_ports import HeadRow
from tokenry.core.chain import chain_link, head_signature, is_cut_signed, is_signed, same
from tokenry.core.model import Head, micros
from tokenry.core.ports import Clash, Rows

from .context import Context

_log = logging.getLogger("tokenry.audit")
_BATCH = 500


class Sealing:
    """Goes on with the chains of audit logs, and never with one whose end is not as it was left.

    A chain that went on from a forged end would vouch for what was done to it. Entries then stay unsealed, each with
    its own MAC; changes are not held up, and `check` says what is wrong.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._reported: set[tuple[str, str]] = set()

    def seal(self, tenant_id: str) -> None:
        """Chain everything that is committed, and keep the end of it. Do nothing inside a transaction of a host."""
        if not self._context.seals:
            return
        while self._seal_batch(tenant_id):
            pass
        self._keep(tenant_id)

    def end(self, rows: Rows, tenant_id: str) -> tuple[HeadRow | None, str]:
        """Return the locked head of a chain, and the problem of its end: "" when the chain may be extended."""
        row = rows.audit.head(tenant_id, lock=True)
        if row is None and rows.audit.chain(tenant_id, None, 1):
            # A head that is not there cannot be locked: another process may have begun the chain in between.
            row = rows.audit.head(tenant_id, lock=True)
            if row is None:
                return None, "its head is missing"
        return row, "" if row is None else self._flaw(rows, tenant_id, row)

    def _flaw(self, rows: Rows, tenant_id: str, row: HeadRow) -> str:
        if not self._is_genuine(tenant_id, row):
            return "its head is forged, or signed by a generation that this keyring does not have"
        if not same(self._link(rows, tenant_id, row, row.position), row.chain):
            return f"the chain does not reach its head at position {row.position}"
        if rows.audit.chain(tenant_id, row.position, 1):
            return f"the chain goes on behind its head at position {row.position}"
        return ""

    def _seal_batch(self, tenant_id: str) -> bool:
        """Seal the next entries; return whether there may be more."""
        with self._context.store.read() as rows:
            if not rows.audit.to_seal(tenant_id, 1):
                return False
        try:
            with self._context.store.change() as rows:  # on the disk before its end is kept outside
                row, flaw = self.end(rows, tenant_id)
                if not flaw:
                    return self._extend(rows, tenant_id, row)
        except Clash:  # another process has begun this chain at the same moment: go on behind it
            return True
        self._tell(tenant_id, f"{flaw}; entries stay unsealed")
        return False

    def _extend(self, rows: Rows, tenant_id: str, row: HeadRow | None) -> bool:
        waiting = rows.audit.to_seal(tenant_id, _BATCH)
        if not waiting:
            return False
        generation, now = self._context.keyring().signing(self._context.clock()), self._context.now()
        if row is None:
            row = HeadRow(0, "", now, generation.id, "")
            rows.audit.begin(tenant_id, row)  # first of all: of two that begin a chain, one fails here
        position, chain, links = row.position, row.chain, []
        for id, mac in waiting:
            position += 1
            chain = f"{generation.id}:{chain_link(generation, chain, position, mac)}"
            links.append((id, position, chain))
        rows.audit.seal(tenant_id, links)
        signature = head_signature(generation, tenant_id, position, chain, micros(now))
        end = replace(row, position=position, chain=chain, at=now, generation=generation.id, signature=signature)
        rows.audit.put_head(tenant_id, end)
        return len(waiting) == _BATCH

    def _keep(self, tenant_id: str) -> None:
        """Keep the end of a chain outside, in place of one that lies on this chain: no other is given up.

        Only a committed head is kept, and the kept head is read first. So it is never ahead of an honest database.
        """
        while True:
            try:
                kept = self._context.heads.get(tenant_id)
            except OSError as error:
                self._tell(tenant_id, f"what is kept outside cannot be read ({error.strerror})")
                return
            with self._context.store.read() as rows:
                row = rows.audit.head(tenant_id)
                flaw = self._flaw_of_kept(rows, tenant_id, row, kept)
                moved = _cut_position(rows.audit.head(tenant_id)) != _cut_position(row)
            if moved:  # entries were cut while we looked, in a host's transaction that is no snapshot
                continue
            if flaw:
                self._tell(tenant_id, f"{flaw}; what is kept outside stays as it is")
                return
            if row is None or (kept is not None and kept.position == row.position):
                return
            if self._context.heads.keep(tenant_id, head_of("", row), after=kept):
                return

    def _flaw_of_kept(self, rows: Rows, tenant_id: str, row: HeadRow | None, kept: Head | None) -> str:
        if row is not None and not self._is_genuine(tenant_id, row):
            return "its head is forged, or signed by a generation that this keyring does not have"
        if kept is None:
            return ""
        if row is None or kept.position > row.position:
            return f"its tail was cut: the kept head is at position {kept.position}"
        if not same(self._link(rows, tenant_id, row, kept.position), kept.chain):
            return f"the kept head at position {kept.position} does not lie on this chain"
        return ""

    def _is_genuine(self, tenant_id: str, row: HeadRow) -> bool:
        keyring = self._context.keyring()
        if row.cut_position and not is_cut_signed(
            keyring, row.cut_signature, tenant_id, row.cut_position, row.cut_chain
        ):
            return False
        return is_signed(keyring, row.signature, tenant_id, row.position, row.chain, micros(row.at))

    def _link(self, rows: Rows, tenant_id: str, row: HeadRow, position: int) -> str:
        """Return the link of the chain at a position, or "" where the chain has none."""
        if position == row.cut_position:
            return row.cut_chain
        here = rows.audit.chain(tenant_id, position - 1, 1)
        return (here[0].chain or "") if here and here[0].entry.position == position else ""

    def _tell(self, tenant_id: str, flaw: str) -> None:
        if (tenant_id, flaw) not in self._reported:  # once, not every second
            self._reported.add((tenant_id, flaw))
            _log.error("the audit log of tenant %s is not as it was left: %s; run audit.check", tenant_id, flaw)


def head_of(tenant: str, row: HeadRow) -> Head:
    """Return the head of a chain as it is given away."""
    return Head(tenant, row.position, row.chain, row.at, row.signature)


def _cut_position(row: HeadRow | None) -> int:
    return row.cut_position if row else 0
