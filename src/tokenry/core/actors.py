"""Actors: the callers of operations, with their rights to see and to grant."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .errors import NotAllowed, VersionConflict, missing, shown
from .ids import is_id
from .model import Key, Owner, Tenant
from .scopes import Granted, for_admins, granted, is_operator

SYSTEM = "system"
"""The tenant of the operators of the installation."""

OPERATOR_SCOPES = tuple(
    f"tokenry:{scope}"
    for scope in (
        "verify",
        "tenants:read", "tenants:write",
        "owners:read", "owners:write",
        "roles:read", "roles:write",
        "scopes:read", "scopes:write",
        "keys:read", "keys:write",
        "sessions:read", "sessions:write",
        "signing_keys:read", "signing_keys:write",
        "usage:read", "audit:read", "events:read",
        "credits:read", "credits:write", "limits:write",
        "webhooks:read", "webhooks:write",
    )
)  # fmt: skip
"""Every scope that an operator's key can hold."""

KEYS_WRITE = "tokenry:keys:write"
ROLES_WRITE = "tokenry:roles:write"

NOTHING = granted(())


@dataclass(frozen=True, slots=True)
class Actor:
    """The caller of an operation. `PROGRAM` is the trusted program itself; an unknown caller sees nothing at all.

    Audit entries show `name`; `identity` is unique for ever. An actor may grant the scopes that it `holds`, as far as
    its key covers them too (`within`). `kid` is the kid of the secret that a key presented.
    """

    name: str
    identity: tuple[str, ...] = ("nobody",)
    owner: Owner | None = None
    admin: bool = False
    operator: Granted | None = None
    everywhere: bool = False
    holds: Granted = NOTHING
    within: Granted | None = None
    trusted: bool = False
    by_key: bool = False
    kid: str = ""
    keys_max: int | None = None
    """How many active keys an owner may have for whom this actor makes one; None for any number."""

    def may(self, scope: str) -> bool:
        """Tell whether the whole tenant is open to this actor for the matter of an operator scope."""
        if self.operator is not None:
            return self.operator.covers(scope)
        return self.trusted or self.admin

    def must(self, scope: str, what: str) -> None:
        """Raise NotAllowed unless the tenant is open to this actor for a matter."""
        if not self.may(scope):
            raise NotAllowed(f"{what} is for administrators of the tenant, and for operators with {scope}")

    def must_operate(self, scope: str, what: str) -> None:
        """Raise NotAllowed unless the installation is open to this actor."""
        if not (self.trusted or (self.everywhere and self.may(scope))):
            raise NotAllowed(f"{what} is for operators of the installation with {scope}")

    def must_equal_admins(self, tenant: str, what: str) -> None:
        """Raise NotAllowed unless this actor may do all that an administrator of a tenant may do."""
        reaches = tenant != SYSTEM or self.everywhere or self.trusted
        if not (reaches and all(self.may(scope) for scope in OPERATOR_SCOPES)):
            raise NotAllowed(
                f"{what} is for administrators of the same tenant, and for operators with every scope of operators"
            )

    def owns(self, external_id: str) -> bool:
        """Tell whether what belongs to an owner is this actor's own."""
        return self.operator is None and self.owner is not None and self.owner.external_id == external_id

    def is_key(self, id: str) -> bool:
        """Tell whether this actor is a certain key itself."""
        return self.by_key and self.identity[0] == "key" and self.identity[-1] == id

    def sees(self, external_id: str, scope: str) -> bool:
        """Tell whether what belongs to an owner is open to this actor."""
        return self.may(scope) or self.owns(external_id)

    def must_see(self, external_id: str, scope: str, what: str, id: object, tenant: str) -> None:
        """Raise NotFound, exactly as for something that does not exist."""
        if not self.sees(external_id, scope):
            raise missing(what, id, tenant)

    def must_mint(self) -> None:
        """Raise NotAllowed for an ordinary key: a stolen one must not make, renew, widen or remove keys."""
        if self.by_key and self.operator is None:
            raise NotAllowed(
                "a key cannot make, renew, change or remove keys; ask as its owner, or with an operator's key"
            )

    def must_renew_itself(self, tenant: Tenant) -> None:
        """Raise NotAllowed unless the tenant lets keys renew themselves, and this actor is one, not a token of it."""
        if not (self.kid and tenant.self_rotation_allowed):
            raise NotAllowed("this tenant does not let keys renew themselves; ask as its owner, or as an operator")

    def must_be_current(self, key: Key) -> None:
        """Raise Conflict for a key that would renew itself by an older secret, which a thief may hold."""
        if self.is_key(key.id) and self.kid not in [info.kid for info in key.secrets if info.ends_at is None]:
            raise replaced()

    def must_not_be_replaced(self, id: str) -> None:
        """Raise Conflict for the verdict of a secret that has ended, which is nobody, when it would renew its key."""
        if self.kid and self.name == id and not self.is_key(id):
            raise replaced()

    def must_hold(self, scopes: Iterable[str]) -> None:
        """Raise NotAllowed for scopes beyond what this actor holds, naming them."""
        beyond = [scope for scope in scopes if not self.may_grant(scope)]
        if beyond:
            raise NotAllowed(
                f"these scopes are more than {shown(self.name)} may grant: {', '.join(beyond)}", scopes=beyond
            )

    def may_grant(self, scope: str) -> bool:
        """Tell whether this actor may give a scope to a key or an owner."""
        if self.trusted:
            return True
        if is_operator(scope):
            return self.operator is not None and self.operator.covers(scope)
        if self.operator is not None:
            # keys:write makes keys with any scope of an application; roles:write says what ordinary roles hold
            return self.operator.covers(KEYS_WRITE) or (not for_admins(scope) and self.operator.covers(ROLES_WRITE))
        if self.admin:
            return True
        return not for_admins(scope) and self.holds.covers(scope) and (self.within is None or self.within.covers(scope))


def replaced() -> VersionConflict:
    """Return the error for a key that would renew itself by a secret that is not its newest."""
    return VersionConflict("this secret has been replaced already; only the newest may renew its key")


PROGRAM = Actor("", ("program",), trusted=True)


def name_of(home: str, external_id: str, tenant: str) -> str:
    """Return how audit entries in a tenant name an owner: by its external id, unless another could be meant by that.

    Owners of another tenant, and ids that look like those, like a key or like a visit by a link, stand behind the slug
    of their tenant.
    """
    is_visit = is_id("por", external_id.partition("/")[0])
    is_other = is_id("key", external_id) or is_visit or external_id.startswith((f"{SYSTEM}/", f"{home}/"))
    clear = home == tenant and not is_other
    return external_id if clear else f"{home}/{external_id}"
