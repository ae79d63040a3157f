"""A Flask application in which every clinic connects its own organization, and sees its members.

CRONOFY_CLIENT_ID=… CRONOFY_CLIENT_SECRET=… flask --app flask_app:from_environment run --port 8000
"""

from __future__ import annotations

import os
import secrets
from typing import Any

from flask import Flask, session

import orgconnect
from orgconnect.contrib.flask import OrganizationConnect, webhook
from orgconnect.webhooks import ChannelNotification, Notification


def create_app(client: orgconnect.Client, redirect_uri: str, session_secret: str) -> Flask:
    """Makes the application around a client."""
    app = Flask(__name__)
    app.secret_key = session_secret
    calendars = OrganizationConnect(client, redirect_uri, tenant=signed_in_clinic)
    app.register_blueprint(calendars.blueprint)
    app.register_error_handler(orgconnect.OrgconnectError, calendars.reconnect)
    changed: list[str] = []

    def received(notification: Notification) -> None:
        if isinstance(notification, ChannelNotification):
            changed.append(notification.channel_id)

    # Cronofy may post a notification again: what was handled in the last hour is left out.
    guard = orgconnect.ReplayGuard(window=3600, capacity=10_000)
    app.add_url_rule("/webhooks/cronofy", "cronofy", webhook(client, received, guard=guard), methods=["POST"])

    @app.post("/sign-in/<clinic>")
    def sign_in(clinic: str) -> dict[str, str]:
        # In place of your own authentication.
        session["clinic"] = clinic
        return {"clinic": clinic}

    @app.get("/members")
    def members() -> list[dict[str, Any]]:
        return [{"email": member.email, "sub": member.sub} for member in calendars.organization().members.list()]

    @app.get("/changed")
    def changes() -> list[str]:
        return changed

    return app


def signed_in_clinic() -> str | None:
    """The clinic that whoever makes the request belongs to."""
    clinic: str | None = session.get("clinic")
    return clinic


def from_environment() -> Flask:
    """The application with its settings from the environment."""
    client = orgconnect.Client(
        os.environ["CRONOFY_CLIENT_ID"],
        os.environ["CRONOFY_CLIENT_SECRET"],
        data_center=os.environ.get("CRONOFY_DATA_CENTER"),
        base_url=os.environ.get("CRONOFY_BASE_URL"),
        store=orgconnect.SqliteStore("tokens.db"),
    )
    redirect_uri = os.environ.get("REDIRECT_URI", "http://127.0.0.1:8000/connect/callback")
    return create_app(client, redirect_uri, os.environ.get("SESSION_SECRET") or secrets.token_hex())
