"""The example applications, each behind one way to ask it, in place of a browser with its cookies."""

from __future__ import annotations

import base64
import hashlib
import hmac
from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import orgconnect
from orgconnect.testing import Sandbox

REDIRECT_URI = "http://127.0.0.1:9/connect/callback"
BODY = b'{"notification":{"type":"change","changes_since":"2030-01-01T00:00:00Z"},"channel":{"channel_id":"chn_1"}}'


class Reply(NamedTuple):
    """What a site answered."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def location(self) -> str:
        return self.headers["location"]

    def json(self) -> Any:
        import json

        return json.loads(self.text)


class Site(ABC):
    """One of the example applications."""

    store: orgconnect.Store

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.store = orgconnect.MemoryStore()

    @abstractmethod
    def ask(self, method: str, target: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Reply:
        """A request of the browser. Its cookies are kept."""

    @abstractmethod
    def forget(self) -> None:
        """Takes a browser without cookies."""

    def get(self, target: str, **headers: str) -> Reply:
        return self.ask("GET", target, headers=headers)

    def sign_in(self, clinic: str) -> None:
        assert self.ask("POST", f"/sign-in/{clinic}").status == 200

    def callback(self, away: Reply, by: str | None = "owner@example.com") -> str:
        """Where Cronofy sends the owner back to."""
        assert away.status == 302
        returned = self.sandbox.approve(away.location, by=by)
        assert returned.startswith(REDIRECT_URI)
        return returned.removeprefix("http://127.0.0.1:9")

    def connect(self, clinic: str, by: str = "owner@example.com", target: str = "/connect") -> Reply:
        self.sign_in(clinic)
        return self.get(self.callback(self.get(target), by=by))

    def post_webhook(self, body: bytes, signature: str | None) -> Reply:
        headers = {"Content-Type": "application/json; charset=utf-8"}
        if signature is not None:
            headers["Cronofy-HMAC-SHA256"] = signature
        return self.ask("POST", "/webhooks/cronofy", body, headers)

    def sign(self, body: bytes) -> str:
        secret = self.sandbox.application.client_secret.expose().encode()
        return base64.b64encode(hmac.new(secret, body, hashlib.sha256).digest()).decode()


class FastapiSite(Site):
    """The FastAPI application."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        from fastapi_app import create_app

        self.app = create_app(sandbox.async_client(store=self.store), REDIRECT_URI, "session-secret")
        self.forget()

    def forget(self) -> None:
        from starlette.testclient import TestClient

        self.browser = TestClient(self.app, base_url="http://localhost", follow_redirects=False)

    def ask(self, method: str, target: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Reply:
        reply = self.browser.request(method, target, content=body, headers=headers)
        return Reply(reply.status_code, {name.lower(): value for name, value in reply.headers.items()}, reply.text)


class FlaskSite(Site):
    """The Flask application."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        from flask_app import create_app

        self.app = create_app(sandbox.client(store=self.store), REDIRECT_URI, "session-secret")
        # As in production, where an error that nobody handles is a 500; the tests see the exception itself.
        self.app.testing = True
        self.forget()

    def forget(self) -> None:
        self.browser = self.app.test_client()

    def ask(self, method: str, target: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Reply:
        reply = self.browser.open(target, method=method, data=body, headers=headers)
        with reply:
            return Reply(reply.status_code, {name.lower(): value for name, value in reply.headers.items()}, reply.text)


SITES: dict[str, type[Site]] = {"fastapi": FastapiSite, "flask": FlaskSite}
