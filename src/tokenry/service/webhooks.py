"""Endpoints of webhooks: their event types and secrets. `delivering` sends."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Generic, Literal

from tokenry.core import fields, targets
from tokenry.core.errors import Conflict, FieldError, Invalid, missing, shown
from tokenry.core.events import EVENT_TYPES, matches
from tokenry.core.lists import is_list
from tokenry.core.mistakes import meant
from tokenry.core.model import NOT_GIVEN, NotGiven, Page, micros
from tokenry.core.secret import Secret
from tokenry.core.walking import walked
from tokenry.core.webhook_ports import Endpoint
from tokenry.core.webhooks import (
    DELIVERY_STATUSES,
    TEST_TYPE,
    CreatedWebhook,
    Delivery,
    DeliveryKind,
    DeliveryStatus,
    Replay,
    Webhook,
)

from .context import B, Change, Context, Scene
from .paging import page, place_of
from .sealed_keys import NONCE
from .webhook_secrets import opened, seal
from .webhook_signing import SECRET_BYTES, WebhookSecret

READ, WRITE = "tokenry:webhooks:read", "tokenry:webhooks:write"
ENDPOINTS_MAX = 100
REPLAYS_MAX = 10_000
_GRACE_MAX = timedelta(days=30)
_SECRETS_MAX = 5


class Webhooks(Generic[B]):
    """The endpoints of a tenant, which receive its events in signed requests (Standard Webhooks)."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def create(
        self,
        url: str,
        *,
        types: Sequence[str] = ("*",),
        description: str = "",
        include: Literal["object"] | None = None,
        tenant: str | NotGiven = NOT_GIVEN,
        by: B | NotGiven = NOT_GIVEN,
    ) -> CreatedWebhook:
        """Create an endpoint that receives every matching event from now on; its secret is shown this once.

        `types` are names of events, patterns such as `key.*`, or `*`. With `include="object"` a request holds the
        values that the event recorded, else only its type, actor, subject and owner.
        """
        errors: list[FieldError] = []
        clean = _read(
            self._context, {"url": url, "types": types, "description": description, "include": include}, errors
        )
        fields.refuse(errors)
        with self._context.changing(tenant, by, alone=True) as change:
            change.actor.must(WRITE, "managing webhooks")
            if len(change.rows.webhooks.list(change.tenant, after=None, limit=ENDPOINTS_MAX)) == ENDPOINTS_MAX:
                raise Conflict(f"a tenant has at most {ENDPOINTS_MAX} endpoints: delete one", field="url")
            secret = _fresh(self._context)
            webhook = Webhook(
                id=self._context.new_id("wh"),
                tenant=change.tenant.slug,
                **clean,
                status="active",
                pause_reason="",
                paused_at=None,
                failing_since=None,
                failure_count=0,
                public_key=secret.public_key,
                created_at=change.now,
                updated_at=change.now,
                version=1,
            )
            sealed, generation = _sealed(change, webhook, [secret])
            change.rows.webhooks.insert(change.tenant, webhook, sealed, generation)
            change.record("webhook.created", webhook.id, None, clean)
            return CreatedWebhook(webhook, Secret(secret.text))

    def get(self, id: str, *, tenant: str | NotGiven = NOT_GIVEN, by: B | NotGiven = NOT_GIVEN) -> Webhook:
        """Return an endpoint; raise NotFound."""
        with self._context.reading(tenant, by) as scene:
            return _endpoint(scene, id, READ).webhook

    def list(
        self,
        *,
        limit: int = 50,
        cursor: str | None = None,
        tenant: str | NotGiven = NOT_GIVEN,
        by: B | NotGiven = NOT_GIVEN,
    ) -> Page[Webhook]:
        """Return one page of endpoints, the oldest first."""
        limit, after = fields.limit_of_page(limit), place_of("webhook", cursor)
        with self._context.reading(tenant, by) as scene:
            scene.actor.must(READ, "reading webhooks")
            found = scene.rows.webhooks.list(scene.tenant, after=after, limit=limit + 1)
        return page("webhook", found, limit, lambda webhook: webhook.id)

    iterate = walked(list)

    def update(
        self,
        id: str,
        *,
        url: str | NotGiven = NOT_GIVEN,
        types: Sequence[str] | NotGiven = NOT_GIVEN,
        description: str | NotGiven = NOT_GIVEN,
        include: Literal["object"] | NotGiven | None = NOT_GIVEN,
        tenant: str | NotGiven = NOT_GIVEN,
        by: B | NotGiven = NOT_GIVEN,
    ) -> Webhook:
        """Change the given fields of an endpoint; raise NotFound.

        New `types` hold for events from now on. Deliveries that wait for a retry go to the new URL.
        """
        errors: list[FieldError] = []
        given = {"url": url, "types": types, "description": description, "include": include}
        clean = _read(self._context, {k: v for k, v in given.items() if not isinstance(v, NotGiven)}, errors)
        fields.refuse(errors)
        with self._context.changing(tenant, by) as change:
            before = _endpoint(change, id, WRITE, lock=True)
            changed = {name: value for name, value in clean.items() if value != getattr(before.webhook, name)}
            if not changed:
                return before.webhook
            values: dict[str, Any] = dict(changed)
            if "url" in changed:
                secrets = _opened(change, before)
                after = replace(before.webhook, url=changed["url"])
                values["sealed"], values["generation_id"] = _sealed(change, after, secrets)
            was = {name: getattr(before.webhook, name) for name in changed}
            return _written(change, id, values, "webhook.updated", was, changed)

    def delete(self, id: str, *, tenant: str | NotGiven = NOT_GIVEN, by: B | NotGiven = NOT_GIVEN) -> None:
        """Remove an endpoint and what waits for it; raise NotFound. To keep that, pause it."""
        with self._context.changing(tenant, by) as change:
            before = _endpoint(change, id, WRITE, lock=True).webhook
            change.rows.webhooks.delete(change.tenant, id)
            change.record("webhook.deleted", id, {"url": before.url, "types": before.types})

    def pause(
        self, id: str, *, reason: str = "", tenant: str | NotGiven = NOT_GIVEN, by: B | NotGiven = NOT_GIVEN
    ) -> Webhook:
        """Send nothing to an endpoint until it is resumed; missed events are kept and sent then."""
        errors: list[FieldError] = []
        reason = fields.text("reason", reason, errors, most=500)
        fields.refuse(errors)
        with self._context.changing(tenant, by) as change:
            before = _endpoint(change, id, WRITE, lock=True).webhook
            if before.status == "paused":
                return before
            values = {"status": "paused", "pause_reason": reason, "paused_at": change.now}
            return _written(change, id, values, "webhook.paused", None, {"reason": reason, "url": before.url})

    def resume(self, id: str, *, tenant: str | NotGiven = NOT_GIVEN, by: B | NotGiven = NOT_GIVEN) -> Webhook:
        """Send to a paused endpoint again, first the events it has missed. Deliveries due for a retry are tried now."""
        with self._context.changing(tenant, by) as change:
            before = _endpoint(change, id, WRITE, lock=True).webhook
            change.rows.webhooks.revive(change.tenant, id, micros(change.now))
            values: dict[str, Any] = {"status": "active", "pause_reason": "", "paused_at": None, "failing_since": None}
            values |= {"failure_count": 0, "warned_hours": 0, "held_until": 0}
            if before.status == "active":  # failing perhaps: its waits are over
                change.rows.webhooks.update(change.tenant, id, values)
                return _endpoint(change, id, WRITE).webhook
            return _written(change, id, values, "webhook.resumed", None, {"url": before.url})

    def rotate_secret(
        self,
        id: str,
        *,
        grace: timedelta = timedelta(hours=24),
        tenant: str | NotGiven = NOT_GIVEN,
        by: B | NotGiven = NOT_GIVEN,
    ) -> CreatedWebhook:
        """Give an endpoint a new secret, shown this once; until `grace` is over, requests are signed with both."""
        if not isinstance(grace, timedelta) or not timedelta(0) <= grace <= _GRACE_MAX:
            raise Invalid.one("grace", "out_of_range", f"grace is a timedelta of at most {_GRACE_MAX.days} days")
        with self._context.changing(tenant, by) as change:
            before = _endpoint(change, id, WRITE, lock=True)
            now = micros(change.now)
            end = now + grace // timedelta(microseconds=1)
            old = [replace(one, ends_at=min(one.ends_at or end, end)) for one in _opened(change, before)]
            kept = [one for one in old if (one.ends_at or 0) > now][: _SECRETS_MAX - 1]
            secret = _fresh(self._context)
            sealed, generation = _sealed(change, before.webhook, [secret, *kept])
            values = {"sealed": sealed, "generation_id": generation, "public_key": secret.public_key}
            webhook = _written(change, id, values, "webhook.secret_rotated", None, {"grace": grace})
            return CreatedWebhook(webhook, Secret(secret.text))

    def test(self, id: str, *, tenant: str | NotGiven = NOT_GIVEN, by: B | NotGiven = NOT_GIVEN) -> Delivery:
        """Send an event `webhook.test` to an endpoint, even a paused one: one attempt, which changes nothing else.

        The worker sends it; `deliveries` tells what came of it.
        """
        with self._context.changing(tenant, by) as change:
            _endpoint(change, id, WRITE)
            made = _delivery(change, id, "test", self._context.new_id("evt"), TEST_TYPE)
            change.rows.webhooks.add(change.tenant.id, [made])
            return made

    def deliveries(
        self,
        id: str,
        *,
        status: DeliveryStatus | None = None,
        limit: int = 50,
        cursor: str | None = None,
        tenant: str | NotGiven = NOT_GIVEN,
        by: B | NotGiven = NOT_GIVEN,
    ) -> Page[Delivery]:
        """Return one page of an endpoint's deliveries and their attempts, the newest first.

        Kept are those under way, and the last 1,000 of those that ended within a week.
        """
        limit, before = fields.limit_of_page(limit), place_of("delivery", cursor)
        if status is not None and status not in DELIVERY_STATUSES:
            raise Invalid.one(
                "status",
                "bad_status",
                f"status is one of {', '.join(DELIVERY_STATUSES)}{meant(str(status), DELIVERY_STATUSES)}",
            )
        with self._context.reading(tenant, by) as scene:
            _endpoint(scene, id, READ)
            found = scene.rows.webhooks.deliveries(scene.tenant, id, status=status, before=before, limit=limit + 1)
        return page("delivery", found, limit, lambda delivery: delivery.id)

    def replay(
        self,
        id: str,
        *,
        event: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        types: Sequence[str] | None = None,
        failed: bool = False,
        dry_run: bool = False,
        tenant: str | NotGiven = NOT_GIVEN,
        by: B | NotGiven = NOT_GIVEN,
    ) -> Replay:
        """Send events to an endpoint once more, each with its old id, signed anew: one attempt each.

        Name one `event`, or a time (`since`, `until`), `types`, or those that have `failed` there; all that is named
        must hold. Without `event` only its own types are sent, unless `types` names others. With `dry_run` they are
        only counted. At most 10,000 are sent at once.
        """
        errors: list[FieldError] = []
        moments = [fields.moment(name, at, errors) for name, at in (("since", since), ("until", until))]
        for name, flag in (("failed", failed), ("dry_run", dry_run)):
            fields.check_bool(name, flag)
        patterns = None if types is None else _types(types, errors)
        if event is None and since is None and until is None and types is None and not failed:
            errors.append(FieldError("event", "required", "say which: event, since, until, types or failed"))
        fields.refuse(errors)
        begin, end = (None if at is None else micros(at) for at in moments)
        with self._context.changing(tenant, by) as change:
            webhook = _endpoint(change, id, WRITE).webhook
            wanted = patterns or webhook.types
            chosen = None if event is not None else [t for t in EVENT_TYPES if any(matches(p, t) for p in wanted)]
            found = change.rows.webhooks.matching(
                change.tenant,
                event=None if event is None else str(event),
                since=begin,
                until=end,
                types=chosen,
                not_about=id,
                failed_at=id if failed else None,
                limit=REPLAYS_MAX,
            )
            if event is not None and not found:
                raise missing("event", event, change.tenant.slug)
            if not dry_run and found:
                change.rows.webhooks.add(change.tenant.id, [_delivery(change, id, "replay", *one) for one in found])
                change.record("webhook.replayed", id, None, {"count": len(found)})
        return Replay(len(found), dry_run)


