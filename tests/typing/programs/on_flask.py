"""Flask: decorators keep the type of a view, and what a view reads has one."""

from collections.abc import Callable
from typing import Any, assert_type

from flask import Flask, Response

from tokenry import Tokenry
from tokenry.edge.problems import Problem
from tokenry.ext.flask import FlaskTokenry, current_credential, current_key, current_session
from tokenry.types import AnyValid, Key, Owner, Session, SessionTokens

app = Flask(__name__)
auth = FlaskTokenry(app, Tokenry("sqlite:///keys.db"))
assert_type(auth.tk, Tokenry)


@app.get("/projects/<int:number>")
@auth.key_required("read:projects", cost=2, tenant="acme")
def projects(number: int) -> dict[str, str]:
    assert_type(current_credential, AnyValid)
    assert_type(current_credential.owner, Owner)
    assert_type(current_key.key, Key)
    return {}


@auth.session_required
def signed_in(name: str, *, loud: bool = False) -> str:
    assert_type(current_session.session, Session)
    return name.upper() if loud else name


@auth.credential_required(["read:projects", "write:projects"], optional=True)
async def anybody() -> Response:
    return Response()


assert_type(projects(7), dict[str, str])
assert_type(signed_in("ada", loud=True), str)
plain: Callable[[int], dict[str, str]] = projects
projects("7")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
auth.key_required("read:projects", price=2)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]


@app.post("/refresh/<where>")
@auth.refresh_session
def refresh(tokens: SessionTokens, where: str) -> dict[str, str]:
    return {"session": tokens.session.id, "where": where}


assert_type(refresh("here"), Response)


@app.post("/sign-in")
def sign_in() -> Response:
    return auth.sign_in({"signed": "in"}, "ada", {"theme": "dark"}, scopes=["read:projects"], device={"name": "phone"})


@auth.access_refused
def refused(problem: Problem) -> Any:
    assert_type(problem.code, str)
    return None


@auth.user_loader
def load(external_id: str) -> dict[str, str] | None:
    return {"name": external_id}


assert_type(load("ada"), dict[str, str] | None)
auth.sign_in("", "ada", colour="red")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
