"""The credits of keys: reading, adding and setting the balance, and holds that are settled later.

A hold takes its credits from the balance in the transaction that writes the hold. So the charged and the held credits
never exceed the balance, even when a process dies. The next call or verification that touches the credits of the key
ends holds whose time is over.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, Generic

from tokenry.core import credits as rules
from tokenry.core import fields
from tokenry.core.credits import Account, CreditState, Hold, OnExpiry, is_whole
from tokenry.core.errors import Conflict, FieldError, Invalid, NotFound, missing, shown
from tokenry.core.holds import HeldCredits, held
from tokenry.core.ids import is_id
from tokenry.core.limits import COUNT_MAX
from tokenry.core.model import NOT_GIVEN, Key, NotGiven, Page, micros
from tokenry.core.plurals import counted
from tokenry.core.walking import walked

from .context import B, Change, Context
from .crediting import READ, WRITE
from .paging import page, place_of
from .seeing import visible
from .spending import current, locked

_HELD_MIN, _HELD_MAX = timedelta(seconds=1), timedelta(days=30)


class KeyCredits(Generic[B]):
    """The credits of the keys of a tenant."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def get(self, id: str, *, tenant: str | NotGiven = NOT_GIVEN, by: B | NotGiven = NOT_GIVEN) -> CreditState:
        """Return how the credits of a key stand; raise NotFound for a key without any.

        Credits that processes have taken as shares (`shared=True`) do not count as left.
        """
        with self._context.reading(tenant, by) as scene:
            key = visible(scene, id, READ)
            account = current(scene.rows, scene.tenant.id, key.id, micros(scene.now))
        return _state(key, _known(account))

    def list(
        self,
        *,
        limit: int = 50,
        cursor: str | None = None,
        tenant: str | NotGiven = NOT_GIVEN,
        by: B | NotGiven = NOT_GIVEN,
    ) -> Page[CreditState]:
        """Return one page of the keys that have credits, the newest first, with how these stand."""
        limit, before = fields.limit_of_page(limit), place_of("key", cursor)
        with self._context.reading(tenant, by) as scene:
            scene.actor.must(READ, "listing the credits of all keys")
            now = micros(scene.now)
            found = scene.rows.credits.list(scene.tenant, now, before=before, limit=limit + 1)
        settled = [(key_id, rules.settled(account, now)) for key_id, account in found]
        states = [rules.state_of(key_id, account.credits, account.balance) for key_id, account in settled]
        return page("key", states, limit, lambda state: state.key)

    iterate = walked(list)

    def add(
        self, id: str, amount: int, *, tenant: str | NotGiven = NOT_GIVEN, by: B | NotGiven = NOT_GIVEN
    ) -> CreditState:
        """Give a key more credits. They are used after those of a refill, and a refill leaves them."""
        _check("amount", amount, 1)
        with self._context.changing(tenant, by) as change:
            key, account = _changeable(change, id)
            balance = account.balance
            if balance.left + amount > COUNT_MAX:
                raise Conflict(f"a key has at most {COUNT_MAX} credits", field="credits")
            added = replace(balance, left=balance.left + amount, extra=balance.extra + amount)
            return _written(change, key, account, replace(account, balance=added), "key.credits_added", amount)

    def set(
        self, id: str, remaining: int, *, tenant: str | NotGiven = NOT_GIVEN, by: B | NotGiven = NOT_GIVEN
    ) -> CreditState:
        """Say how many credits are left until the next refill, beside those that are held."""
        _check("remaining", remaining, 0)
        with self._context.changing(tenant, by) as change:
            key, account = _changeable(change, id)
            epoch = account.balance.epoch + 1  # shares that processes have taken do not come back
            balance = replace(account.balance, left=remaining, extra=0, epoch=epoch)
            change.rows.credits.move_holds(change.tenant.id, key.id, account.balance.epoch, epoch)
            if account.credits.shared:  # processes must not go on with what they took before
                change.rows.keys.update(change.tenant, key, {}, change.now, version=None)
                change.invalidate_keys(key.id)
            return _written(change, key, account, replace(account, balance=balance), "key.credits_set", remaining)

    def reserve(
        self,
        id: str,
        amount: int,
        *,
        expires_in: timedelta = timedelta(minutes=10),
        on_expiry: OnExpiry = "free",
        tenant: str | NotGiven = NOT_GIVEN,
        by: B | NotGiven = NOT_GIVEN,
    ) -> HeldCredits:
        """Set credits of a live key aside, until you settle or release them.

        After `expires_in` (1 s to 30 days) all of them are freed or charged, as `on_expiry` says: `"free"` or
        `"charge"`. Raise Conflict with the field `credits` when too few are left, with the field `hold` when the key
        has 1,000 open holds.
        """
        lasts = _read_hold(amount, expires_in, on_expiry)
        with self._context.changing(tenant, by) as change:
            key, account = _changeable(change, id)
            if key.status != "active":
                raise Conflict(f"only credits of a live key are held, this one is {key.status}", field="status")
            balance, expires_at = account.balance, change.now + lasts
            if balance.left < amount:
                remaining = max(0, balance.left)
                message = f"{counted(amount, 'credit')} cannot be held: the key has {remaining} left"
                raise Conflict(message, field="credits", remaining=remaining)
            rows = change.rows.credits
            if _open_count(change, key, account) >= rules.HOLDS_MAX:
                message = f"the key has {rules.HOLDS_MAX} open holds, the most there may be: settle or release some"
                raise Conflict(message, field="hold")
            hold = Hold(
                id=self._context.new_id("hold"),
                key=key.id,
                amount=amount,
                on_expiry=on_expiry,
                created_at=change.now,
                expires_at=expires_at,
                charged=None,
                ended_at=None,
            )
            first = min(micros(expires_at), balance.hold_at or micros(expires_at))
            left = replace(balance, left=balance.left - amount, held=balance.held + amount, hold_at=first)
            rows.write(change.tenant.id, key.id, replace(account, balance=left), micros(change.now))
            rows.hold(change.tenant.id, hold, left.epoch)
        end = partial(self.settle, key.id, hold.id, tenant=change.tenant.slug, by=by)
        return held(HeldCredits, hold, end)

    def settle(
        self, id: str, hold: str, amount: int, *, tenant: str | NotGiven = NOT_GIVEN, by: B | NotGiven = NOT_GIVEN
    ) -> Hold:
        """Charge so many credits of a hold, from 0 to all, and free the rest. A repeat with the same amount is fine.

        Raise NotFound for an unknown hold or one that ended more than a day ago, Conflict for one that ended otherwise.
        """
        _check("amount", amount, 0)
        with self._context.changing(tenant, by) as change:
            key, account = _changeable(change, id)
            rows, here, now = change.rows.credits, (change.tenant.id, key.id), micros(change.now)
            found = rows.get_hold(*here, hold) if is_id("hold", hold) else None
            if found is None:
                raise missing("hold", hold, change.tenant.slug)
            if amount > found.amount:
                message = f"is more than the hold has, {found.amount}"
                raise Invalid.one("amount", "out_of_range", message)
            if account.holds is None:
                one = rows.open_hold(*here, hold)
            else:
                one = next((one for one in account.holds if one.id == found.id), None)
            if one is not None:
                account = rules.ended(account, one, amount)
            rows.write(*here, account, now)
            ended = rows.get_hold(*here, hold)
        assert ended is not None
        if ended.charged != amount:  # the hold ended before; the charge that was due is written all the same
            raise Conflict(f"the hold ended at {ended.ended_at}: {ended.charged} of it were charged", field="hold")
        return ended

    def holds(self, id: str, *, tenant: str | NotGiven = NOT_GIVEN, by: B | NotGiven = NOT_GIVEN) -> tuple[Hold, ...]:
        """Return the open holds of a key, at most 1,000, those first that end first."""
        with self._context.reading(tenant, by) as scene:
            key = visible(scene, id, READ)
            found = scene.rows.credits.open_holds(scene.tenant.id, key.id, micros(scene.now), rules.HOLDS_MAX)
            return tuple(found)


