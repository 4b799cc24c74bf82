"""All roles of the store within one transaction, and the few small ones that need no room of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from secrets import randbits
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, text

from tokenry.core.document import Seals
from tokenry.core.model import Tenant, micros, moment
from tokenry.core.ports import Answer, Clash
from tokenry.core.turns import Turn

from .audit import AuditRows
from .credits import CreditRows
from .documents import Documents
from .dump import DumpRows
from .events import EventRows
from .failures import unavailable
from .fence import read_turns, write_turn
from .fixed import Fixed
from .foreign import ForeignRows
from .keys import KeyRows
from .limits import LimitRows
from .mail import MailRows
from .owners import OwnerRows
from .portal import PortalRows
from .refusals import RefusalRows
from .roles import RoleRows, ScopeRows
from .secrets import SecretRows
from .sessions import SessionRows
from .signing_keys import SigningKeyRows
from .tables import idempotency, keyring_canary
from .tenants import TenantRows
from .upkeep import UpkeepRows
from .usage import UsageRows
from .watch import WatchRows
from .webhooks import WebhookRows

_ADVANCE = Fixed(
    text("UPDATE tokenry_fence SET counter = counter + :step WHERE id = 1 RETURNING counter"), ("counter",)
)
_STEP_BITS = 28
_MANY = 50
_CANARY = Fixed(
    select(keyring_canary.c.canary)
    .where(keyring_canary.c.generation == bindparam("of"))
    .with_for_update(read=True, key_share=True)
)


class IdempotencyRows:
    """Answers of calls that may be repeated."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def insert(self, tenant: Tenant, id: str, answer: Answer) -> None:
        row = {
            "tenant_id": tenant.id,
            "id": id,
            "arguments": answer.arguments,
            "generation": answer.generation,
            "nonce": answer.nonce,
            "answer": answer.answer,
            "expires_at": micros(answer.expires_at),
        }
        self._connection.execute(insert(idempotency), row)

    def get(self, tenant: Tenant, id: str) -> Answer | None:
        query = select(idempotency).where(idempotency.c.tenant_id == tenant.id, idempotency.c.id == id)
        row = self._connection.execute(query).first()
        if row is None:
            return None
        return Answer(row.arguments, row.generation, row.nonce, row.answer, moment(row.expires_at))

    def delete_expired(self, now: datetime) -> None:
        self._connection.execute(delete(idempotency).where(idempotency.c.expires_at <= micros(now)))


class CanaryRows:
    """Which generations of the keyring this database has seen."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(self) -> Mapping[str, str]:
        query = select(keyring_canary.c.generation, keyring_canary.c.canary)
        return {row.generation: row.canary for row in self._connection.execute(query)}

    def get(self, generation: str) -> str | None:
        """Return the canary of a generation, which nobody drops before this transaction has ended."""
        row = _CANARY.first(self._connection, of=generation)
        return row.canary if row is not None else None

    def insert(self, generation: str, canary: str) -> None:
        self._connection.execute(insert(keyring_canary), {"generation": generation, "canary": canary})

    def delete(self, generation: str) -> None:
        self._connection.execute(delete(keyring_canary).where(keyring_canary.c.generation == generation))


class SqlRows:
    """Everything that one transaction offers. One that changes anything calls `finish` before its end."""

    def __init__(self, connection: Connection, seals: Seals) -> None:
        self.connection = connection
        self._seals = seals
        self.wrote_many = False

    @cached_property
    def documents(self) -> Documents:
        return Documents(self.connection, self._seals)

    def finish(self) -> None:
        """Write what waits for the end of the transaction."""
        if "documents" in self.__dict__:
            self.documents.write()

    @contextmanager
    def ahead(self, count: int) -> Iterator[None]:
        """Send the inserts inside, of so many rows, without waiting for each.

        PostgreSQL works on one while the next one is made here. Of few rows that is not worth its cost.
        """
        raw: Any = None
        if count >= _MANY and self.connection.dialect.name == "postgresql":
            raw = self.connection.connection.dbapi_connection
        if not hasattr(raw, "pipeline"):  # SQLite, and drivers of hosts
            yield
            return
        import psycopg

        self.wrote_many = True
        try:
            with raw.pipeline():
                yield
        except psycopg.IntegrityError as error:
            raise Clash(type(error).__name__) from None
        except psycopg.Error as error:
            raise unavailable(error) from None

    @property
    def core(self) -> Connection:
        """The connection, with everything that SQLAlchemy offers."""
        core: Connection = getattr(self.connection, "core", self.connection)
        return core

    @cached_property
    def tenants(self) -> TenantRows:
        return TenantRows(self.connection)

    @cached_property
    def owners(self) -> OwnerRows:
        return OwnerRows(self.connection)

    @cached_property
    def roles(self) -> RoleRows:
        return RoleRows(self.connection, self.documents)

    @cached_property
    def scopes(self) -> ScopeRows:
        return ScopeRows(self.connection)

    @cached_property
    def keys(self) -> KeyRows:
        return KeyRows(self.connection, self.documents)

    @cached_property
    def secrets(self) -> SecretRows:
        return SecretRows(self.connection, self.documents, self._seals)

    @cached_property
    def sessions(self) -> SessionRows:
        return SessionRows(self.connection)

    @cached_property
    def portal(self) -> PortalRows:
        return PortalRows(self.connection)

    @cached_property
    def signing_keys(self) -> SigningKeyRows:
        return SigningKeyRows(self.connection)

    @cached_property
    def events(self) -> EventRows:
        return EventRows(self.connection)

    @cached_property
    def audit(self) -> AuditRows:
        return AuditRows(self.connection)

    @cached_property
    def usage(self) -> UsageRows:
        return UsageRows(self.connection)

    @cached_property
    def refusals(self) -> RefusalRows:
        return RefusalRows(self.connection)

    @cached_property
    def limits(self) -> LimitRows:
        return LimitRows(self.connection)

    @cached_property
    def credits(self) -> CreditRows:
        return CreditRows(self.connection)

    @cached_property
    def idempotency(self) -> IdempotencyRows:
        return IdempotencyRows(self.connection)

    @cached_property
    def watch(self) -> WatchRows:
        return WatchRows(self.connection)

    @cached_property
    def mail(self) -> MailRows:
        return MailRows(self.connection)

    @cached_property
    def webhooks(self) -> WebhookRows:
        return WebhookRows(self.connection)

    @cached_property
    def foreign(self) -> ForeignRows:
        return ForeignRows(self.connection)

    @cached_property
    def upkeep(self) -> UpkeepRows:
        return UpkeepRows(self.connection, self.keys)

    @property
    def dump(self) -> DumpRows:
        return DumpRows(self.core)

    @cached_property
    def canaries(self) -> CanaryRows:
        return CanaryRows(self.connection)

    def turn(self, kids: tuple[str, ...] | None) -> Turn:
        """Say that verdicts about some secrets (None: all) may change with this transaction.

        On SQLite the fence moves by a random step: where a backup was put back, other changes never lead to where it
        stood before.
        """
        if self.connection.dialect.name == "postgresql":
            return Turn(write_turn(self.connection, kids))
        step = 1 + randbits(_STEP_BITS)
        after = int(_ADVANCE.first(self.connection, step=step).counter)
        return Turn(after, after - step)

    def turns_of(self, kids: tuple[str, ...] | None) -> tuple[int, ...]:
        """Return the turns of some secrets that others may not have applied yet: on SQLite they have."""
        return read_turns(self.connection, kids) if self.connection.dialect.name == "postgresql" else ()
