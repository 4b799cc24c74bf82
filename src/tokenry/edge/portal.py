"""Visits of the key page that begin with a link, as the server drives them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..service import portal
from ..service.portal import Ended, Visiting

if TYPE_CHECKING:
    from ..tokenry import Tokenry


def enter(tk: Tokenry, code: object, ip: str | None, request_id: str | None) -> tuple[Visiting, str] | Ended:
    """Exchange the code of a link for the cookie of a visit, or say why there is none."""
    return portal.enter(tk._context.scoped(ip=ip, request_id=request_id), code)


def resume(tk: Tokenry, cookie: object) -> Visiting | Ended:
    """Return the visit of a cookie, or say why there is none."""
    return portal.resume(tk._context, cookie)


__all__ = ["Ended", "Visiting", "enter", "resume"]
