"""Importing some keys in one transaction: each row is read, and those that are good are written together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from tokenry.core import fields, key_fields
from tokenry.core.decide import OPERATOR_ENVIRONMENT
from tokenry.core.errors import FieldError, Invalid, TokenryError, shown
from tokenry.core.foreign import (
    FORMS_MAX,
    HINTED_MAX,
    ForeignRow,
    Form,
    ImportResult,
    ImportRow,
    check_hint,
    ended_hint,
    form_of,
    hint_of,
    kid_of,
)
from tokenry.core.hashes import RAW, Recipe, read_hash
from tokenry.core.model import NOT_GIVEN, Key, Owner, SecretInfo, micros
from tokenry.core.ports import SecretRow
from tokenry.core.redaction import without_secrets
from tokenry.core.secret import digest_of, make_kid

from . import crediting, granting, owning
from .context import Change, external
from .foreign import cipher_of, opened, seal
from .issuing import check_scopes, check_window
from .recording import Record
from .roles import check_roles
from .sealed_keys import NONCE
from .seeing import recorded

Given: TypeAlias = "ImportRow | ImportResult | Mapping[str, object] | bytes"
"""One row: as a struct, as a mapping of its fields, or as a line of NDJSON; or the result of a key that has no row."""

ID_MAX: Final = 255
_OWNER: Final = {"owner_name": "name", "owner_email": "email"}
_DEFAULTS: Final = {name: field.default for name, field in key_fields.FIELDS.items()}
_FIELDS: Final = tuple(name for name in _DEFAULTS if name in ImportRow.__struct_fields__)
_fields_of: Final = attrgetter(*_FIELDS)
_decode: Final = msgspec.json.Decoder(ImportRow).decode


@dataclass(slots=True)
class Draft:
    """One row that was found good."""

    row: ImportRow
    key: Key
    owner_id: str
    secret: SecretRow
    foreign: ForeignRow
    form: Form
    recipe: Recipe | None
    notes: list[str]


class _Alike(NamedTuple):
    """A row that has a certain hint."""

    key_id: str
    recipe: Recipe | None
    place: int | None


class Batch:
    """The rows of one transaction."""

    def __init__(self, change: Change, source: str) -> None:
        self._change = change
        self._source = source
        self._generation = change.context.keyring().signing(micros(change.now))
        self._cipher = cipher_of(self._generation)
        self._ids: Iterator[str] = iter(())
        self._owners: dict[str, Owner] = {}
        self._new_owners: list[Owner] = []
        self._checked: set[tuple[Any, ...]] = set()
        self._forms: dict[Form, bool] = {}
        """The forms of the tenant, each with whether it is new."""

    def read(self, batch: Sequence[Given]) -> list[ImportResult]:
        """Read and write rows; return the result of each."""
        change = self._change
        self._forms = {form: False for form in change.rows.foreign.forms() if form.tenant_id == change.tenant.id}
        rows = [read_row(one) for one in batch]
        self._ids = iter(change.context.new_ids("key", len(rows)))
        ids = [row.id for row in rows if isinstance(row, ImportRow)]
        known = dict(change.rows.foreign.known(change.tenant, self._source, ids))
        self._find_owners(row for row in rows if isinstance(row, ImportRow) and row.id not in known)
        results: list[ImportResult | Draft] = []
        for row in rows:
            if isinstance(row, ImportResult):
                results.append(row)
            elif row.id in known:
                results.append(ImportResult(row.id, "exists", known[row.id]))
            else:
                found = self._drafted(row)
                results.append(found)
                if isinstance(found, Draft):
                    known[row.id] = found.key.id
        if self._new_owners:
            change.rows.owners.insert(change.tenant, *self._new_owners)
        drafts = [one for one in results if isinstance(one, Draft)]
        crowded = self._crowded(drafts)
        kept = [draft for draft in drafts if draft.row.id not in crowded]
        if kept:
            self._name(kept)
            self._write(kept)
        return [self._result(one, crowded) for one in results]

    def _result(self, one: ImportResult | Draft, crowded: Mapping[str, ImportResult]) -> ImportResult:
        if isinstance(one, Draft):
            one = ImportResult(one.row.id, "imported", one.key.id, notes=tuple(one.notes))
        return one if one.status == "refused" else crowded.get(one.id, one)

    def _drafted(self, row: ImportRow) -> Draft | ImportResult:
        errors: list[FieldError] = []
        try:
            return self._read(row, errors)
        except Invalid as error:
            return ImportResult(row.id, "refused", errors=tuple(error.errors))
        except TokenryError as error:
            return ImportResult(row.id, "refused", errors=(FieldError("row", error.code, str(error)),))

    def _read(self, row: ImportRow, errors: list[FieldError]) -> Draft:
        change, now = self._change, self._change.now
        recipe = read_hash(row.hash, errors)
        raw = row.hash.value if row.hash.scheme == RAW else None
        if not errors:
            check_hint(row.hint, recipe, raw, errors)
        asked = {**_DEFAULTS, **dict(zip(_FIELDS, _fields_of(row), strict=True))}
        values = key_fields.read({**asked, "name": row.name or f"imported {row.id}"[: fields.NAME_MAX]}, errors)
        expires_at = self._expiry(row, errors)
        check_window(values["not_before"], expires_at, errors)
        self._check_grants(values, errors)
        fields.refuse(errors)
        owner = self._owner(row)
        created_at = fields.moment("created_at", row.created_at, errors) or now
        last_used_at = fields.moment("last_used_at", row.last_used_at, errors)
        last_used_at = last_used_at and min(last_used_at, now)
        row = msgspec.structs.replace(row, last_used_at=last_used_at)
        fields.refuse(errors)
        key_id = next(self._ids)
        secret, foreign, form = self._secret(row, key_id, recipe, raw)
        info = SecretInfo(
            kid=secret.kid, created_at=now, ends_at=None, last_used_at=last_used_at, last_used_ip=None, use_count=0
        )
        key = Key(
            id=key_id,
            tenant=change.tenant.slug,
            owner=owner.external_id,
            status="disabled" if row.disabled else "active",
            created_at=min(created_at, now),
            updated_at=now,
            expires_at=expires_at,
            revoked_at=None,
            revoke_reason="",
            last_used_at=last_used_at,
            last_used_ip=None,
            use_count=0,
            version=1,
            secrets=(info,),
            **values,
        )
        return Draft(row, key, owner.id, secret, foreign, form, recipe, _notes(recipe))

    def _expiry(self, row: ImportRow, errors: list[FieldError]) -> Any:
        now = self._change.now
        given = fields.moment("expires_at", row.expires_at, errors)
        if given is not None and given <= now:
            errors.append(FieldError("expires_at", "expired", "the key has expired already"))
            return None
        return fields.expiry(self._change.tenant, now, NOT_GIVEN, given, errors)

    def _check_grants(self, values: Mapping[str, Any], errors: list[FieldError]) -> None:
        """Report the grants that the actor may not make; grants that passed before are not looked up again."""
        scopes, roles, environment = values["scopes"], values["roles"], values["environment"]
        if (scopes, roles, environment) in self._checked:
            return
        if environment == OPERATOR_ENVIRONMENT:
            errors.append(FieldError("environment", "not_importable", "operators' keys are issued, never imported"))
        before = len(errors)
        check_scopes(self._change, scopes, environment, errors)
        check_roles(self._change, roles, errors)
        if len(errors) == before:
            granting.must_grant(self._change, scopes, roles, environment)
            self._checked.add((scopes, roles, environment))

    def _find_owners(self, rows: Iterable[ImportRow]) -> None:
        """Find the owners of all rows with one statement; that of a malformed row is not there."""
        asked = set()
        for row in rows:
            with suppress(Invalid):
                asked.add(external(row.owner))
        found = self._change.rows.owners.named(self._change.tenant, asked) if asked else ()
        self._owners = {owner.external_id: owner for owner in found}

    def _owner(self, row: ImportRow) -> Owner:
        external_id = external(row.owner)
        found = self._owners.get(external_id)
        if found is None:
            self._change.actor.must("tokenry:owners:write", "creating the owners of imported keys")
            given = {name: getattr(row, field) for field, name in _OWNER.items() if getattr(row, field)}
            found = owning.created(self._change, external_id, fields.owner(given))
            self._owners[external_id] = found
            self._new_owners.append(found)
        return found

    def _secret(
        self, row: ImportRow, key_id: str, recipe: Recipe | None, raw: str | None
    ) -> tuple[SecretRow, ForeignRow, Form]:
        change, generation = self._change, self._generation
        tenant_id, context = change.tenant.id, change.context
        form, value = form_of(tenant_id, change.tenant.slug, row.hint, recipe)
        if form not in self._forms:
            if len(self._forms) >= FORMS_MAX:
                message = f"a tenant has at most {FORMS_MAX} forms of foreign keys: use hints of one length and prefix"
                raise Invalid.one("hint", "too_many", message)
            self._forms[form] = True
        digest, hint, sealed = b"", None, None
        if raw is not None:
            kid = kid_of(generation, tenant_id, raw)
            digest = digest_of(generation.pepper, kid, tenant_id, key_id, raw)
        else:
            assert recipe is not None
            kid, hint = make_kid(context.entropy(16)), hint_of(generation, form, value)
            sealed = seal(self._cipher, context.entropy(NONCE), recipe, tenant_id, key_id, kid)
        secret = SecretRow(kid, key_id, digest, generation.id, generation.id, change.now, row.last_used_at)
        return secret, ForeignRow(tenant_id, key_id, self._source, row.id, kid, hint, sealed, generation.id), form

    def _crowded(self, drafts: Sequence[Draft]) -> dict[str, ImportResult]:
        """Return the results of rows whose keys are known already, or whose hints too many rows have."""
        there: dict[str, list[_Alike]] = {}
        hints = {hint for draft in drafts for hint in self._hints(draft)}
        for row in self._change.rows.foreign.hinted(hints) if hints else ():
            alike = _Alike(row.key_id, opened(row, self._change.context.keyring()), row.hint_place)
            there.setdefault(row.hint or "", []).append(alike)
        refused: dict[str, ImportResult] = {}
        for draft in drafts:
            error = self._known(draft, there)
            if error is not None:
                refused[draft.row.id] = ImportResult(draft.row.id, "refused", errors=(error,))
            elif draft.foreign.hint is not None:
                alike_now = there.setdefault(draft.foreign.hint, [])
                taken = [one.place for one in alike_now]
                place = next(place for place in range(HINTED_MAX) if place not in taken)
                draft.foreign = draft.foreign._replace(hint_place=place)
                alike_now.append(_Alike(draft.key.id, draft.recipe, place))
        return refused

    def _known(self, draft: Draft, there: Mapping[str, Sequence[_Alike]]) -> FieldError | None:
        if draft.recipe is None:
            is_over = any(hint in there for hint in self._hints(draft))
            message = "this key was imported before, and was ended and removed here"
            return FieldError("hash", "ended", message) if is_over else None
        alike = there.get(draft.foreign.hint or "", ())
        for one in alike:
            if one.recipe == draft.recipe:
                message = f"was imported before, as {one.key_id}, from another source or with another id"
                return FieldError("hash", "taken", message)
        if len(alike) >= HINTED_MAX:
            message = f"{HINTED_MAX} keys have this hint already: give more characters, or the key's SHA-256"
            return FieldError("hint", "crowded", message)
        return None

    def _hints(self, draft: Draft) -> list[str]:
        """Return the hint of a row; of one with a key, those that it has if it was removed here."""
        if draft.foreign.hint is not None:
            return [draft.foreign.hint]
        generations, text = self._change.context.keyring().generations, draft.row.hash.value
        return [ended_hint(kid_of(one, self._change.tenant.id, text)) for one in generations]

    def _name(self, drafts: Sequence[Draft]) -> None:
        """Give keys other names whose owners have such a key already."""
        taken = set(self._change.rows.keys.taken(self._change.tenant, [_name_of(draft) for draft in drafts]))
        for draft in drafts:
            name = _name_of(draft)
            if name in taken:
                renamed = f"{draft.key.name[:60]} ({draft.key.id[-12:]})"
                draft.key = replace(draft.key, name=renamed)
                draft.notes.append(f"the owner has a key of this name already, so this one is named {shown(renamed)}")
            taken.add(_name_of(draft))

    def _write(self, drafts: Sequence[Draft]) -> None:
        change = self._change
        rows, tenant, now = change.rows, change.tenant, change.now
        with rows.ahead(len(drafts)):
            rows.keys.insert(tenant, [(draft.owner_id, draft.key) for draft in drafts])
            rows.foreign.insert([draft.foreign for draft in drafts], now)
            rows.secrets.insert(tenant, [draft.secret for draft in drafts])
            keys = [draft.key for draft in drafts]
            change.record_each("key.imported", [Record(key.id, None, recorded(key), key.owner) for key in keys])
        crediting.open_accounts(change, keys)
        new = [form for form, is_new in self._forms.items() if is_new]
        if new:
            rows.foreign.add_forms(new, now)
            change.invalidate_all()  # other processes must look for keys of these forms at once
        for draft in drafts:
            if draft.row.disabled:
                rows.keys.update(tenant, draft.key, {"disabled_at": now}, now, version=None)


def read_row(given: Given) -> ImportRow | ImportResult:
    """Return a row; one that cannot be read becomes its result."""
    try:
        if isinstance(given, ImportResult):
            return given
        if not isinstance(given, ImportRow):
            given = _decode(given) if isinstance(given, bytes) else msgspec.convert(given, ImportRow)
        if 1 <= len(given.id) <= ID_MAX and given.id.isprintable():
            return given
        error = FieldError("id", "out_of_range", f"has 1 to {ID_MAX} printable characters")
        return ImportResult(given.id[:ID_MAX], "refused", errors=(error,))
    except (msgspec.MsgspecError, ValueError, TypeError, RecursionError) as error:
        # Other errors may show a part of the line, and with it of the key; this one may name an unknown field.
        message = (
            without_secrets(str(error))
            if isinstance(error, msgspec.ValidationError)
            else "is not a well-formed JSON object"
        )
        return ImportResult(id_of(given), "refused", errors=(FieldError("row", "bad_row", message),))


def id_of(given: Given) -> str:
    """Return the id of a row that may be malformed, as far as it has one."""
    if isinstance(given, (ImportRow, ImportResult)):
        return given.id
    found: object = None
    with suppress(msgspec.MsgspecError, ValueError, RecursionError):
        found = msgspec.json.decode(given) if isinstance(given, bytes) else given
    id = found.get("id") if isinstance(found, Mapping) else None
    return id[:ID_MAX] if isinstance(id, str) else ""


def _name_of(draft: Draft) -> tuple[str, str]:
    return draft.owner_id, fields.folded(draft.key.name)


def _notes(recipe: Recipe | None) -> list[str]:
    if recipe is not None and recipe.scheme == "bcrypt" and recipe.numbers[0]:
        return ["bcrypt read 72 bytes of this key at most: the first text with those is the key from then on"]
    return []
