"""Issuing keys: reading what is asked for, and writing key, secret, audit entry and event in one transaction."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeAlias

from tokenry.core import fields, key_fields, mistakes, scopes
from tokenry.core.actors import KEYS_WRITE, OPERATOR_SCOPES
from tokenry.core.decide import OPERATOR_ENVIRONMENT
from tokenry.core.errors import Conflict, FieldError, Invalid, StoreUnavailable, TokenryError, missing, shown
from tokenry.core.key_filter import KeyFilter
from tokenry.core.mistakes import name_unknown
from tokenry.core.model import NOT_GIVEN, Issued, Key, Owner, SecretInfo, micros
from tokenry.core.ports import Clash, SecretRow
from tokenry.core.secret import PREFIX_MAX, Secret, digest_of, make_kid, mint
from tokenry.core.trace import read_trace

from . import crediting, granting
from .acting import fields_from_host
from .context import By, Change, Context, Scene, external
from .owning import answered_by_host
from .repeats import Repeatable, repeatable
from .roles import check_roles
from .seeing import WRITE, recorded

BATCH_MAX = 1000
BATCH = 200
"""So many keys are issued in one transaction: others wait some 30 ms for it."""

Origins: TypeAlias = Sequence[tuple[str | None, str | None, str | None]] | None
"""Client IP, request id and `traceparent` of the request that asks for each of many keys, for the audit log."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A key that has been read and found good, not yet written."""

    owner_id: str
    key: Key
    row: SecretRow
    secret: Secret

    def issued(self) -> Issued:
        """Return the key and its secret for the caller."""
        return Issued(self.key, self.secret)


_log = logging.getLogger("tokenry.keys")


def issue(context: Context, asked: Mapping[str, Any], tenant: Any, by: By, idempotency_key: str | None) -> Issued:
    """Issue one key."""
    for last in (idempotency_key is None, True):
        try:
            with context.changing(tenant, by) as change:
                change.actor.must_mint()
                repeat = repeatable(change, "keys.issue", idempotency_key, key_fields.compared(asked))
                if repeat is not None and repeat.saved is not None:
                    return _again(change, repeat, repeat.saved.key)
                draft = read(change, asked, owner_of(change, asked["owner"]), repeat)
                _write(change, [draft], [context])
                if repeat is not None:
                    repeat.save(draft.key, prefix_of(change, draft.key.environment))
            return draft.issued()
        except Clash:
            if last:
                raise name_taken(asked.get("name")) from None
    raise AssertionError("unreachable")


def issue_many(
    context: Context, asked: list[Mapping[str, Any]], tenant: Any, by: By, origins: Origins
) -> list[Issued | TokenryError]:
    """Issue up to 1,000 keys with a result each, in batches, each a transaction.

    An error that ends a batch is the result of each of its keys: the secrets of the batches before must not be lost.
    """
    if len(asked) > BATCH_MAX:
        raise Invalid.one("keys", "too_many", f"at most {BATCH_MAX} keys can be issued at once, these are {len(asked)}")
    contexts = [context] * len(asked) if origins is None else list(_each(context, origins))
    if len(contexts) != len(asked):
        raise Invalid.one("origins", "bad_length", "there is one origin for each key, or none at all")
    results: list[Issued | TokenryError] = []
    for start in range(0, len(asked) or 1, BATCH):
        batch = asked[start : start + BATCH]
        try:
            results += _issue_batch(context, batch, contexts[start : start + BATCH], tenant, by)
        except Exception as error:
            if not results:
                raise
            if not isinstance(error, TokenryError):  # such as one of the host's owner loader
                _log.exception("a batch of keys could not be issued")
                message = f"{type(error).__name__} was raised: look which keys of this batch exist, then try again"
                error = StoreUnavailable(message)
            results += [error] * len(batch)
    return results


def _each(context: Context, origins: object) -> Iterator[Context]:
    """Yield the context of each request that asks for a key."""
    listed = origins if isinstance(origins, Sequence) and not isinstance(origins, (str, bytes)) else [origins]
    for one in listed:
        if not isinstance(one, Sequence) or isinstance(one, str) or len(one) != 3:
            raise Invalid.one("origins", "bad_origin", "origins are a list of (ip, request_id, traceparent)")
        ip, id, trace = one
        fields.check_texts(origins=ip)
        fields.check_texts(origins=id)
        fields.check_texts(origins=trace)
        yield context.scoped(ip=ip, request_id=id, trace=read_trace(trace))


def _issue_batch(
    context: Context, asked: list[Mapping[str, Any]], contexts: list[Context], tenant: Any, by: By
) -> list[Issued | TokenryError]:
    try:
        with context.changing(tenant, by) as change:
            change.actor.must_mint()
            results = _read_many(change, asked)
            drafts = [(draft, own) for draft, own in zip(results, contexts, strict=True) if isinstance(draft, Draft)]
            if drafts:
                _write(change, [draft for draft, _ in drafts], [own for _, own in drafts])
        return [result.issued() if isinstance(result, Draft) else result for result in results]
    except Clash:  # a name was taken at this very moment: find out whose, one by one
        return [_issue_or_error(own, one, tenant, by) for one, own in zip(asked, contexts, strict=True)]


