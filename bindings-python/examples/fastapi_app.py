"""A FastAPI application in which every clinic connects its own organization, and sees its members.

CRONOFY_CLIENT_ID=… CRONOFY_CLIENT_SECRET=… uvicorn --factory fastapi_app:from_environment --port 8000
"""

import os
import secrets
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from starlette.middleware.sessions import SessionMiddleware
from starlette.routing import Route

import orgconnect
from orgconnect.contrib.starlette import OrganizationConnect, webhook
from orgconnect.webhooks import ChannelNotification, Notification


def create_app(client: orgconnect.AsyncClient, redirect_uri: str, session_secret: str) -> FastAPI:
    """Makes the application around a client."""
    app = FastAPI()
    app.add_middleware(SessionMiddleware, secret_key=session_secret)
    calendars = OrganizationConnect(client, redirect_uri, tenant=signed_in_clinic)
    app.router.routes.extend(calendars.routes)
    app.add_exception_handler(orgconnect.OrgconnectError, calendars.reconnect)
    changed: list[str] = []

    async def received(notification: Notification, request: Request) -> None:
        if isinstance(notification, ChannelNotification):
            changed.append(notification.channel_id)

    # Cronofy may post a notification again: what was handled in the last hour is left out.
    guard = orgconnect.ReplayGuard(window=3600, capacity=10_000)
    app.router.routes.append(Route("/webhooks/cronofy", webhook(client, received, guard=guard), methods=["POST"]))

    @app.post("/sign-in/{clinic}")
    async def sign_in(clinic: str, request: Request) -> dict[str, str]:
        # In place of your own authentication.
        request.session["clinic"] = clinic
        return {"clinic": clinic}

    @app.get("/members")
    async def members(
        organization: Annotated[orgconnect.AsyncOrganization, Depends(calendars.organization)],
    ) -> list[dict[str, Any]]:
        return [{"email": member.email, "sub": member.sub} async for member in organization.members.list()]

    @app.get("/changed")
    async def changes() -> list[str]:
        return changed

    return app


def signed_in_clinic(request: Request) -> str | None:
    """The clinic that whoever makes the request belongs to."""
    clinic: str | None = request.session.get("clinic")
    return clinic


def from_environment() -> FastAPI:
    """The application with its settings from the environment."""
    client = orgconnect.AsyncClient(
        os.environ["CRONOFY_CLIENT_ID"],
        os.environ["CRONOFY_CLIENT_SECRET"],
        data_center=os.environ.get("CRONOFY_DATA_CENTER"),
        base_url=os.environ.get("CRONOFY_BASE_URL"),
        store=orgconnect.SqliteStore("tokens.db"),
    )
    redirect_uri = os.environ.get("REDIRECT_URI", "http://127.0.0.1:8000/connect/callback")
    return create_app(client, redirect_uri, os.environ.get("SESSION_SECRET") or secrets.token_hex())
