"""A Flask application: people sign in and make keys, programs use them."""

from flask import Flask, abort, jsonify, request
from werkzeug.security import check_password_hash, generate_password_hash

from tokenry import Conflict, Invalid, NotFound
from tokenry.ext.flask import FlaskTokenry, current_credential

USERS = {"ada": generate_password_hash("engine"), "grace": generate_password_hash("compiler")}

app = Flask(__name__)
app.config["TOKENRY_DATABASE_URL"] = "sqlite:///flask_app.db"
app.config.from_prefixed_env()
auth = FlaskTokenry(app)
auth.tk_of(app).scopes.define(["read:projects", "write:projects"])
app.register_blueprint(auth.blueprint("/auth"))


@app.post("/sign-in")
def sign_in():
    user, password = request.json["user"], request.json["password"]
    if not check_password_hash(USERS.get(user, next(iter(USERS.values()))), password) or user not in USERS:
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
    user = current_credential.owner.external_id
    try:
        issued = auth.tk.keys.issue(user, name=request.json["name"], scopes=request.json.get("scopes", []))
    except Invalid as error:
        return jsonify(errors=[e._asdict() for e in error.errors]), 422
    except Conflict as error:
        return jsonify(error=error.message), 409
    return jsonify(id=issued.key.id, secret=str(issued.secret)), 201, {"Cache-Control": "no-store"}


@app.delete("/me/keys/<id>")
@auth.session_required
def end_key(id):
    try:
        auth.tk.keys.revoke(id, by=current_credential)  # somebody else's key is NotFound, like one that never was
    except NotFound:
        abort(404)
    return "", 204


@app.get("/api/projects")
@auth.credential_required("read:projects")
def projects():
    return jsonify(owner=current_credential.owner.external_id, projects=["one", "two"])


@app.get("/")
def page():
    return PAGE


PAGE = """<!doctype html><title>Projects</title>
<form><input name=user placeholder=user><input name=password type=password><button>Sign in</button></form>
<button id=leave>Sign out</button><pre></pre>
<script>
let refreshing
async function call(path, options = {}) {          // refreshes once when the access token has expired
  let answer = await fetch(path, options)
  if (answer.status === 401 && (await answer.clone().json()).code === "expired") {
    refreshing ??= fetch("/auth/refresh", {method: "POST"}).finally(() => refreshing = undefined)
    if ((await refreshing).ok) answer = await fetch(path, options)
  }
  return answer
}
async function show() { document.querySelector("pre").textContent = await (await call("/me")).text() }
document.forms[0].onsubmit = async event => {
  event.preventDefault()
  const body = JSON.stringify(Object.fromEntries(new FormData(event.target)))
  await fetch("/sign-in", {method: "POST", headers: {"Content-Type": "application/json"}, body})
  show()
}
document.querySelector("#leave").onclick = async () => { await fetch("/auth/sign-out", {method: "POST"}); show() }
show()
</script>"""