def _endpoint(scene: Scene, id: object, scope: str, *, lock: bool = False) -> Endpoint:
    scene.actor.must(scope, "reading webhooks" if scope == READ else "managing webhooks")
    found = scene.rows.webhooks.get(scene.tenant, str(id), lock=lock) if isinstance(id, str) else None
    if found is None:
        raise missing("webhook", id, scene.tenant.slug)
    return found


def _written(change: Change, id: str, values: dict[str, Any], type: str, before: Any, after: Any) -> Webhook:
    version = _endpoint(change, id, WRITE).webhook.version + 1
    change.rows.webhooks.update(change.tenant, id, {**values, "version": version, "updated_at": change.now})
    change.record(type, id, before, after)
    return _endpoint(change, id, WRITE).webhook


def _delivery(change: Change, webhook: str, kind: DeliveryKind, event: str, type: str) -> Delivery:
    return Delivery(
        id=change.context.new_id("whd"),
        webhook=webhook,
        event=event,
        type=type,
        kind=kind,
        status="pending",
        created_at=change.now,
        due_at=change.now,
        ended_at=None,
        attempt_count=0,
        attempts=(),
    )


def _fresh(context: Context) -> WebhookSecret:
    return WebhookSecret(context.entropy(SECRET_BYTES), context.entropy(SECRET_BYTES))


