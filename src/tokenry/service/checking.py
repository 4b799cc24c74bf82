"""Checking the audit log: every entry, the chain over them, its end, and a head that was kept outside."""

from __future__ import annotations

from collections.abc import Iterator

from tokenry.core.audit_ports import HeadRow, Sealed
from tokenry.core.chain import chain_link, entry_mac, is_cut_signed, is_signed, same
from tokenry.core.model import AuditReport, Head, micros

from .context import Scene

_BATCH = 1000
_PROBLEMS_MAX = 100


class Checking:
    """One walk along the chain of a tenant.

    In a host's engine the walk may be no snapshot: others seal meanwhile. So the head is read before the walk and after
    it; the chain must pass the first and must not go beyond the second. In a snapshot they are one and the same.
    """

    def __init__(self, scene: Scene, kept: Head | None, most: int | None = None) -> None:
        """Look at every entry, or at the newest ones: at most `most` of those that are sealed."""
        self._scene = scene
        self._kept = kept
        self._most = most
        self._keyring = scene.context.keyring()
        self._problems: list[str] = []
        self._count = 0
        self.cut_position = 0
        """Where the chain began at the end of the walk: if that has moved since before it, the report says nothing."""

    def report(self) -> AuditReport:
        """Walk, and say what was found."""
        rows, tenant_id = self._scene.rows.audit, self._scene.tenant.id
        first = rows.head(tenant_id)
        start, chain = (first.cut_position, first.cut_chain) if first else (0, "")
        if (
            first is not None
            and start
            and not is_cut_signed(self._keyring, first.cut_signature, tenant_id, start, chain)
        ):
            self._problem("the checkpoint at which old entries were cut is forged")
        position = start
        if first is not None and self._most is not None and first.position - start > self._most:
            position, chain = self._near_the_end(first.position - self._most)
        self._pass(first, position, chain)
        for sealed in self._sealed(None if position == start else position):
            position, chain = self._step(sealed, position, chain)
            self._pass(first, position, chain)
        last = rows.head(tenant_id)
        self.cut_position = last.cut_position if last else 0
        self._check_head(first, last, position)
        self._check_kept(start, position)
        for sealed in rows.unsealed(tenant_id, _BATCH):
            self._count += 1
            self._check_entry(sealed)
        return AuditReport(self._count, tuple(self._problems[:_PROBLEMS_MAX]))

    def _near_the_end(self, position: int) -> tuple[int, str]:
        """Return a position to begin at, and the chain as the entry there has it."""
        found = self._scene.rows.audit.chain(self._scene.tenant.id, position - 1, 1)
        return position, next((one.chain or "" for one in found if one.entry.position == position), "")

    def _step(self, sealed: Sealed, position: int, chain: str) -> tuple[int, str]:
        self._count += 1
        self._check_entry(sealed)
        here = sealed.entry.position or 0
        if here != position + 1:
            self._problem(f"entries are missing in front of position {here} ({sealed.entry.id})")
        generation = self._keyring.get((sealed.chain or "").partition(":")[0])
        expected = f"{generation.id}:{chain_link(generation, chain, here, sealed.mac)}" if generation else ""
        if not same(expected, sealed.chain or "") and here == position + 1:
            self._problem(f"the chain is broken at position {here} ({sealed.entry.id})")
        return here, sealed.chain or ""

    def _pass(self, first: HeadRow | None, position: int, chain: str) -> None:
        """Compare the chain with the heads that lie at a position of it."""
        if first is not None and first.position == position and not same(first.chain, chain):
            self._problem(f"the head does not lie on this chain (position {position})")
        kept = self._kept
        if kept is not None and kept.position == position and not same(kept.chain, chain):
            self._problem(f"the kept head does not lie on this chain (position {position})")

    def _check_entry(self, sealed: Sealed) -> None:
        generation = self._keyring.get(sealed.generation)
        if generation is None or not same(entry_mac(generation, self._scene.tenant.id, sealed.entry), sealed.mac):
            self._problem(f"entry {sealed.entry.id} was changed or forged")

    def _check_head(self, first: HeadRow | None, last: HeadRow | None, position: int) -> None:
        if last is None:
            if position:
                self._problem("the head of the chain is missing")
            return
        for row in (first, last):
            if row is not None and not self._is_signed(row.signature, row.position, row.chain, micros(row.at)):
                self._problem("the head of the chain is forged")
                return
        if first is not None and position < first.position:
            self._problem(f"the chain ends at position {position}, its head says {first.position}")
        elif position > last.position:
            self._problem(f"the chain ends at position {position}, its head says {last.position}")

    def _check_kept(self, start: int, position: int) -> None:
        kept = self._kept
        if kept is None:
            return
        if not self._is_signed(kept.signature, kept.position, kept.chain, micros(kept.at)):
            self._problem("the kept head was not signed by this installation for this tenant")
        elif kept.position > position:
            self._problem(
                f"the tail was cut: the kept head was at position {kept.position}, the chain ends at {position}"
            )
        elif kept.position < start:
            self._problem(f"the kept head (position {kept.position}) is older than what was cut; keep a newer one")

    def _sealed(self, after: int | None) -> Iterator[Sealed]:
        while True:
            batch = self._scene.rows.audit.chain(self._scene.tenant.id, after, _BATCH)
            yield from batch
            if len(batch) < _BATCH:
                return
            after = batch[-1].entry.position

    def _is_signed(self, signature: str, position: int, chain: str, at: int) -> bool:
        return is_signed(self._keyring, signature, self._scene.tenant.id, position, chain, at)

    def _problem(self, text: str) -> None:
        self._problems.append(text)
