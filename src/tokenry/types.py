"""The records, verdicts and errors that Tokenry's calls give and take."""

from .config import Settings
from .core.actors import OPERATOR_SCOPES
from .core.advice import Advice, AskedScope, Finding
from .core.codes import CODES, REFRESH_CODES, RefreshCode, RefusalCode, VerifyCode
from .core.credits import Credits, CreditState, Hold
from .core.decide import ClientAddress
from .core.diagnosis import Diagnosis
from .core.errors import (
    CallerRefused,
    Closed,
    ConfigError,
    Conflict,
    Denied,
    ErrorCode,
    FieldError,
    Invalid,
    NestedCall,
    NotAllowed,
    NotFound,
    StoreUnavailable,
    TokenryError,
    VersionConflict,
)
from .core.errors import shown as shown
from .core.events import EVENT_TYPES
from .core.exported import ExportLine
from .core.facets import FacetCount, KeyFacets
from .core.handover import OwnerHandOver, SkippedKey
from .core.holds import AsyncHeldCredits, HeldCredits
from .core.impact import KeyImpact, SeenAddress
from .core.key_page import KeyPageSettings
from .core.keyring import Keyring
from .core.leaks import LeakReport
from .core.limits import Limit, LimitsTaken, LimitState
from .core.mistakes import meant as meant
from .core.mistakes import nearest as nearest
from .core.model import KEY_STATUSES as KEY_STATUSES
from .core.model import (
    NOT_GIVEN,
    AuditReport,
    BulkItem,
    BulkRevocation,
    Clock,
    Entry,
    Event,
    Head,
    Issued,
    Jwks,
    Key,
    NotGiven,
    Owner,
    OwnerId,
    Page,
    Role,
    ScopeCheck,
    SecretInfo,
    Session,
    SessionTokens,
    SigningKey,
    Tenant,
    Token,
    UsageHour,
)
from .core.plurals import counted as counted
from .core.plurals import form as form
from .core.portal import PortalLink
from .core.refusals import Refusal
from .core.rotation import Rotation
from .core.scopes import ScopesAsked
from .core.secret import SCAN_PATTERN, Secret
from .core.token import OfflineValid, OfflineVerdict
from .core.usage_groups import UsageGroup, UsageSummary
from .core.verdict import (
    AnyValid,
    Check,
    Explanation,
    KeyValid,
    Kind,
    Refused,
    SessionValid,
    TokenValid,
    Valid,
    Verdict,
)
from .core.webhooks import Attempt, CreatedWebhook, Delivery, Replay, Webhook

__all__ = [
    "CODES",
    "EVENT_TYPES",
    "NOT_GIVEN",
    "OPERATOR_SCOPES",
    "REFRESH_CODES",
    "SCAN_PATTERN",
    "Advice",
    "AnyValid",
    "AskedScope",
    "AsyncHeldCredits",
    "Attempt",
    "AuditReport",
    "BulkItem",
    "BulkRevocation",
    "CallerRefused",
    "Check",
    "ClientAddress",
    "Clock",
    "Closed",
    "ConfigError",
    "Conflict",
    "CreatedWebhook",
    "CreditState",
    "Credits",
    "Delivery",
    "Denied",
    "Diagnosis",
    "Entry",
    "ErrorCode",
    "Event",
    "Explanation",
    "ExportLine",
    "FacetCount",
    "FieldError",
    "Finding",
    "Head",
    "HeldCredits",
    "Hold",
    "Invalid",
    "Issued",
    "Jwks",
    "Key",
    "KeyFacets",
    "KeyImpact",
    "KeyPageSettings",
    "KeyValid",
    "Keyring",
    "Kind",
    "LeakReport",
    "Limit",
    "LimitState",
    "LimitsTaken",
    "NestedCall",
    "NotAllowed",
    "NotFound",
    "NotGiven",
    "OfflineValid",
    "OfflineVerdict",
    "Owner",
    "OwnerHandOver",
    "OwnerId",
    "Page",
    "PortalLink",
    "RefreshCode",
    "Refusal",
    "RefusalCode",
    "Refused",
    "Replay",
    "Role",
    "Rotation",
    "ScopeCheck",
    "ScopesAsked",
    "Secret",
    "SecretInfo",
    "SeenAddress",
    "Session",
    "SessionTokens",
    "SessionValid",
    "Settings",
    "SigningKey",
    "SkippedKey",
    "StoreUnavailable",
    "Tenant",
    "Token",
    "TokenValid",
    "TokenryError",
    "UsageGroup",
    "UsageHour",
    "UsageSummary",
    "Valid",
    "Verdict",
    "VerifyCode",
    "VersionConflict",
    "Webhook",
]
