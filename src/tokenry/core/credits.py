"""Credits: uses that are left on a key, ever or until the next refill in the time zone of its tenant.

A balance is a row of the store. It is locked while these rules change it, so they need no lock of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, Final, Literal, TypeAlias, get_args

from .errors import FieldError, shown
from .limits import COUNT_MAX
from .mistakes import missing, name_unknown, within

Refill: TypeAlias = Literal["daily", "monthly"]
OnExpiry: TypeAlias = Literal["free", "charge"]
REFILLS: Final[tuple[str, ...]] = get_args(Refill)
ON_EXPIRY: Final[tuple[str, ...]] = get_args(OnExpiry)
ZONE_MAX: Final = 64
HOLDS_MAX: Final = 1000
"""How many holds of a key may be open: the call or verification that finds them all ended writes each of them."""
_FIELDS = ("amount", "refill", "refill_day", "shared")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Credits:
    """The credits of a key: `amount` in total, or again from each refill.

    `refill` is `"daily"` (at midnight), `"monthly"` (at midnight of `refill_day`, or of the last day of a shorter
    month), or None. Midnight is that of the tenant's time zone. With `shared=True` a process takes several credits from
    the database at once and spends them from memory: this is faster, and a process that is killed loses what it had
    taken, at most a hundredth of `amount`.
    """

    amount: int
    refill: Refill | None = None
    refill_day: int = 1
    shared: bool = False


@dataclass(frozen=True, slots=True)
class CreditState:
    """The credits of a key: how many remain, how many are held, and when the next refill comes (None for never)."""

    key: str
    amount: int
    remaining: int
    held: int
    reset_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Credits of a key that are set aside until they are charged or freed.

    At `expires_at` all of them are freed or charged, as `on_expiry` says. `charged` is None while the hold is open.
    """

    id: str
    key: str
    amount: int
    on_expiry: OnExpiry
    created_at: datetime
    expires_at: datetime
    charged: int | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Balance:
    """The credits of a key as they are stored.

    `left` may be negative after `amount` was lowered. `extra` are added credits, which a refill keeps: those of the
    refill are used first. `epoch` changes whenever what was left is replaced, so that what was taken before is not
    given back after. No hold expires before `hold_at`; None says that there are no holds.
    """

    left: int
    extra: int = 0
    held: int = 0
    epoch: int = 0
    refill_at: int | None = None
    hold_at: int | None = None


@dataclass(frozen=True, slots=True)
class OpenHold:
    """A hold that has not ended. `extra` is how much of what it frees belongs to added credits, after a refill."""

    id: str
    amount: int
    epoch: int
    extra: int
    expires_at: int
    on_expiry: str


@dataclass(frozen=True, slots=True)
class Account:
    """The credits of a key with everything that changes them: the settings, the time zone, and the open holds.

    `holds` are read only when a refill or hold is due, else they are None: there may be many.
    `charged` and `carried` are results of `settled` that are not written yet: the charge of each ended hold, and the
    `extra` of holds that a refill has passed.
    """

    credits: Credits
    zone: str
    balance: Balance
    holds: tuple[OpenHold, ...] | None = None
    charged: tuple[tuple[OpenHold, int], ...] = ()
    carried: tuple[tuple[str, int], ...] = ()


def settled(account: Account, now: int) -> Account:
    """Return an account after everything that was due by now: holds that expired and the refill, in their order.

    After several missed refills one is done: the credits of the periods before would have been lost anyway.
    """
    if not is_due(account.balance, now):
        return account
    refill_at = account.balance.refill_at
    if refill_at is not None and refill_at <= now:
        account = _refilled(_expired(account, refill_at), now)
    return _with_first_end(_expired(account, now))


def is_due(balance: Balance, now: int) -> bool:
    """Tell whether a refill or the end of a hold is due."""
    return any(at is not None and at <= now for at in (balance.refill_at, balance.hold_at))


def ended(account: Account, hold: OpenHold, charged: int) -> Account:
    """Return an account after a hold has ended with so many credits charged: the rest is free again."""
    account = replace(_ended(account, hold, charged), charged=(*account.charged, (hold, charged)))
    if account.holds is None:  # `hold_at` may be early then: that costs a look, and nothing else
        return account
    return _with_first_end(replace(account, holds=tuple([one for one in account.holds if one is not hold])))


def _ended(account: Account, hold: OpenHold, charged: int) -> Account:
    balance, free = account.balance, hold.amount - charged
    extra = 0
    if hold.epoch != balance.epoch:  # credits of a period that is over are lost, but not added ones
        free = extra = min(free, hold.extra)
    balance = replace(balance, left=balance.left + free, extra=balance.extra + extra, held=balance.held - hold.amount)
    return replace(account, balance=balance)


def _with_first_end(account: Account) -> Account:
    first = min([hold.expires_at for hold in account.holds or ()], default=None)
    return replace(account, balance=replace(account.balance, hold_at=first))


def _expired(account: Account, now: int) -> Account:
    """Return an account after the end of all holds that expired, in one pass: there may be many."""
    open_holds, charged = [], list(account.charged)
    for hold in account.holds or ():
        if hold.expires_at > now:
            open_holds.append(hold)
            continue
        charged.append((hold, hold.amount if hold.on_expiry == "charge" else 0))
        account = _ended(account, *charged[-1])
    return replace(account, holds=tuple(open_holds), charged=tuple(charged))


