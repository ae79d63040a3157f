"""The example applications, each behind one way to ask it, in place of a browser with its cookies."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import sys
import tempfile
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, NamedTuple

import orgconnect
from orgconnect.stores import TokenStore
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

    store: orgconnect.Store | TokenStore

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.store = orgconnect.MemoryStore()

    @abstractmethod
    def ask(self, method: str, target: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Reply:
        """A request of the browser. Its cookies are kept."""

    def stop(self) -> None:  # noqa: B027 - most have nothing to put away
        """Puts away what the application has kept."""

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


class DjangoSite(Site):
    """The Django project. There is one in a process, so each test gives it a database and a client of its own."""

    empty: bytes | None = None
    """The database with its tables, which take seconds to make."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        import django
        from django.conf import settings
        from django.core.management import call_command
        from django.db import connections

        os.environ["DJANGO_SETTINGS_MODULE"] = "django_clinic.settings"
        self.directory = tempfile.TemporaryDirectory()
        django.setup()
        connections.close_all()
        name = f"{self.directory.name}/clinic.db"
        settings.DATABASES["default"]["NAME"] = connections["default"].settings_dict["NAME"] = name
        application = sandbox.application
        settings.CRONOFY_CLIENT_ID = application.client_id
        settings.CRONOFY_CLIENT_SECRET = application.client_secret
        settings.CRONOFY_BASE_URL = sandbox.url
        settings.REDIRECT_URI = REDIRECT_URI
        settings.SOCIALACCOUNT_PROVIDERS["cronofy"].update(
            BASE_URL=sandbox.url,
            APPS=[{"client_id": application.client_id, "secret": application.client_secret.expose(), "key": ""}],
        )
        if DjangoSite.empty is None:
            call_command("migrate", run_syncdb=True, verbosity=0)
            connections.close_all()
            DjangoSite.empty = Path(name).read_bytes()
        Path(name).write_bytes(DjangoSite.empty)
        self._start_again()
        from django_clinic.store import DjangoStore

        self.store = DjangoStore()
        self.forget()

    def _start_again(self) -> None:
        """Lets go of what is made once for a process."""
        from django.urls import clear_url_caches

        from django_clinic import calendars

        calendars.client.cache_clear()
        calendars.connect.cache_clear()
        sys.modules.pop("django_clinic.urls", None)
        clear_url_caches()

    def stop(self) -> None:
        from django.db import connections

        self._start_again()
        connections.close_all()
        self.directory.cleanup()

    def forget(self) -> None:
        from django.test import Client

        self.browser = Client(SERVER_NAME="127.0.0.1", SERVER_PORT="9")

    def ask(self, method: str, target: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Reply:
        content_type = (headers or {}).get("Content-Type", "text/plain")
        reply = self.browser.generic(method, target, body, content_type, headers=headers)
        found = {name.lower(): value for name, value in reply.headers.items()}
        for cookie in reply.cookies.values():
            if cookie.key == "orgconnect":
                found["set-cookie"] = cookie.OutputString()
        return Reply(reply.status_code, found, reply.content.decode())


SITES: dict[str, type[Site]] = {"django": DjangoSite, "fastapi": FastapiSite, "flask": FlaskSite}
