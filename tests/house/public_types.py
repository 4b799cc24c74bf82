"""A program for type checkers. `test_public_types.py` checks it with mypy; it never runs."""

from collections.abc import AsyncIterator, Iterator
from typing import Literal, assert_type

from tokenry import AsyncTokenry, KeyValid, Refused, SessionValid, Tokenry, TokenValid
from tokenry.client import AsyncClient, Client
from tokenry.compat import ApiToken, ApiTokenService
from tokenry.imports import ImportResult, ImportRow
from tokenry.sources import rows
from tokenry.types import Event, Key, OfflineValid, Owner, RefusalCode, Session


def verified(tk: Tokenry | Client) -> None:
    verdict = tk.verify("text", ip="203.0.113.7")
    assert_type(verdict, KeyValid | SessionValid | TokenValid | Refused)
    if not verdict:
        assert_type(verdict.code, RefusalCode)
    elif verdict.kind == "key":
        assert_type(verdict, KeyValid)
        assert_type(verdict.key, Key)
    elif isinstance(verdict, SessionValid):
        assert_type(verdict.session, Session)
        assert_type(verdict.code, Literal["valid"])
    else:
        assert_type(verdict, TokenValid)
        assert_type(verdict.key, Key)


def required(tk: Tokenry | Client) -> None:
    assert_type(tk.require("text"), KeyValid | SessionValid | TokenValid)
    assert_type(tk.require("text", offline=True), OfflineValid)
    assert_type(tk.verify("text", offline=True), OfflineValid | Refused)


async def awaited(tk: AsyncTokenry, client: AsyncClient) -> None:
    assert_type(await tk.verify("text"), KeyValid | SessionValid | TokenValid | Refused)
    assert_type(await tk.require("text", offline=True), OfflineValid)
    assert_type(await client.verify("text"), KeyValid | SessionValid | TokenValid | Refused)
    assert_type(await client.require("text", offline=True), OfflineValid)


def walked(tk: Tokenry | Client) -> None:
    assert_type(tk.keys.iterate(owner="ada"), Iterator[Key])
    assert_type(tk.owners.iterate(text="a"), Iterator[Owner])
    assert_type(tk.events.follow(types=["key.*"]), Iterator[Event])


async def walked_awaited(tk: AsyncTokenry | AsyncClient) -> None:
    assert_type(tk.sessions.iterate(), AsyncIterator[Session])
    assert_type(tk.events.follow(types=["key.*"]), AsyncIterator[Event])


def moved(tk: Tokenry) -> None:
    assert_type(ApiTokenService(tk).create_token(1, "CI")["api_token"], ApiToken)
    assert_type(ApiTokenService(tk).get_expiring_tokens(), list[ApiToken])
    assert_type(rows("knox", "sqlite://"), Iterator[ImportRow | ImportResult])
    tk.imports.run(rows("knox", "sqlite://"))
