"""What can be set on the adapters: what is asked for, what runs before the browser goes on, and where it may go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

import orgconnect
from orgconnect.contrib._connect import Flow
from orgconnect.testing import Sandbox
from sites import BODY, DjangoSite

REDIRECT_URI = "https://app.example/connect/callback"
Ask = Callable[[str, dict[str, str]], tuple[int, dict[str, str]]]


def flask_app(sandbox: Sandbox, **settings: Any) -> Ask:
    from flask import Flask

    from orgconnect.contrib.flask import OrganizationConnect

    settings = {name: ignoring(value) if callable(value) else value for name, value in settings.items()}
    calendars = OrganizationConnect(sandbox.client(), REDIRECT_URI, tenant=lambda: "north", **settings)
    app = Flask(__name__)
    app.register_blueprint(calendars.blueprint)
    browser = app.test_client()

    def ask(target: str, headers: dict[str, str]) -> tuple[int, dict[str, str]]:
        with browser.get(target, headers=headers, base_url="https://app.example") as reply:
            return reply.status_code, {name.lower(): value for name, value in reply.headers.items()}

    return ask


def ignoring(hook: Callable[..., Any]) -> Callable[..., Any]:
    """A hook that the request is not handed to."""
    return lambda *arguments: hook(*arguments, None)


def starlette_app(sandbox: Sandbox, **settings: Any) -> Ask:
    from starlette.applications import Starlette
    from starlette.testclient import TestClient

    from orgconnect.contrib.starlette import OrganizationConnect

    async def tenant(request: object) -> str:
        return "north"

    calendars = OrganizationConnect(sandbox.async_client(), REDIRECT_URI, tenant=tenant, **settings)
    app = Starlette(routes=calendars.routes)
    browser = TestClient(app, base_url="https://app.example", follow_redirects=False)

    def ask(target: str, headers: dict[str, str]) -> tuple[int, dict[str, str]]:
        reply = browser.get(target, headers=headers)
        return reply.status_code, {name.lower(): value for name, value in reply.headers.items()}

    return ask


def django_app(sandbox: Sandbox, **settings: Any) -> Ask:
    DjangoSite(sandbox).stop()
    from django.test import RequestFactory

    from orgconnect.contrib.django import OrganizationConnect

    calendars = OrganizationConnect(sandbox.client(), REDIRECT_URI, tenant=lambda request: "north", **settings)
    browser = RequestFactory()

    def ask(target: str, headers: dict[str, str]) -> tuple[int, dict[str, str]]:
        view = calendars.callback if target.startswith("/connect/callback") else calendars.connect
        reply = view(browser.get(target, headers=headers))
        found = {name.lower(): value for name, value in reply.headers.items()}
        for cookie in reply.cookies.values():
            found["set-cookie"] = cookie.OutputString()
            browser.cookies[cookie.key] = cookie.value
        return reply.status_code, found

    return ask


APPS = [flask_app, starlette_app, django_app]


@pytest.mark.parametrize("app", APPS)
def test_an_application_adds_to_what_is_asked_for_and_learns_what_came_of_it(
    app: Callable[..., Ask], orgconnect_sandbox: Sandbox
) -> None:
    seen: list[str] = []
    ask = app(
        orgconnect_sandbox,
        authorization=lambda request: {"locale": "de", "provider_name": "google"},
        on_connected=lambda connection, request: seen.append(f"connected {connection.id}"),
        on_failed=lambda error, request: seen.append(str(error.code)) or "/oops",  # type: ignore[func-returns-value]
        return_to="/home",
        return_to_origins=["https://www.app.example"],
    )
    status, headers = ask("/connect?return_to=https://www.app.example/settings", {})
    query = parse_qs(urlsplit(headers["location"]).query)
    assert (status, query["locale"], query["provider_name"]) == (302, ["de"], ["google"])
    cookie = headers["set-cookie"]
    assert cookie.startswith("__Host-orgconnect=p1.")
    assert "; secure" in cookie.lower()
    callback = orgconnect_sandbox.approve(headers["location"]).removeprefix("https://app.example")
    status, headers = ask(callback, {})
    assert (status, headers["location"]) == (302, "https://www.app.example/settings")
    assert ask(f"{callback}&again", {})[1]["location"] == "/oops"
    _, headers = ask("/connect", {})
    denied = orgconnect_sandbox.approve(headers["location"], by=None).removeprefix("https://app.example")
    assert ask(denied, {})[1]["location"] == "/oops"
    _, headers = ask("/connect", {})
    callback = orgconnect_sandbox.approve(headers["location"]).removeprefix("https://app.example")
    assert ask(callback, {})[1]["location"] == "/home"
    assert seen[0] == "connected north"
    assert seen[-2:] == ["access_denied", "connected north"]


@pytest.mark.parametrize(
    ("setting", "field"),
    [
        ({"return_to": "//evil.example"}, "return_to"),
        ({"connect_path": "https://evil.example"}, "return_to"),
        ({"return_to_origins": ["evil"]}, "return_to_origins"),
    ],
)
@pytest.mark.parametrize("app", APPS)
def test_a_wrong_setting_is_found_when_the_adapter_is_made(
    app: Callable[..., Ask], setting: dict[str, Any], field: str, orgconnect_sandbox: Sandbox
) -> None:
    with pytest.raises((orgconnect.ConfigError, orgconnect.InvalidError)) as raised:
        app(orgconnect_sandbox, **setting)
    assert field in raised.value.fields


def test_a_tenant_that_is_no_text_is_named(orgconnect_client: orgconnect.Client) -> None:
    flow = Flow(orgconnect_client, REDIRECT_URI, connect_path="/connect", return_to="/", return_to_origins=())
    with pytest.raises(orgconnect.ConfigError) as raised:
        flow.begin(7, [], {})  # type: ignore[arg-type]
    assert "tenant" in raised.value.fields
    with pytest.raises(orgconnect.InvalidError):
        flow.begin("north", ["/a", "/b"], {})
    with pytest.raises(orgconnect.OrgconnectError):
        Flow(orgconnect_client, "no url", connect_path="/connect", return_to="/", return_to_origins=())


def test_a_body_that_was_parsed_as_a_form_is_no_notification(orgconnect_client: orgconnect.Client) -> None:
    from flask import Flask, request

    from orgconnect.contrib.flask import webhook

    app = Flask(__name__)
    app.testing = True
    app.before_request(lambda: (request.form, None)[1])
    app.add_url_rule("/hook", "hook", webhook(orgconnect_client, print), methods=["POST"])
    with pytest.raises(orgconnect.ConfigError) as raised:
        app.test_client().post("/hook", data=BODY, content_type="application/x-www-form-urlencoded")
    assert raised.value.code == "body_parsed"


def test_a_handler_that_fails_lets_the_notification_come_again(orgconnect_sandbox: Sandbox) -> None:
    import base64
    import hashlib
    import hmac

    from flask import Flask

    from orgconnect.contrib.flask import webhook

    handled: list[object] = []

    def handle(notification: object) -> None:
        handled.append(notification)
        if len(handled) == 1:
            raise RuntimeError("the database is away")

    app = Flask(__name__)
    guard = orgconnect.ReplayGuard(window=60, capacity=10)
    app.add_url_rule("/hook", "hook", webhook(orgconnect_sandbox.client(), handle, guard=guard), methods=["POST"])
    secret = orgconnect_sandbox.application.client_secret.expose().encode()
    signature = base64.b64encode(hmac.new(secret, BODY, hashlib.sha256).digest()).decode()
    headers = {"Cronofy-HMAC-SHA256": signature}
    statuses = [app.test_client().post("/hook", data=BODY, headers=headers).status_code for _ in range(3)]
    assert statuses == [500, 200, 200]
    assert len(handled) == 2
