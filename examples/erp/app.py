"""An ERP's token page: what other systems may do, from where, how often; renewed without an outage, on record."""

import os
from datetime import timedelta
from pathlib import Path

from flask import Flask, abort, redirect, render_template_string, request, url_for
from werkzeug.security import check_password_hash, generate_password_hash

from tokenry import Conflict, Invalid, Limit, NotAllowed, NotFound
from tokenry.ext.flask import FlaskTokenry, current_credential, current_key

STAFF = {"root": generate_password_hash("everything"), "clerk": generate_password_hash("invoices")}
NOBODY = generate_password_hash("")
ROLES = {"accounting": ["read:invoices", "write:invoices"], "warehouse": ["read:stock"]}
GRACE = timedelta(days=1)

app = Flask(__name__)
app.config["TOKENRY_DATABASE_URL"] = "sqlite:///erp.db"
# Pages without a script do not refresh a session, so that one access token lasts a working day.
app.config["TOKENRY_ACCESS_LIFE"] = timedelta(hours=8)
# `python app.py` serves plain http on this machine. A server imports the module, and its cookies need https.
app.config["TOKENRY_COOKIE_SECURE"] = __name__ != "__main__"
app.config.from_prefixed_env()
auth = FlaskTokenry(app)
app.register_blueprint(auth.blueprint())

setup = auth.tk_of(app)
setup.scopes.define(["read:invoices", "write:invoices", "read:stock"])
for name, scopes in ROLES.items():
    setup.roles.put(name, scopes=scopes)
setup.owners.put("root", admin=True)
setup.owners.put("clerk", roles=["accounting"])


@app.get("/")
def door(is_wrong=False):
    return render_template_string(DOOR, style=STYLE, is_wrong=is_wrong)


@app.post("/sign-in")
def sign_in():
    who = request.form.get("who", "")
    # An unknown name takes as long as a known one.
    if not check_password_hash(STAFF.get(who, NOBODY), request.form.get("password", "")) or who not in STAFF:
        return door(is_wrong=True), 401
    return auth.sign_in(redirect(url_for("integrations")), who)


@auth.access_refused
def to_the_door(problem):
    is_page = request.accept_mimetypes.best == "text/html"
    return redirect(url_for("door")) if is_page and problem.status == 401 else None


@app.errorhandler(Invalid)
@app.errorhandler(Conflict)
@app.errorhandler(NotAllowed)
@app.errorhandler(NotFound)
def refused(error):
    status = {"not_found": 404, "not_allowed": 403, "conflict": 409}.get(error.code, 422)
    return {"error": error.message}, status


@app.get("/integrations")
@auth.session_required
def integrations(secret=None):
    keys, me = auth.tk.keys, current_credential
    seen = auth.tk.audit.list(by=me).items if me.owner.admin else ()
    soon = keys.expiring(within=timedelta(days=30), by=me)
    given = {"keys": keys.list(by=me), "roles": ROLES if me.owner.admin else me.owner.roles}
    page = render_template_string(INTEGRATIONS, style=STYLE, soon=soon, seen=seen, secret=secret, **given)
    return page, {"Cache-Control": "no-store"}


@app.post("/integrations")
@auth.session_required
def connect():
    """Connect another system to an owner: an administrator does it for anybody."""
    form, me = request.form, current_credential
    issued = auth.tk.keys.issue(
        form.get("for", me.owner.external_id),
        name=form["name"],
        roles=form.getlist("role"),
        allowed_ips=form.get("addresses", "").split(),
        limits=[Limit("minute", int(form.get("per_minute") or 600), 60)],
        expires_in=timedelta(days=365),
        by=me,
    )
    return integrations(issued.secret)


@app.post("/integrations/<id>/<what>")
@auth.session_required
def change(id, what):
    keys, me = auth.tk.keys, current_credential
    if what == "renew":
        # The old secret works for a day more: time enough to give the other system the new one.
        return integrations(keys.rotate(id, grace=GRACE, by=me).secret)
    {"pause": keys.disable, "resume": keys.enable, "end": keys.revoke}.get(what, lambda *_, **__: abort(404))(id, by=me)
    return redirect(url_for("integrations"))


@app.get("/api/invoices")
@auth.key_required("read:invoices")
def invoices():
    return {"for": current_key.key.name, "invoices": ["2026-001"]}


@app.get("/api/stock")
@auth.key_required("read:stock")
def stock():
    return {"bolts": 7}


HERE = Path(__file__).resolve().parent
STYLE = (HERE.parent / "page.css").read_text()
DOOR, INTEGRATIONS = (HERE / "door.html").read_text(), (HERE / "integrations.html").read_text()

if __name__ == "__main__":
    port = int(os.environ.get("PORT", "5000"))
    print(f"Open http://127.0.0.1:{port} and sign in as clerk, password invoices.", flush=True)
    app.run(port=port)
