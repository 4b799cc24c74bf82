"""The systems that are read from their databases: one declaration each."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import Select, TableClause, column, func, select, table

from tokenry.imports import Hash, Hint, ImportResult, ImportRow

from .reading import Asked, Stored, moment, parts, refused, structure

Record = Mapping[str, Any]
REFRESH_TOKENS: Final = "refresh"
"""The environment of imported refresh tokens: `TokenSchema` takes one for a session, and nobody else asks for it."""
_DAY: Final = 86_400_000
_REVOKED: Final = "it was revoked there, and nothing revives a revoked key"
_NO_OWNER: Final = "this system does not say whose its keys are: say it with --owner"


def _table(name: str, columns: str) -> TableClause:
    """Return a table by its name, with its schema before a dot if it has one; blanks separate the columns."""
    schema, _, plain = name.rpartition(".")
    return table(plain, *map(column, columns.split()), schema=schema or None)


def _all_of(columns: str) -> Callable[[str], Select[Any]]:
    """Return a function from the name of a table to the query of these columns."""
    return lambda name: select(_table(name, columns))


def _with_users(keys: TableClause, users: TableClause, *more: Any) -> Select[Any]:
    """Select keys with the user that each belongs to."""
    return select(keys, *more).select_from(keys.outerjoin(users, users.c.id == keys.c.user_id))


def _time_tracker(name: str) -> Select[Any]:
    columns = "id name description token_hash user_id scopes created_at expires_at last_used_at is_active ip_whitelist"
    keys, users = _table(name, columns), _table("users", "id username email is_active")
    return _with_users(keys, users, users.c.username, users.c.email, users.c.is_active.label("user_active"))


def _of_time_tracker(record: Record, asked: Asked) -> ImportRow:
    scopes = parts(record["scopes"])
    return ImportRow(
        id=str(record["id"]),
        owner=str(record["user_id"]),
        owner_name=record["username"] or "",
        owner_email=record["email"] or None,
        name=record["name"],
        description=record["description"] or "",
        hash=Hash("sha256", record["token_hash"]),
        hint=Hint(prefix="tt_"),
        # There, this one scope let a token do everything.
        scopes=(*scopes, "*") if "admin:all" in scopes and "*" not in scopes else scopes,
        allowed_ips=parts(record["ip_whitelist"]),
        created_at=moment(record["created_at"]),
        expires_at=moment(record["expires_at"]),
        last_used_at=moment(record["last_used_at"]),
        disabled=not (record["is_active"] and record["user_active"]),
    )


def _of_mk(record: Record, asked: Asked) -> ImportRow | ImportResult:
    if not record["token_start"]:
        message = "its first characters are not known yet: the old service notes them when the key is used"
        return refused(record["id"], "hint", "missing", message)
    return ImportRow(
        id=str(record["id"]),
        owner=str(record["account_id"]),
        name=record["name"],
        hash=Hash("bcrypt", record["token_hash"]),
        hint=Hint(first=record["token_start"], prefix="mk_"),
        created_at=moment(record["created_at"]),
        expires_at=moment(record["expires_at"]),
        last_used_at=moment(record["last_accessed"]),
        disabled=not record["is_active"],
    )


def _erp(name: str) -> Select[Any]:
    columns = "id user_id tenant_id name key_index key_hash scope allowed_ips expiration_date last_used_at"
    keys, users = _table(name, f"{columns} is_active created_at"), _table("auth.users", "id email status")
    held, roles = _table("auth.user_roles", "user_id role_id"), _table("auth.roles", "id code")
    codes = (
        select(func.aggregate_strings(roles.c.code, ","))
        .select_from(held.join(roles, roles.c.id == held.c.role_id))
        .where(held.c.user_id == keys.c.user_id)
        .scalar_subquery()
    )
    return _with_users(keys, users, users.c.email, users.c.status, codes.label("role_codes"))


def _of_erp(record: Record, asked: Asked) -> ImportRow:
    salt, _, digest = record["key_hash"].partition(":")
    scopes = parts(record["scope"])
    return ImportRow(
        id=str(record["id"]),
        owner=str(record["user_id"]),
        owner_email=record["email"],
        name=record["name"],
        hash=Hash("pbkdf2-sha512", digest, params={"salt": salt, "iterations": 100_000}),
        hint=Hint(first=f"mgn_{record['key_index']}", prefix="mgn_"),
        scopes=scopes,
        # A scope limited a key there, so the roles of its user may not widen it here.
        roles=() if scopes else parts(record["role_codes"]),
        allowed_ips=parts(structure(record["allowed_ips"])),
        metadata={"tenant_id": str(record["tenant_id"])},
        created_at=moment(record["created_at"]),
        expires_at=moment(record["expiration_date"]),
        last_used_at=moment(record["last_used_at"]),
        disabled=not (record["is_active"] and record["status"] == "active"),
    )


def _of_token_schema(record: Record, asked: Asked) -> ImportRow | ImportResult:
    token = str(record["token"])
    id = sha256(token.encode()).hexdigest()[:32]
    if record["revoked"]:
        return refused(id, "revoked", "revoked", _REVOKED)
    return ImportRow(
        id=id,
        owner=str(record["user_id"]),
        name=f"session {id[:8]}",
        hash=Hash("raw", token),
        environment=REFRESH_TOKENS,
        expires_at=moment(record["expires_at"]),
    )


def _of_drf_api_key(record: Record, asked: Asked) -> ImportRow | ImportResult:
    prefix = record["prefix"]
    if asked.owner is None:
        return refused(prefix, "owner", "missing", _NO_OWNER)
    if record["revoked"]:
        return refused(prefix, "revoked", "revoked", _REVOKED)
    scheme, _, rest = record["hashed_key"].partition("$")
    hint = Hint(first=f"{prefix}.")
    if scheme == "sha512":
        found, hint = Hash("sha512", rest.removeprefix("$")), Hint()
    elif scheme == "pbkdf2_sha256" and rest.count("$") == 2:
        iterations, salt, digest = rest.split("$")
        found = Hash("pbkdf2-sha256", digest, "base64", {"salt": salt, "iterations": int(iterations)})
    else:
        return refused(prefix, "hash.scheme", "unknown_scheme", "it is hashed by none of this package's own hashers")
    return ImportRow(
        id=prefix,
        owner=asked.owner,
        name=record["name"],
        hash=found,
        hint=hint,
        created_at=moment(record["created"]),
        expires_at=moment(record["expiry_date"]),
    )


def _of_user(columns: str) -> Callable[[str], Select[Any]]:
    def chosen(name: str) -> Select[Any]:
        keys, users = _table(name, f"{columns} user_id created"), _table("auth_user", "id email is_active")
        return _with_users(keys, users, users.c.email, users.c.is_active)

    return chosen


def _of_django(record: Record, id: str, name: str, hash: Hash, expires_at: object = None) -> ImportRow:
    return ImportRow(
        id=id,
        owner=str(record["user_id"]),
        owner_email=record["email"] or None,
        name=name,
        hash=hash,
        created_at=moment(record["created"]),
        expires_at=moment(expires_at),
        disabled=not record["is_active"],
    )


def _of_knox(record: Record, asked: Asked) -> ImportRow:
    digest = record["digest"]
    scheme = "sha512" if len(digest) == 128 else "sha256"
    return _of_django(record, digest[:32], f"token {record['token_key'][:8]}", Hash(scheme, digest), record["expiry"])


def _of_drf_token(record: Record, asked: Asked) -> ImportRow:
    return _of_django(record, str(record["user_id"]), "token", Hash("raw", record["key"]))


def _of_better_auth(record: Record, asked: Asked) -> ImportRow | ImportResult:
    credits: Any = record["remaining"]
    if credits is not None and record["refillAmount"]:
        refills = {_DAY: "daily", 30 * _DAY: "monthly", 31 * _DAY: "monthly"}
        refill = refills.get(record["refillInterval"])
        if refill is None:
            message = f"a refill every {record['refillInterval']} ms cannot be moved: ours come daily or monthly"
            return refused(record["id"], "credits", "unknown_refill", message)
        credits = {"amount": record["refillAmount"], "refill": refill}
    seconds = math.ceil((record["rateLimitTimeWindow"] or 0) / 1000)
    limited = record["rateLimitEnabled"] and record["rateLimitMax"] and seconds
    limit = {"name": "imported", "limit": record["rateLimitMax"], "window_seconds": seconds}
    permissions = structure(record["permissions"]) or {}
    metadata = structure(record["metadata"]) or {}
    return ImportRow(
        id=record["id"],
        owner=str(record["referenceId"]),
        name=record["name"] or "",
        hash=Hash("sha256", record["key"], "base64url"),
        hint=Hint(prefix=record["prefix"] or ""),
        scopes=tuple(f"{verb}:{noun}" for noun, verbs in permissions.items() for verb in verbs),
        limits=(limit,) if limited else (),
        credits=credits,
        metadata=metadata if isinstance(metadata, dict) else {},
        created_at=moment(record["createdAt"]),
        expires_at=moment(record["expiresAt"]),
        last_used_at=moment(record["lastRequest"]),
        disabled=not record["enabled"],
    )


def _of_keyshield(record: Record, asked: Asked) -> ImportRow | ImportResult:
    if asked.owner is None:
        return refused(record["id"], "owner", "missing", _NO_OWNER)
    if asked.pepper is None:
        return refused(record["id"], "hash.params.pepper", "missing", "say where its pepper is with --pepper-file")
    start = f"ak_v1-{record['key_id']}-"
    params: dict[str, Any] = {"pepper": asked.pepper, "skip": len(start)}
    is_bcrypt = record["key_hash"].startswith("$2")
    params["pepper_use"] = "hmac-sha256-bytes" if is_bcrypt else "after"
    return ImportRow(
        id=record["id"],
        owner=asked.owner,
        name=record["name"] or "",
        description=record["description"] or "",
        hash=Hash("bcrypt" if is_bcrypt else "argon2id", record["key_hash"], params=params),
        hint=Hint(first=start, prefix="ak_v1-"),
        scopes=parts(structure(record["scopes"])),
        created_at=moment(record["created_at"]),
        expires_at=moment(record["expires_at"]),
        last_used_at=moment(record["last_used_at"]),
        disabled=not record["is_active"],
    )


SOURCES: Final[dict[str, Stored]] = {
    "time-tracker": Stored("api_tokens", _time_tracker, _of_time_tracker),
    "mk": Stored(
        "api_token",
        _all_of("id token_hash token_start account_id name last_accessed expires_at created_at is_active"),
        _of_mk,
    ),
    "erp": Stored("auth.api_keys", _erp, _of_erp),
    "token-schema": Stored("refresh_tokens", _all_of("token user_id expires_at revoked"), _of_token_schema),
    "drf-api-key": Stored(
        "rest_framework_api_key_apikey",
        _all_of("prefix hashed_key name created expiry_date revoked"),
        _of_drf_api_key,
    ),
    "knox": Stored("knox_authtoken", _of_user("digest token_key expiry"), _of_knox),
    "drf-token": Stored("authtoken_token", _of_user("key"), _of_drf_token),
    "better-auth": Stored(
        "apikey",
        _all_of(
            "id name prefix key referenceId enabled rateLimitEnabled rateLimitTimeWindow rateLimitMax remaining "
            "refillAmount refillInterval lastRequest expiresAt createdAt permissions metadata"
        ),
        _of_better_auth,
    ),
    "keyshield": Stored(
        "api_keys",
        _all_of("id name description is_active expires_at created_at last_used_at key_id key_hash scopes"),
        _of_keyshield,
    ),
}
