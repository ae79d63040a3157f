"""The sandbox for your tests: a server that behaves like Cronofy, within this process, started in a few milliseconds.

    from orgconnect.testing import Sandbox

    with Sandbox() as sandbox:
        client = sandbox.client()
        organization = sandbox.connect(client).organization
        doc = organization.impersonate(email="doc@example.com")
        sandbox.fault(path="/v1/events", status=503, times=1)
        ...

With pytest there are fixtures: `orgconnect_sandbox`, `orgconnect_client` and `orgconnect_async_client`.

The world starts with the organization Northwind Clinic (owner@example.com, doc@example.com, nurse@example.com,
reception@example.com, developer@example.com, two rooms), a second one, Fabrikam, and someone@elsewhere.example, who
belongs to neither.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from ._client import AsyncClient, Client
from ._connection import AsyncConnection, Connection
from ._native import ManualClock, PendingAuthorization
from ._options import Path
from ._types import Secret

if TYPE_CHECKING:
    from ._native import Sandbox as NativeSandbox

__all__ = ["Application", "ManualClock", "Sandbox", "SandboxError"]

REDIRECT_URI = "http://127.0.0.1:9/callback"
"""Where owners are sent back to by default; nothing listens there."""


class SandboxError(Exception):
    """The sandbox refuses a call of its control API, and says why."""


class Application(NamedTuple):
    """The credentials of an application in the sandbox."""

    client_id: str
    """The client id."""
    client_secret: Secret
    """The client secret."""


class Sandbox:
    """A server that behaves like Cronofy, with its faults, its clock and its counters.

    It stops with the `with` block, or with `stop`. `control` reaches everything; the other methods are the usual part
    of it.
    """

    def __init__(
        self,
        *,
        seed: int | None = None,
        now: datetime | None = None,
        data: Path | None = None,
        program: Path | None = None,
    ) -> None:
        """Starts it, on a free port of 127.0.0.1.

        `seed`: makes ids and secrets the same every time. Default: random ones.

        `now`: stops the clock at this time, and that of the clients that `client` makes. Default: both run.

        `data`: keeps the world in a file. Default: in memory.

        `program`: the program `orgconnect-sandbox`, run in place of the sandbox within this process.
        """
        self._process: subprocess.Popen[str] | None = None
        self._native: NativeSandbox | None = None
        program = program or _program_in_place_of_the_module()
        if program is None:
            from ._native import Sandbox as NativeSandbox

            self._native = NativeSandbox(seed=seed, data=data)
            self.url = self._native.url
        else:
            self.url = self._run(program, seed, data)
        self.clock: ManualClock | None = None
        """The clock of the clients that `client` makes, if the sandbox was started with `now`."""
        if now is not None:
            self.clock = ManualClock(now)
            self.control("POST", "/sandbox/clock", {"freeze_at": _iso(now)})
        self._application: Application | None = None

    def _run(self, program: Path, seed: int | None, data: Path | None) -> str:
        command = [os.fspath(program), "--port", "0", "--json"]
        if seed is not None:
            command += ["--seed", str(seed)]
        if data is not None:
            command += ["--data", os.fspath(data)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - the caller names it
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            status = self._process.wait()
            self.stop()
            raise RuntimeError(f"{program} ended with status {status} before it was ready")
        url: str = json.loads(line)["url"]
        return url

    @property
    def application(self) -> Application:
        """An application, made when it is first asked for."""
        if self._application is None:
            self._application = self.create_application()
        return self._application

    def create_application(self, **fields: Any) -> Application:
        """Makes another application."""
        created = self.control("POST", "/sandbox/applications", {"name": "Test", **fields})
        return Application(created["client_id"], Secret(created["client_secret"]))

    def client(self, *, application: Application | None = None, **settings: Any) -> Client:
        """A client for an application, by default that of `application`."""
        return Client(*(application or self.application), **self._settings(settings))

    def async_client(self, *, application: Application | None = None, **settings: Any) -> AsyncClient:
        """A client for asyncio, for an application, by default that of `application`."""
        return AsyncClient(*(application or self.application), **self._settings(settings))

    def _settings(self, settings: dict[str, Any]) -> dict[str, Any]:
        return {"base_url": self.url, "clock": self.clock, **settings}

    def approve(self, pending: PendingAuthorization | str, *, by: str | None = "owner@example.com") -> str:
        """Approves an authorization as this person, or denies it with None, and returns the callback's URL."""
        url = pending if isinstance(pending, str) else pending.url
        decision = {"url": url} if by is None else {"url": url, "approver": by}
        redirect: str = self.control("POST", "/sandbox/authorize", decision)["redirect"]
        return redirect

    def connect(
        self,
        client: Client,
        *,
        by: str = "owner@example.com",
        scopes: Sequence[str] | None = None,
        connection_id: str | None = None,
    ) -> Connection:
        """Connects the organization of this person; with `scopes`, the person's own account."""
        pending = self._ask(client, scopes, connection_id)
        return client.complete(pending, self.approve(pending, by=by))

    async def connect_async(
        self,
        client: AsyncClient,
        *,
        by: str = "owner@example.com",
        scopes: Sequence[str] | None = None,
        connection_id: str | None = None,
    ) -> AsyncConnection:
        """Like `connect`, with a client for asyncio."""
        pending = self._ask(client, scopes, connection_id)
        return await client.complete(pending, self.approve(pending, by=by))

    def _ask(
        self, client: Client | AsyncClient, scopes: Sequence[str] | None, connection_id: str | None
    ) -> PendingAuthorization:
        if scopes is None:
            return client.authorize(REDIRECT_URI, connection_id=connection_id)
        return client.authorize_individual(REDIRECT_URI, scopes, connection_id=connection_id)

    def advance(self, by: float | timedelta) -> None:
        """Moves the clock on, by seconds or a timedelta; that of the clients too, if it was stopped."""
        seconds = by.total_seconds() if isinstance(by, timedelta) else by
        self.control("POST", "/sandbox/clock", {"advance_ms": round(seconds * 1000)})
        if self.clock is not None:
            self.clock.advance(by)

    def expire(self, sub: str | None = None) -> None:
        """Lets access tokens expire, of one `sub` or all: the next call with one is answered with 401."""
        self.control("POST", "/sandbox/connections/expire", {} if sub is None else {"sub": sub})

    def revoke(self, sub: str) -> None:
        """Revokes what a `sub` granted, as its owner would on Cronofy's pages."""
        self.control("POST", "/sandbox/connections/revoke", {"sub": sub})

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Changes how the sandbox behaves, and returns all settings."""
        settings: dict[str, Any] = self.control("PATCH", "/sandbox/settings", changes)
        return settings

    def fault(self, **fault: Any) -> None:
        """Orders a fault. It meets requests by `method`, `path`, `grant_type` and `account`, lets `skip` of them pass
        and applies `times` often, or forever. It may set `status`, `headers`, `body` and `retry_after`; wait
        `delay_before_ms` and `delay_after_ms`; close the connection after `cut_after` bytes of the reply; `garble`
        the body.
        """
        if "retry_after" in fault:
            fault["retry_after"] = str(fault["retry_after"])
        self.control("POST", "/sandbox/faults", fault)

    def clear_faults(self) -> None:
        """Takes all faults back."""
        self.control("DELETE", "/sandbox/faults")

    def requests(self) -> list[dict[str, Any]]:
        """The last 2,000 requests: method, path, query, headers, body, status, who was impersonated. Secrets are
        masked.
        """
        requests: list[dict[str, Any]] = self.control("GET", "/sandbox/requests")["requests"]
        return requests

    def counters(self) -> dict[str, Any]:
        """What was counted: requests, token requests, refreshes and so on."""
        counters: dict[str, Any] = self.control("GET", "/sandbox/counters")
        return counters

    def reset(self) -> None:
        """Starts over, with a new world. Applications are gone, too."""
        self.control("POST", "/sandbox/reset", {})
        self._application = None

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """A call of the control API. Raises `SandboxError`, with what it says against it."""
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(str(address.hostname), address.port or 80, timeout=60)
        try:
            content = None if body is None else json.dumps(body).encode()
            connection.request(method, path, content, {"Content-Type": "application/json"})
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        if not 200 <= response.status < 300:
            raise SandboxError(f"{method} {path}: {response.status} {text.decode(errors='replace')}")
        return json.loads(text) if text else None

    def stop(self) -> None:
        """Stops the server."""
        if self._native is not None:
            self._native.stop()
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            if self._process.stdout:
                self._process.stdout.close()
            self._process = None

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<Sandbox {self.url}>"


def _program_in_place_of_the_module() -> str | None:
    """The program, where the package was built without the sandbox in it."""
    if hasattr(import_module("orgconnect._native"), "Sandbox"):
        return None
    program = shutil.which("orgconnect-sandbox")
    if program is None:
        raise RuntimeError(
            "this build of orgconnect has no sandbox in it; install the program orgconnect-sandbox, "
            "or name it with program="
        )
    return program


def _iso(at: datetime) -> str:
    return at.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
