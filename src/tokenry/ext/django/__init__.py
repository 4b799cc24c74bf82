"""Django: the project's own database, views and DRF endpoints behind keys and sessions, users signed in and out.

INSTALLED_APPS = [..., "tokenry.ext.django"]

@key_required("read:projects")
def projects(request):
    return JsonResponse({"owner": request.credential.owner.external_id})
"""

from ..extras import missing

try:
    from .admitting import (
        Refusal,
        credential_of,
        credential_required,
        key_of,
        key_required,
        session_of,
        session_required,
    )
    from .engine import close, get_tokenry, hooks
    from .key_page import key_page
    from .middleware import TokenryMiddleware
    from .sessions import refresh_session, sign_in, sign_out
except ModuleNotFoundError as error:
    raise missing(error, "tokenry[django]") from None

__all__ = [
    "Refusal",
    "TokenryMiddleware",
    "close",
    "credential_of",
    "credential_required",
    "get_tokenry",
    "hooks",
    "key_of",
    "key_page",
    "key_required",
    "refresh_session",
    "session_of",
    "session_required",
    "sign_in",
    "sign_out",
]
