"""What the cookbook shows runs, section by section, against the sandbox."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.cookiejar
import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import orgconnect
from orgconnect.testing import REDIRECT_URI, Sandbox
from pieces import blocks

ROOT = Path(__file__).parent.parent
SECTIONS = dict(
    re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", (ROOT / "docs/cookbook.md").read_text(), re.DOTALL | re.MULTILINE)
)


class Kitchen:
    """Runs the pieces of a section after the client that they use."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.names: dict[str, Any] = {"__name__": "__main__"}

    def run(self, section: str) -> None:
        for block in [*blocks(SECTIONS["The client"]), *blocks(SECTIONS[section])]:
            named = re.match(r"# (\S+\.py)\n", block)
            if named:
                Path(named[1]).write_text(block)
            else:
                exec(compile(block, section, "exec"), self.names)

    def __getattr__(self, name: str) -> Any:
        return self.names[name]

    def connect(self, connection_id: str = "north") -> orgconnect.Organization:
        return self.sandbox.connect(self.names["client"], connection_id=connection_id).organization


@pytest.fixture
def kitchen(orgconnect_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kitchen:
    monkeypatch.chdir(tmp_path)
    application = orgconnect_sandbox.application
    for name, value in {
        "CRONOFY_CLIENT_ID": application.client_id,
        "CRONOFY_CLIENT_SECRET": application.client_secret.expose(),
        "CRONOFY_BASE_URL": orgconnect_sandbox.url,
        "SESSION_SECRET": "session-secret",
        "OLD_CLIENT_SECRET": "old-secret",
        "ORGCONNECT_KEYS": orgconnect.Keys.generate(),
    }.items():
        monkeypatch.setenv(name, value)
    return Kitchen(orgconnect_sandbox)


def the_client(kitchen: Kitchen) -> None:
    assert kitchen.connect().members.list().all()
    assert Path("tokens.db").exists()


def an_organization_for_each_tenant(kitchen: Kitchen) -> None:
    for tenant in ("north", "south"):
        session = {"tenant": tenant}
        callback = kitchen.sandbox.approve(kitchen.begin(session, REDIRECT_URI))
        kitchen.finish(session, f"?{urlsplit(callback).query}")
        assert session == {"tenant": tenant}
        assert "doc@example.com" in kitchen.members(tenant)
    kitchen.disconnect("north")
    way_back = kitchen.members_or_way_back({"tenant": "north"}, REDIRECT_URI)
    assert way_back.startswith(f"{kitchen.sandbox.url}/oauth/authorize")
    browser = kitchen.app.test_client()
    assert browser.get("/connect").status_code == 401
    with browser.session_transaction() as session:
        session["tenant"] = "north"
    assert browser.get("/connect").location.startswith(f"{kitchen.sandbox.url}/oauth/authorize")


def refreshing_in_the_background(kitchen: Kitchen) -> None:
    kitchen.refresher.stop()
    with Sandbox(now=datetime(2031, 3, 1, tzinfo=timezone.utc)) as sandbox:
        client = kitchen.names["client"] = sandbox.client()
        sandbox.connect(client, connection_id="north")
        sandbox.connect(client, by="doc@example.com", scopes=["read_events"], connection_id="doc")
        assert kitchen.refresh_ahead() == 0
        north = client.connection("north").summary()
        life = north.expires_at - north.issued_at
        sandbox.advance(life - timedelta(minutes=5))
        assert kitchen.refresh_ahead() == 2
        assert kitchen.refresh_ahead() == 0
        assert client.connection("north").summary().version > north.version
        assert kitchen.to_reconnect() == []
        sub = client.connection("doc").summary().sub
        assert sub is not None
        sandbox.revoke(sub)
        sandbox.advance(life - timedelta(minutes=5))
        assert kitchen.refresh_ahead() == 1
        assert kitchen.to_reconnect() == ["doc"]


def tokens_in_the_applications_database(kitchen: Kitchen) -> None:
    client = kitchen.sandbox.client(store=kitchen.store)
    kitchen.sandbox.connect(client, connection_id="north")
    assert [found.id for found in client.connections()] == ["north"]
    kitchen.engine.dispose()


def encrypting_tokens(kitchen: Kitchen) -> None:
    client = kitchen.careful
    kitchen.sandbox.connect(client, connection_id="north")
    token = client.connection("north").access_token().expose().encode()
    kept = b"".join(path.read_bytes() for path in Path().glob("sealed.db*"))
    assert kept
    assert token not in kept
    with pytest.raises(orgconnect.ConfigError):
        kitchen.sandbox.client(store=orgconnect.SqliteStore("plain.db"), require_encryption=True)


def webhooks(kitchen: Kitchen) -> None:
    doc = kitchen.connect().impersonate(email="doc@example.com")
    calendar = doc.calendars.list().calendars[0].calendar_id
    start = datetime.now(timezone.utc) + timedelta(days=1)
    since = (datetime.now(timezone.utc) - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    lunch = {"summary": "Lunch", "start": stamp(start), "end": stamp(start + timedelta(hours=1))}
    kitchen.sandbox.control("POST", f"/sandbox/calendars/{calendar}/events", lunch)
    notification = {"type": "change", "changes_since": since}
    body = json.dumps({"notification": notification, "channel": {"channel_id": "chn_1"}}).encode()
    secret = kitchen.sandbox.application.client_secret.expose()
    assert "Lunch" in kitchen.received(signature(secret, body), body, doc)
    with pytest.raises(orgconnect.AuthorizationError):
        kitchen.received(signature("another", body), body, doc)
    assert kitchen.verifier.verify(signature("old-secret", body), body)
    assert kitchen.verifier.verify(signature(secret, body), body)


def batches(kitchen: Kitchen) -> None:
    doc = kitchen.connect().impersonate(email="doc@example.com")
    calendars = doc.calendars.list().calendars
    own = next(found.calendar_id for found in calendars if not found.calendar_readonly)
    first = datetime.now(timezone.utc) + timedelta(days=1)
    assert kitchen.plan(doc, own, first, ["Anna", "Ben", "Cleo"]) == []
    written = doc.events.read(tzid="Etc/UTC", only_managed=True)
    assert [event.summary for event in written] == ["Anna", "Ben", "Cleo"]
    (failed,) = kitchen.plan(doc, "cal_none", first, ["Dora"])
    assert failed.startswith("Dora: ")


def ones_own_tests(kitchen: Kitchen) -> None:
    Path("pytest.ini").write_text("[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "orgconnect._pytest_plugin", "test_clinic.py"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "python")}
    run = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert "4 passed" in run.stdout, run.stdout


def gunicorn(kitchen: Kitchen) -> None:
    """Workers that were forked after the application was made, each with its calls, and one refresh among them."""
    kitchen.connect("north")
    kitchen.sandbox.settings(refresh_mode="strict")
    kitchen.sandbox.expire()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        port = listening.getsockname()[1]
        os.set_inheritable(listening.fileno(), True)
        environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'python'}:{ROOT / 'examples'}"}
        command = [
            sys.executable,
            "-m",
            "gunicorn",
            "--config",
            "gunicorn.conf.py",
            "--bind",
            f"fd://{listening.fileno()}",
        ]
        command += ["--no-control-socket", "--log-level", "warning", "flask_app:from_environment()"]
        server = subprocess.Popen(command, env=environment, pass_fds=[listening.fileno()])
        try:
            browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
            address = f"http://127.0.0.1:{port}"
            browser.open(urllib.request.Request(f"{address}/sign-in/north", method="POST"), timeout=60).close()
            for _ in range(20):
                with browser.open(f"{address}/members", timeout=60) as reply:
                    assert len(json.load(reply)) == 5
        finally:
            server.send_signal(signal.SIGTERM)
            assert server.wait(timeout=60) == 0
    assert kitchen.sandbox.counters()["token_requests"]["refresh_token"] == 1


def logging_(kitchen: Kitchen) -> None:
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[method-assign]
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        kitchen.connect()
        token = kitchen.client.connection("north").access_token().expose()
        assert "doc@example.com" in kitchen.logged_members("north")
        kitchen.client.connection("north").revoke()
        with pytest.raises(orgconnect.AuthorizationError):
            kitchen.logged_members("north")
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    ours = [record.getMessage() for record in records if record.name == "clinic"]
    assert len(ours) == 2
    assert re.search(r"status 200, request \S+", ours[0])
    assert ours[1].startswith("north: authorization: ")
    shown = "\n".join(record.getMessage() for record in records)
    assert token not in shown
    assert kitchen.sandbox.application.client_secret.expose() not in shown


def stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def signature(secret: str, body: bytes) -> str:
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


CHECKS: dict[str, Callable[[Kitchen], None]] = {
    "The client": the_client,
    "An organization for each tenant": an_organization_for_each_tenant,
    "Refreshing in the background": refreshing_in_the_background,
    "Tokens in the application's database": tokens_in_the_applications_database,
    "Encrypting tokens": encrypting_tokens,
    "Webhooks": webhooks,
    "Batches": batches,
    "Testing your application": ones_own_tests,
    "gunicorn": gunicorn,
    "Logging": logging_,
}


def test_every_section_is_tried() -> None:
    assert list(CHECKS) == list(SECTIONS)
    assert all(blocks(section) for section in SECTIONS.values())


@pytest.mark.parametrize("section", list(CHECKS))
def test_a_section_of_the_cookbook_does_what_it_says(section: str, kitchen: Kitchen) -> None:
    kitchen.run(section)
    CHECKS[section](kitchen)
