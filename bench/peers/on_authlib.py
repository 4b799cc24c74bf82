"""Refresh with Authlib on Flask and SQLAlchemy. `python on_authlib.py N` prepares N chains."""

import json
import os
import sys
import time
from pathlib import Path

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.integrations.sqla_oauth2 import (
    OAuth2ClientMixin,
    OAuth2TokenMixin,
    create_query_client_func,
    create_save_token_func,
)
from authlib.oauth2.rfc6749 import grants
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import event

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{Path(os.environ['BENCH_FOLDER'], 'authlib.db')}"
app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"connect_args": {"timeout": 20}}
app.config["OAUTH2_REFRESH_TOKEN_GENERATOR"] = True
db = SQLAlchemy(app)


class User(db.Model):  # type: ignore[name-defined,misc]
    """Somebody who signs in."""

    id = db.Column(db.Integer, primary_key=True)

    def get_user_id(self) -> int:
        """Return the id that a token stores for this user."""
        return self.id  # type: ignore[no-any-return]


class Client(db.Model, OAuth2ClientMixin):  # type: ignore[name-defined,misc]
    """An application."""

    id = db.Column(db.Integer, primary_key=True)


class Token(db.Model, OAuth2TokenMixin):  # type: ignore[name-defined,misc]
    """An access token with its refresh token."""

    id = db.Column(db.Integer, primary_key=True)
    user_id = db.Column(db.Integer)


class Refreshing(grants.RefreshTokenGrant):  # type: ignore[misc]
    """Rotation: a new refresh token each time, and the old one revoked."""

    INCLUDE_NEW_REFRESH_TOKEN = True
    TOKEN_ENDPOINT_AUTH_METHODS = ("none",)

    def authenticate_refresh_token(self, refresh_token: str) -> Token | None:
        """Return a token that may be refreshed."""
        found = Token.query.filter_by(refresh_token=refresh_token).first()
        return found if found and not found.refresh_token_revoked_at else None

    def authenticate_user(self, refresh_token: Token) -> User | None:
        """Return whose it is."""
        return db.session.get(User, refresh_token.user_id)

    def revoke_old_credential(self, refresh_token: Token) -> None:
        """End the token that was presented."""
        refresh_token.refresh_token_revoked_at = int(time.time())
        db.session.add(refresh_token)
        db.session.commit()


server = AuthorizationServer(
    app, query_client=create_query_client_func(db.session, Client), save_token=create_save_token_func(db.session, Token)
)
server.register_grant(Refreshing)


@app.post("/oauth/token")
def token() -> object:
    """Answer at the token endpoint."""
    return server.create_token_response()


with app.app_context():

    @event.listens_for(db.engine, "connect")
    def durable(connection: object, _: object) -> None:
        """Keep what was acknowledged."""
        connection.execute("PRAGMA journal_mode=WAL")  # type: ignore[attr-defined]
        connection.execute("PRAGMA synchronous=FULL")  # type: ignore[attr-defined]


def prepare(count: int) -> dict[str, list[str]]:
    """Make a user, a public client and a refresh token for each chain."""
    with app.app_context():
        db.create_all()
        client = Client(client_id="bench", client_id_issued_at=int(time.time()))
        client.set_client_metadata(
            {"grant_types": ["refresh_token"], "token_endpoint_auth_method": "none", "scope": "read"}
        )
        db.session.add_all([User(id=1), client])
        names = [f"refresh-{number}" for number in range(count)]
        for number, name in enumerate(names):
            about = {"access_token": f"access-{number}", "refresh_token": name, "token_type": "Bearer", "scope": "read"}
            db.session.add(Token(client_id="bench", user_id=1, expires_in=3600, **about))
        db.session.commit()
    return {"authlib": names}


if __name__ == "__main__":
    print(json.dumps(prepare(int(sys.argv[1]))))
