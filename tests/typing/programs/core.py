"""The library and its client, as a program of a user's own sees their types."""

from collections.abc import AsyncIterator, Iterator
from typing import Literal, assert_type

from tokenry import AsyncTokenry, Tokenry
from tokenry.client import AsyncClient, Client
from tokenry.types import (
    AnyValid,
    AsyncHeldCredits,
    Credits,
    CreditState,
    HeldCredits,
    Hold,
    Issued,
    Key,
    KeyValid,
    Owner,
    Page,
    Refused,
    Session,
    SessionTokens,
    SessionValid,
    TokenValid,
    Verdict,
)


def library(tk: Tokenry) -> None:
    issued = tk.keys.issue("ada", name="CI", scopes=["read:projects"])
    assert_type(issued, Issued)
    assert_type(issued.key, Key)
    verdict = tk.verify(issued.secret, scopes={"any": ["read:projects", "write:projects"]}, ip="203.0.113.7")
    assert_type(verdict.limits[0].remaining, int)
    if not verdict:
        assert_type(verdict, Refused)
        assert_type(verdict.retry_after, int | None)
        return
    assert_type(verdict.owner, Owner)
    assert_type(verdict.code, Literal["valid"])
    match verdict:
        case KeyValid():
            assert_type(verdict.key, Key)
            assert_type(verdict.kind, Literal["key"])
        case SessionValid():
            assert_type(verdict.session, Session)
        case TokenValid():
            assert_type(verdict.key, Key)


def by_kind(verdict: AnyValid) -> str:
    if verdict.kind == "session":
        assert_type(verdict, SessionValid)
        return verdict.session.id
    return verdict.key.id


def calls(tk: Tokenry) -> None:
    assert_type(tk.require("tk_live_…"), AnyValid)
    assert_type(tk.keys.list(owner="ada"), Page[Key])
    tokens = tk.sessions.start("ada")
    assert_type(tokens, SessionTokens)
    assert_type(tk.sessions.refresh(tokens.refresh), SessionTokens | Refused)
    hold = tk.credits.reserve("key_…", 500, on_expiry="charge")
    assert_type(hold, HeldCredits)
    assert_type(hold.settle(137), Hold)
    assert_type(tk.credits.get("key_…", by="ada"), CreditState)
    assert_type(tk.keys.issue("ada", name="CI", credits=Credits(5)).key.credits, Credits | None)
    tk.credits.reserve("key_…", 500, on_expiry="keep")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    tk.verify("…", cost="1")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]


async def awaited(tk: AsyncTokenry) -> None:
    assert_type(await tk.verify("tk_live_…"), Verdict)
    assert_type(await tk.require("tk_live_…"), AnyValid)
    hold = await tk.credits.reserve("key_…", 500)
    assert_type(hold, AsyncHeldCredits)
    assert_type(await hold.settle(137), Hold)


def acting(tk: Tokenry) -> None:
    actor = tk.require("tk_live_…")
    assert_type(tk.keys.issue("ada", name="CI", by=actor), Issued)
    assert_type(tk.keys.iterate(by="ada"), Iterator[Key])
    tk.keys.get("key_…", by=1.5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def acting_awaited(tk: AsyncTokenry) -> None:
    assert_type(await tk.keys.issue("ada", name="CI", by="ada"), Issued)
    assert_type(tk.keys.iterate(by="ada"), AsyncIterator[Key])
    await tk.keys.get("key_…", by=1.5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def client(tk: Client) -> None:
    assert_type(tk.verify("tk_live_…"), Verdict)
    assert_type(tk.keys.issue("ada", name="CI"), Issued)
    # A server knows who asks by the key of the client.
    tk.keys.issue("ada", name="CI", by="ada")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    tk.owners.iterate(by="ada")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def client_awaited(tk: AsyncClient) -> None:
    assert_type(await tk.verify("tk_live_…"), Verdict)
    assert_type(await tk.keys.issue("ada", name="CI"), Issued)
    await tk.keys.issue("ada", name="CI", by="ada")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    tk.owners.iterate(by="ada")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