def _issue_or_error(context: Context, asked: Mapping[str, Any], tenant: Any, by: By) -> Issued | TokenryError:
    try:
        return issue(context, _full(asked), tenant, by, None)
    except TokenryError as error:
        return error


def _read_many(change: Change, asked: list[Mapping[str, Any]]) -> list[Draft | TokenryError]:
    mappings = [one for one in asked if isinstance(one, Mapping)]
    owners = _owners(change, mappings)
    taken = change.rows.keys.taken(change.tenant, _names(mappings, owners))
    results: list[Draft | TokenryError] = []
    for one in asked:
        try:
            full = _full(one)
            owner = owners[external(full["owner"])]
            if isinstance(owner, TokenryError):
                raise owner
            draft = read(change, full, owner, None)
        except TokenryError as error:
            results.append(error)
            continue
        name = (draft.owner_id, fields.folded(draft.key.name))
        results.append(name_taken(draft.key.name) if name in taken else draft)
        taken.add(name)
    return results


def _full(one: object) -> dict[str, Any]:
    """Return the arguments for one of many keys, with defaults; raise Invalid."""
    given, errors = fields.key_listed(one), list[FieldError]()
    name_unknown(sorted(map(str, given)), key_fields.ARGUMENTS, errors, what="a field of a key")
    fields.refuse(errors)
    return {**key_fields.ARGUMENTS, **given}


def _owners(change: Change, asked: Sequence[Mapping[str, Any]]) -> dict[str, Owner | TokenryError]:
    """Return whose keys are asked for, locked in one order, so that two calls never wait for each other in a ring."""
    names = set()
    for one in asked:
        with suppress(Invalid):
            names.add(external(one.get("owner")))
    owners: dict[str, Owner | TokenryError] = {}
    for name in sorted(names):
        try:
            owners[name] = owner_of(change, name)
        except TokenryError as error:
            owners[name] = error
    return owners


def _names(asked: Sequence[Mapping[str, Any]], owners: Mapping[str, Owner | TokenryError]) -> Iterator[tuple[str, str]]:
    """Yield the owner id and the folded name of each key that may turn out to be fine."""
    for one in asked:
        with suppress(Invalid):
            owner, name = owners[external(one.get("owner"))], one.get("name")
            if isinstance(owner, Owner) and isinstance(name, str):
                yield owner.id, fields.folded(name.strip())


def read(change: Change, asked: Mapping[str, Any], owner: Owner, repeat: Repeatable | None) -> Draft:
    """Read what is asked for; raise Invalid with every mistake, NotAllowed for more than the actor may grant."""
    errors: list[FieldError] = []
    now = change.now
    key = Key(
        id=change.context.new_id("key"),
        tenant=change.tenant.slug,
        owner=owner.external_id,
        status="active",
        created_at=now,
        updated_at=now,
        expires_at=_expiry(change, asked, errors),
        revoked_at=None,
        revoke_reason="",
        last_used_at=None,
        last_used_ip=None,
        use_count=0,
        version=1,
        secrets=(),
        **key_fields.read(asked, errors),
    )
    check_window(key.not_before, key.expires_at, errors)
    check_scopes(change, key.scopes, key.environment, errors)
    if change.actor.may(WRITE):  # an actor without WRITE passes on its own roles only, see must_grant
        check_roles(change, key.roles, errors)
    fields.refuse(errors)
    granting.must_grant(change, key.scopes, key.roles, key.environment)
    row, secret = new_secret(change, key.id, key.environment, repeat)
    info = SecretInfo(kid=row.kid, created_at=now, ends_at=None, last_used_at=None, last_used_ip=None, use_count=0)
    return Draft(owner.id, replace(key, secrets=(info,)), row, secret)


def _expiry(change: Change, asked: Mapping[str, Any], errors: list[FieldError]) -> datetime | None:
    """Return when a new key expires. A decoy never does unless a time is given: it grants nothing."""
    ends = (asked["expires_in"], asked["expires_at"])
    if asked["decoy"] is True and all(end is NOT_GIVEN or end is None for end in ends):
        return None
    return fields.expiry(change.tenant, change.now, *ends, errors)


def check_window(not_before: datetime | None, expires_at: datetime | None, errors: list[FieldError]) -> None:
    """Name a key that would end before it begins."""
    if not_before is not None and expires_at is not None and not_before >= expires_at:
        errors.append(FieldError("not_before", "out_of_range", "must lie before the key expires"))


def check_scopes(change: Change, asked: tuple[str, ...], environment: str, errors: list[FieldError]) -> None:
    """Name scopes that are not in the catalogue, or that do not belong to keys of this environment."""
    operators = [scope for scope in asked if scopes.is_operator(scope)]
    if environment == OPERATOR_ENVIRONMENT:
        wrong = [scope for scope in asked if scope not in OPERATOR_SCOPES]
        message = "is not a scope of operators' keys"
    else:
        wrong, message = operators, "is for operators' keys only"
        catalogue = change.rows.scopes.list(change.tenant) if asked else ()
        unknown = scopes.unknown(catalogue or None, [scope for scope in asked if scope not in operators])
        errors.extend(mistakes.scopes_unknown(unknown, catalogue))
    errors.extend(FieldError("scopes", "operator_scope", f"{shown(scope)} {message}") for scope in wrong)