def _refilled(account: Account, now: int) -> Account:
    balance, open_holds = account.balance, account.holds or ()
    kept = max(0, min(balance.extra, balance.left))
    current = [hold for hold in open_holds if hold.epoch == balance.epoch]
    # Added credits may be held. Credits that such a hold frees later count as added credits again.
    pending = max(0, min(balance.extra, balance.left + sum([hold.amount for hold in current]))) - kept
    carried: dict[str, int] = {}
    for hold in current:
        if pending:
            carried[hold.id] = part = min(pending, hold.amount)
            pending -= part
    holds = tuple([replace(hold, extra=carried.get(hold.id, hold.extra)) for hold in open_holds])
    balance = replace(
        balance,
        left=account.credits.amount + kept,
        extra=kept,
        epoch=balance.epoch + 1,
        refill_at=refill_after(account.credits, account.zone, now),
    )
    return replace(account, balance=balance, holds=holds, carried=(*account.carried, *carried.items()))


def opened(credits: Credits, zone: str, now: int) -> Balance:
    """Return the balance of a key that gets credits.

    Its epoch is the moment, so that shares of credits that the key had before are not given back to these.
    """
    return Balance(credits.amount, epoch=now, refill_at=refill_after(credits, zone, now))


def changed(account: Account, credits: Credits, now: int) -> Account:
    """Return an account with other credits. Used credits stay used, so the balance moves by the difference."""
    balance, before = account.balance, account.credits
    balance = replace(balance, left=balance.left + credits.amount - before.amount)
    if (credits.refill, credits.refill_day) != (before.refill, before.refill_day):
        balance = replace(balance, refill_at=refill_after(credits, account.zone, now))
    return replace(account, credits=credits, balance=balance)


def state_of(key_id: str, credits: Credits, balance: Balance) -> CreditState:
    """Return the public state of a balance."""
    reset_at = None if balance.refill_at is None else _EPOCH + balance.refill_at * _MICROSECOND
    return CreditState(key_id, credits.amount, max(0, balance.left), balance.held, reset_at)


def refill_after(credits: Credits, zone: str, now: int) -> int | None:
    """Return the moment of the first refill after now (microseconds), None without refills.

    A time zone that this machine does not know counts as UTC, so that a key of its tenant still works.

    Where a day has no midnight since the clocks go forward, it is the first moment of the day; where it has two, the
    first of them.
    """
    if credits.refill is None:
        return None
    here = zone_of(zone) or UTC
    day = (_EPOCH + now * _MICROSECOND).astimezone(here).date()
    while True:
        at = _midnight(day if credits.refill == "daily" else _monthly(day, credits.refill_day), here)
        if at > now:
            return at
        day = day + _DAY if credits.refill == "daily" else day.replace(day=1) + 31 * _DAY


def _monthly(day: date, refill_day: int) -> date:
    last = (day.replace(day=1) + 31 * _DAY).replace(day=1) - _DAY
    return day.replace(day=min(refill_day, last.day))


def _midnight(day: date, zone: tzinfo) -> int:
    at = datetime(day.year, day.month, day.day, tzinfo=zone)
    return (at.astimezone(UTC) - _EPOCH) // _MICROSECOND


def zone_of(name: str) -> tzinfo | None:
    """Return the time zone of an IANA name, None if this machine does not know it."""
    # UTC needs no database of time zones, and few callers need the module, which is slow to import.
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        return None


def check_zone(field: str, value: object, errors: list[FieldError]) -> str:
    """Return the IANA name of a time zone; name everything else in `errors`."""
    if not isinstance(value, str) or not 0 < len(value) <= ZONE_MAX or zone_of(value) is None:
        message = (
            f"{shown(value)} is not a time zone that this machine knows: use an IANA name such as 'Europe/Berlin', and "
            "install tzdata if it is missing"
        )
        errors.append(FieldError(field, "unknown_time_zone", message))
        return "UTC"
    return value


def check(field: str, value: object, errors: list[FieldError]) -> Credits | None:
    """Return well-formed credits, or None for a key without any; a number is an amount without a refill."""
    known = len(errors)
    if value is None:
        return None
    if isinstance(value, Mapping):
        name_unknown(map(str, value), _FIELDS, errors, field, "a field of credits")
        if "amount" not in value:
            errors.append(missing(within(field, "amount")))
        if len(errors) > known:
            return None
        given: Any = value
        value = Credits(**given)
    elif isinstance(value, int) and not isinstance(value, bool):
        value = Credits(value)
    if not isinstance(value, Credits):
        message = f"{shown(value)} is neither Credits nor a number of them"
        errors.append(FieldError(field, "bad_credits", message))
        return None
    errors.extend(FieldError(within(field, name), "bad_credits", message) for name, message in _mistakes(value))
    return value if len(errors) == known else None


def _mistakes(value: Credits) -> Sequence[tuple[str, str]]:
    wrong = []
    if not is_whole(value.amount, 0, COUNT_MAX):
        wrong.append(("amount", f"must be a whole number from 0 to {COUNT_MAX}"))
    if value.refill is not None and value.refill not in REFILLS:
        wrong.append(("refill", "must be 'daily', 'monthly' or None"))
    if not is_whole(value.refill_day, 1, 31):
        wrong.append(("refill_day", "must be a day of the month, from 1 to 31"))
    elif value.refill_day != 1 and value.refill != "monthly":
        wrong.append(("refill_day", "belongs to refill='monthly'"))
    if not isinstance(value.shared, bool):
        wrong.append(("shared", "must be True or False"))
    return wrong


def is_whole(value: object, least: int, most: int) -> bool:
    """Tell whether a value is a whole number within bounds."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def compiled(values: Sequence[Any]) -> Credits:
    """Return credits from their stored form."""
    return Credits(*values)
