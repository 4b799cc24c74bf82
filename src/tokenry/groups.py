"""The groups of calls, of which each is about one noun: tenants, owners, keys and so on."""

from __future__ import annotations

from collections.abc import Callable

from .core.errors import NestedCall
from .core.fields import check_texts
from .core.model import NOT_GIVEN, NotGiven
from .core.trace import read_trace
from .service.acting import check_by
from .service.advice import Advices
from .service.audit import Audit
from .service.context import By, Context
from .service.doctor import Doctor
from .service.events import Events, Subscribers
from .service.exporting import Exports
from .service.imports import Imports
from .service.key_credits import KeyCredits
from .service.key_page import KeyPages
from .service.keys import Keys
from .service.leaks import Leaks
from .service.limits import Limits
from .service.owners import Owners
from .service.portal import Portal
from .service.refusals import Refusals
from .service.roles import Roles, Scopes
from .service.sessions import Sessions
from .service.signing_keys import SigningKeys
from .service.tenants import Tenants
from .service.usage import Usage
from .service.webhooks import Webhooks


class Groups:
    """The management of tenants, owners, roles, scopes, keys, limits, credits, sessions, signing keys and the records.

    The records are the events, the audit log and the usage. Webhooks carry the events to others,
    imports bring the keys of other systems, and exports take records elsewhere.
    """

    def __init__(self, context: Context, subscribers: Subscribers) -> None:
        self._context = context
        self._subscribers = subscribers
        self.tenants: Tenants[By] = Tenants(context)
        self.owners: Owners[By] = Owners(context)
        self.roles: Roles[By] = Roles(context)
        self.scopes: Scopes[By] = Scopes(context)
        self.keys: Keys[By] = Keys(context)
        self.imports: Imports[By] = Imports(context)
        self.exports: Exports[By] = Exports(context)
        self.limits: Limits[By] = Limits(context)
        self.credits: KeyCredits[By] = KeyCredits(context)
        self.sessions: Sessions[By] = Sessions(context)
        self.key_page: KeyPages[By] = KeyPages(context)
        self.portal: Portal[By] = Portal(context)
        self.signing_keys: SigningKeys[By] = SigningKeys(context)
        self.events: Events[By] = Events(context, subscribers)
        self.audit: Audit[By] = Audit(context)
        self.usage: Usage[By] = Usage(context)
        self.refusals: Refusals[By] = Refusals(context)
        self.webhooks: Webhooks[By] = Webhooks(context)
        self.leaks: Leaks[By] = Leaks(context)
        self.advice: Advices[By] = Advices(context)
        self.doctor: Doctor[By] = Doctor(context)

    def scoped(
        self,
        *,
        tenant: str | NotGiven = NOT_GIVEN,
        by: By = NOT_GIVEN,
        ip: str | None = None,
        request_id: str | None = None,
        traceparent: str | None = None,
    ) -> Groups:
        """Return the same groups with defaults for many calls.

        `ip`, `request_id` and the trace of `traceparent` (W3C; a malformed one is ignored) go into the audit log.
        """
        check_texts(tenant=tenant, ip=ip, request_id=request_id, traceparent=traceparent)
        check_by(by)
        given: dict[str, object] = {"tenant": tenant, "by": by, "ip": ip, "request_id": request_id}
        given["trace"] = read_trace(traceparent)
        stay = {"tenant": NOT_GIVEN, "by": NOT_GIVEN, "ip": None, "request_id": None, "trace": None}
        defaults = {name: value for name, value in given.items() if value is not stay[name]}
        context = self._context.scoped(**defaults)
        return Groups(context, self._subscribers)


class Joined(Groups):
    """The groups inside a transaction of the host, which alone decides whether what they did becomes true."""

    def __init__(
        self, context: Context, subscribers: Subscribers, settle: Callable[[], None], is_open: Callable[[], bool]
    ) -> None:
        super().__init__(context, subscribers)
        self._settle = settle
        self._is_open = is_open

    def settle(self) -> None:
        """Call this after the host's commit: then the calls' promises hold, and subscribers are told.

        After a rollback it does nothing: only events that are in the database are told. Raise NestedCall before either.
        """
        if self._is_open():
            raise NestedCall("nothing was settled: call settle() after the transaction was committed")
        self._settle()
