"""A FastAPI application: people sign in and make keys, programs use them."""

import asyncio
import hashlib
import hmac
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Request, Response, WebSocket
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel

from tokenry import AsyncTokenry, Conflict, Invalid, NotAllowed, NotFound
from tokenry.ext.fastapi import FastAPITokenry
from tokenry.types import SessionValid, Valid

SCOPES = ["read:projects", "write:projects"]
SHARED = Path(__file__).resolve().parents[1]
PAGE = (SHARED / "page.html").read_text().replace("STYLE", (SHARED / "page.css").read_text())


def hashed(password: str, salt: bytes) -> bytes:
    return salt + hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1)


USERS = {"ada": hashed("engine", os.urandom(16)), "grace": hashed("compiler", os.urandom(16))}
NOBODY = hashed("", os.urandom(16))

tk = AsyncTokenry(os.environ.get("TOKENRY_DATABASE_URL", "sqlite:///fastapi_app.db"))


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    await tk.scopes.define(SCOPES)
    await tk.roles.put("member", scopes=SCOPES)
    for name in USERS:
        await tk.owners.put(name, roles=["member"])
    yield
    await tk.close()


app = FastAPI(lifespan=lifespan)
# `python app.py` serves plain http on this machine. A server imports the module, and its cookies need https.
auth = FastAPITokenry(app, tk, cookie_secure=__name__ != "__main__")
app.include_router(auth.router("/auth"))
app.include_router(auth.key_page("/keys", sign_in="/"))

SignedIn = Annotated[SessionValid, Depends(auth.session_required())]
Reader = Annotated[Valid, Depends(auth.credential_required("read:projects"))]


class Password(BaseModel):
    user: str
    password: str


class NewKey(BaseModel):
    name: str
    scopes: list[str] = []


@app.get("/", response_class=HTMLResponse)
async def page() -> str:
    return PAGE.replace("FRAMEWORK", "FastAPI")


@app.post("/sign-in")
async def sign_in(request: Request, response: Response, given: Password) -> dict[str, str]:
    # An unknown user takes as long as a known one.
    known = USERS.get(given.user, NOBODY)
    found = await asyncio.to_thread(hashed, given.password, known[:16])
    if not hmac.compare_digest(found, known) or given.user not in USERS:
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
    issued = await tk.keys.issue(credential.owner, name=new.name, scopes=new.scopes, by=credential)
    response.headers["Cache-Control"] = "no-store"
    return {"id": issued.key.id, "secret": str(issued.secret)}


@app.delete("/me/keys/{id}", status_code=204)
async def end_key(credential: SignedIn, id: str) -> None:
    # Another user's key raises NotFound, as a key that does not exist.
    await tk.keys.revoke(id, by=credential)


@app.exception_handler(Invalid)
@app.exception_handler(Conflict)
@app.exception_handler(NotAllowed)
@app.exception_handler(NotFound)
async def refused(request: Request, error: Invalid | Conflict | NotAllowed | NotFound) -> JSONResponse:
    status = {"not_found": 404, "not_allowed": 403, "conflict": 409}.get(error.code, 422)
    return JSONResponse({"error": error.message}, status)


@app.get("/api/projects")
async def projects(credential: Reader) -> dict[str, object]:
    return {"owner": credential.owner.external_id, "projects": ["one", "two"]}


@app.websocket("/api/live")
async def live(socket: WebSocket, credential: Reader) -> None:
    await socket.accept()
    await socket.send_json({"owner": credential.owner.external_id})
    await socket.close()


if __name__ == "__main__":
    port = int(os.environ.get("PORT", "8000"))
    print(f"Open http://127.0.0.1:{port} and sign in as ada, password engine.", flush=True)
    uvicorn.run(app, port=port)
