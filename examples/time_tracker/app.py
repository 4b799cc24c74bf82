"""A time tracker's token page: every device and script gets a token of its own, and loses it with one click."""

from collections import defaultdict
from datetime import timedelta

from flask import Flask, redirect, render_template_string, request, url_for
from werkzeug.security import check_password_hash, generate_password_hash

from tokenry import Conflict, Invalid, NotFound
from tokenry.ext.flask import FlaskTokenry, current_credential

PEOPLE = {"ada": generate_password_hash("engine"), "grace": generate_password_hash("compiler")}
LIVES = {"30": timedelta(days=30), "365": timedelta(days=365), "": None}
entries = defaultdict(list)

app = Flask(__name__)
app.config["TOKENRY_DATABASE_URL"] = "sqlite:///time_tracker.db"
app.config.from_prefixed_env()
auth = FlaskTokenry(app)
auth.tk_of(app).scopes.define(["read:entries", "write:entries"])
app.register_blueprint(auth.blueprint())


@auth.access_refused
def to_the_door(problem):
    return redirect(url_for("door")) if request.accept_mimetypes.accept_html and problem.status == 401 else None


@app.route("/", methods=["GET", "POST"])
def door():
    who, password = request.form.get("who", ""), request.form.get("password", "")
    if request.method == "POST" and who in PEOPLE and check_password_hash(PEOPLE[who], password):
        return auth.sign_in(redirect(url_for("tokens")), who)
    return render_template_string(DOOR)


@app.route("/tokens", methods=["GET", "POST"])
@auth.session_required
def tokens():
    tk, me, secret, problem = auth.tk, current_credential.owner.external_id, None, ""
    if request.method == "POST":
        asked = {"name": request.form["name"], "scopes": request.form.getlist("scope")}
        try:
            secret = tk.keys.issue(me, expires_in=LIVES.get(request.form.get("days", "")), **asked).secret
        except (Invalid, Conflict) as error:
            problem = error.message
    page = render_template_string(TOKENS, keys=tk.keys.list(by=me), secret=secret, problem=problem)
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


DOOR = """<!doctype html><title>Time</title><form method=post>
<input name=who placeholder=name><input name=password type=password><button>Sign in</button></form>"""
TOKENS = """<!doctype html><title>Tokens</title><h1>Your tokens</h1>
{% if secret %}<p>Copy it now, it is not shown again: <code>{{ secret }}</code></p>{% endif %}<p>{{ problem }}</p>
<table>{% for key in keys %}<tr><td>{{ key.name }}<td>{{ key.scopes | join(", ") }}<td>{{ key.status }}
<td>{{ key.last_used_at or "never used" }}
<td><form method=post action="{{ url_for('end_token', id=key.id) }}"><button>End</button></form>{% endfor %}</table>
<form method=post><input name=name placeholder="phone, laptop, script"><label><input type=checkbox name=scope
value=read:entries>read</label><label><input type=checkbox name=scope value=write:entries>write</label>
<select name=days><option value=30>a month<option value=365>a year<option value="">for ever</select><button>New</button>
</form>"""
