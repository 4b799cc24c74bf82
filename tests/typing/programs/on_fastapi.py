"""FastAPI and ASGI: a dependency returns the verdict's type, and options are spelled out."""

from datetime import timedelta
from typing import Annotated, assert_type

from fastapi import Depends, FastAPI, Request, Response

from tokenry import AsyncTokenry
from tokenry.ext.asgi import TokenryMiddleware
from tokenry.ext.fastapi import FastAPITokenry
from tokenry.types import AnyValid, Key, KeyValid, Session, SessionTokens, SessionValid, TokenValid

app = FastAPI()
tk = AsyncTokenry("sqlite:///keys.db")
auth = FastAPITokenry(
    app, tk, cookie_secure=False, failures_window=timedelta(minutes=5), trusted_proxies=["10.0.0.0/8"]
)
read = auth.key_required("read:projects", audience="https://api.example.com")


@app.get("/projects")
async def projects(credential: Annotated[KeyValid | TokenValid, Depends(read)]) -> str:
    assert_type(credential.key, Key)
    return credential.key.id


@app.get("/me")
async def me(credential: Annotated[SessionValid, Depends(auth.session_required())]) -> str:
    assert_type(credential.session, Session)
    return credential.session.id


async def called(request: Request, response: Response) -> None:
    assert_type(await read(request, response), KeyValid | TokenValid)
    assert_type(await auth.session_required()(request, response), SessionValid)
    assert_type(await auth.credential_required()(request, response), AnyValid)
    assert_type(await auth.credential_required(optional=True)(request, response), AnyValid | None)
    assert_type(await auth.sign_in(request, response, 42, tenant="acme"), SessionTokens)
    assert_type(await auth.refresh_session(request, response), SessionTokens)


guarded = TokenryMiddleware(app, tk, scopes={"any": ["read:projects"]}, kinds=("key",), options={"tenant": "acme"})
auth.key_required(7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
FastAPITokenry(app, tk, cookie_color="blue")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
