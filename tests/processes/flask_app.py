"""A small application as gunicorn loads it, before it forks its workers."""

import os

from flask import Flask, request

from tokenry import Tokenry

tk = Tokenry(os.environ["TOKENRY_DATABASE_URL"])
app = Flask(__name__)
if "WARM_KEY" in os.environ:
    assert tk.verify(os.environ["WARM_KEY"])  # the master has connections, a memory, a thread and a count


@app.get("/")
def protected() -> dict[str, object]:
    verdict = tk.verify(request.headers.get("X-API-Key", ""))
    return {"code": verdict.code, "pid": os.getpid()}


@app.delete("/keys/<id>")
def revoke(id: str) -> dict[str, object]:
    tk.keys.revoke(id)
    return {"pid": os.getpid()}


@app.post("/keys/<name>")
def issue(name: str) -> dict[str, object]:
    issued = tk.keys.issue(owner="u", name=name)
    return {"id": issued.key.id, "secret": str(issued.secret)}
