"""Authorizing, completing and what is known of a connection."""

from __future__ import annotations

import copy
import json
import pickle
import urllib.request
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

import orgconnect
from orgconnect import AsyncClient, Client, Secret
from orgconnect.testing import REDIRECT_URI, Sandbox


def test_an_owner_is_sent_to_a_url_and_comes_back_with_a_connection(
    orgconnect_sandbox: Sandbox, orgconnect_client: Client
) -> None:
    pending = orgconnect_client.authorize(REDIRECT_URI, payload="tenant-7", locale="de", connection_id="clinic")
    assert pending.url.startswith(orgconnect_sandbox.url)
    assert (pending.flow, pending.payload) == ("organization", "tenant-7")
    assert timedelta(minutes=9) < pending.expires_at - datetime.now(timezone.utc) <= timedelta(minutes=10)
    session = pending.serialize()
    connection = orgconnect_client.complete(session, orgconnect_sandbox.approve(pending))
    assert (connection.id, connection.payload) == ("clinic", "tenant-7")
    summary = connection.summary()
    assert (summary.kind, summary.state, summary.scope) == (
        "organization",
        "active",
        "organizational_unit_scheduler",
    )
    assert [found.id for found in orgconnect_client.connections()] == ["clinic"]
    assert orgconnect_client.connections(after="clinic") == []
    assert len(orgconnect_client.organization("clinic").members.list().all()) == 5


async def test_the_same_awaited(orgconnect_sandbox: Sandbox, orgconnect_async_client: AsyncClient) -> None:
    client = orgconnect_async_client
    pending = client.authorize(REDIRECT_URI, connection_id="clinic")
    connection = await client.complete(pending, orgconnect_sandbox.approve(pending))
    assert (await connection.summary()).state == "active"
    doc = await connection.organization.impersonate(email="doc@example.com")
    assert (await doc.userinfo.read()).email == "doc@example.com"
    assert doc.sub is not None
    assert (await connection.organization.impersonate(doc.sub).userinfo.read()).sub == doc.sub
    emails = [member.email async for member in connection.organization.members.list()]
    assert emails[0] == "owner@example.com"
    assert [found.id for found in await client.connections()] == ["clinic"]
    await connection.revoke()
    with pytest.raises(orgconnect.AuthorizationError):
        await connection.access_token()


def test_a_callback_of_another_authorization_is_refused_without_a_request(
    orgconnect_sandbox: Sandbox, orgconnect_client: Client
) -> None:
    first = orgconnect_client.authorize(REDIRECT_URI)
    second = orgconnect_client.authorize(REDIRECT_URI)
    callback = orgconnect_sandbox.approve(first)
    before = orgconnect_sandbox.counters()
    with pytest.raises(orgconnect.AuthorizationError) as raised:
        orgconnect_client.complete(second, callback)
    assert raised.value.kind == "authorization"
    assert "state" in str(raised.value)
    assert orgconnect_sandbox.counters() == before


def test_a_denial_is_an_error_with_its_code(orgconnect_sandbox: Sandbox, orgconnect_client: Client) -> None:
    pending = orgconnect_client.authorize(REDIRECT_URI)
    with pytest.raises(orgconnect.AuthorizationError) as raised:
        orgconnect_client.complete(pending, orgconnect_sandbox.approve(pending, by=None))
    assert raised.value.code == "access_denied"


def test_a_text_that_is_no_pending_authorization_is_refused(orgconnect_client: Client) -> None:
    text = orgconnect_client.authorize(REDIRECT_URI).serialize()
    for forged in ("", "x", text[:-1], "A" + text[1:]):
        with pytest.raises(orgconnect.AuthorizationError) as raised:
            orgconnect_client.complete(forged, "?code=1&state=2")
        assert raised.value.code == "pending_invalid"


def test_accounts_and_service_accounts_are_connected_alike(
    orgconnect_sandbox: Sandbox, orgconnect_client: Client
) -> None:
    account = orgconnect_sandbox.connect(orgconnect_client, by="doc@example.com", scopes=["read_events"]).account
    assert account.userinfo.read().email == "doc@example.com"
    pending = orgconnect_client.authorize_enterprise(
        REDIRECT_URI, ["service_account/accounts/manage"], ["read_events", "create_event"]
    )
    connection = orgconnect_client.complete(pending, orgconnect_sandbox.approve(pending))
    assert connection.summary().kind == "service_account"
    assert "ServiceAccount" in repr(connection.service_account)


