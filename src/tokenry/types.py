"""The records, verdicts and errors that Tokenry's calls give and take."""

from .config import Settings
from .core.actors import OPERATOR_SCOPES
from .core.errors import (
    ConfigError,
    Conflict,
    Denied,
    FieldError,
    Invalid,
    NotAllowed,
    NotFound,
    StoreUnavailable,
    TokenryError,
)
from .core.errors import shown as shown
from .core.events import EVENT_TYPES
from .core.keyring import Keyring
from .core.limits import Limit, LimitState
from .core.model import (
    NOT_GIVEN,
    AuditReport,
    BulkItem,
    Entry,
    Event,
    Head,
    Issued,
    Key,
    NotGiven,
    Owner,
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
from .core.refresh import REFRESH_CODES
from .core.secret import SCAN_PATTERN, Secret
from .core.verdict import CODES, Check, Explanation, Refused, Valid, Verdict

__all__ = [
    "CODES",
    "EVENT_TYPES",
    "NOT_GIVEN",
    "OPERATOR_SCOPES",
    "REFRESH_CODES",
    "SCAN_PATTERN",
    "AuditReport",
    "BulkItem",
    "Check",
    "ConfigError",
    "Conflict",
    "Denied",
    "Entry",
    "Event",
    "Explanation",
    "FieldError",
    "Head",
    "Invalid",
    "Issued",
    "Key",
    "Keyring",
    "Limit",
    "LimitState",
    "NotAllowed",
    "NotFound",
    "NotGiven",
    "Owner",
    "Page",
    "Refused",
    "Role",
    "ScopeCheck",
    "Secret",
    "SecretInfo",
    "Session",
    "SessionTokens",
    "Settings",
    "SigningKey",
    "StoreUnavailable",
    "Tenant",
    "Token",
    "TokenryError",
    "UsageHour",
    "Valid",
    "Verdict",
]