def new_secret(change: Change, key_id: str, environment: str, repeat: Repeatable | None) -> tuple[SecretRow, Secret]:
    """Make a secret: random, or the one that belongs to a repeatable call."""
    context = change.context
    generation = repeat.generation if repeat else context.keyring().signing(micros(change.now))
    bits = repeat.secret_bits() if repeat else context.entropy(32)
    kid = make_kid(context.entropy(16))
    text = mint(prefix_of(change, environment), kid, bits, generation.tag_key)
    digest = digest_of(generation.pepper, kid, change.tenant.id, key_id, text)
    return SecretRow(kid, key_id, digest, generation.id, generation.id, change.now), Secret(text)


def _again(change: Change, repeat: Repeatable, saved: Key) -> Issued:
    """Return the answer that a repeated call got before, if the actor might still make such a key."""
    change.actor.must_see(saved.owner, KEYS_WRITE, "key", saved.id, change.tenant.slug)
    granting.must_grant(change, saved.scopes, saved.roles, saved.environment)
    now = change.rows.keys.get(change.tenant, saved.id, change.now)
    if now is not None:  # somebody may have widened it since, or handed it over
        change.actor.must_see(now.owner, KEYS_WRITE, "key", saved.id, change.tenant.slug)
        granting.must_reveal(change, now)
    return reissued(repeat)


def reissued(repeat: Repeatable) -> Issued:
    """Return the answer that a repeated call got before."""
    assert repeat.saved is not None
    kid = repeat.saved.key.secrets[0].kid
    text = mint(repeat.saved.prefix, kid, repeat.secret_bits(), repeat.generation.tag_key)
    return Issued(repeat.saved.key, Secret(text))


def prefix_of(change: Change, environment: str) -> str:
    """Return the prefix of keys of an environment."""
    prefix = f"{change.tenant.prefix}_{environment}"
    if len(prefix) > PREFIX_MAX:
        message = f"together with the tenant's prefix it has {len(prefix)} characters, {PREFIX_MAX} are allowed"
        raise Invalid.one("environment", "too_long", message)
    return prefix


def name_taken(name: object) -> Conflict:
    """Return the error for a name that a living key of the owner has."""
    return Conflict(
        f"the owner already has a key named {shown(name)}; revoke it first or choose another",
        field="name",
    )


def owner_of(change: Change, asked: object) -> Owner:
    """Return the owner that is to get a key, locked; raise NotFound or Conflict when it may get none."""
    external_id = _named(change, asked)
    owner = change.rows.owners.get(change.tenant, external_id, lock=True) or answered_by_host(change, external_id)
    if owner is None:
        raise missing("owner", external_id, change.tenant.slug)
    _must_receive(change, owner)
    return owner


def future_owner(scene: Scene, asked: object) -> Owner | None:
    """Return the owner as `owner_of` would, changing nothing; None for an owner that only the host knows."""
    external_id = _named(scene, asked)
    owner = scene.rows.owners.get(scene.tenant, external_id)
    if owner is not None:
        _must_receive(scene, owner)
    elif fields_from_host(scene.context.owner_loader(), external_id, scene.tenant.slug) is None:
        raise missing("owner", external_id, scene.tenant.slug)
    return owner


def _named(scene: Scene, asked: object) -> str:
    external_id = external(asked)
    if not scene.actor.sees(external_id, KEYS_WRITE):
        raise missing("owner", external_id, scene.tenant.slug)
    return external_id


def _must_receive(scene: Scene, owner: Owner) -> None:
    """Raise Conflict for an owner that is not active or has as many active keys as the actor may make."""
    if owner.status != "active" or scene.tenant.status != "active":
        what = "owner" if owner.status != "active" else "tenant"
        raise Conflict(f"the {what} is not active, so no key can be issued", field="owner")
    most = scene.actor.keys_max
    if most is None:
        return
    active = KeyFilter(owner_id=owner.id, status="active")
    if scene.rows.keys.facets(scene.tenant, active, scene.now).counted_count >= most:
        raise Conflict(f"you have {most} keys, and may have no more: revoke one that you do not need")


def _write(change: Change, drafts: list[Draft], contexts: list[Context]) -> None:
    """Write keys; the audit entry of each names the caller that asked for it."""
    change.rows.keys.insert(change.tenant, [(draft.owner_id, draft.key) for draft in drafts])
    decoys = [draft.row for draft in drafts if draft.key.decoy]
    if decoys:
        change.rows.watch.add_decoys(change.tenant, decoys)
    if len(decoys) < len(drafts):
        change.rows.secrets.insert(change.tenant, [draft.row for draft in drafts if not draft.key.decoy])
    crediting.open_accounts(change, [draft.key for draft in drafts])
    for draft, change.context in zip(drafts, contexts, strict=True):
        change.record("key.issued", draft.key.id, None, recorded(draft.key), owner=draft.key.owner)