def test_a_member_is_found_by_address_and_an_unknown_one_is_not(
    orgconnect_sandbox: Sandbox, orgconnect_client: Client
) -> None:
    organization = orgconnect_sandbox.connect(orgconnect_client).organization
    doc = organization.impersonate(email="Doc@Example.com")
    assert doc.sub == doc.userinfo.read().sub
    with pytest.raises(orgconnect.NotFoundError) as raised:
        organization.impersonate(email="nobody@example.com")
    assert "email" in raised.value.fields
    with pytest.raises(orgconnect.InvalidError):
        organization.impersonate("acc_\r\nX: y")
    with pytest.raises(TypeError):
        organization.impersonate()  # type: ignore[call-overload]
    with pytest.raises(orgconnect.InvalidError):
        organization.impersonate("acc_1", email="doc@example.com")  # type: ignore[call-overload]


def test_a_token_is_handed_out_as_a_secret_and_refreshed_on_demand(
    orgconnect_sandbox: Sandbox, orgconnect_client: Client
) -> None:
    connection = orgconnect_sandbox.connect(orgconnect_client)
    token = connection.access_token()
    assert isinstance(token, Secret)
    assert token.expose() not in f"{token!r} {token} {connection!r} {orgconnect_client!r}"
    assert connection.refresh().version > 1
    assert connection.access_token() != token
    connection.revoke()
    with pytest.raises(orgconnect.AuthorizationError) as raised:
        connection.organization.members.list().all()
    assert raised.value.needs_reauthorization


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"data_center": "mars"}, "data_center"),
        ({"base_url": "http://example.com"}, "base_url"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": -1}, "timeout"),
        ({"timeout": "soon"}, "timeout"),
        ({"token_timeout": timedelta(hours=1)}, "token_timeout"),
        ({"store_timeout": timedelta(hours=1)}, "store_timeout"),
        ({"retry": orgconnect.RetryPolicy(attempts=0)}, "retry"),
        ({"rate_limit": orgconnect.RateLimit(per_second=0)}, "rate_limit"),
        ({"max_response_bytes": 10}, "max_response_bytes"),
        ({"proxy": "::"}, "proxy"),
        ({"extra_ca_certificates": ["no certificate"]}, "extra_ca_certificate"),
        ({"user_agent_suffix": "a\r\nb"}, "user_agent_suffix"),
        # Values of other types, which no type checker was asked about.
        ({"client_id": None}, "client_id"),
        ({"client_secret": 7}, "client_secret"),
        ({"data_center": 7}, "data_center"),
        ({"base_url": b"https://api.cronofy.com"}, "base_url"),
        ({"store": "tokens.db"}, "store"),
        ({"store": object()}, "store"),
        ({"retry": 3}, "retry"),
        ({"retry": orgconnect.RetryPolicy(attempts=-1)}, "retry"),
        ({"rate_limit": 50}, "rate_limit"),
        ({"rate_limit": orgconnect.RateLimit(per_minute=0.5)}, "rate_limit"),  # type: ignore[arg-type]
        ({"max_response_bytes": -1}, "max_response_bytes"),
        ({"proxy": 8080}, "proxy"),
        ({"extra_ca_certificates": 7}, "extra_ca_certificates"),
        ({"extra_ca_certificates": [7]}, "extra_ca_certificates"),
        ({"user_agent_suffix": 2.1}, "user_agent_suffix"),
        ({"require_encryption": "yes"}, "require_encryption"),
        ({"clock": datetime.now(timezone.utc)}, "clock"),
    ],
)
def test_a_wrong_setting_is_named_before_any_io(settings: dict[str, object], field: str) -> None:
    with pytest.raises(orgconnect.ConfigError) as raised:
        Client(**{"client_id": "id", "client_secret": "secret-canary", **settings})  # type: ignore[arg-type]
    assert field in raised.value.fields
    assert "secret-canary" not in repr(raised.value)


def test_settings_are_taken_in_pythons_own_types(orgconnect_sandbox: Sandbox) -> None:
    client = orgconnect_sandbox.client(
        timeout=timedelta(seconds=10),
        connect_timeout=2,
        token_timeout=15.5,
        store_timeout=timedelta(seconds=5),
        retry=orgconnect.RetryPolicy(attempts=2, base_delay=timedelta(milliseconds=1)),
        rate_limit=orgconnect.RateLimit(),
        user_agent_suffix="clinic/2.1",
    )
    with client:
        orgconnect_sandbox.connect(client).organization.members.list().all()
    agents = {dict(request["headers"])["user-agent"] for request in orgconnect_sandbox.requests() if request["headers"]}
    assert any(agent.startswith("orgconnect/") and agent.endswith("(python) clinic/2.1") for agent in agents)


def test_a_client_shows_no_secret(orgconnect_sandbox: Sandbox) -> None:
    secret = orgconnect_sandbox.application.client_secret
    client = orgconnect_sandbox.client()
    pending = client.authorize(REDIRECT_URI)
    shown = f"{client!r} {client} {pending!r} {client.webhooks!r} {orgconnect_sandbox.application!r}"
    assert secret.expose() not in shown
    assert pending.serialize() not in shown


