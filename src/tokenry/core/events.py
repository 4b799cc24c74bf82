"""The vocabulary of what happens. Audit entries and events use these words and no others."""

from __future__ import annotations

from typing import Final

EVENT_TYPES: Final = {
    "tenant.created": "A tenant was created.",
    "tenant.updated": "A tenant's name, prefix or lifetimes changed.",
    "tenant.suspended": "A tenant was suspended: none of its credentials is valid.",
    "tenant.resumed": "A suspended tenant is active again.",
    "tenant.exported": "The records of a tenant were exported, or (tenant `system`) a whole installation.",
    "tenant.deleted": "A tenant was removed.",
    "owner.created": "An owner was created.",
    "owner.updated": "An owner's name, email, roles or admin flag changed.",
    "owner.disabled": "An owner was disabled: none of its credentials is valid.",
    "owner.enabled": "A disabled owner is active again.",
    "owner.deleted": "An owner was deleted and its keys were revoked.",
    "role.updated": "A role was created or its scopes changed.",
    "role.deleted": "A role was deleted and is gone from owners and keys.",
    "scopes.defined": "The catalogue of scopes was replaced.",
    "key.issued": "A key was issued.",
    "key.imported": "A key of another system was imported.",
    "key.hash_upgraded": "An imported key was used for the first time: a digest of ours replaced its old hash.",
    "key.updated": "A key's description, scopes, limits, addresses or expiry changed.",
    "key.credits_added": "A key was given more credits.",
    "key.credits_set": "It was said how many credits a key has left.",
    "key.disabled": "A key was switched off.",
    "key.enabled": "A key was switched on again.",
    "key.rotated": "A key got a new secret.",
    "key.handed_over": "A key was given to another owner: `owner` is the new one, `previous_owner` the one before.",
    "key.revoked": "A key was revoked for good.",
    "key.deleted": "A key was removed.",
    "key.idle": "A key was not used for long: it is disabled at `disables_at` unless it is used before.",
    "key.expiring": "A key expires within 30, 7 or 1 days.",
    "key.first_used": "A key was used for the first time.",
    "key.tampered": "A key was presented whose row in the database was changed without the keyring: it is refused.",
    "key.decoy_used": "The secret of a decoy was presented: told once an hour for each address.",
    "key.old_secret_used": "A secret was used that was replaced and is in its grace: told once an hour.",
    "key.leaked": "A secret of a key, or a token of it, was reported as leaked.",
    "session.leaked": "A token of a session was reported as leaked: the session was ended.",
    "session.started": "An owner signed in.",
    "session.refreshed": "A session got a new refresh token.",
    "session.revoked": "A session was ended.",
    "session.reuse_detected": "An old refresh token was presented: it may be stolen, so its session was ended.",
    "key_page.updated": "The settings of a tenant's key page changed.",
    "portal.opened": "A link to the key page of an owner was made.",
    "portal.entered": "The code of such a link was used: the owner visits the key page.",
    "signing_key.created": "A key to sign access tokens with was made.",
    "signing_key.activated": "A signing key began to sign.",
    "signing_key.retired": "A signing key no longer signs; what it signed stays good until it expires.",
    "signing_key.removed": "A signing key was removed: nothing that it signed is accepted any more.",
    "webhook.created": "An endpoint of webhooks was created.",
    "webhook.updated": "An endpoint's URL, types, description or payload changed.",
    "webhook.deleted": "An endpoint was removed, with what waited for it.",
    "webhook.paused": "An endpoint was paused: by somebody, or since it failed for too long or answered 410.",
    "webhook.resumed": "A paused endpoint is active again and gets what it has missed.",
    "webhook.secret_rotated": "An endpoint got a new secret; the old one signs, too, until its grace is over.",
    "webhook.replayed": "Deliveries to an endpoint were asked for again.",
    "webhook.failing": "Deliveries to an endpoint have failed for 1, 24 or 72 hours.",
    "auth.failed": "Credentials were refused; counted by code over the last minute.",
    "journal.replayed": "Revocations that a restored database had lost were done again, from the revocation journal.",
    "audit.cut": "Old audit entries were removed up to a signed checkpoint.",
}

OWNED: Final = ("key.", "session.", "portal.")
"""How the types of events begin whose data always say whose key, session or visit it is, as `owner`."""


def matches(pattern: str, type: str) -> bool:
    """Tell whether an event type is meant by a name or by `noun.*`, or by `*`."""
    return pattern in ("*", type) or (pattern.endswith(".*") and type.startswith(pattern[:-1]))
