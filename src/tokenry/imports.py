"""Keys of other systems: what a reader of one yields, and what `tk.imports.run` answers.

A reader yields an `ImportRow` for each key of the other system:

    def rows(database) -> Iterator[ImportRow]:
        for old in database.execute("SELECT id, user_id, token_hash, expires_at FROM api_token"):
            yield ImportRow(
                id=str(old.id),
                owner=str(old.user_id),
                hash=Hash(scheme="sha256", value=old.token_hash),
                hint=Hint(prefix="tt_"),
                expires_at=old.expires_at,
            )

    summary = tk.imports.run(rows(database), source="time-tracker", dry_run=True, each=print)

A mapping with the same fields, or a line of NDJSON as bytes, may stand in place of an `ImportRow`. A reader need not
know what was imported before: a row whose `id` is known in its `source` changes nothing. Nor need it make names unique.
"""

from __future__ import annotations

from .core.foreign import Hint, ImportResult, ImportRow, ImportSummary, LearningStatus
from .core.hashes import SCHEMES, Hash

__all__ = ["SCHEMES", "Hash", "Hint", "ImportResult", "ImportRow", "ImportSummary", "LearningStatus"]