def test_tokens_are_refreshed_ahead_of_demand_in_one_round_or_in_the_background() -> None:
    with Sandbox(now=datetime(2031, 3, 3, 9, tzinfo=timezone.utc)) as sandbox:
        client = sandbox.client()
        connection = sandbox.connect(client)
        sandbox.advance(timedelta(minutes=55))
        done = client.refresher(concurrency=2).run_once()
        assert (done.rounds, done.refreshed, done.failed) == (1, 1, 0)
        assert connection.summary().version > 1
        with client.refresher(interval=0.01) as running:
            while running.stats().rounds == 0:
                pass
        with pytest.raises(orgconnect.ConfigError) as raised:
            client.refresher(concurrency=0).run_once()
        assert "concurrency" in raised.value.fields


async def test_the_same_refresher_awaited() -> None:
    with Sandbox(now=datetime(2031, 3, 3, 9, tzinfo=timezone.utc)) as sandbox:
        client = sandbox.async_client()
        await sandbox.connect_async(client)
        sandbox.advance(timedelta(minutes=55))
        async with client.refresher() as running:
            assert "Refresher" in repr(running)
        assert (await client.refresher().run_once()).failed == 0


def test_a_store_in_clear_text_is_refused_where_encryption_is_required(tmp_path: Path) -> None:
    with pytest.raises(orgconnect.ConfigError) as raised:
        Client("id", "secret", store=orgconnect.FileStore(tmp_path / "tokens"), require_encryption=True)
    assert "store" in raised.value.fields


def refresh_token_of_another_program(sandbox: Sandbox) -> str:
    """What another SDK of the same application holds after the owner has approved."""
    callback = sandbox.approve(sandbox.client().authorize(REDIRECT_URI))
    request = {
        "client_id": sandbox.application.client_id,
        "client_secret": sandbox.application.client_secret.expose(),
        "grant_type": "authorization_code",
        "code": parse_qs(urlsplit(callback).query)["code"][0],
        "redirect_uri": REDIRECT_URI,
    }
    headers = {"Content-Type": "application/json"}
    url = f"{sandbox.url}/oauth/token"
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(request).encode(), headers)) as reply:
        return str(json.load(reply)["refresh_token"])


async def test_a_refresh_token_of_another_program_is_taken_over(
    orgconnect_sandbox: Sandbox, orgconnect_client: Client, orgconnect_async_client: AsyncClient
) -> None:
    token = refresh_token_of_another_program(orgconnect_sandbox)
    connection = orgconnect_client.import_connection("clinic", Secret(token))
    assert (connection.id, connection.summary().kind) == ("clinic", "organization")
    assert connection.organization.members.list().all()
    with pytest.raises(orgconnect.InvalidError) as taken:
        orgconnect_client.import_connection("clinic", token)
    assert taken.value.code == "connection_exists"
    with pytest.raises(orgconnect.AuthorizationError) as refused:
        await orgconnect_async_client.import_connection("elsewhere", "never-issued")
    assert refused.value.needs_reauthorization
    assert "never-issued" not in str(refused.value)
    token = refresh_token_of_another_program(orgconnect_sandbox)
    awaited = await orgconnect_async_client.import_connection("elsewhere", token)
    assert (await awaited.summary()).state == "active"


def test_a_pending_authorization_is_copied_as_itself_and_says_how_it_is_kept() -> None:
    pending = Client("id", "secret").authorize("https://app.example/callback")
    assert copy.copy(pending) is pending
    assert copy.deepcopy({"pending": pending})["pending"] is pending
    with pytest.raises(TypeError, match=r"serialize\(\)"):
        pickle.dumps(pending)


@pytest.mark.parametrize("name", ["payload", "state", "locale", "connection_id", "avoid_linking", "delegated_scopes"])
def test_a_setting_of_an_authorization_that_has_the_wrong_type_is_named(name: str) -> None:
    with pytest.raises(orgconnect.InvalidError, match=f"^{name}: must be ") as raised:
        Client("id", "secret").authorize("https://app.example/callback", **{name: 7})  # type: ignore[arg-type]
    assert list(raised.value.fields) == [name]


@pytest.mark.parametrize("gone", [None, b"text", {"pending": "text"}])
def test_a_session_that_is_gone_is_no_pending_authorization(gone: Any) -> None:
    with pytest.raises(orgconnect.InvalidError, match=r"^pending: must be .* send the owner to authorize again"):
        Client("id", "secret").complete(gone, "https://app.example/callback?code=x")
