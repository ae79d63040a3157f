"""The adapters, through the example applications: each behaves the same in every framework."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

import orgconnect
from orgconnect.testing import Sandbox
from sites import BODY, SITES, Site


@pytest.fixture(params=sorted(SITES))
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    with Sandbox() as sandbox:
        site = SITES[request.param](sandbox)
        yield site
        site.stop()


def test_an_owner_is_sent_to_cronofy_and_comes_back_to_where_they_were(site: Site) -> None:
    site.sign_in("north")
    away = site.get("/connect?return_to=/settings%3Ftab%3Dcalendars")
    assert away.status == 302
    assert away.location.startswith(site.sandbox.url + "/oauth/authorize?")
    assert "north" not in away.location
    assert away.headers["cache-control"] == "no-store"
    assert away.headers["referrer-policy"] == "no-referrer"
    cookie = away.headers["set-cookie"].lower()
    assert cookie.startswith("orgconnect=p1.")
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "path=/" in cookie
    back = site.get(site.callback(away))
    assert (back.status, back.location) == (302, "/settings?tab=calendars")
    emails = [member["email"] for member in site.get("/members").json()]
    assert emails[:2] == ["owner@example.com", "doc@example.com"]


def test_each_tenant_has_an_organization_of_its_own(site: Site) -> None:
    fabrikam = site.sandbox.control("GET", "/sandbox/organizations")["organizations"][1]
    site.sandbox.control(
        "POST",
        f"/sandbox/organizations/{fabrikam['organization_id']}/members",
        {"email": "boss@fabrikam.example", "name": "Boss", "roles": ["owner"]},
    )
    assert site.connect("north").location == "/"
    site.forget()
    assert site.connect("fabrikam", by="boss@fabrikam.example").location == "/"
    emails = {member["email"] for member in site.get("/members").json()}
    assert "boss@fabrikam.example" in emails
    assert "owner@example.com" not in emails
    site.sign_in("north")
    assert "owner@example.com" in {member["email"] for member in site.get("/members").json()}
    found = site.sandbox.client(store=site.store).connections()
    assert [connection.id for connection in found] == ["fabrikam", "north"]


def test_nobody_connects_without_being_signed_in(site: Site) -> None:
    refused = site.get("/connect")
    assert (refused.status, refused.text) == (401, "The calendars were not connected: tenant_missing\n")
    assert "set-cookie" not in refused.headers or "p1." not in refused.headers["set-cookie"]


def test_a_denial_is_said_and_stores_nothing(site: Site) -> None:
    site.sign_in("north")
    refused = site.get(site.callback(site.get("/connect"), by=None))
    assert (refused.status, refused.text) == (403, "The calendars were not connected: access_denied\n")
    assert site.sandbox.client(store=site.store).connections() == []


def test_a_callback_in_another_browser_is_refused_and_nothing_is_sent(site: Site) -> None:
    site.sign_in("north")
    callback = site.callback(site.get("/connect"))
    before = site.sandbox.counters()
    site.forget()
    site.sign_in("north")
    refused = site.get(callback)
    assert (refused.status, refused.text) == (400, "The calendars were not connected: pending_missing\n")
    assert site.sandbox.counters() == before


def test_a_callback_of_another_authorization_is_refused(site: Site) -> None:
    site.sign_in("north")
    callback = site.callback(site.get("/connect"))
    site.get("/connect")
    refused = site.get(callback)
    assert (refused.status, refused.text) == (400, "The calendars were not connected: state_mismatch\n")


def test_an_authorization_is_completed_by_the_tenant_that_began_it(site: Site) -> None:
    site.sign_in("north")
    callback = site.callback(site.get("/connect"))
    site.sign_in("south")
    refused = site.get(callback)
    assert (refused.status, refused.text) == (400, "The calendars were not connected: tenant_changed\n")
    assert site.sandbox.client(store=site.store).connections() == []


def test_a_callback_counts_once(site: Site) -> None:
    site.sign_in("north")
    callback = site.callback(site.get("/connect"))
    assert site.get(callback).status == 302
    assert site.get(callback).status == 400
    assert len(site.get("/members").json()) == 5


def test_a_callback_that_failed_for_the_moment_can_be_loaded_again(site: Site) -> None:
    site.sign_in("north")
    callback = site.callback(site.get("/connect"))
    site.sandbox.fault(path="/oauth/token", status=429)
    assert site.get(callback).status == 503
    site.sandbox.clear_faults()
    assert site.get(callback).status == 302
    assert len(site.get("/members").json()) == 5


def test_who_looks_at_a_page_is_sent_to_connect_again_when_the_grant_is_gone(site: Site) -> None:
    site.connect("north")
    connection = site.sandbox.client(store=site.store).connection("north")
    sub = connection.summary().sub
    assert sub is not None
    site.sandbox.revoke(sub)
    away = site.get("/members?page=2", Accept="text/html,*/*")
    assert (away.status, away.location) == (302, "/connect?return_to=%2Fmembers%3Fpage%3D2")
    with pytest.raises(orgconnect.AuthorizationError):
        site.get("/members", Accept="application/json")


def test_a_notification_is_received_if_its_raw_body_is_signed(site: Site) -> None:
    assert site.post_webhook(BODY, site.sign(BODY)).status == 200
    assert site.get("/changed").json() == ["chn_1"]


@pytest.mark.parametrize("signature", [None, "", "AAAA", "none"])
def test_a_notification_that_is_not_signed_is_refused(site: Site, signature: str | None) -> None:
    assert site.post_webhook(BODY, signature).status == 401
    assert site.get("/changed").json() == []


def test_the_signature_is_that_of_the_octets_and_not_of_what_they_mean(site: Site) -> None:
    signature = site.sign(BODY)
    assert site.post_webhook(BODY.replace(b",", b", "), signature).status == 401
    assert site.post_webhook(BODY + b"\n", signature).status == 401
    spaced = BODY.replace(b":", b" : ").replace(b"chn_1", b"chn_\\u00fc")
    assert site.post_webhook(spaced, site.sign(spaced)).status == 200
    assert site.get("/changed").json() == ["chn_ü"]


def test_a_notification_that_comes_again_is_left_out(site: Site) -> None:
    for _ in range(3):
        assert site.post_webhook(BODY, site.sign(BODY)).status == 200
    assert site.get("/changed").json() == ["chn_1"]


def test_what_is_no_notification_is_refused(site: Site) -> None:
    assert site.post_webhook(b"{", site.sign(b"{")).status == 400
    long = b'"' + b"x" * 1_100_000 + b'"'
    assert site.post_webhook(long, site.sign(long)).status == 413
    assert site.get("/webhooks/cronofy").status == 405


def test_what_cronofy_posts_is_received(site: Site) -> None:
    site.connect("north")
    doc = site.sandbox.client(store=site.store).organization("north").impersonate(email="doc@example.com")
    with forwarding(site) as address:
        channel = doc.channels.create(callback_url=f"{address}/webhooks/cronofy").channel
        site.sandbox.control("POST", "/sandbox/deliveries/settle", {})
        calendar = doc.calendars.list().calendars[0].calendar_id
        start = datetime(2031, 3, 4, 9, tzinfo=timezone.utc)
        doc.events.upsert(calendar, event_id="1", summary="Check-up", start=start, end=start + timedelta(hours=1))
        site.sandbox.control(
            "POST",
            f"/sandbox/calendars/{calendar}/events",
            {"summary": "Lunch", "start": "2031-03-04T12:00:00Z", "end": "2031-03-04T13:00:00Z"},
        )
        site.sandbox.control("POST", "/sandbox/deliveries/settle", {})
    changed = site.get("/changed").json()
    assert changed
    assert set(changed) == {channel.channel_id}


@contextmanager
def forwarding(site: Site) -> Iterator[str]:
    """A server that hands what is posted to it on to the application, octet by octet."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            reply = site.ask("POST", self.path, body, dict(self.headers.items()))
            self.send_response(reply.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
