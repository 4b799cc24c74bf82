"""Balances of credits in SQL, and holds of them.

A verification takes its credits with one conditional UPDATE as long as nothing is due. When a refill or the end of a
hold is due, or too little is left, it locks the row and the rules of `core.credits` decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, text, update

from tokenry.core.credits import Account, Balance, Hold, OpenHold, is_due
from tokenry.core.model import Tenant, micros, moment, moment_or_none
from tokenry.core.records import credits as stored_credits

from .fixed import Fixed, FixedWrite
from .tables import credit, credit_hold, key, tenant

_BALANCE = ("balance", "extra", "held", "epoch", "refill_at", "hold_at")
"""The columns of a `Balance`, in the order of its fields."""
_HERE = (credit.c.tenant_id == bindparam("of_tenant")) & (credit.c.key_id == bindparam("of_key"))
_TAKE = Fixed(
    text(f"""
        UPDATE tokenry_credit SET balance = balance - :units
        WHERE tenant_id = :of_tenant AND key_id = :of_key AND balance >= :units
        AND (refill_at IS NULL OR refill_at > :now) AND (hold_at IS NULL OR hold_at > :now)
        RETURNING {", ".join(_BALANCE)}
    """),  # noqa: S608 - of the names of columns
    _BALANCE,
)
_GIVE_BACK = FixedWrite(
    text("""
        UPDATE tokenry_credit SET balance = balance + :units
        WHERE tenant_id = :of_tenant AND key_id = :of_key AND epoch = :of_epoch
    """),
    *("units", "of_tenant", "of_key", "of_epoch"),
)
_ACCOUNTS = (
    select(credit.c.key_id, *[credit.c[name] for name in _BALANCE], key.c.credits, tenant.c.time_zone)
    .join(key, (key.c.tenant_id == credit.c.tenant_id) & (key.c.id == credit.c.key_id))
    .join(tenant, tenant.c.id == credit.c.tenant_id)
)
_ACCOUNT = _ACCOUNTS.where(_HERE)
_GET, _GET_LOCKED = Fixed(_ACCOUNT), Fixed(_ACCOUNT.with_for_update(of=credit))
_WRITE = FixedWrite(update(credit).where(_HERE), "of_tenant", "of_key")
_HOLD = ("id", "amount", "epoch", "extra", "expires_at", "on_expiry")
"""The columns of an `OpenHold`, in the order of its fields."""
_OF_KEY = (credit_hold.c.tenant_id == bindparam("of_tenant")) & (credit_hold.c.key_id == bindparam("of_key"))
_OPEN = Fixed(
    select(*[credit_hold.c[name] for name in _HOLD])
    .where(_OF_KEY, credit_hold.c.ended_at.is_(None))
    .order_by(credit_hold.c.expires_at, credit_hold.c.id)
)
_HOLDS = Fixed(
    select(credit_hold)
    .where(_OF_KEY, credit_hold.c.ended_at.is_(None), credit_hold.c.expires_at > bindparam("now"))
    .order_by(credit_hold.c.expires_at, credit_hold.c.id)
    .limit(bindparam("most"))
)
_THIS = _OF_KEY & (credit_hold.c.id == bindparam("of_id"))
_OPEN_ONE = Fixed(select(*[credit_hold.c[name] for name in _HOLD]).where(_THIS, credit_hold.c.ended_at.is_(None)))
_GET_HOLD = Fixed(select(credit_hold).where(_THIS))
_CHANGE_HOLD = FixedWrite(update(credit_hold).where(_THIS), "of_tenant", "of_key", "of_id")
_MOVE_HOLDS = FixedWrite(
    update(credit_hold).where(_OF_KEY, credit_hold.c.epoch == bindparam("of_epoch"), credit_hold.c.ended_at.is_(None)),
    *("of_tenant", "of_key", "of_epoch"),
)
_INSERT, _INSERT_HOLD = FixedWrite(insert(credit)), FixedWrite(insert(credit_hold))
_COUNT_HOLDS = Fixed(select(func.count().label("count")).where(_OF_KEY, credit_hold.c.ended_at.is_(None)))


class CreditRows:
    """Credits within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def insert(self, tenant_id: str, balances: Sequence[tuple[str, Balance]]) -> None:
        rows = [{"tenant_id": tenant_id, "key_id": key_id, **_row(balance)} for key_id, balance in balances]
        if rows:
            _INSERT(self._connection, rows)

    def take(self, tenant_id: str, key_id: str, units: int, now: int) -> Balance | None:
        """Take units if so many are left and nothing is due; return what is left then, else None."""
        row = _TAKE.first(self._connection, of_tenant=tenant_id, of_key=key_id, units=units, now=now)
        return Balance(*row) if row else None

    def give_back(self, tenant_id: str, key_id: str, epoch: int, units: int) -> None:
        """Return units that were taken and not used, unless what was left has been replaced since."""
        here = {"of_tenant": tenant_id, "of_key": key_id, "of_epoch": epoch}
        _GIVE_BACK(self._connection, {**here, "units": units})

    def account(self, tenant_id: str, key_id: str, now: int, *, lock: bool) -> Account | None:
        """Return the credits of a key, locked if asked for, with its open holds when something is due.

        None for a key without credits.
        """
        row = (_GET_LOCKED if lock else _GET).first(self._connection, of_tenant=tenant_id, of_key=key_id)
        return self._account(tenant_id, row, now) if row and row.credits is not None else None

    def write(self, tenant_id: str, key_id: str, account: Account, now: int) -> None:
        """Write an account that was locked, with what became of its holds."""
        here = {"of_tenant": tenant_id, "of_key": key_id}
        _WRITE(self._connection, {**_row(account.balance), **here})
        carried = [{"extra": extra, **here, "of_id": id} for id, extra in account.carried]
        ended = [
            {"charged": charged, "ended_at": min(now, hold.expires_at), **here, "of_id": hold.id}
            for hold, charged in account.charged
        ]
        for changes in (carried, ended):
            if changes:
                _CHANGE_HOLD(self._connection, changes)

    def delete(self, tenant_id: str, key_id: str) -> None:
        """Remove the credits of a key, and its holds."""
        for table in (credit, credit_hold):
            here = (table.c.tenant_id == tenant_id) & (table.c.key_id == key_id)
            self._connection.execute(delete(table).where(here))

    def list(self, of: Tenant, now: int, *, before: str | None, limit: int) -> Sequence[tuple[str, Account]]:
        """Return the credits of the keys of a tenant, those of the newest key first."""
        query = _ACCOUNTS.where(credit.c.tenant_id == of.id).order_by(credit.c.key_id.desc()).limit(limit)
        if before is not None:
            query = query.where(credit.c.key_id < before)
        return [(row.key_id, self._account(of.id, row, now)) for row in self._connection.execute(query)]

    def hold(self, tenant_id: str, hold: Hold, epoch: int) -> None:
        """Write a new hold."""
        row = {
            "tenant_id": tenant_id,
            "key_id": hold.key,
            "id": hold.id,
            "amount": hold.amount,
            "epoch": epoch,
            "on_expiry": hold.on_expiry,
            "created_at": micros(hold.created_at),
            "expires_at": micros(hold.expires_at),
        }
        _INSERT_HOLD(self._connection, row)

    def move_holds(self, tenant_id: str, key_id: str, epoch: int, to: int) -> None:
        """Let what the holds of an epoch free come back in another one."""
        here = {"of_tenant": tenant_id, "of_key": key_id, "of_epoch": epoch}
        _MOVE_HOLDS(self._connection, {"epoch": to, **here})

    def get_hold(self, tenant_id: str, key_id: str, id: str) -> Hold | None:
        """Return a hold, even if it ended within the last day."""
        row = _GET_HOLD.first(self._connection, of_tenant=tenant_id, of_key=key_id, of_id=id)
        return _hold_of(row) if row else None

    def open_hold(self, tenant_id: str, key_id: str, id: str) -> OpenHold | None:
        """Return a hold that has not ended."""
        row = _OPEN_ONE.first(self._connection, of_tenant=tenant_id, of_key=key_id, of_id=id)
        return OpenHold(*row) if row else None

    def count_open_holds(self, tenant_id: str, key_id: str) -> int:
        """Return how many holds of a key have not ended."""
        count: int = _COUNT_HOLDS.first(self._connection, of_tenant=tenant_id, of_key=key_id).count
        return count

    def open_holds(self, tenant_id: str, key_id: str, now: int, limit: int) -> Sequence[Hold]:
        """Return holds that have not ended by a moment, those first that end first."""
        found = _HOLDS(self._connection, of_tenant=tenant_id, of_key=key_id, now=now, most=limit)
        return [_hold_of(row) for row in found]

    def _account(self, tenant_id: str, row: Any, now: int) -> Account:
        balance = Balance(*[getattr(row, name) for name in _BALANCE])
        holds: tuple[OpenHold, ...] | None = None
        if is_due(balance, now):
            found = _OPEN(self._connection, of_tenant=tenant_id, of_key=row.key_id) if balance.hold_at else ()
            holds = tuple([OpenHold(*one) for one in found])
        return Account(stored_credits(row.credits), row.time_zone, balance, holds)


def _row(balance: Balance) -> dict[str, Any]:
    return dict(zip(_BALANCE, astuple(balance), strict=True))


def _hold_of(row: Any) -> Hold:
    return Hold(
        id=row.id,
        key=row.key_id,
        amount=row.amount,
        on_expiry=row.on_expiry,
        created_at=moment(row.created_at),
        expires_at=moment(row.expires_at),
        charged=row.charged,
        ended_at=moment_or_none(row.ended_at),
    )