def _changeable(change: Change, id: str) -> tuple[Key, Account]:
    """Return a key whose credits the actor may change, and its locked account, settled in memory but not written."""
    change.actor.must(WRITE, "changing the credits of a key")
    key = visible(change, id, WRITE, lock=True)  # before its credits, as in `keys.update`: or two wait for each other
    return key, _known(locked(change.rows, change.tenant.id, key.id, micros(change.now)))


def _known(account: Account | None) -> Account:
    if account is None:
        raise NotFound("this key has no credits: it works without counting, see keys.update(credits=…)")
    return account


def _open_count(change: Change, key: Key, account: Account) -> int:
    """Return how many holds of a locked account are open: of those that are due the end is not written yet."""
    if account.holds is not None:
        return len(account.holds)
    return change.rows.credits.count_open_holds(change.tenant.id, key.id)


def _written(change: Change, key: Key, before: Account, after: Account, type: str, amount: int) -> CreditState:
    change.rows.credits.write(change.tenant.id, key.id, after, micros(change.now))
    was = {"remaining": max(0, before.balance.left)}
    values: dict[str, Any] = {"remaining": max(0, after.balance.left)}
    if type == "key.credits_added":
        values["added"] = amount
    change.record(type, key.id, was, values, owner=key.owner)
    return _state(key, after)


def _state(key: Key, account: Account) -> CreditState:
    return rules.state_of(key.id, account.credits, account.balance)


def _check(field: str, value: object, least: int) -> None:
    if not is_whole(value, least, COUNT_MAX):
        raise Invalid.one(field, "out_of_range", f"must be a whole number from {least} to {COUNT_MAX}")


def _read_hold(amount: object, expires_in: object, on_expiry: object) -> timedelta:
    errors: list[FieldError] = []
    if not is_whole(amount, 1, COUNT_MAX):
        errors.append(FieldError("amount", "out_of_range", f"must be a whole number from 1 to {COUNT_MAX}"))
    lasts = fields.length("expires_in", expires_in, errors, least=_HELD_MIN, most=_HELD_MAX)
    if on_expiry not in rules.ON_EXPIRY:
        errors.append(FieldError("on_expiry", "unknown", f"{shown(on_expiry)} is neither 'free' nor 'charge'"))
    fields.refuse(errors)
    return lasts
