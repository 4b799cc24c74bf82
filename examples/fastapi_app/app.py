"""A FastAPI application: people sign in and make keys, programs use them."""

import asyncio
import hashlib
import hmac
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Request, Response, WebSocket
from pydantic import BaseModel

from tokenry import AsyncTokenry, Conflict, Invalid, NotFound
from tokenry.ext.fastapi import FastAPITokenry
from tokenry.types import SessionValid, Valid


def hashed(password: str) -> bytes:
    return hashlib.scrypt(password.encode(), salt=b"a salt of each user's own", n=2**14, r=8, p=1)


USERS = {"ada": hashed("engine"), "grace": hashed("compiler")}

tk = AsyncTokenry(os.environ.get("TOKENRY_DATABASE_URL", "sqlite:///fastapi_app.db"))


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    await tk.scopes.define(["read:projects", "write:projects"])
    yield
    await tk.close()


app = FastAPI(lifespan=lifespan)
auth = FastAPITokenry(app, tk, cookie_secure=os.environ.get("COOKIE_SECURE") != "false")
app.include_router(auth.router("/auth"))

SignedIn = Annotated[SessionValid, Depends(auth.session_required())]
Reader = Annotated[Valid, Depends(auth.credential_required("read:projects"))]


class Password(BaseModel):
    user: str
    password: str


class NewKey(BaseModel):
    name: str
    scopes: list[str] = []


@app.post("/sign-in")
async def sign_in(request: Request, response: Response, given: Password) -> dict[str, str]:
    known = USERS.get(given.user, bytes(64))
    if not hmac.compare_digest(await asyncio.to_thread(hashed, given.password), known):
        raise HTTPException(401)
    await auth.sign_in(request, response, given.user, device={"agent": request.headers.get("User-Agent", "")[:200]})
    return {"user": given.user}


@app.get("/me")
async def me(credential: SignedIn) -> dict[str, object]:
    sessions = await tk.sessions.list(by=credential)
    return {"user": credential.owner.external_id, "sessions": [session.device for session in sessions]}


@app.get("/me/keys")
async def my_keys(credential: SignedIn) -> list[dict[str, str]]:
    return [{"id": key.id, "name": key.name, "status": key.status} for key in await tk.keys.list(by=credential)]


@app.post("/me/keys", status_code=201)
async def make_key(credential: SignedIn, response: Response, new: NewKey) -> dict[str, str]:
    try:
        issued = await tk.keys.issue(credential.owner.external_id, name=new.name, scopes=new.scopes)
    except Invalid as error:
        raise HTTPException(422, [e._asdict() for e in error.errors]) from None
    except Conflict as error:
        raise HTTPException(409, error.message) from None
    response.headers["Cache-Control"] = "no-store"
    return {"id": issued.key.id, "secret": str(issued.secret)}


@app.delete("/me/keys/{id}", status_code=204)
async def end_key(credential: SignedIn, id: str) -> None:
    try:
        await tk.keys.revoke(id, by=credential)  # somebody else's key is NotFound, like one that never was
    except NotFound:
        raise HTTPException(404) from None


@app.get("/api/projects")
async def projects(credential: Reader) -> dict[str, object]:
    return {"owner": credential.owner.external_id, "projects": ["one", "two"]}


@app.websocket("/api/live")
async def live(socket: WebSocket, credential: Reader) -> None:
    await socket.accept()
    await socket.send_json({"owner": credential.owner.external_id})
    await socket.close()
