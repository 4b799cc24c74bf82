"""`tokenry verify`: one verification, counted like any other."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tokenry.types import LimitState, Refused, Valid

from .call import REFUSED, Call, command
from .credentials import SecretFile, presented
from .documents import credits_text, expiry, verdict_document
from .output import document


def verify(
    call: Call,
    secret_file: SecretFile = None,
    scope: Annotated[
        list[str] | None, typer.Option("--scope", metavar="SCOPE", help="A scope that is needed; may be repeated.")
    ] = None,
    any_scope: Annotated[
        list[str] | None,
        typer.Option("--any-scope", metavar="SCOPE", help="Scopes of which one is enough; repeatable."),
    ] = None,
    ip: Annotated[str | None, typer.Option("--ip", metavar="ADDRESS", help="The client's address.")] = None,
    cost: Annotated[int, typer.Option("--cost", metavar="COUNT", help="What it takes of limits and credits.")] = 1,
    tenant: Annotated[str | None, typer.Option("--tenant", metavar="SLUG", help="Only a key of this tenant.")] = None,
    environment: Annotated[
        str | None, typer.Option("--environment", metavar="NAME", help="Only a key of this environment.")
    ] = None,
    audience: Annotated[
        str | None, typer.Option("--audience", metavar="NAME", help="Only a token for this audience.")
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Check an access token by its signature and claims alone.")
    ] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Show every check, and take nothing.")] = False,
) -> None:
    """Verify a credential, which is read from stdin, a prompt or --secret-file and never from an argument.

    Exits with 0 when it is valid and with 3 when it is refused.
    """
    if explain and offline:
        raise typer.BadParameter("--explain asks the database, --offline does not: leave one out")
    text = presented(call, secret_file)
    if offline:
        _check_offline(text)
    parts: list[Any] = [*(scope or ()), *([{"any": any_scope}] if any_scope else ())]
    ask: dict[str, Any] = {"scopes": {"all": parts} if any_scope else scope or None, "ip": ip, "cost": cost}
    ask.update(tenant=tenant, environment=environment, audience=audience)
    with call.open() as tk:
        if explain:
            explanation = tk.explain(text, **ask)
            if call.out.json:
                call.out.document({"valid": bool(explanation), **document(explanation)})
            else:
                call.out.text(str(explanation))
            holds = bool(explanation)
        else:
            verdict = tk.verify(text, **ask, offline=offline)
            _answer(call, verdict)
            holds = bool(verdict)
    if not holds:
        raise typer.Exit(REFUSED)


def register(app: typer.Typer) -> None:
    """Put this command into the tree."""
    command(app, "verify", context_settings={"allow_extra_args": True})(verify)


def _check_offline(text: str) -> None:
    """Raise BadParameter for a credential that says nothing without the database."""
    from tokenry.offline import tell

    kind = tell(text).kind
    if kind not in ("access token", "unknown"):
        words = "a refresh token" if kind == "refresh token" else "an API key"
        raise typer.BadParameter(
            f"{words} cannot be checked offline: only the database knows whether it is valid. Leave --offline out, or"
            " check an access token"
        )


def _limit_text(state: LimitState) -> str:
    whose = "" if state.of == "key" else f" (shared by all keys of the {state.of})"
    return f"{state.name}: {state.remaining} of {state.limit} left{whose}"


def _answer(call: Call, verdict: Valid | Refused) -> None:
    if call.out.json:
        call.out.document(verdict_document(verdict))
        return
    pairs = [("verdict", verdict.code)]
    if isinstance(verdict, Valid):
        from tokenry.edge import parts_of

        key, session, _ = parts_of(verdict)
        pairs += [("key", f"{key.id} ({key.name})" if key else ""), ("session", session.id if session else "")]
        pairs += [("owner", verdict.owner.external_id), ("tenant", verdict.tenant.slug)]
        pairs += [("scopes", ", ".join(verdict.scopes)), ("expires", expiry(key) if key else "")]
    elif verdict.retry_after is not None:
        pairs.append(("retry after", f"{verdict.retry_after} s"))
    pairs += [("limit", _limit_text(state)) for state in verdict.limits]
    if verdict.credits is not None:
        pairs.append(("credits", credits_text(verdict.credits)))
    call.out.pairs([pair for pair in pairs if pair[1]])
