"""The page on which owners manage their own keys: the same in every framework, and on the server.

A host says who is signed in. Everything else is here: the built files of `web/keys`, what a page may look like, and its
calls, each of which is one or two calls of the engine with the owner as the actor.
"""

from .calls import Link, Visit
from .options import KeyPageGiven, read_offer
from .page import BODY_MAX, Answer, Fragment, KeyPage, Visitor, failed, signed_out

__all__ = [
    "BODY_MAX",
    "Answer",
    "Fragment",
    "KeyPage",
    "KeyPageGiven",
    "Link",
    "Visit",
    "Visitor",
    "failed",
    "read_offer",
    "signed_out",
]
