"""An ERP's token page: what other systems may do, from where, how often; renewed without an outage, on record."""

from datetime import timedelta

from flask import Flask, abort, redirect, render_template_string, request, url_for
from werkzeug.security import check_password_hash, generate_password_hash

from tokenry import Conflict, Invalid, Limit, NotAllowed, NotFound
from tokenry.ext.flask import FlaskTokenry, current_credential, current_key

STAFF = {"root": generate_password_hash("everything"), "clerk": generate_password_hash("invoices")}
GRACE = timedelta(days=1)

app = Flask(__name__)
app.config["TOKENRY_DATABASE_URL"] = "sqlite:///erp.db"
app.config.from_prefixed_env()
auth = FlaskTokenry(app)
app.register_blueprint(auth.blueprint())

setup = auth.tk_of(app)
setup.scopes.define(["read:invoices", "write:invoices", "read:stock"])
setup.roles.put("accounting", scopes=["read:invoices", "write:invoices"])
setup.roles.put("warehouse", scopes=["read:stock"])
setup.owners.put("root", admin=True)
setup.owners.put("clerk", roles=["accounting"])


@app.post("/sign-in")
def sign_in():
    who = request.form.get("who", "")
    if who not in STAFF or not check_password_hash(STAFF[who], request.form.get("password", "")):
        abort(401)
    return auth.sign_in(redirect(url_for("integrations")), who)


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
    page = render_template_string(
        PAGE, keys=keys.list(by=me), soon=keys.expiring(within=timedelta(days=30), by=me), seen=seen, secret=secret
    )
    return page, {"Cache-Control": "no-store"}


@app.post("/integrations")
@auth.session_required
def connect():
    """Connect another system, for oneself; a tenant admin does it for anybody."""
    form, me = request.form, current_credential.owner.external_id
    issued = auth.tk.keys.issue(
        form.get("for", me),
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
    keys, me = auth.tk.keys, current_credential.owner.external_id
    if what == "renew":  # the old secret works for a day more, so that the other system can be told in peace
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


PAGE = """<!doctype html><title>Integrations</title>
{% if secret %}<p>Copy it now: <code>{{ secret }}</code></p>{% endif %}
{% for key in soon %}<p>{{ key.name }} expires on {{ key.expires_at.date() }}</p>{% endfor %}
<table>{% for key in keys %}
<tr><td>{{ key.name }}<td>{{ key.owner }}<td>{{ key.roles | join(", ") }}<td>{{ key.allowed_ips | join(" ") }}
<td>{{ key.status }}<td>{% for what in ("renew", "pause", "resume", "end") %}
<form method=post action="{{ url_for('change', id=key.id, what=what) }}"><button>{{ what }}</button></form>{% endfor %}
{% endfor %}</table>
<form method=post><input name=name><input name=role placeholder=role>
<input name=addresses placeholder="203.0.113.0/24"><input name=per_minute placeholder=600>
<button>Connect</button></form>
<ul>{% for entry in seen %}<li>{{ entry.at }} {{ entry.actor }} {{ entry.action }} {{ entry.subject }}{% endfor %}</ul>
"""
