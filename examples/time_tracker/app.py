"""A time tracker's token page: every device and script gets a token of its own, and loses it with one click."""

import os
from collections import defaultdict
from datetime import timedelta
from pathlib import Path

from flask import Flask, redirect, render_template_string, request, url_for
from werkzeug.security import check_password_hash, generate_password_hash

from tokenry import Conflict, Invalid, NotAllowed, NotFound
from tokenry.ext.flask import FlaskTokenry, current_credential

SCOPES = ["read:entries", "write:entries"]
PEOPLE = {"ada": generate_password_hash("engine"), "grace": generate_password_hash("compiler")}
NOBODY = generate_password_hash("")
LIVES = {"30": timedelta(days=30), "365": timedelta(days=365), "": None}
entries: dict[str, list[dict[str, str]]] = defaultdict(list)

app = Flask(__name__)
app.config["TOKENRY_DATABASE_URL"] = "sqlite:///time_tracker.db"
# Pages without a script do not refresh a session, so that one access token lasts a working day.
app.config["TOKENRY_ACCESS_LIFE"] = timedelta(hours=8)
# `python app.py` serves plain http on this machine. A server imports the module, and its cookies need https.
app.config["TOKENRY_COOKIE_SECURE"] = __name__ != "__main__"
app.config.from_prefixed_env()
auth = FlaskTokenry(app)
app.register_blueprint(auth.blueprint())

setup = auth.tk_of(app)
setup.scopes.define(SCOPES)
setup.roles.put("tracker", scopes=SCOPES)
for name in PEOPLE:
    setup.owners.put(name, roles=["tracker"])


@auth.access_refused
def to_the_door(problem):
    is_page = request.accept_mimetypes.best == "text/html"
    return redirect(url_for("door")) if is_page and problem.status == 401 else None


@app.route("/", methods=["GET", "POST"])
def door():
    who, password = request.form.get("who", ""), request.form.get("password", "")
    is_post = request.method == "POST"
    # An unknown name takes as long as a known one.
    if is_post and check_password_hash(PEOPLE.get(who, NOBODY), password) and who in PEOPLE:
        return auth.sign_in(redirect(url_for("tokens")), who)
    return render_template_string(DOOR, style=STYLE, is_wrong=is_post)


@app.route("/tokens", methods=["GET", "POST"])
@auth.session_required
def tokens():
    tk, me, form, secret, problem = auth.tk, current_credential, request.form, None, ""
    if request.method == "POST":
        name, scopes, life = form["name"], form.getlist("scope"), LIVES.get(form.get("days", ""))
        try:
            secret = tk.keys.issue(me.owner, name=name, scopes=scopes, expires_in=life, by=me).secret
        except (Invalid, Conflict, NotAllowed) as error:
            problem = error.message
    page = render_template_string(TOKENS, style=STYLE, keys=tk.keys.list(by=me), secret=secret, problem=problem)
    return page, {"Cache-Control": "no-store"}


@app.post("/tokens/<id>/end")
@auth.session_required
def end_token(id):
    try:
        auth.tk.keys.revoke(id, by=current_credential)
    except NotFound:
        return "no such token", 404
    return redirect(url_for("tokens"))


@app.get("/api/entries")
@auth.credential_required("read:entries")
def read_entries():
    return entries[current_credential.owner.external_id]


@app.post("/api/entries")
@auth.credential_required("write:entries")
def add_entry():
    entries[current_credential.owner.external_id].append({"task": request.json["task"], "by": current_credential.kind})
    return "", 201


HERE = Path(__file__).resolve().parent
STYLE = (HERE.parent / "page.css").read_text()
DOOR, TOKENS = (HERE / "door.html").read_text(), (HERE / "tokens.html").read_text()

if __name__ == "__main__":
    port = int(os.environ.get("PORT", "5000"))
    print(f"Open http://127.0.0.1:{port} and sign in as ada, password engine.", flush=True)
    app.run(port=port)
