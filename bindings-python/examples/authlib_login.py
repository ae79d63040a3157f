"""A Flask application in which people sign in with their own calendar account, through Authlib.

CRONOFY_CLIENT_ID=… CRONOFY_CLIENT_SECRET=… flask --app authlib_login:from_environment run --port 8000
"""

from __future__ import annotations

import os
import secrets
from typing import Any

from authlib.integrations.flask_client import OAuth
from flask import Flask, redirect, session, url_for
from werkzeug.wrappers import Response

from orgconnect.contrib.authlib import cronofy


def create_app(settings: dict[str, Any], session_secret: str) -> Flask:
    """Makes the application around what `cronofy` returns."""
    app = Flask(__name__)
    app.secret_key = session_secret
    # Authlib's clients have no types.
    oauth: Any = OAuth(app)
    provider = oauth.register("cronofy", **settings)

    @app.get("/sign-in")
    def sign_in() -> Response:
        response: Response = provider.authorize_redirect(url_for("signed_in", _external=True))
        return response

    @app.get("/signed-in")
    def signed_in() -> Response:
        token = provider.authorize_access_token()
        person = provider.userinfo(token=token)
        session["person"] = {"sub": person["sub"], "email": person["email"]}
        return redirect(url_for("me"))

    @app.get("/me")
    def me() -> dict[str, Any]:
        person: dict[str, Any] = session.get("person", {})
        return person

    return app


def from_environment() -> Flask:
    """The application with its settings from the environment."""
    settings = cronofy(
        os.environ["CRONOFY_CLIENT_ID"],
        os.environ["CRONOFY_CLIENT_SECRET"],
        data_center=os.environ.get("CRONOFY_DATA_CENTER"),
        base_url=os.environ.get("CRONOFY_BASE_URL"),
    )
    return create_app(settings, os.environ.get("SESSION_SECRET") or secrets.token_hex())
