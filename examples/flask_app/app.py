"""A Flask application: people sign in and make keys, programs use them."""

import os
from pathlib import Path

from flask import Flask, abort, jsonify, request
from werkzeug.security import check_password_hash, generate_password_hash

from tokenry import Conflict, Invalid, NotAllowed, NotFound
from tokenry.ext.flask import FlaskTokenry, current_credential

SCOPES = ["read:projects", "write:projects"]
USERS = {"ada": generate_password_hash("engine"), "grace": generate_password_hash("compiler")}
NOBODY = generate_password_hash("")
SHARED = Path(__file__).resolve().parents[1]
PAGE = (SHARED / "page.html").read_text().replace("STYLE", (SHARED / "page.css").read_text())

app = Flask(__name__)
app.config["TOKENRY_DATABASE_URL"] = "sqlite:///flask_app.db"
# `python app.py` serves plain http on this machine. A server imports the module, and its cookies need https.
app.config["TOKENRY_COOKIE_SECURE"] = __name__ != "__main__"
app.config.from_prefixed_env()
auth = FlaskTokenry(app)
app.register_blueprint(auth.blueprint("/auth"))
app.register_blueprint(auth.key_page("/keys", sign_in="/"))

setup = auth.tk_of(app)
setup.scopes.define(SCOPES)
setup.roles.put("member", scopes=SCOPES)
for name in USERS:
    setup.owners.put(name, roles=["member"])


@app.get("/")
def page():
    return PAGE.replace("FRAMEWORK", "Flask")


@app.post("/sign-in")
def sign_in():
    user, password = request.json["user"], request.json["password"]
    # An unknown user takes as long as a known one.
    if not check_password_hash(USERS.get(user, NOBODY), password) or user not in USERS:
        abort(401)
    return auth.sign_in({"user": user}, user, device={"agent": str(request.user_agent)[:200]})


@app.get("/me")
@auth.session_required
def me():
    sessions = auth.tk.sessions.list(by=current_credential)
    return jsonify(user=current_credential.owner.external_id, sessions=[session.device for session in sessions])


@app.get("/me/keys")
@auth.session_required
def my_keys():
    keys = auth.tk.keys.list(by=current_credential)
    return jsonify([{"id": key.id, "name": key.name, "status": key.status} for key in keys])


@app.post("/me/keys")
@auth.session_required
def make_key():
    asked = {"name": request.json["name"], "scopes": request.json.get("scopes", [])}
    issued = auth.tk.keys.issue(current_credential.owner, **asked, by=current_credential)
    return jsonify(id=issued.key.id, secret=str(issued.secret)), 201, {"Cache-Control": "no-store"}


@app.delete("/me/keys/<id>")
@auth.session_required
def end_key(id):
    # Another user's key raises NotFound, as a key that does not exist.
    auth.tk.keys.revoke(id, by=current_credential)
    return "", 204


@app.errorhandler(Invalid)
@app.errorhandler(Conflict)
@app.errorhandler(NotAllowed)
@app.errorhandler(NotFound)
def refused(error):
    status = {"not_found": 404, "not_allowed": 403, "conflict": 409}.get(error.code, 422)
    return jsonify(error=error.message), status


@app.get("/api/projects")
@auth.credential_required("read:projects")
def projects():
    return jsonify(owner=current_credential.owner.external_id, projects=["one", "two"])


if __name__ == "__main__":
    port = int(os.environ.get("PORT", "5000"))
    print(f"Open http://127.0.0.1:{port} and sign in as ada, password engine.", flush=True)
    app.run(port=port)