def _sealed(change: Change, webhook: Webhook, secrets: Sequence[WebhookSecret]) -> tuple[bytes, str]:
    generation = change.context.keyring().signing(micros(change.now))
    nonce = change.context.entropy(NONCE)
    return seal(generation, nonce, secrets, change.tenant.id, webhook.id, webhook.url), generation.id


def _opened(change: Change, endpoint: Endpoint) -> tuple[WebhookSecret, ...]:
    found = opened(endpoint, change.context.keyring())
    if not found:
        raise Conflict(
            "the secrets of this endpoint cannot be decrypted with this keyring: delete it and create another",
            field="secret",
        )
    return found


def _read(context: Context, given: dict[str, Any], errors: list[FieldError]) -> dict[str, Any]:
    clean: dict[str, Any] = {}
    if "url" in given:
        numeric = numeric_of(targets.host_of(given["url"]))
        clean["url"] = targets.check_url(given["url"], numeric, context.networks, errors)
    if "types" in given:
        clean["types"] = _types(given["types"], errors)
    if "description" in given:
        clean["description"] = fields.prose("description", given["description"], errors)
    if "include" in given:
        clean["include"] = given["include"]
        if given["include"] not in (None, "object"):
            errors.append(FieldError("include", "bad_include", "include is 'object' or None"))
    return clean


def _types(patterns: object, errors: list[FieldError]) -> tuple[str, ...]:
    if not is_list(patterns) or not 1 <= len(list(patterns)) <= 100:
        errors.append(FieldError("types", "not_a_list", "types are a list of 1 to 100 event types, such as ['key.*']"))
        return ()
    for pattern in patterns:
        if not isinstance(pattern, str) or not any(matches(pattern, type) for type in EVENT_TYPES):
            errors.append(
                FieldError(
                    "types", "unknown_type", f"{shown(pattern)} is not an event type{meant(str(pattern), EVENT_TYPES)}"
                )
            )
    return tuple(dict.fromkeys(str(pattern) for pattern in patterns))


def numeric_of(host: str) -> str | None:
    """Return the address that a host is written as, in whatever form the system reads; None for a name. Asks no DNS."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return None
    return str(found[0][4][0])
